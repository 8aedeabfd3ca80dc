//! `cargo xtask bench`: builds and packs the functions and the floor, and has `users-bench` measure
//! them.
//!
//! Both are built for this machine in the same way, with cargo only. Budgets are those of a
//! deployment, and so need the archives of `cargo xtask build`.

use crate::build::{self, Arch};
use crate::{cargo, delegate, project};
use anyhow::{Result, bail};
use std::path::PathBuf;
use std::process::ExitCode;

/// The program that the functions are compared with.
const FLOOR: &str = "floor-get-item";

pub(crate) fn run(arguments: &delegate::Arguments) -> Result<ExitCode> {
    let given = arguments.words();
    let has = |option: &str| given.iter().any(|it| it == option);
    let (holds_budgets, is_timed) = (has("--budgets"), !has("--budgets") && !has("--memory"));
    // Optimised when it answers in place of DynamoDB while functions are timed. The other modes are
    // steps of CI, which has compiled the rest without optimisations.
    let options: &[&str] = if is_timed { &["--release"] } else { &[] };
    let mut command = delegate::command("users-bench", options)?;
    command.args(given);
    if arguments.ask_for_help() {
        return delegate::finish(command);
    }
    let arch = this_machine(std::env::consts::ARCH)?;
    let target = project::target()?;
    if arguments.value_of("--bundles").is_none() {
        let bundles = if holds_budgets {
            build::build(arch)?;
            target.join("bundles").join(arch.as_str())
        } else {
            let functions = programs("users-functions", users_template::functions())?;
            packed(arch, functions, target.join("bench").join("functions"))?
        };
        command.arg("--bundles").arg(bundles);
    }
    // Only times are compared with the floor.
    if is_timed && arguments.value_of("--floors").is_none() {
        let floors = programs("users-floor", std::iter::once(FLOOR))?;
        let floors = packed(arch, floors, target.join("bench").join("floors"))?;
        command.arg("--floors").arg(floors);
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
fn packed(
    arch: Arch,
    programs: Vec<(&'static str, PathBuf)>,
    directory: PathBuf,
) -> Result<PathBuf> {
    build::pack(arch, programs.into_iter(), &directory)?;
    Ok(directory)
}

/// The architecture of this machine's programs.
fn this_machine(architecture: &str) -> Result<Arch> {
    match architecture {
        "aarch64" => Ok(Arch::Arm64),
        "x86_64" => Ok(Arch::X8664),
        other => bail!("functions run on x86_64 and arm64, and this machine is {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::this_machine;
    use crate::build::Arch;

    #[test]
    fn machines_are_named_as_lambda_names_them() {
        assert_eq!(this_machine("aarch64").unwrap(), Arch::Arm64);
        assert_eq!(this_machine("x86_64").unwrap(), Arch::X8664);
        assert_eq!(
            this_machine("riscv64").unwrap_err().to_string(),
            "functions run on x86_64 and arm64, and this machine is riscv64"
        );
    }
}
