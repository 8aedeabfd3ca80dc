//! What the project's commands do with AWS.
//!
//! A program of its own, because the SDK takes minutes to compile: `cargo xtask` builds and runs it
//! only for the commands that need AWS. Results go to standard output, progress and errors to
//! standard error; each command's help names its exit statuses.

mod account;
mod artifacts;
mod bundles;
mod change_set;
mod deploy;
mod destroy;
mod diff;
mod doctor;
mod drift;
mod explain;
mod follow;
mod history;
mod logs;
mod outputs;
mod plan;
#[cfg(test)]
mod recorded;
mod redeliver;
mod resolve;
mod rollback;
mod session;
mod smoke;
mod stack;
mod status;
#[cfg(test)]
mod testing;
mod ui;

use anyhow::Context;
use clap::{Parser, Subcommand};
use std::fmt;
use std::process::ExitCode;

/// Deploy stages to AWS and look after them.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what a deployment would change.
    Diff(diff::Arguments),
    /// Deploy a stage: upload, change set, approval, execution, outputs, a signed call.
    Deploy(deploy::Arguments),
    /// Delete a stage's stack; its tables stay.
    Destroy(destroy::Arguments),
    /// Show what a deployed stack shows: URL, tables, bus, functions.
    Outputs(outputs::Arguments),
    /// Go back to what was before: cancel, finish a stuck rollback, or deploy the one before.
    Rollback(rollback::Arguments),
    /// Show the log lines of all functions and of the API, merged by time.
    Logs(logs::Arguments),
    /// Tell whether a stage is deployed and well.
    Status(status::Arguments),
    /// Hand the audit entries of the dead letters to the relay again.
    Redeliver(redeliver::Arguments),
    /// Tell where resources differ from the template that was deployed.
    Drift(drift::Arguments),
    /// Check credentials, Region, permissions and clock; `cargo xtask doctor` does the rest.
    #[command(hide = true)]
    DoctorAccount(doctor::Arguments),
    /// Print credentials, Region and, for a stage, the URL of its API as one line of JSON. The line
    /// holds secrets: read it, do not show it.
    #[command(hide = true)]
    Resolve(resolve::Arguments),
}

/// An error that means: nothing was changed, because nobody agreed to it.
#[derive(Debug)]
pub(crate) struct Refused(String);

impl Refused {
    pub(crate) fn error(words: String) -> anyhow::Error {
        anyhow::Error::new(Self(words))
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

/// Exit status of [`Refused`].
const REFUSED: u8 = 4;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = runtime.context("cannot start an asynchronous runtime").and_then(|runtime| {
        runtime.block_on(async {
            match &arguments.command {
                Command::Diff(arguments) => diff::run(arguments).await,
                Command::Deploy(arguments) => deploy::run(arguments).await,
                Command::Destroy(arguments) => destroy::run(arguments).await,
                Command::Outputs(arguments) => outputs::run(arguments).await,
                Command::Rollback(arguments) => rollback::run(arguments).await,
                Command::Logs(arguments) => logs::run(arguments).await,
                Command::Status(arguments) => status::run(arguments).await,
                Command::Redeliver(arguments) => redeliver::run(arguments).await,
                Command::Drift(arguments) => drift::run(arguments).await,
                Command::DoctorAccount(arguments) => doctor::run(arguments).await,
                Command::Resolve(arguments) => resolve::run(arguments).await,
            }
        })
    });
    result.unwrap_or_else(|error| {
        ui::say(format_args!("{} {error:#}", ui::styled(ui::DANGER, "error:")));
        match error.downcast_ref::<Refused>() {
            Some(_) => ExitCode::from(REFUSED),
            None => ExitCode::FAILURE,
        }
    })
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
