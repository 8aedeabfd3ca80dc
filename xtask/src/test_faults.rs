//! `cargo xtask test-faults` and `cargo xtask test-load`: build the local stack and the functions, then
//! become `users-faults`, which has the options and the help.

mod patched;

use crate::delegate::{self, Arguments};
use crate::local::{self, Built};
use crate::project;
use anyhow::Result;
use std::process::{Command, ExitCode};

const PACKAGE: &str = "users-faults";

/// Places faults, in the functions as they are and in copies with deliberate bugs.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    if arguments.ask_for_help() {
        return help("test-faults");
    }
    // First, since the next build replaces the programs in the target folder.
    let patched = patched::build(PACKAGE)?;
    let built = local::build("dev", false, &[PACKAGE])?;
    let mut command = command("test-faults", &built);
    command.arg("--patched-functions").arg(patched).args(arguments.words());
    delegate::exec(command)
}

/// Holds a load, in the profile of the arguments.
pub(crate) fn load(arguments: &Arguments) -> Result<ExitCode> {
    if arguments.ask_for_help() {
        return help("test-load");
    }
    let built = local::build("dev", arguments.has("--release"), &[PACKAGE])?;
    let mut command = command("test-load", &built);
    command.args(arguments.words());
    delegate::exec(command)
}

fn help(name: &str) -> Result<ExitCode> {
    let mut command = delegate::program(PACKAGE, &[])?;
    command.args([name, "--help"]);
    delegate::exec(command)
}

/// The program, as it was built together with the stack.
fn command(name: &str, built: &Built) -> Command {
    let mut command = Command::new(built.functions.join(project::executable(PACKAGE)));
    command.arg(name);
    command.arg("--stack").arg(&built.program);
    command.arg("--functions").arg(&built.functions);
    command.arg("--template").arg(&built.template);
    command
}
