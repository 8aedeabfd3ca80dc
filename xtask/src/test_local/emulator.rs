//! The tests at an emulator of AWS, which are a program of their own.

use super::options::Emulator;
use crate::{build, cargo};
use anyhow::{Context, Result};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

const PACKAGE: &str = "users-emulator";

/// Longest wait for a connection on this machine.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(300);

/// Whether an emulator answers at an address of this machine. The program that recognises one is
/// compiled only when something listens there.
pub(super) fn answers(endpoint: &str) -> bool {
    let address = endpoint.trim_start_matches("http://").parse::<SocketAddr>();
    let connects = |address| TcpStream::connect_timeout(&address, CONNECT_TIMEOUT).is_ok();
    address.is_ok_and(connects)
        && cargo::output(
            cargo::program(PACKAGE)
                .args(["recognise", "--endpoint-url", endpoint])
                .stderr(std::process::Stdio::inherit()),
        )
        .is_ok_and(|output| output.status.success())
}

/// Runs the tests; the exit status is that of the program.
pub(super) fn run(place: &[&str], options: &Emulator) -> Result<ExitCode> {
    let bundles = match &options.bundles {
        // The program runs in the root of the project, this one anywhere.
        Some(bundles) => std::path::absolute(bundles)
            .with_context(|| format!("cannot find {}", bundles.display()))?,
        None => {
            let architecture = build::this_machine()?;
            build::build(architecture)?;
            build::directory(architecture)?
        }
    };
    let mut command = cargo::program(PACKAGE);
    command.arg("test").args(place).arg("--bundles").arg(bundles);
    if options.keep {
        command.arg("--keep");
    }
    let status = users_support::tied::status(&command).context("cannot run cargo")?;
    Ok(cargo::exit_code(status))
}
