//! Following an operation of CloudFormation to its end: the progress of each resource, and the root
//! cause of a failure.

use crate::explain::Explain;
use crate::stack::{StackClient, is_final};
use crate::ui::{self, DANGER, FAINT, GOOD, STRONG, WARNING, styled};
use anyhow::{Result, anyhow};
use aws_sdk_cloudformation::types::{ResourceStatus, StackEvent, StackStatus};
use indicatif::ProgressBar;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// The events of the operation.
#[derive(Clone, Debug)]
pub(crate) enum Since {
    /// Events after the one with this id; all events for `None`.
    Event(Option<String>),
    /// Events with the token of the operation.
    Token(String),
}

/// The end of an operation.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The state of the stack; `None` when it was deleted.
    pub(crate) status: Option<StackStatus>,
    /// The failures, earliest first, without those that follow from another one.
    pub(crate) failures: Vec<Failure>,
}

/// A resource that could not be created, updated or deleted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Failure {
    pub(crate) logical_id: String,
    pub(crate) kind: String,
    pub(crate) reason: String,
}

impl StackClient {
    /// Prints the events of the stack with this id until the operation ends.
    ///
    /// # Errors
    /// When AWS cannot be reached. The operation itself continues.
    pub(crate) async fn follow(&self, id: &str, since: &Since) -> Result<Ended> {
        let mut progress = Progress::new();
        let mut seen = BTreeSet::new();
        let mut failures = Vec::new();
        loop {
            // The state is read first: when it is final, all events exist.
            let state = async {
                let stack = self.find(id).await?;
                let status = stack.and_then(|stack| stack.stack_status);
                Ok::<_, anyhow::Error>((status, self.new_events(id, since, &mut seen).await?))
            };
            let (status, events) = state.await.map_err(|error| {
                anyhow!(
                    "{error:#}\nThe operation on the stack {} continues without this program; run \
                     the same command again to follow it to its end.",
                    self.name
                )
            })?;
            for event in &events {
                progress.report(event);
                failures.extend(failure(event));
            }
            match status {
                Some(status) if !is_final(&status) => self.rest().await,
                Some(StackStatus::DeleteComplete) | None => {
                    return Ok(Ended { status: None, failures });
                }
                status => return Ok(Ended { status, failures }),
            }
        }
    }

    /// Events that are not in `seen`, earliest first.
    async fn new_events(
        &self,
        id: &str,
        since: &Since,
        seen: &mut BTreeSet<String>,
    ) -> Result<Vec<StackEvent>> {
        let mut events = Vec::new();
        let mut stream = self.events(id).send();
        let task = format_args!("read the events of the stack {}", self.name);
        while let Some(event) = stream.try_next().await.explain(task)? {
            let Some(event_id) = event.event_id.clone() else { continue };
            let is_earlier = match since {
                Since::Event(last) => last.as_ref() == Some(&event_id),
                // Operations do not overlap, so the events of earlier ones follow.
                Since::Token(token) => event.client_request_token() != Some(token),
            };
            if is_earlier || !seen.insert(event_id) {
                break;
            }
            events.push(event);
        }
        events.reverse();
        Ok(events)
    }

    /// The failures as text: the root cause with the line of our code and advice, then the others.
    pub(crate) fn story(&self, failures: &[Failure]) -> String {
        let Some(first) = failures.first() else {
            return "CloudFormation gives no cause; see the events of the stack in its console"
                .to_owned();
        };
        let mut text = format!(
            "{} {} ({}): {}",
            styled(DANGER, "cause:"),
            styled(STRONG, &first.logical_id),
            first.kind,
            first.reason
        );
        if let Some(place) = self.sources.get(&first.logical_id) {
            text += &format!("\n  made in {place}");
        }
        if let Some(advice) = advice(first) {
            text += &format!("\n  {advice}");
        }
        for other in failures.iter().skip(1).take(5) {
            text += &format!("\n  also {} ({}): {}", other.logical_id, other.kind, other.reason);
        }
        if failures.len() > 6 {
            text += &format!("\n  and {} more", failures.len() - 6);
        }
        text
    }
}

/// Advice for known causes.
fn advice(failure: &Failure) -> Option<&'static str> {
    let reason = failure.reason.as_str();
    if reason.contains("CloudWatch Logs role ARN must be set in account settings") {
        return Some(
            "this account and Region have no role by which API Gateway writes logs: set \
             `manage_api_gateway_account = true` for one stage in stages.toml, or set the role in \
             API Gateway's settings",
        );
    }
    if reason.contains("UnreservedConcurrentExecution") {
        return Some(
            "the account has too little unreserved concurrency: lower `reserved_concurrency` in \
             stages.toml, or ask AWS for more",
        );
    }
    if reason.contains("not authorized to perform") {
        return Some("the credentials lack that permission; have it granted, then deploy again");
    }
    if reason.contains("Rate exceeded") || reason.contains("Throttling") {
        return Some("AWS throttled CloudFormation; deploy again");
    }
    None
}

/// The failure of an event, unless it follows from another one.
pub(crate) fn failure(event: &StackEvent) -> Option<Failure> {
    let status = event.resource_status()?.as_str();
    let reason = event.resource_status_reason().filter(|it| !it.is_empty());
    let reason = reason.unwrap_or("no reason given");
    // Cancelled because another one failed, or the summary in the stack's own event.
    let follows = reason.contains("cancelled")
        || reason.starts_with("The following resource(s) failed")
        || event.physical_resource_id().is_some_and(|id| Some(id) == event.stack_id());
    (status.ends_with("_FAILED") && !follows).then(|| Failure {
        logical_id: event.logical_resource_id().unwrap_or("a resource").to_owned(),
        kind: event.resource_type().unwrap_or("unknown type").to_owned(),
        reason: reason.to_owned(),
    })
}

/// The progress of an operation: a line for each finished resource, and on a terminal a line with
/// those in progress.
struct Progress {
    begun: Instant,
    /// The start of each resource in progress, by logical id.
    open: BTreeMap<String, Instant>,
    done: usize,
    // Draws on a terminal only.
    bar: ProgressBar,
}

impl Progress {
    fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { begun: Instant::now(), open: BTreeMap::new(), done: 0, bar }
    }

    fn report(&mut self, event: &StackEvent) {
        let status = event.resource_status().map_or("", ResourceStatus::as_str);
        let id = event.logical_resource_id().unwrap_or_default();
        if status.ends_with("_IN_PROGRESS") {
            self.open.entry(id.to_owned()).or_insert_with(Instant::now);
        } else {
            let begun = self.open.remove(id).unwrap_or_else(Instant::now);
            self.done += 1;
            let line = self.line(event, status, id, begun.elapsed());
            self.bar.suspend(|| ui::say(line));
        }
        let open: Vec<_> = self.open.keys().take(4).map(String::as_str).collect();
        let more = if self.open.len() > 4 { ", ..." } else { "" };
        self.bar.set_message(format!(
            "{}  {} done; now {}{more}",
            ui::elapsed(self.begun.elapsed()),
            self.done,
            open.join(", ")
        ));
    }

    /// `       12 s  CREATE_COMPLETE  UsersTable  AWS::DynamoDB::Table  (11 s)`
    fn line(&self, event: &StackEvent, status: &str, id: &str, taken: Duration) -> String {
        let style = if status.ends_with("_FAILED") {
            DANGER
        } else if status.contains("ROLLBACK") || status.starts_with("DELETE") {
            WARNING
        } else {
            GOOD
        };
        let mut line = format!(
            "{:>12}  {}  {id}  {}  ({})",
            ui::elapsed(self.begun.elapsed()),
            styled(style, format_args!("{status:<15}")),
            styled(FAINT, event.resource_type().unwrap_or_default()),
            ui::elapsed(taken),
        );
        let reason = event.resource_status_reason().unwrap_or_default();
        if !reason.is_empty() {
            line += &format!("\n{:>14}{reason}", "");
        }
        line
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
