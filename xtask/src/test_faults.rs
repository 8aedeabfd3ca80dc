//! `cargo xtask test-faults`: builds the local stack and the functions, as they are and with what is
//! for tests only, then becomes `users-faults`, which has the options and the help.

use crate::{cargo, delegate, local, project};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use users_contract::{OPERATIONS, RELAY};

/// The program.
const PACKAGE: &str = "users-faults";
/// What the functions are built with to have bugs and a wrong clock on demand. Both features refuse
/// to be compiled with optimisations, so no archive for Lambda can have them.
const FEATURES: &str = "users-functions/clock-offset,users-functions/deliberate-bugs";

pub(crate) fn run(arguments: &delegate::Arguments) -> Result<ExitCode> {
    if arguments.ask_for_help() {
        return delegate::run(PACKAGE, arguments);
    }
    let test_functions = build_test_functions()?;
    let built = local::build("dev", false, &[PACKAGE])?;
    let program = built.functions.join(format!("{PACKAGE}{}", std::env::consts::EXE_SUFFIX));
    let mut command = Command::new(program);
    command.arg("--stack").arg(&built.program);
    command.arg("--functions").arg(&built.functions);
    command.arg("--test-functions").arg(test_functions);
    command.arg("--template").arg(&built.template);
    command.args(arguments.words());
    delegate::finish(command)
}

/// Builds the functions with the features and puts them aside, since the next build replaces them.
/// What both builds share is compiled once, because they are of the same packages.
fn build_test_functions() -> Result<PathBuf> {
    eprintln!("Building the functions that can have bugs ...");
    let mut command = cargo::cargo();
    command.args(["build", "--package", "users-functions", "--package", "local-stack"]);
    command.args(["--package", PACKAGE, "--features", FEATURES]);
    cargo::run(&mut command)?;
    let target = project::target()?;
    let aside = target.join("faults");
    std::fs::create_dir_all(&aside)
        .with_context(|| format!("cannot create {}", aside.display()))?;
    let functions = OPERATIONS.iter().map(|operation| operation.function);
    for function in functions.chain([RELAY.function]) {
        let name = format!("{function}{}", std::env::consts::EXE_SUFFIX);
        put_aside(&target.join("debug").join(&name), &aside.join(&name))?;
    }
    Ok(aside)
}

fn put_aside(from: &Path, to: &Path) -> Result<()> {
    // It may not be there, or still run: then a new file takes its name.
    let _ = std::fs::remove_file(to);
    std::fs::copy(from, to)
        .map(drop)
        .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}
