//! `destroy`: deletes a stage's stack, and says beforehand what goes and what stays.

use crate::Refused;
use crate::deploy::say_where;
use crate::explain::explain;
use crate::follow::Since;
use crate::session::{Session, StageArguments};
use crate::stack::{Readiness, StackClient, id_of, status_text};
use crate::ui::{self, DANGER, GOOD, Output, STRONG, styled};
use anyhow::{Result, bail};
use aws_sdk_cloudformation::types::{ResourceStatus, StackResourceSummary};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::ExitCode;

/// Arguments of `destroy`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit status: 0 destroyed or not there, 1 failed, 2 for a command line that cannot be understood, \
4 refused; nothing was changed then.

The tables are kept, with what is in them, and so is the bucket of archives that all stages share.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    stage: StageArguments,
    /// The name of the stack, typed out, in place of the question.
    #[arg(long, value_name = "STACK")]
    confirm: Option<String>,
    /// `json` prints the result as one line of JSON on standard output.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// What was destroyed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Destroyed<'a> {
    stack: &'a str,
    /// Whether there was a stack.
    destroyed: bool,
    removed: usize,
    /// Physical ids of what stays, by logical id.
    kept: BTreeMap<String, String>,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let session = Session::open(&arguments.stage).await?;
    destroy(&session, arguments).await
}

async fn destroy(session: &Session, arguments: &Arguments) -> Result<ExitCode> {
    say_where(session);
    let stack = StackClient::of(session);
    let Some(found) = stack.find(&stack.name).await? else {
        ui::say("There is no such stack; nothing to do.");
        return report(arguments, session, false, 0, BTreeMap::new());
    };
    if Readiness::of(found.stack_status()) == Readiness::Busy {
        return Err(Refused::error(format!(
            "the stack {} is in {}; wait for its end, then destroy it",
            stack.name,
            status_text(&found)
        )));
    }
    if session.stage.protected || found.enable_termination_protection() == Some(true) {
        return Err(Refused::error(format!(
            "stage `{}` is protected; set `protected = false` in stages.toml, deploy that, then \
             destroy it",
            session.stage.name
        )));
    }
    let resources = stack.resources().await?;
    let template: Value = match stack.template().await? {
        Some(text) => serde_json::from_str(&text).unwrap_or_default(),
        None => Value::Null,
    };
    let (kept, removed) = divide(&resources, &template);
    ui::say(format_args!("{} {} resources", styled(DANGER, "goes: "), removed.len()));
    for resource in removed.iter().filter(|it| holds_state(it)) {
        ui::say(format_args!("       {}", named(resource)));
    }
    for resource in &kept {
        ui::say(format_args!("{} {}", styled(GOOD, "stays:"), named(resource)));
    }
    let name = &session.stack;
    let confirmed = match &arguments.confirm {
        Some(typed) => typed == name,
        None => {
            let question = format!("Type {} to destroy it:", styled(STRONG, name));
            ui::ask(&question, name).unwrap_or_else(|| {
                Err(Refused::error(format!(
                    "there is no terminal to ask on; name the stack with --confirm {name}"
                )))
            })?
        }
    };
    if !confirmed {
        return Err(Refused::error(format!("that is not the name of the stack, {name}")));
    }
    delete(&stack, id_of(&found)?).await?;
    let kept = kept
        .iter()
        .filter_map(|it| Some((it.logical_resource_id.clone()?, it.physical_resource_id.clone()?)))
        .collect();
    ui::say(styled(GOOD, format_args!("{name} is destroyed.")));
    report(arguments, session, true, removed.len(), kept)
}

fn report(
    arguments: &Arguments,
    session: &Session,
    destroyed: bool,
    removed: usize,
    kept: BTreeMap<String, String>,
) -> Result<ExitCode> {
    if arguments.output == Output::Json {
        ui::json(&Destroyed { stack: &session.stack, destroyed, removed, kept })?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What the template keeps, and what goes with the stack. What was never made is neither.
fn divide<'a>(
    resources: &'a [StackResourceSummary],
    template: &Value,
) -> (Vec<&'a StackResourceSummary>, Vec<&'a StackResourceSummary>) {
    let stays = |resource: &StackResourceSummary| {
        let id = resource.logical_resource_id().unwrap_or_default();
        template["Resources"][id]["DeletionPolicy"] == "Retain"
    };
    resources
        .iter()
        .filter(|it| it.resource_status() != Some(&ResourceStatus::DeleteComplete))
        .partition(|resource| stays(resource))
}

fn holds_state(resource: &StackResourceSummary) -> bool {
    crate::plan::is_stateful(resource.resource_type().unwrap_or_default())
}

fn named(resource: &StackResourceSummary) -> String {
    format!(
        "{} ({}) {}",
        resource.logical_resource_id().unwrap_or_default(),
        resource.resource_type().unwrap_or_default(),
        resource.physical_resource_id().unwrap_or_default()
    )
}

/// Deletes a stack and watches it go.
///
/// # Errors
/// When something in it cannot be deleted, with the first cause.
pub(crate) async fn delete(stack: &StackClient, id: &str) -> Result<()> {
    let stack_id = match stack.find(id).await? {
        Some(found) => found.stack_id.unwrap_or_else(|| id.to_owned()),
        None => return Ok(()),
    };
    let since = Since::Event(stack.last_event(&stack_id).await?);
    stack
        .client
        .delete_stack()
        .stack_name(&stack_id)
        .send()
        .await
        .map_err(|error| explain(&format!("delete the stack {}", stack.name), &error))?;
    let ended = stack.follow(&stack_id, &since).await?;
    match ended.status {
        None => Ok(()),
        Some(status) => bail!(
            "the stack {} is now in {}: not all of it could be deleted\n{}\nRemove the cause, then \
             run the command again.",
            stack.name,
            status.as_str(),
            stack.story(&ended.failures)
        ),
    }
}

#[cfg(test)]
mod tests;
