//! The stack: its state, the time of its last change, and the causes of a failure.

use super::findings::{Findings, time};
use crate::explain::Explain;
use crate::follow::{self, Failure};
use crate::stack::{self, Readiness, StackClient};
use anyhow::Result;
use aws_sdk_cloudformation::types::{ResourceStatus, Stack, StackEvent, StackStatus};
use serde::Serialize;
use std::collections::BTreeMap;

/// The most events to read, more than any operation on our stack has.
const EVENTS: usize = 1_000;

/// The state of the stack.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Deployed {
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    pub(super) status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) since: Option<String>,
    /// The time of its last update, or else of its creation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_deployment: Option<String>,
    /// The result of the last detection, which CloudFormation does not repeat by itself.
    pub(super) drift: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) drift_checked: Option<String>,
    pub(super) termination_protection: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) url: Option<String>,
    pub(super) outputs: BTreeMap<String, String>,
}

/// The stack; `None` when it is absent or empty.
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
    causes: &[Failure],
    findings: &mut Findings,
) {
    let text = status.map_or("unknown", StackStatus::as_str);
    let because =
        if causes.is_empty() { String::new() } else { format!("\n{}", stack.story(causes)) };
    match (Readiness::of(status), text) {
        (Readiness::Create, _) => {}
        (Readiness::Update, "UPDATE_ROLLBACK_COMPLETE" | "IMPORT_ROLLBACK_COMPLETE") => {
            findings.notes.push(format!(
                "The last deployment failed and was rolled back to the one before.{because}"
            ));
        }
        (Readiness::Update, _) => {}
        (Readiness::Recreate, _) => findings.problems.push(format!(
            "The first deployment failed ({text}); `cargo xtask deploy` starts again.{because}"
        )),
        (Readiness::Busy, "CREATE_IN_PROGRESS") => {
            findings.problems.push("The stack is still being created.".to_owned());
        }
        (Readiness::Busy, "ROLLBACK_IN_PROGRESS") => findings
            .problems
            .push(format!("The first deployment failed and is being rolled back.{because}")),
        (Readiness::Busy, "DELETE_IN_PROGRESS") => {
            findings.problems.push("The stack is being deleted.".to_owned());
        }
        (Readiness::Busy, _) => {
            findings.notes.push(format!("A deployment is in progress ({text}).{because}"));
        }
        (Readiness::Refuse(advice), _) => {
            findings.problems.push(format!("The stack is in {text}: {advice}.{because}"));
        }
    }
}

/// The last operation on the stack.
#[derive(Default)]
struct Operation {
    /// The time at which the stack reached its state.
    since: Option<String>,
    /// The failures, earliest first.
    failures: Vec<Failure>,
}

async fn last_operation(stack: &StackClient, found: &Stack) -> Result<Operation> {
    let id = found.stack_id().unwrap_or(&stack.name);
    let has_failed = found
        .stack_status()
        .is_some_and(|status| ["FAILED", "ROLLBACK"].iter().any(|it| status.as_str().contains(it)));
    let mut operation = Operation::default();
    let mut events = stack.events(id).send();
    for _ in 0..EVENTS {
        let event = events.try_next().await.explain(format_args!("read the events of {id}"))?;
        let Some(event) = event else { break };
        if is_of_stack(&event) && operation.since.is_none() {
            operation.since = event.timestamp().and_then(time);
            if !has_failed {
                break;
            }
        }
        operation.failures.extend(follow::failure(&event));
        if is_of_stack(&event) && is_begin(&event) {
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
