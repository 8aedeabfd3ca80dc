//! Running cargo, rustc and other programs.

use anyhow::{Context, Result, bail};
use std::process::{Command, ExitCode, ExitStatus, Output, Stdio};
use users_support::tied;

pub(crate) use users_support::project::cargo;

/// Prints a command and runs it; an exit status other than 0 is an error. The command and its
/// children end when this program ends.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    eprintln!("$ {}", shown(command));
    run_silently(command)
}

/// As [`run`], without printing.
pub(crate) fn run_silently(command: &mut Command) -> Result<()> {
    let status = tied::status(command).with_context(|| cannot_run(command))?;
    ensure_success(command, status)
}

/// Runs a command and returns its standard output.
pub(crate) fn ask(command: &mut Command) -> Result<String> {
    let output = output(command.stderr(Stdio::inherit()))?;
    ensure_success(command, output.status)?;
    String::from_utf8(output.stdout)
        .with_context(|| format!("`{}` printed text that is not UTF-8", shown(command)))
}

/// Runs a command without standard input, and captures its output.
pub(crate) fn output(command: &mut Command) -> Result<Output> {
    command.stdin(Stdio::null()).output().with_context(|| cannot_run(command))
}

/// Whether a command can be run and succeeds. It prints nothing.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Whether a cargo subcommand is installed.
pub(crate) fn has(subcommand: &str) -> bool {
    succeeds(cargo().args([subcommand, "--version"]))
}

/// Builds and runs the program of a package in the project's root.
pub(crate) fn program(package: &str) -> Command {
    let mut command = cargo();
    command.args(["run", "--quiet", "--package", package, "--"]);
    command
}

/// The compiler of this project.
pub(crate) fn rustc() -> Command {
    let mut command = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    command.current_dir(users_support::project::root());
    command
}

/// The exit status of a program as this program's own.
pub(crate) fn exit_code(status: ExitStatus) -> ExitCode {
    match status.code().and_then(|code| u8::try_from(code).ok()) {
        Some(code) => ExitCode::from(code),
        None => ExitCode::FAILURE,
    }
}

fn ensure_success(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("`{}` failed ({status})", shown(command));
    }
    Ok(())
}

fn cannot_run(command: &Command) -> String {
    format!("cannot run `{}`", shown(command))
}

fn shown(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let name = program.file_stem().unwrap_or(program.as_os_str());
    let words = std::iter::once(name).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
