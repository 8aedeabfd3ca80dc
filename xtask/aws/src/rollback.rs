//! `rollback`: goes back to the version before. Depending on the state of the stack, an update in
//! progress is cancelled, a stuck rollback is finished, or an earlier deployment is deployed again.

use crate::artifacts;
use crate::deploy::{apply, check_ended, confirm, finish, prepare_from};
use crate::explain::Explain;
use crate::follow::Since;
use crate::history::{self, Record};
use crate::session::Session;
use crate::stack::{Readiness, StackClient, id_of, status_text};
use crate::ui::{self, GOOD, styled};
use anyhow::{Context, Result, bail};
use aws_sdk_cloudformation::types::{Stack, StackStatus};
use std::process::ExitCode;
use xtask_cli::Output;
use xtask_cli::aws::Rollback;

/// The prefix of the token of a deployment that goes back.
const TOKEN_PREFIX: &str = "users-back-";

pub(crate) async fn run(arguments: &Rollback) -> Result<ExitCode> {
    let session = Session::open(&arguments.stage).await?;
    session.announce();
    if arguments.list {
        return list(&session, arguments.output).await;
    }
    back(&session, arguments).await
}

async fn back(session: &Session, arguments: &Rollback) -> Result<ExitCode> {
    let stack = StackClient::of(session);
    let found = stack.get().await?;
    let status = status_text(&found).to_owned();
    match found.stack_status() {
        Some(StackStatus::UpdateInProgress) => {
            let id = id_of(&found)?;
            let latest = stack.latest_event(id).await?;
            let token = latest.as_ref().and_then(|event| event.client_request_token());
            if let Some(token) = token.filter(|token| token.starts_with(TOKEN_PREFIX)) {
                // An interrupted run started it. To cancel it would restore the version to go back
                // from.
                ui::say("The rollback is in progress already:");
                let ended = stack.follow(id, &Since::Token(token.to_owned())).await?;
                check_ended(&stack, &ended)?;
                return finish(session, None, !arguments.no_smoke_test, arguments.output).await;
            }
            confirm("An update is in progress. Cancel it? (yes)", arguments.approval.yes)?;
            let since = since(&stack, &found).await?;
            let answer = stack.client.cancel_update_stack().stack_name(&stack.name).send().await;
            answer.explain(format_args!("cancel the update of {}", stack.name))?;
            end(&stack, &found, &since).await
        }
        Some(StackStatus::UpdateRollbackFailed) => {
            let since = since(&stack, &found).await?;
            let skip = (!arguments.skip.is_empty()).then(|| arguments.skip.clone());
            let request = stack.client.continue_update_rollback().stack_name(&stack.name);
            let answer = request.set_resources_to_skip(skip).send().await;
            answer.explain(format_args!("continue the rollback of {}", stack.name))?;
            end(&stack, &found, &since).await
        }
        Some(StackStatus::UpdateFailed | StackStatus::CreateFailed) => {
            let since = since(&stack, &found).await?;
            let answer = stack.client.rollback_stack().stack_name(&stack.name).send().await;
            answer.explain(format_args!("roll back {}", stack.name))?;
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

/// Follows a rollback to its end.
async fn end(stack: &StackClient, found: &Stack, since: &Since) -> Result<ExitCode> {
    let ended = stack.follow(id_of(found)?, since).await?;
    if matches!(
        ended.status,
        Some(StackStatus::UpdateRollbackComplete | StackStatus::RollbackComplete)
    ) {
        ui::say(styled(GOOD, format_args!("{} is back at the version before.", stack.name)));
        return Ok(ExitCode::SUCCESS);
    }
    check_ended(stack, &ended).context(
        "the rollback failed; a resource that prevents it can be left out with --skip LOGICAL_ID",
    )?;
    // The update finished before it could be cancelled.
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

/// Deploys template and archives of an earlier deployment again.
async fn redeploy(
    session: &Session,
    stack: &StackClient,
    found: &Stack,
    arguments: &Rollback,
) -> Result<ExitCode> {
    let bucket = artifacts::find(session)
        .await?
        .context("the bucket for archives is gone, and with it all earlier deployments")?;
    let deployments = history::list(&bucket, &session.stack).await?;
    let deployment = match &arguments.to {
        Some(wanted) => {
            let found = deployments.iter().find(|deployment| deployment.id == *wanted);
            found.with_context(|| format!("there is no deployment {wanted}; see --list"))?
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
    let prepared = prepare_from(session, &bucket, &template, record, TOKEN_PREFIX)?;
    let done = apply(session, &bucket, &prepared, arguments.approval).await?;
    finish(session, done, !arguments.no_smoke_test, arguments.output).await
}

#[cfg(test)]
mod tests;
