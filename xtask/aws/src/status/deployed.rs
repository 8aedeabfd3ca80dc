//! The stack: its state, since when, and what went wrong last.

use super::{Findings, time};
use crate::follow;
use crate::stack::{self, Readiness, StackClient};
use anyhow::Result;
use aws_sdk_cloudformation::types::{ResourceStatus, Stack, StackEvent, StackStatus};
use serde::Serialize;
use std::collections::BTreeMap;

/// Pages of events to look at, of a hundred events each: more than any operation on our stack has.
const PAGES: usize = 10;

/// The stack as it is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Deployed {
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    pub(super) status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) since: Option<String>,
    /// When it was deployed last: its update, or else its creation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_deployment: Option<String>,
    /// As of the last detection, which CloudFormation does not repeat by itself.
    pub(super) drift: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) drift_checked: Option<String>,
    pub(super) termination_protection: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) url: Option<String>,
    pub(super) outputs: BTreeMap<String, String>,
}

/// The stack, unless nothing was deployed to it.
pub(super) async fn find(stack: &StackClient) -> Result<Option<Stack>> {
    let found = stack.find(&stack.name).await?;
    Ok(found.filter(|found| Readiness::of(found.stack_status()) != Readiness::Create))
}

pub(super) async fn examine(
    stack: &StackClient,
    found: &Stack,
    findings: &mut Findings,
) -> Deployed {
    let status = found.stack_status();
    let (since, causes) = match last_operation(stack, found).await {
        Ok(operation) => (operation.since, operation.failures),
        Err(error) => {
            findings.unknown.push(format!("{error:#}"));
            (None, Vec::new())
        }
    };
    judge(stack, status, &causes, findings);
    let outputs = stack::outputs(found);
    let drift = found.drift_information();
    Deployed {
        name: stack.name.clone(),
        id: found.stack_id().map(str::to_owned),
        status: stack::status_text(found).to_owned(),
        since,
        last_deployment: found.last_updated_time().or(found.creation_time()).and_then(time),
        drift: drift
            .and_then(|drift| drift.stack_drift_status())
            .map_or("NOT_CHECKED", |status| status.as_str())
            .to_owned(),
        drift_checked: drift.and_then(|drift| drift.last_check_timestamp()).and_then(time),
        termination_protection: found.enable_termination_protection().unwrap_or_default(),
        url: outputs.get(stack::API_URL).cloned(),
        outputs,
    }
}

fn judge(
    stack: &StackClient,
    status: Option<&StackStatus>,
    causes: &[follow::Failure],
    findings: &mut Findings,
) {
    let text = status.map_or("unknown", StackStatus::as_str);
    let because =
        if causes.is_empty() { String::new() } else { format!("\n{}", stack.story(causes)) };
    match (Readiness::of(status), text) {
        (Readiness::Create, _) => {}
        (Readiness::Update, "UPDATE_ROLLBACK_COMPLETE" | "IMPORT_ROLLBACK_COMPLETE") => {
            findings.notes.push(format!(
                "The last deployment failed and was taken back; what was there before is in place \
                 again.{because}"
            ));
        }
        (Readiness::Update, _) => {}
        (Readiness::Recreate, _) => findings.problems.push(format!(
            "The first deployment failed ({text}); the next `cargo xtask deploy` starts anew.{because}"
        )),
        (Readiness::Busy, "CREATE_IN_PROGRESS") => {
            findings.problems.push("The stack is being created; it is not complete yet.".to_owned());
        }
        (Readiness::Busy, "ROLLBACK_IN_PROGRESS") => findings
            .problems
            .push(format!("The first deployment failed and is being taken back.{because}")),
        (Readiness::Busy, "DELETE_IN_PROGRESS") => {
            findings.problems.push("The stack is being deleted.".to_owned());
        }
        (Readiness::Busy, _) => {
            findings.notes.push(format!("A deployment is going on ({text}).{because}"));
        }
        (Readiness::Refuse(advice), _) => {
            findings.problems.push(format!("The stack is in {text}: {advice}.{because}"));
        }
    }
}

/// The last operation on the stack.
struct Operation {
    /// When the stack came into the state in which it is.
    since: Option<String>,
    /// What went wrong, earliest first.
    failures: Vec<follow::Failure>,
}

async fn last_operation(stack: &StackClient, found: &Stack) -> Result<Operation> {
    let id = found.stack_id().unwrap_or(&stack.name);
    // Only of an operation that failed does one need more than the newest events.
    let failed = found
        .stack_status()
        .is_some_and(|status| ["FAILED", "ROLLBACK"].iter().any(|it| status.as_str().contains(it)));
    let mut operation = Operation { since: None, failures: Vec::new() };
    let mut token = None;
    for _ in 0..PAGES {
        let (events, next) = stack.events(id, token).await?;
        for event in &events {
            if is_of_stack(event) && operation.since.is_none() {
                operation.since = event.timestamp().and_then(time);
                if !failed {
                    return Ok(operation);
                }
            }
            operation.failures.extend(follow::failure(event));
            if is_of_stack(event) && is_begin(event) {
                operation.failures.reverse();
                return Ok(operation);
            }
        }
        token = next;
        if token.is_none() {
            break;
        }
    }
    operation.failures.reverse();
    Ok(operation)
}

fn is_of_stack(event: &StackEvent) -> bool {
    event.physical_resource_id().is_some_and(|id| Some(id) == event.stack_id())
}

/// Whether an event of the stack is the first of an operation.
fn is_begin(event: &StackEvent) -> bool {
    let status = event.resource_status().map_or("", ResourceStatus::as_str);
    matches!(
        status,
        "CREATE_IN_PROGRESS" | "UPDATE_IN_PROGRESS" | "DELETE_IN_PROGRESS" | "IMPORT_IN_PROGRESS"
    )
}
