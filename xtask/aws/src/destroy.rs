//! `destroy`: lists the resources that will be deleted and kept, asks, and deletes a stage's stack.

use crate::plan::is_stateful;
use crate::refused::Refused;
use crate::session::Session;
use crate::stack::{Readiness, StackClient, id_of, status_text};
use crate::ui::{self, DANGER, GOOD, STRONG, styled};
use anyhow::Result;
use aws_sdk_cloudformation::types::{ResourceStatus, StackResourceSummary};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::ExitCode;
use xtask_cli::Output;
use xtask_cli::aws::Destroy;

/// The result.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Destroyed<'a> {
    stack: &'a str,
    /// Whether there was a stack.
    destroyed: bool,
    removed: usize,
    /// Physical ids of the kept resources, by logical id.
    kept: BTreeMap<String, String>,
}

pub(crate) async fn run(arguments: &Destroy) -> Result<ExitCode> {
    let session = Session::open(&arguments.stage).await?;
    destroy(&session, arguments).await
}

async fn destroy(session: &Session, arguments: &Destroy) -> Result<ExitCode> {
    session.announce();
    let stack = StackClient::of(session);
    let Some(found) = stack.find(&stack.name).await? else {
        ui::say("There is no such stack; nothing to do.");
        return report(arguments, session, false, 0, BTreeMap::new());
    };
    if Readiness::of(found.stack_status()) == Readiness::Busy {
        return Err(Refused::error(format!(
            "the stack {} is in {}; wait for the end of that operation, then destroy it",
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
                    "there is no terminal to ask on; give the name of the stack with --confirm {name}"
                )))
            })?
        }
    };
    if !confirmed {
        return Err(Refused::error(format!("that is not the name of the stack, {name}")));
    }
    stack.delete(id_of(&found)?).await?;
    let kept = kept
        .iter()
        .filter_map(|it| Some((it.logical_resource_id.clone()?, it.physical_resource_id.clone()?)))
        .collect();
    ui::say(styled(GOOD, format_args!("{name} is destroyed.")));
    report(arguments, session, true, removed.len(), kept)
}

fn report(
    arguments: &Destroy,
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

/// The resources that are kept and deleted; those that were never created are neither.
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
    is_stateful(resource.resource_type().unwrap_or_default())
}

fn named(resource: &StackResourceSummary) -> String {
    format!(
        "{} ({}) {}",
        resource.logical_resource_id().unwrap_or_default(),
        resource.resource_type().unwrap_or_default(),
        resource.physical_resource_id().unwrap_or_default()
    )
}

#[cfg(test)]
mod tests;
