//! The project's commands that need AWS.
//!
//! A program of its own, because the SDK takes minutes to compile: `cargo xtask` builds and runs it
//! only for these commands. Results go to standard output, progress and errors to standard error.

mod account;
mod artifacts;
mod bundles;
mod change_set;
mod deletion;
mod deploy;
mod destroy;
mod diff;
mod doctor;
mod explain;
mod follow;
mod history;
mod logs;
mod plan;
mod redeliver;
mod refused;
mod resolve;
mod rollback;
mod session;
mod smoke;
mod stack;
mod status;
#[cfg(test)]
mod testing;
mod ui;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use refused::Refused;
use std::process::ExitCode;
use xtask_cli::aws;

/// Deploy stages to AWS and operate them.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Stage(aws::Command),
    /// Check credentials, Region and permissions, for `cargo xtask doctor`.
    #[command(hide = true)]
    DoctorAccount(doctor::Arguments),
    /// Print credentials, Region and, for a stage, the URL of its API as one line of JSON, for
    /// `cargo xtask call`. The line holds secrets.
    #[command(hide = true)]
    Resolve(resolve::Arguments),
}

fn main() -> ExitCode {
    let Arguments { command } = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = runtime
        .context("cannot start an asynchronous runtime")
        .and_then(|runtime| runtime.block_on(run(&command)));
    result.unwrap_or_else(|error| {
        ui::say(format_args!("{} {error:#}", ui::styled(ui::DANGER, "error:")));
        match error.downcast_ref::<Refused>() {
            Some(_) => ExitCode::from(refused::EXIT_STATUS),
            None => ExitCode::FAILURE,
        }
    })
}

async fn run(command: &Command) -> Result<ExitCode> {
    match command {
        Command::Stage(command) => match command {
            aws::Command::Diff(arguments) => diff::run(arguments).await,
            aws::Command::Deploy(arguments) => deploy::run(arguments).await,
            aws::Command::Destroy(arguments) => destroy::run(arguments).await,
            aws::Command::Rollback(arguments) => rollback::run(arguments).await,
            aws::Command::Status(arguments) => status::run(arguments).await,
            aws::Command::Logs(arguments) => logs::run(arguments).await,
            aws::Command::Redeliver(arguments) => redeliver::run(arguments).await,
        },
        Command::DoctorAccount(arguments) => doctor::run(arguments).await,
        Command::Resolve(arguments) => resolve::run(arguments).await,
    }
}

#[cfg(test)]
mod tests {
    use super::Arguments;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }
}
