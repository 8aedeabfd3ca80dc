//! `cargo xtask test-faults` and `cargo xtask test-load`: build the local stack and the functions, then run
//! `users-faults` and `users-load`, which define the options.

use crate::delegate::{self, Arguments};
use crate::local::{self, Built};
use crate::{cargo, project};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const PACKAGE: &str = "users-faults";
const LOAD: &str = "users-load";
/// Gives the functions bugs and a wrong clock on demand. Both features refuse to be compiled with
/// optimisations, so no archive for Lambda can have them.
const FEATURES: &str = "users-functions/clock-offset,users-functions/deliberate-bugs";

/// Places faults.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    if arguments.ask_for_help() {
        return help(PACKAGE);
    }
    let test_functions = build_test_functions()?;
    let built = local::build("dev", false, &[PACKAGE])?;
    let mut command = command(PACKAGE, &built);
    command.arg("--test-functions").arg(test_functions).args(arguments.words());
    delegate::finish(command)
}

/// Holds a load, in the profile of the arguments.
pub(crate) fn load(arguments: &Arguments) -> Result<ExitCode> {
    if arguments.ask_for_help() {
        return help(LOAD);
    }
    let built = local::build("dev", arguments.has("--release"), &[LOAD])?;
    let mut command = command(LOAD, &built);
    command.args(arguments.words());
    delegate::finish(command)
}

fn help(package: &str) -> Result<ExitCode> {
    let mut command = delegate::command(package, &[])?;
    command.arg("--help");
    delegate::finish(command)
}

/// The program, as it was built together with the stack.
fn command(package: &str, built: &Built) -> Command {
    let mut command = Command::new(built.functions.join(project::executable(package)));
    command.arg("--stack").arg(&built.program);
    command.arg("--functions").arg(&built.functions);
    command.arg("--template").arg(&built.template);
    command
}

/// Builds the functions with the features and copies them, since the next build replaces them. Both
/// builds name the same packages, so that their dependencies are compiled once.
fn build_test_functions() -> Result<PathBuf> {
    eprintln!("Building the functions that can have bugs ...");
    let mut command = cargo::cargo();
    command.args(["build", "--package", "users-functions", "--package", "local-stack"]);
    command.args(["--package", PACKAGE, "--features", FEATURES]);
    cargo::run(&mut command)?;
    let target = project::target()?;
    let copies = target.join("faults");
    std::fs::create_dir_all(&copies)
        .with_context(|| format!("cannot create {}", copies.display()))?;
    for function in users_template::functions() {
        let name = project::executable(function);
        copy(&target.join("debug").join(&name), &copies.join(&name))?;
    }
    Ok(copies)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    // A file that still runs cannot be overwritten, but its name can be given to a new one.
    let _ = std::fs::remove_file(to);
    std::fs::copy(from, to)
        .map(drop)
        .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}
