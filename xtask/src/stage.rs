//! The commands about a stage. `users-aws` runs them; for the local stack, `logs` runs here, and
//! `redeliver` gets the address of the local services.

use crate::running::running;
use crate::{build, delegate, logs, screen};
use anyhow::Result;
use std::path::PathBuf;
use std::process::ExitCode;
use xtask_cli::aws::{Command, Deploy, Diff, StageArguments};

const PACKAGE: &str = "users-aws";

pub(crate) fn run(command: &Command) -> Result<ExitCode> {
    command.check().unwrap_or_else(|error| error.exit());
    let (bundles, local) = match command {
        Command::Logs(logs) if logs.stage.is_local() => return logs::run(logs),
        Command::Diff(Diff { stage, bundles: None, .. })
        | Command::Deploy(Deploy { stage, bundles: None, .. }) => (Some(built(stage)?), None),
        Command::Redeliver(redeliver) if redeliver.stage.is_local() => {
            let services = screen::block_on(running(&redeliver.address)?.get("/aws", &[]))?;
            (None, Some(services))
        }
        _ => (None, None),
    };
    let mut program = delegate::program(PACKAGE, &[])?;
    // The same words, which both programs parse with the same definitions.
    let mut words = std::env::args_os().skip(1);
    program.args(words.next());
    if let Some(bundles) = bundles {
        program.arg("--bundles").arg(bundles);
    }
    program.args(words);
    if let Some(services) = local {
        // It holds a secret, and everybody can see the arguments of a process.
        program.env("USERS_LOCAL_AWS", services.to_string());
    }
    delegate::exec(program)
}

/// Builds the archives of a stage.
fn built(arguments: &StageArguments) -> Result<PathBuf> {
    let stage = users_template::files::stage(arguments.stages.as_deref(), &arguments.stage)?;
    build::build(stage.architecture)?;
    build::directory(stage.architecture)
}
