//! Running cargo and other programs.

use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::process::{Command, Stdio};
use users_support::tied;

pub(crate) use users_support::project::cargo;

/// Runs a command, saying so, and fails when it does. It ends, with all that it started, when this
/// program ends.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    eprintln!("$ {}", shown(command));
    run_silently(command)
}

/// The same without a word.
pub(crate) fn run_silently(command: &mut Command) -> Result<()> {
    let shown = shown(command);
    let status = tied::status(command).with_context(|| format!("cannot run `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed ({status})");
    }
    Ok(())
}

/// Whether a cargo subcommand is installed.
pub(crate) fn has(subcommand: &str) -> bool {
    cargo()
        .args([subcommand, "--version"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn shown(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let name = program.file_stem().unwrap_or(program.as_os_str());
    let words: Vec<OsString> =
        std::iter::once(name.to_owned()).chain(command.get_args().map(Into::into)).collect();
    words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
