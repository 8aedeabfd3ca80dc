//! `rollback`: back to what was before. What that means depends on where the stack is: a running
//! update is cancelled, one that got stuck is finished, and a finished one is followed by the
//! deployment before it.

use crate::artifacts;
use crate::deploy::{self, Approval, apply, check_ended, finish, prepare_from, say_where};
use crate::explain::explain;
use crate::follow::Since;
use crate::history::{self, Record};
use crate::session::{Session, StageArguments};
use crate::stack::{Readiness, StackClient, id_of, status_text};
use crate::ui::{self, GOOD, Output, styled};
use anyhow::{Context, Result, bail};
use aws_sdk_cloudformation::types::{Stack, StackStatus};
use std::process::ExitCode;

/// What the token of a deployment that goes back begins with.
const BACK: &str = "users-back-";

/// Arguments of `rollback`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit status: 0 back, 1 failed, 2 for a command line that cannot be understood, 4 refused because \
something needs a decision that no flag has taken; nothing was changed then.

Data is not touched: only templates and archives go back.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    stage: StageArguments,
    /// List what was deployed, the latest last, and do nothing.
    #[arg(long)]
    list: bool,
    /// Go back to this one of them. Default: the latest that differs from what is there.
    #[arg(long, value_name = "ID", conflicts_with = "list")]
    to: Option<String>,
    /// A resource to leave as it is when it keeps a stuck rollback from ending; can be given
    /// several times.
    #[arg(long, value_name = "LOGICAL_ID")]
    skip: Vec<String>,
    #[command(flatten)]
    approval: Approval,
    /// Do not call the API afterwards.
    #[arg(long)]
    no_smoke_test: bool,
    /// `json` prints the result as one line of JSON on standard output.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let session = Session::open(&arguments.stage).await?;
    say_where(&session);
    if arguments.list {
        return list(&session, arguments.output).await;
    }
    back(&session, arguments).await
}

async fn back(session: &Session, arguments: &Arguments) -> Result<ExitCode> {
    let stack = StackClient::of(session);
    let found = stack.get().await?;
    let status = status_text(&found).to_owned();
    match found.stack_status() {
        Some(StackStatus::UpdateInProgress) => {
            let id = id_of(&found)?;
            let latest = stack.latest_event(id).await?;
            let token = latest.as_ref().and_then(|event| event.client_request_token());
            if let Some(token) = token.filter(|token| token.starts_with(BACK)) {
                // Of a run that lost its connection. Cancelled, it would bring back what it is
                // going back from.
                ui::say("Going back is under way already; here is how:");
                let ended = stack.follow(id, &Since::Token(token.to_owned())).await?;
                check_ended(&stack, &ended)?;
                return finish(session, None, !arguments.no_smoke_test, arguments.output).await;
            }
            deploy::confirm("An update is going on. Cancel it? (yes)", arguments.approval.yes)?;
            let since = since(&stack, &found).await?;
            let answer = stack.client.cancel_update_stack().stack_name(&stack.name).send().await;
            answer.map_err(|error| {
                explain(&format!("cancel the update of {}", stack.name), &error)
            })?;
            end(&stack, &found, &since).await
        }
        Some(StackStatus::UpdateRollbackFailed) => {
            let since = since(&stack, &found).await?;
            let skip = (!arguments.skip.is_empty()).then(|| arguments.skip.clone());
            let request = stack.client.continue_update_rollback().stack_name(&stack.name);
            let answer = request.set_resources_to_skip(skip).send().await;
            answer.map_err(|error| {
                explain(&format!("continue the rollback of {}", stack.name), &error)
            })?;
            end(&stack, &found, &since).await
        }
        Some(StackStatus::UpdateFailed | StackStatus::CreateFailed) => {
            let since = since(&stack, &found).await?;
            let answer = stack.client.rollback_stack().stack_name(&stack.name).send().await;
            answer.map_err(|error| explain(&format!("roll {} back", stack.name), &error))?;
            end(&stack, &found, &since).await
        }
        known => match Readiness::of(known) {
            Readiness::Update => redeploy(session, &stack, &found, arguments).await,
            Readiness::Busy => bail!(
                "the stack {} is in {status}, which cannot be cancelled; wait for its end",
                stack.name
            ),
            Readiness::Create | Readiness::Recreate => bail!(
                "the stack {} is in {status}: there is nothing before it to go back to; deploy it \
                 again or destroy it",
                stack.name
            ),
            Readiness::Refuse(why) => bail!("the stack {} is in {status}: {why}", stack.name),
        },
    }
}

async fn since(stack: &StackClient, found: &Stack) -> Result<Since> {
    Ok(Since::Event(stack.last_event(id_of(found)?).await?))
}

/// Watches a rollback, which ends in one of the states that a stack is sound in.
async fn end(stack: &StackClient, found: &Stack, since: &Since) -> Result<ExitCode> {
    let ended = stack.follow(id_of(found)?, since).await?;
    if matches!(
        ended.status,
        Some(StackStatus::UpdateRollbackComplete | StackStatus::RollbackComplete)
    ) {
        ui::say(styled(GOOD, format_args!("{} is what it was before.", stack.name)));
        return Ok(ExitCode::SUCCESS);
    }
    check_ended(stack, &ended).context(
        "the rollback did not end well; a resource that keeps it from ending can be left out with \
         --skip LOGICAL_ID",
    )?;
    // An update that could not be cancelled any more because it was through.
    ui::say(format_args!("{} ended before it could be cancelled.", stack.name));
    Ok(ExitCode::FAILURE)
}

async fn list(session: &Session, output: Output) -> Result<ExitCode> {
    let ids: Vec<_> = match artifacts::find(session).await? {
        Some(bucket) => history::list(&bucket, &session.stack).await?,
        None => Vec::new(),
    }
    .into_iter()
    .map(|deployment| deployment.id)
    .collect();
    match output {
        Output::Json => ui::json(&ids)?,
        Output::Text => ids.iter().try_for_each(ui::result)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Deploys an earlier deployment's template and archives again.
async fn redeploy(
    session: &Session,
    stack: &StackClient,
    found: &Stack,
    arguments: &Arguments,
) -> Result<ExitCode> {
    let bucket = artifacts::find(session)
        .await?
        .context("the bucket for archives is gone, and with it everything that was deployed")?;
    let deployments = history::list(&bucket, &session.stack).await?;
    let deployment = match &arguments.to {
        Some(wanted) => {
            let found = deployments.iter().find(|deployment| deployment.id == *wanted);
            found.with_context(|| format!("nothing was deployed as {wanted}; see --list"))?
        }
        None => {
            let template = stack.template().await?.context("the stack has no template")?;
            let current = Record::of(&session.stack, found, &template);
            let others = deployments.iter().rev().find(|deployment| !deployment.is(&current));
            others.context("nothing else was deployed before, so there is nothing to go back to")?
        }
    };
    ui::say(format_args!("Going back to the deployment {}", deployment.id));
    let record = deployment.read(&bucket).await?;
    let template = bucket.text(&record.template).await?;
    let prepared = prepare_from(session, &bucket, &template, record, BACK)?;
    let done = apply(session, &bucket, &prepared, arguments.approval).await?;
    finish(session, done, !arguments.no_smoke_test, arguments.output).await
}

#[cfg(test)]
mod tests;
