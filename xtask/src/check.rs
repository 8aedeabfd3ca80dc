//! `cargo xtask check`: the policy rules over the templates.

use crate::cargo;
use anyhow::{Context, Result};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit status: 0 no finding, 1 findings, 2 for a command line that cannot be understood.

A resource leaves a rule out, with a reason, in its metadata:
  {\"users\": {\"suppress\": [{\"rule\": \"RULE\", \"reason\": \"WHY\"}]}}")]
pub(crate) struct Arguments {
    /// Only this stage of stages.toml. Default: all of them.
    #[arg(long)]
    stage: Option<String>,
    /// A template file instead of what stages.toml gives; with --stage, as that stage's.
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
    /// List the rules and check nothing.
    #[arg(long, conflicts_with_all = ["stage", "template"])]
    list: bool,
    /// `json` prints findings and suppressions as one JSON document on standard output.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum Output {
    Text,
    Json,
}

/// The rules have a program of their own because of the crates that evaluate them; it prints the
/// result itself, and its exit status is ours.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let status = command(arguments)?.stdin(Stdio::null()).status().context("cannot run cargo")?;
    Ok(match status.code().and_then(|code| u8::try_from(code).ok()) {
        Some(code) => ExitCode::from(code),
        None => ExitCode::FAILURE,
    })
}

fn command(arguments: &Arguments) -> Result<Command> {
    let mut command = cargo::cargo();
    command.args(["run", "--quiet", "--package", "users-check", "--"]);
    if let Some(stage) = &arguments.stage {
        command.args(["--stage", stage]);
    }
    if let Some(path) = &arguments.template {
        // It runs in the root of the project, we anywhere.
        let path =
            std::path::absolute(path).with_context(|| format!("cannot find {}", path.display()))?;
        command.arg("--template").arg(path);
    }
    if arguments.list {
        command.arg("--list");
    }
    if arguments.output == Output::Json {
        command.args(["--output", "json"]);
    }
    Ok(command)
}
