//! `deploy`: uploads archives and template, and executes a change set that was approved.

use crate::artifacts::{self, Bucket};
use crate::bundles::{self, Archive};
use crate::change_set::{ChangeSet, Source, Wanted};
use crate::explain::Explain;
use crate::follow::{Ended, Since};
use crate::history::{self, Record};
use crate::plan::Plan;
use crate::refused::Refused;
use crate::session::Session;
use crate::smoke;
use crate::stack::{Readiness, StackClient, id_of, outputs, status_text};
use crate::ui::{self, DANGER, GOOD, WARNING, styled};
use anyhow::{Context, Result, anyhow, bail};
use aws_sdk_cloudformation::types::{ChangeSetType, Stack, StackStatus};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::ExitCode;
use xtask_cli::Output;
use xtask_cli::aws::{Approval, Deploy};

/// The prefix of the token of a deployment.
const TOKEN_PREFIX: &str = "users-";

/// The result of a deployment.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Deployed<'a> {
    stack: &'a str,
    account: &'a str,
    region: &'a str,
    /// Whether there was anything to change.
    changed: bool,
    #[serde(flatten)]
    plan: Plan,
    outputs: BTreeMap<String, String>,
    /// The URL that the smoke test called; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    smoke_test: Option<String>,
}

/// A stack to deploy, with template and archives in the bucket.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) wanted: Wanted,
    pub(crate) template: Value,
    pub(crate) record: Record,
}

pub(crate) async fn run(arguments: &Deploy) -> Result<ExitCode> {
    let session = Session::open(&arguments.stage).await?;
    session.announce();
    let archives = bundles::read(arguments.bundles.as_deref(), &session.stage)?;
    let bucket = artifacts::ensure(&session).await?;
    let uploaded = bucket.upload(&archives).await?;
    ui::say(format_args!(
        "{uploaded} of {} archives uploaded to {}, the others exist",
        archives.len(),
        bucket.name
    ));
    let prepared = prepare(&session, &bucket, &archives).await?;
    let done = apply(&session, &bucket, &prepared, arguments.approval).await?;
    finish(&session, done, !arguments.no_smoke_test, arguments.output).await
}

/// Sets the protection of the stack, prints the result, and calls the API.
pub(crate) async fn finish(
    session: &Session,
    done: Option<Plan>,
    smoke_test: bool,
    output: Output,
) -> Result<ExitCode> {
    let stack = StackClient::of(session);
    let found = stack.get().await?;
    protect(session, &stack, &found).await?;
    let outputs = outputs(&found);
    if output == Output::Text {
        for (key, value) in &outputs {
            ui::result(format_args!("{key} = {value}"))?;
        }
    }
    let smoke_test = if smoke_test {
        let url = smoke::url(session, &outputs).await?;
        ui::say(format_args!("Calling {url}/users ..."));
        smoke::test(session, &url).await.context(
            "the stack is deployed, but its API does not answer correctly (to leave out this test: \
             --no-smoke-test)",
        )?;
        ui::say(styled(GOOD, "The API answers."));
        Some(url)
    } else {
        None
    };
    if output == Output::Json {
        ui::json(&Deployed {
            stack: &session.stack,
            account: &session.account,
            region: &session.region,
            changed: done.is_some(),
            plan: done.unwrap_or_default(),
            outputs,
            smoke_test,
        })?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Uploads the stage's template.
pub(crate) async fn prepare(
    session: &Session,
    bucket: &Bucket,
    archives: &[Archive],
) -> Result<Prepared> {
    let template = users_template::render_template(&session.stage);
    let keys = archives.iter().map(|it| (it.function.as_str(), it.key.as_str()));
    let parameters = users_template::parameters(&bucket.name, keys);
    let record = Record::new(&session.stack, &template, parameters);
    bucket.upload_text(&record.template, &template).await?;
    prepare_from(session, bucket, &template, record, TOKEN_PREFIX)
}

/// As [`prepare`], with a template in the bucket; `direction` is the prefix of the token.
pub(crate) fn prepare_from(
    session: &Session,
    bucket: &Bucket,
    template: &str,
    record: Record,
    direction: &str,
) -> Result<Prepared> {
    Ok(Prepared {
        template: serde_json::from_str(template).context("the template is not JSON")?,
        wanted: Wanted {
            source: Source::Url(bucket.url(&record.template)),
            parameters: record.parameters.clone(),
            tags: BTreeMap::from([
                ("service".to_owned(), "users".to_owned()),
                ("stage".to_owned(), session.stage.name.clone()),
            ]),
            token: format!("{direction}{}", record.digest()),
        },
        record,
    })
}

/// Deploys a prepared stack; `None` when there is nothing to change.
pub(crate) async fn apply(
    session: &Session,
    bucket: &Bucket,
    prepared: &Prepared,
    approval: Approval,
) -> Result<Option<Plan>> {
    let stack = StackClient::of(session);
    let kind = ready(&stack, &prepared.wanted, approval).await?;
    let Some((change_set, plan)) = plan(&stack, prepared, kind.clone()).await? else {
        ui::say(styled(GOOD, "Nothing to change."));
        // The run that deployed it may have been interrupted before it wrote the record.
        history::remember(bucket, &session.stack, &prepared.record).await?;
        return Ok(None);
    };
    ui::say(plan.text());
    if let Err(error) = approve(&plan, &session.stack, approval) {
        // A declined change set must not be executed later by mistake.
        stack.discard(&change_set.id).await?;
        return Err(error);
    }
    let ended = stack.execute(&change_set, &prepared.wanted.token).await?;
    check_ended(&stack, &ended)?;
    history::remember(bucket, &session.stack, &prepared.record).await?;
    ui::say(styled(GOOD, format_args!("{} is deployed.", session.stack)));
    Ok(Some(plan))
}

/// The change set and its plan; `None` when there is nothing to change.
pub(crate) async fn plan(
    stack: &StackClient,
    prepared: &Prepared,
    kind: ChangeSetType,
) -> Result<Option<(ChangeSet, Plan)>> {
    let before = match kind {
        ChangeSetType::Update => stack.template().await?,
        _ => None,
    };
    let before: Option<Value> = before.and_then(|text| serde_json::from_str(&text).ok());
    let change_set = stack.propose(&prepared.wanted, kind).await?;
    Ok(change_set.map(|change_set| {
        let plan = Plan::new(&change_set.changes, before.as_ref(), &prepared.template);
        (change_set, plan)
    }))
}

/// Brings the stack into a state that allows a change set.
async fn ready(stack: &StackClient, wanted: &Wanted, approval: Approval) -> Result<ChangeSetType> {
    loop {
        let found = stack.find(&stack.name).await?;
        let Some(found) = found else { return Ok(ChangeSetType::Create) };
        let status = status_text(&found).to_owned();
        match Readiness::of(found.stack_status()) {
            Readiness::Create => return Ok(ChangeSetType::Create),
            Readiness::Update => return Ok(ChangeSetType::Update),
            Readiness::Refuse(why) => bail!("the stack {} is in {status}: {why}", stack.name),
            Readiness::Recreate => {
                ui::say(styled(
                    WARNING,
                    format_args!(
                        "The first creation of {} failed ({status}). Its remains must be deleted \
                         before it can be created.",
                        stack.name
                    ),
                ));
                confirm("Delete them and continue? (yes)", approval.yes)?;
                stack.delete(id_of(&found)?).await?;
            }
            Readiness::Busy => wait(stack, &found, &status, wanted, approval).await?,
        }
    }
}

/// Follows an operation in progress to its end: our own, or with --wait another one.
async fn wait(
    stack: &StackClient,
    found: &Stack,
    status: &str,
    wanted: &Wanted,
    approval: Approval,
) -> Result<()> {
    let id = id_of(found)?;
    let latest = stack.latest_event(id).await?;
    let token = latest.as_ref().and_then(|event| event.client_request_token());
    if token == Some(&wanted.token) {
        ui::say("This deployment is in progress already:");
        let ended = stack.follow(id, &Since::Token(wanted.token.clone())).await?;
        return check_ended(stack, &ended);
    }
    if !approval.wait {
        let since = found.last_updated_time().or(found.creation_time());
        let since = since.map(|time| format!(" since {time}")).unwrap_or_default();
        return Err(Refused::error(format!(
            "the stack {} is in {status}{since}, by somebody else or an earlier command; wait for \
             its end with --wait",
            stack.name
        )));
    }
    ui::say(format_args!("Waiting for the end of another operation ({status}) ..."));
    let last = latest.and_then(|event| event.event_id);
    // The caller reads the new state, so the result of the operation does not matter.
    stack.follow(id, &Since::Event(last)).await.map(drop)
}

/// Fails unless the operation succeeded.
pub(crate) fn check_ended(stack: &StackClient, ended: &Ended) -> Result<()> {
    match &ended.status {
        Some(StackStatus::CreateComplete | StackStatus::UpdateComplete) => Ok(()),
        status => {
            let status = status.as_ref().map_or("deleted", StackStatus::as_str);
            Err(anyhow!(
                "the stack {} is now in {status}: the operation failed\n{}",
                stack.name,
                stack.story(&ended.failures)
            ))
        }
    }
}

/// Fails unless all decisions are taken that the plan needs.
fn approve(plan: &Plan, name: &str, approval: Approval) -> Result<()> {
    let losses: Vec<_> = plan.losses().map(|item| item.logical_id.as_str()).collect();
    if !losses.is_empty() && !approval.allow_replacement {
        return Err(Refused::error(format!(
            "{} would be replaced or removed, and {} state; if that is intended, use \
             --allow-replacement",
            losses.join(", "),
            if losses.len() == 1 { "it holds" } else { "they hold" }
        )));
    }
    if !plan.broadened.is_empty() && !approval.allow_iam {
        return Err(Refused::error(
            "policies would allow more than before (see above); if that is intended, use --allow-iam",
        ));
    }
    if !plan.hidden.is_empty() && !approval.data_rewritten {
        return Err(Refused::error(format!(
            "{}. When they are (see docs/deploying.md), use --data-rewritten",
            plan.hidden.join("; ")
        )));
    }
    let question = format!("Make these changes to {name}? (yes)");
    let question = if losses.is_empty() { question } else { styled(DANGER, question) };
    confirm(&question, approval.yes)
}

pub(crate) fn confirm(question: &str, yes: bool) -> Result<()> {
    if yes {
        return Ok(());
    }
    match ui::ask(question, "yes").transpose()? {
        Some(true) => Ok(()),
        Some(false) => Err(Refused::error("the answer was not `yes`")),
        None => Err(Refused::error("there is no terminal to ask on; agree in advance with --yes")),
    }
}

/// Sets the deletion protection of the stack to that of the stage.
async fn protect(session: &Session, stack: &StackClient, found: &Stack) -> Result<()> {
    let wanted = session.stage.protected;
    if found.enable_termination_protection().unwrap_or(false) == wanted {
        return Ok(());
    }
    stack
        .client
        .update_termination_protection()
        .stack_name(&stack.name)
        .enable_termination_protection(wanted)
        .send()
        .await
        .map(drop)
        .explain(format_args!("set the protection of {}", stack.name))
}

#[cfg(test)]
mod tests;
