//! Commands that are programs of their own, because their dependencies take long to compile.

use crate::{cargo, project};
use anyhow::{Context, Result};
use std::ffi::OsString;
use std::process::{Command, ExitCode, Stdio};

/// The words after the name of a command whose options are defined by its program.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    /// As `cargo xtask <command> --help` says.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    words: Vec<OsString>,
}

impl Arguments {
    /// The words as they were given.
    pub(crate) fn words(&self) -> &[OsString] {
        &self.words
    }

    /// Whether a word is among them, by itself or with a value after `=`.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.words.iter().filter_map(|word| word.to_str()).any(|word| {
            word.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        })
    }

    /// Whether only help is wanted, for which nothing else has to be built.
    pub(crate) fn ask_for_help(&self) -> bool {
        self.has("--help") || self.has("-h")
    }
}

/// Builds the program of a package with these options of cargo.
pub(crate) fn program(package: &str, options: &[&str]) -> Result<Command> {
    let mut build = cargo::cargo();
    build.args(["build", "--quiet", "--package", package]).args(options);
    cargo::run_silently(&mut build)?;
    let profile = if options.contains(&"--release") { "release" } else { "debug" };
    Ok(Command::new(project::target()?.join(profile).join(project::executable(package))))
}

/// Replaces this process, so that Ctrl-C and the exit status are the program's own.
#[cfg(unix)]
pub(crate) fn exec(mut command: Command) -> Result<ExitCode> {
    use std::os::unix::process::CommandExt;

    Err(command.stdin(Stdio::inherit()).exec()).context("cannot run the program")
}

#[cfg(not(unix))]
pub(crate) fn exec(mut command: Command) -> Result<ExitCode> {
    let status = command.stdin(Stdio::inherit()).status().context("cannot run the program")?;
    Ok(cargo::exit_code(status))
}

#[cfg(test)]
mod tests {
    use super::Arguments;

    #[test]
    fn options_are_found_in_both_spellings() {
        let passed = |text: &str| Arguments { words: text.split(' ').map(Into::into).collect() };
        for text in ["--yes --bundles dir", "--bundles=dir --yes"] {
            assert!(passed(text).has("--bundles"), "{text}");
        }
        assert!(!passed("--bundle dir --bundless").has("--bundles"));
    }
}
