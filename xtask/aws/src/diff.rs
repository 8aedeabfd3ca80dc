//! `diff`: the changes of a deployment, from a change set that is discarded.

use crate::artifacts;
use crate::bundles;
use crate::deploy::{plan, prepare};
use crate::plan::Plan;
use crate::session::Session;
use crate::stack::{Readiness, StackClient, status_text};
use crate::ui::{self, GOOD, styled};
use anyhow::{Context, Result, bail};
use aws_sdk_cloudformation::types::ChangeSetType;
use std::process::ExitCode;
use xtask_cli::Output;
use xtask_cli::aws::Diff;

pub(crate) async fn run(arguments: &Diff) -> Result<ExitCode> {
    let session = Session::open(&arguments.stage).await?;
    session.announce();
    let archives = bundles::read(arguments.bundles.as_deref(), &session.stage)?;
    let stack = StackClient::of(&session);
    let found = stack.find(&stack.name).await?;
    let plan = match Readiness::of(found.as_ref().and_then(|found| found.stack_status())) {
        // A change set would create an empty stack.
        Readiness::Create | Readiness::Recreate => {
            ui::say("There is no such stack yet, so everything is new.");
            Some(Plan::of_new(&users_template::template(&session.stage)))
        }
        Readiness::Update => {
            let bucket = artifacts::find(&session).await?.context(
                "the bucket for archives is gone, so the template cannot be uploaded; `deploy` \
                 creates it again",
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
            "the stack {} is in {}, in which the changes of a deployment cannot be found; see \
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
