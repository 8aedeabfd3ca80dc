//! `deploy`: from archives to a running stage, by way of a change set that was looked at.

use crate::artifacts::{self, Bucket};
use crate::bundles::{self, Archive};
use crate::change_set::{ChangeSet, Source, Wanted};
use crate::explain::explain;
use crate::follow::{Ended, Since};
use crate::history::{self, Record};
use crate::plan::Plan;
use crate::session::{Session, StageArguments};
use crate::stack::{Readiness, StackClient, id_of, outputs, status_text};
use crate::ui::{self, DANGER, GOOD, Output, STRONG, WARNING, styled};
use crate::{Refused, destroy, smoke};
use anyhow::{Context, Result, anyhow, bail};
use aws_sdk_cloudformation::types::{ChangeSetType, Stack, StackStatus};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `deploy`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit status: 0 deployed or nothing to change, 1 failed, 2 for a command line that cannot be \
understood, 4 refused because something needs a decision that no flag has taken; nothing was \
changed then.

Whatever stops it half-way, running it again finishes the work.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) stage: StageArguments,
    /// The directory of the archives and their manifest. Default: they are built first.
    #[arg(long, value_name = "DIR")]
    pub(crate) bundles: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) approval: Approval,
    /// Do not call the API afterwards.
    #[arg(long)]
    pub(crate) no_smoke_test: bool,
    /// `json` prints the result as one line of JSON on standard output.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

/// What the token of a deployment begins with.
const FORTH: &str = "users-";

/// What is agreed to before it is known.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub(crate) struct Approval {
    /// Do not ask.
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Agree to policies that allow more than before.
    #[arg(long)]
    pub(crate) allow_iam: bool,
    /// Agree to replace or remove what holds state, such as a table.
    #[arg(long)]
    pub(crate) allow_replacement: bool,
    /// Confirm that no user is left where lists would no longer look, since all were rewritten.
    #[arg(long)]
    pub(crate) data_rewritten: bool,
    /// When somebody else's operation is going on, wait for its end.
    #[arg(long)]
    pub(crate) wait: bool,
}

/// What a deployment did.
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
    /// The URL that the smoke test called; absent when it was not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    smoke_test: Option<String>,
}

/// What a stage is to become, with all of it in the bucket.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) wanted: Wanted,
    pub(crate) template: Value,
    pub(crate) record: Record,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let session = Session::open(&arguments.stage).await?;
    say_where(&session);
    let archives = bundles::read(arguments.bundles.as_deref(), &session.stage)?;
    let bucket = artifacts::ensure(&session).await?;
    let uploaded = bucket.upload(&archives).await?;
    ui::say(format_args!(
        "{uploaded} of {} archives uploaded to {}, the others were there",
        archives.len(),
        bucket.name
    ));
    let prepared = prepare(&session, &bucket, &archives).await?;
    let done = apply(&session, &bucket, &prepared, arguments.approval).await?;
    finish(&session, done, !arguments.no_smoke_test, arguments.output).await
}

/// Protects the stack as the stage wants it, shows what was done, and calls the API.
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
            "the stack is deployed, but its API does not answer as it should (without this test: \
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

pub(crate) fn say_where(session: &Session) {
    let place = match session.endpoint() {
        Some(endpoint) => format!("{endpoint}, which stands in for AWS"),
        None => format!("account {}, {}", session.account, session.region),
    };
    ui::say(format_args!("Stack {} in {place}", styled(STRONG, &session.stack)));
}

/// Puts the stage's template into the bucket.
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
    prepare_from(session, bucket, &template, record, FORTH)
}

/// As [`prepare`], with a template that is in the bucket; `direction` begins the token.
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

/// Makes the stack what was prepared; `None` when it is that already.
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
        // It may have been deployed by a run that could not say so.
        history::remember(bucket, &session.stack, &prepared.record).await?;
        return Ok(None);
    };
    ui::say(plan.text());
    if let Err(error) = approve(&plan, &session.stack, approval) {
        // What nobody agreed to must not be executed later by mistake.
        stack.discard(&change_set.id).await?;
        return Err(error);
    }
    let ended = stack.execute(&change_set, &prepared.wanted.token).await?;
    check_ended(&stack, &ended)?;
    history::remember(bucket, &session.stack, &prepared.record).await?;
    ui::say(styled(GOOD, format_args!("{} is deployed.", session.stack)));
    Ok(Some(plan))
}

/// The change set with what it means; `None` when there is nothing to change.
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

/// Brings the stack into a state that a change set can be made in.
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
                        "The first creation of {} failed ({status}). What is left of it has to be \
                         deleted before it can be created.",
                        stack.name
                    ),
                ));
                confirm("Delete it and go on? (yes)", approval.yes)?;
                destroy::delete(stack, id_of(&found)?).await?;
            }
            Readiness::Busy => wait(stack, &found, &status, wanted, approval).await?,
        }
    }
}

/// An operation is going on: ours, which is watched to its end, or somebody else's.
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
        ui::say("This very deployment is going on already; here is how:");
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
    // However it ends: what may be done next is looked up anew.
    stack.follow(id, &Since::Event(last)).await.map(drop)
}

/// Fails unless the operation did what it was to do.
pub(crate) fn check_ended(stack: &StackClient, ended: &Ended) -> Result<()> {
    match &ended.status {
        Some(StackStatus::CreateComplete | StackStatus::UpdateComplete) => Ok(()),
        status => {
            let status = status.as_ref().map_or("deleted", StackStatus::as_str);
            Err(anyhow!(
                "the stack {} is now in {status}: what was begun did not succeed\n{}",
                stack.name,
                stack.story(&ended.failures)
            ))
        }
    }
}

/// Whether the plan may be executed.
fn approve(plan: &Plan, name: &str, approval: Approval) -> Result<()> {
    let losses: Vec<_> = plan.losses().map(|item| item.logical_id.as_str()).collect();
    if !losses.is_empty() && !approval.allow_replacement {
        return Err(Refused::error(format!(
            "{} would be replaced or removed, and {} state; if that is meant, say \
             --allow-replacement",
            losses.join(", "),
            if losses.len() == 1 { "it holds" } else { "they hold" }
        )));
    }
    if !plan.broadened.is_empty() && !approval.allow_iam {
        return Err(Refused::error(
            "policies would allow more than before (see above); if that is meant, say --allow-iam"
                .to_owned(),
        ));
    }
    if !plan.hidden.is_empty() && !approval.data_rewritten {
        return Err(Refused::error(format!(
            "{}. When they are (ARCHITECTURE.md, \"Shards\"), say --data-rewritten",
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
    match ui::ask(question, "yes") {
        Some(answer) => {
            if answer? {
                Ok(())
            } else {
                Err(Refused::error("answered with something else than `yes`".to_owned()))
            }
        }
        None => Err(Refused::error(
            "there is no terminal to ask on; agree beforehand with --yes".to_owned(),
        )),
    }
}

/// Whether the stack as a whole refuses to be deleted, as the stage wants it.
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
        .map_err(|error| explain(&format!("set the protection of {}", stack.name), &error))
}

#[cfg(test)]
mod tests;
