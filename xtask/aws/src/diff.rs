//! `diff`: what a deployment would change, found out by CloudFormation itself.

use crate::artifacts;
use crate::bundles;
use crate::deploy::{plan, prepare, say_where};
use crate::plan::Plan;
use crate::session::{Session, StageArguments};
use crate::stack::{Readiness, StackClient, status_text};
use crate::ui::{self, GOOD, Output, styled};
use anyhow::{Context, Result, bail};
use aws_sdk_cloudformation::types::ChangeSetType;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `diff`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit status: 0 nothing to change, 1 cannot tell, 2 for a command line that cannot be understood, \
3 changes, 4 changes that `deploy` wants a flag of their own for.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    stage: StageArguments,
    /// The directory of the archives and their manifest. Default: they are built first.
    #[arg(long, value_name = "DIR")]
    bundles: Option<PathBuf>,
    /// `json` prints the changes as one line of JSON on standard output.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let session = Session::open(&arguments.stage).await?;
    say_where(&session);
    let archives = bundles::read(arguments.bundles.as_deref(), &session.stage)?;
    let stack = StackClient::of(&session);
    let found = stack.find(&stack.name).await?;
    let plan = match Readiness::of(found.as_ref().and_then(|found| found.stack_status())) {
        // A change set would leave the shell of a stack behind.
        Readiness::Create | Readiness::Recreate => {
            ui::say("There is no such stack yet, so all of it is new.");
            Some(Plan::of_new(&users_template::template(&session.stage)))
        }
        Readiness::Update => {
            let bucket = artifacts::find(&session).await?.context(
                "the bucket for archives is gone, so there is nowhere to put the template; \
                 `deploy` makes it anew",
            )?;
            let prepared = prepare(&session, &bucket, &archives).await?;
            match plan(&stack, &prepared, ChangeSetType::Update).await? {
                Some((change_set, plan)) => {
                    stack.discard(&change_set.id).await?;
                    Some(plan)
                }
                None => None,
            }
        }
        Readiness::Busy | Readiness::Refuse(_) => bail!(
            "the stack {} is in {}, where nobody can tell what a deployment would change; see \
             `cargo xtask status`",
            stack.name,
            found.as_ref().map_or("unknown", status_text)
        ),
    };
    if arguments.output == Output::Json {
        ui::json(plan.as_ref().unwrap_or(&Plan::default()))?;
    }
    let Some(plan) = plan else {
        if arguments.output == Output::Text {
            ui::result(styled(GOOD, "Nothing to change."))?;
        }
        return Ok(ExitCode::SUCCESS);
    };
    if arguments.output == Output::Text {
        ui::result(plan.text())?;
    }
    Ok(ExitCode::from(if plan.needs_flag() { 4 } else { 3 }))
}
