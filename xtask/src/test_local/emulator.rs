//! The tests at an emulator of AWS. They are a program of their own, so that the other commands do
//! not wait for its compilation.

use super::Emulator;
use crate::{build, cargo, project};
use anyhow::{Context, Result, bail};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

/// Longest wait for a connection on this machine.
const PATIENCE: Duration = Duration::from_millis(300);

/// Whether one of the emulators answers at an address of this machine. Only when something listens
/// there is it asked what it is.
pub(super) fn answering(endpoint: &str) -> bool {
    let address = endpoint.trim_start_matches("http://").parse::<SocketAddr>();
    let listens =
        address.is_ok_and(|address| TcpStream::connect_timeout(&address, PATIENCE).is_ok());
    listens
        && program("recognise")
            .args(["--endpoint-url", endpoint])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
}

/// Runs the tests; the exit status is that of the program.
pub(super) fn run(place: &[&str], options: &Emulator) -> Result<ExitCode> {
    let bundles = match &options.bundles {
        // The program runs in the root of the project, we anywhere.
        Some(bundles) => std::path::absolute(bundles)
            .with_context(|| format!("cannot find {}", bundles.display()))?,
        None => build_bundles()?,
    };
    let mut command = program("test");
    command.args(place).arg("--bundles").arg(bundles);
    if options.keep {
        command.arg("--keep");
    }
    let status = users_support::tied::status(&command).context("cannot run cargo")?;
    Ok(match status.code().and_then(|code| u8::try_from(code).ok()) {
        Some(code) => ExitCode::from(code),
        None => ExitCode::FAILURE,
    })
}

fn program(subcommand: &str) -> Command {
    let mut command = cargo::cargo();
    command.args(["run", "--quiet", "--package", "users-emulator", "--", subcommand]);
    command
}

/// Builds the archives for what this machine runs, as for a deployment.
fn build_bundles() -> Result<PathBuf> {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => build::Arch::X8664,
        "aarch64" => build::Arch::Arm64,
        other => bail!("an emulator cannot run functions of Lambda on {other}"),
    };
    build::build(architecture)?;
    Ok(project::target()?.join("bundles").join(architecture.as_str()))
}
