//! The commands about a deployed stage. `users-aws` runs them; `xtask` runs `logs` of the local stack.

use crate::Output;
use clap::error::{Error, ErrorKind};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// The name of the local stack in `--stage`. No stage of stages.toml can have it.
const LOCAL: &str = "local";

/// The commands about a deployed stage.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the changes that a deployment would make.
    Diff(Diff),
    /// Deploy a stage: build, upload, change set, approval, outputs, a signed call.
    Deploy(Deploy),
    /// Delete a stage's stack; its tables stay.
    Destroy(Destroy),
    /// Go back: cancel an update, finish a stuck rollback, or deploy the version before.
    Rollback(Rollback),
    /// Show the state of a deployed stage: stack, outputs, functions, stream, alarms, drift.
    Status(Status),
    /// Show the log lines of all functions and of the API, merged by time.
    Logs(Logs),
    /// Send the events of the dead letters again, of the local stack or a deployed stage.
    Redeliver(Redeliver),
}

/// A stage, and where to find it.
#[derive(Clone, Debug, Args)]
pub struct StageArguments {
    /// The stage of stages.toml.
    #[arg(long, value_name = "NAME")]
    pub stage: String,
    /// The Region. Default: the stage's, else that of the environment or the profile.
    #[arg(long)]
    pub region: Option<String>,
    /// Another file of stages. Default: stages.toml of the project.
    #[arg(long, value_name = "FILE")]
    pub stages: Option<PathBuf>,
}

/// The address of the local stack.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Options of the local stack (--stage local)")]
pub struct Address {
    /// The port of the local stack. Default: that of the one started last.
    #[arg(long, value_name = "N", conflicts_with = "url")]
    pub port: Option<u16>,
    /// The address of the local stack, such as `http://127.0.0.1:4510`.
    #[arg(long)]
    pub url: Option<String>,
}

/// Decisions taken in advance.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct Approval {
    /// Do not ask.
    #[arg(long, short)]
    pub yes: bool,
    /// Agree to policies that allow more than before.
    #[arg(long)]
    pub allow_iam: bool,
    /// Agree to replace or remove resources that hold state, such as a table.
    #[arg(long)]
    pub allow_replacement: bool,
    /// Confirm that all users were rewritten, so that lists no longer need to look elsewhere.
    #[arg(long)]
    pub data_rewritten: bool,
    /// Wait for the end of an operation that somebody else started.
    #[arg(long)]
    pub wait: bool,
}

/// Arguments of `diff`.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status: 0 nothing to change, 1 failed, 2 for a command line that cannot be understood, \
3 changes, 4 changes that `deploy` makes only with a flag of their own.")]
pub struct Diff {
    /// The stage.
    #[command(flatten)]
    pub stage: StageArguments,
    /// The directory of the archives and their manifest. Default: they are built first.
    #[arg(long, value_name = "DIR")]
    pub bundles: Option<PathBuf>,
    /// `json` prints the changes as one line of JSON on standard output.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// Arguments of `deploy`.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status: 0 deployed or nothing to change, 1 failed, 2 for a command line that cannot be \
understood, 4 refused because a decision is needed that no flag has taken; nothing was changed then.

Whatever interrupts it, running it again finishes the work.")]
pub struct Deploy {
    /// The stage.
    #[command(flatten)]
    pub stage: StageArguments,
    /// The directory of the archives and their manifest. Default: they are built first.
    #[arg(long, value_name = "DIR")]
    pub bundles: Option<PathBuf>,
    /// Decisions taken in advance.
    #[command(flatten)]
    pub approval: Approval,
    /// Do not call the API afterwards.
    #[arg(long)]
    pub no_smoke_test: bool,
    /// `json` prints the result as one line of JSON on standard output.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// Arguments of `destroy`.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status: 0 destroyed or not there, 1 failed, 2 for a command line that cannot be understood, \
4 refused; nothing was changed then.

The tables are kept with their data, and so is the bucket of archives that all stages share.")]
pub struct Destroy {
    /// The stage.
    #[command(flatten)]
    pub stage: StageArguments,
    /// The name of the stack, typed out, in place of the question.
    #[arg(long, value_name = "STACK")]
    pub confirm: Option<String>,
    /// `json` prints the result as one line of JSON on standard output.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// Arguments of `rollback`.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status: 0 back, 1 failed, 2 for a command line that cannot be understood, 4 refused because a \
decision is needed that no flag has taken; nothing was changed then.

Data is not touched: only templates and archives go back.")]
pub struct Rollback {
    /// The stage.
    #[command(flatten)]
    pub stage: StageArguments,
    /// List the deployments, the latest last, and do nothing.
    #[arg(long)]
    pub list: bool,
    /// Go back to this deployment. Default: the latest that differs from the present one.
    #[arg(long, value_name = "ID", conflicts_with = "list")]
    pub to: Option<String>,
    /// A resource to leave as it is when it keeps a stuck rollback from ending; may be repeated.
    #[arg(long, value_name = "LOGICAL_ID")]
    pub skip: Vec<String>,
    /// Decisions taken in advance.
    #[command(flatten)]
    pub approval: Approval,
    /// Do not call the API afterwards.
    #[arg(long)]
    pub no_smoke_test: bool,
    /// `json` prints the result as one line of JSON on standard output.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// Arguments of `status`.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status: 0 deployed and healthy, 1 unknown, 2 for a command line that cannot be understood, 3 not \
deployed, 4 deployed but not healthy, 5 healthy but with drift (--drift).

--drift compares only resources that CloudFormation can compare, and only properties that the \
template sets.")]
pub struct Status {
    /// The stage.
    #[command(flatten)]
    pub stage: StageArguments,
    /// Have CloudFormation compare the resources with the template; this takes a minute or two.
    #[arg(long)]
    pub drift: bool,
    /// `json` prints everything as one JSON document.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// Arguments of `logs`.
#[derive(Debug, Args)]
#[command(after_help = "\
With --correlation-id, the access log line of the call and lines without the id, such as those of \
a crash, are looked up too, by the request ids that they share with the function's line.

Exit status: 0 for success, also without any line or when --follow was ended with Ctrl-C; 1 for \
failure; 2 for a command line that cannot be understood.")]
pub struct Logs {
    /// The stage.
    #[command(flatten)]
    pub stage: StageArguments,
    /// Show new lines as they arrive, until Ctrl-C.
    #[arg(long)]
    pub follow: bool,
    /// Only lines of calls with this correlation id.
    #[arg(long, value_name = "ID", conflicts_with_all = ["filter", "errors"])]
    #[arg(value_parser = crate::correlation_id)]
    pub correlation_id: Option<String>,
    /// Only this function (`users-profile-get`), without the API. May be repeated.
    #[arg(long, value_name = "NAME")]
    pub function: Vec<String>,
    /// How far back: a duration (`15m`, `2h`, `1d`) or a time (`2026-11-22T10:00:00Z`). The local
    /// stack keeps the last 5000 lines.
    #[arg(long, value_name = "WHEN", default_value = "1h")]
    pub since: String,
    /// Only lines that match this filter pattern of CloudWatch Logs.
    #[arg(long, value_name = "PATTERN", conflicts_with = "errors")]
    pub filter: Option<String>,
    /// Only warnings and errors of functions, 5xx answers, and errors of the gateway.
    #[arg(long)]
    pub errors: bool,
    /// `json` prints each event, with its log group, as one line of JSON.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
    /// The address of the local stack.
    #[command(flatten)]
    pub address: Address,
}

/// Arguments of `redeliver`.
#[derive(Debug, Args)]
#[command(after_help = "\
A letter from the relay names its audit entry. A letter from the stream's mapping, which gives up \
after six hours, gives only the time of its records, so all entries of that time are sent again; \
finding them scans the whole users table once. Subscribers recognise repeated events by their \
eventId.

A letter is deleted once all its entries were delivered. The others stay and are listed with the \
reason.

Exit status: 0 no letter is left, 1 failed (running it again continues), 2 for a command line that \
cannot be understood, 3 letters are left.")]
pub struct Redeliver {
    /// The stage.
    #[command(flatten)]
    pub stage: StageArguments,
    /// Only show the entries that would be sent.
    #[arg(long)]
    pub dry_run: bool,
    /// `json` prints one JSON document.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
    /// The address of the local stack.
    #[command(flatten)]
    pub address: Address,
}

impl Command {
    /// Checks that the options fit the stage.
    ///
    /// # Errors
    /// When an option is given that only the local stack has, or only deployed stages have.
    pub fn check(&self) -> Result<(), Error> {
        let (stage, address, filter) = match self {
            Self::Logs(Logs { stage, address, filter, .. }) => (stage, address, filter.is_some()),
            Self::Redeliver(Redeliver { stage, address, .. }) => (stage, address, false),
            _ => return Ok(()),
        };
        let problem = if stage.is_local() {
            (stage.region.is_some() || stage.stages.is_some() || filter)
                .then_some("--region, --stages and --filter are for deployed stages only")
        } else {
            (address.port.is_some() || address.url.is_some())
                .then_some("--port and --url are for the local stack only")
        };
        let error = |text| Error::raw(ErrorKind::ArgumentConflict, format!("{text}\n"));
        problem.map(error).map_or(Ok(()), Err)
    }
}

impl StageArguments {
    /// Whether this is the local stack.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.stage == LOCAL
    }
}

#[cfg(test)]
mod tests {
    use super::Command;
    use clap::{CommandFactory, Parser};

    #[derive(Debug, Parser)]
    struct Line {
        #[command(subcommand)]
        command: Command,
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Line::command().debug_assert();
    }

    #[test]
    fn options_must_fit_the_stage() {
        for (line, fits) in [
            ("logs --stage local --port 9", true),
            ("logs --stage local --filter x", false),
            ("logs --stage dev --filter x --region eu-west-1", true),
            ("logs --stage dev --url http://127.0.0.1:9", false),
            ("redeliver --stage local --stages x", false),
            ("redeliver --stage dev --port 9", false),
            ("deploy --stage dev --region eu-west-1", true),
        ] {
            let words = std::iter::once("x").chain(line.split(' '));
            let result = Line::parse_from(words).command.check();
            assert_eq!(result.is_ok(), fits, "{line}");
            assert!(result.err().is_none_or(|error| error.exit_code() == 2), "{line}");
        }
    }
}
