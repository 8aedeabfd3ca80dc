//! `cargo xtask bench`: builds functions and floors for this machine, packs them as for a deployment,
//! and has `users-bench` measure them.

use crate::build::{self, Arch};
use crate::{cargo, delegate, project};
use anyhow::{Result, bail};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The programs that the functions are measured against.
const FLOORS: &[&str] = &["floor-get-item", "floor-noop"];

pub(crate) fn run(arguments: &delegate::Arguments) -> Result<ExitCode> {
    let given = &arguments.arguments;
    // Optimised, since it answers in place of DynamoDB while functions are measured.
    let mut command = delegate::command("users-bench", &["--release"]);
    command.args(given);
    let helps = |argument: &OsString| argument == "--help" || argument == "-h";
    if !given.iter().any(helps) {
        let directory = project::target()?.join("bench");
        if delegate::value_of(given, "--bundles").is_none() {
            let functions = programs("users-functions", users_template::functions())?;
            let bundles = packed(functions, &directory.join("functions"))?;
            command.arg("--bundles").arg(bundles);
        }
        // Budgets are held without a floor.
        let needs_floors = !given.iter().any(|it| it == "--budgets");
        if needs_floors && delegate::value_of(given, "--floors").is_none() {
            let floors = programs("users-floor", FLOORS.iter().copied())?;
            let floors = packed(floors, &directory.join("floors"))?;
            command.arg("--floors").arg(floors);
        }
    }
    delegate::finish(command)
}

/// Builds a package by itself, so that it has no features but its own, and finds its programs.
fn programs(
    package: &str,
    names: impl Iterator<Item = &'static str>,
) -> Result<Vec<(&'static str, PathBuf)>> {
    cargo::run(cargo::cargo().args(["build", "--release", "--locked", "--package", package]))?;
    let directory = project::target()?.join("release");
    Ok(names.map(|name| (name, directory.join(name))).collect())
}

/// Packs programs as those of a deployment are packed.
fn packed(programs: Vec<(&'static str, PathBuf)>, directory: &Path) -> Result<OsString> {
    let Some(arch) = this_machine(std::env::consts::ARCH) else {
        bail!("functions run on x86_64 and arm64, and this machine is neither");
    };
    build::pack(arch, programs.into_iter(), directory)?;
    Ok(OsStr::new(directory).to_owned())
}

fn this_machine(architecture: &str) -> Option<Arch> {
    match architecture {
        "aarch64" => Some(Arch::Arm64),
        "x86_64" => Some(Arch::X8664),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::this_machine;
    use crate::build::Arch;

    #[test]
    fn machines_are_named_as_lambda_names_them() {
        assert_eq!(this_machine("aarch64"), Some(Arch::Arm64));
        assert_eq!(this_machine("x86_64"), Some(Arch::X8664));
        assert_eq!(this_machine("riscv64"), None);
    }
}
