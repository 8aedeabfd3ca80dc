//! Watching an operation of CloudFormation until it ends: each resource as it goes, and the first
//! real cause when it fails.

use crate::stack::{StackClient, is_final};
use crate::ui::{self, DANGER, FAINT, GOOD, STRONG, WARNING, styled};
use anyhow::{Result, anyhow};
use aws_sdk_cloudformation::types::{ResourceStatus, StackEvent, StackStatus};
use indicatif::ProgressBar;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// Which events belong to the operation.
#[derive(Clone, Debug)]
pub(crate) enum Since {
    /// Those after the event of this id; all, when there was none.
    Event(Option<String>),
    /// Those that carry the token which the operation was begun with.
    Token(String),
}

/// How an operation ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The state of the stack; `None` when the stack is no more.
    pub(crate) status: Option<StackStatus>,
    /// The failures, earliest first, without those that only follow from another.
    pub(crate) failures: Vec<Failure>,
}

/// A resource that could not be made, changed or removed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Failure {
    pub(crate) logical_id: String,
    pub(crate) kind: String,
    pub(crate) reason: String,
}

impl StackClient {
    /// Prints the events of the stack with this id until the operation has ended.
    ///
    /// # Errors
    /// When AWS cannot be asked any more. The operation itself goes on then.
    pub(crate) async fn follow(&self, id: &str, since: &Since) -> Result<Ended> {
        let mut progress = Progress::new();
        let mut seen = BTreeSet::new();
        let mut failures = Vec::new();
        loop {
            // First the state, then the events: all of them are there when the state is final.
            let state = async {
                let stack = self.find(id).await?;
                let status = stack.and_then(|stack| stack.stack_status);
                Ok::<_, anyhow::Error>((status, self.new_events(id, since, &mut seen).await?))
            };
            let (status, events) = state.await.map_err(|error| {
                anyhow!(
                    "{error:#}\nThe operation on the stack {} goes on without this program; run \
                     the same command again to see how it ends.",
                    self.name
                )
            })?;
            for event in &events {
                progress.tell(event);
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

    /// Events that were not seen before, in the order in which they happened.
    async fn new_events(
        &self,
        id: &str,
        since: &Since,
        seen: &mut BTreeSet<String>,
    ) -> Result<Vec<StackEvent>> {
        let mut events = Vec::new();
        let mut token = None;
        'pages: loop {
            let (page, next) = self.events(id, token).await?;
            for event in page {
                let Some(event_id) = event.event_id.clone() else { continue };
                match since {
                    Since::Event(Some(last)) if *last == event_id => break 'pages,
                    Since::Token(token) if event.client_request_token() != Some(token) => {
                        // Older operations lie behind; newer ones cannot begin meanwhile.
                        break 'pages;
                    }
                    _ => {}
                }
                if !seen.insert(event_id) {
                    break 'pages;
                }
                events.push(event);
            }
            token = next;
            if token.is_none() {
                break;
            }
        }
        events.reverse();
        Ok(events)
    }

    /// What went wrong, for people: the first real cause, where our code makes that resource, what
    /// to do if it is a known one, and how many more there were.
    pub(crate) fn story(&self, failures: &[Failure]) -> String {
        let Some(first) = failures.first() else {
            return "CloudFormation names no cause; see its events in the console".to_owned();
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

/// What our users met before.
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
            "the account has too little concurrency to give away: lower `reserved_concurrency` in \
             stages.toml, or ask AWS for more",
        );
    }
    if reason.contains("not authorized to perform") {
        return Some("the credentials lack that permission; have it granted, then deploy again");
    }
    if reason.contains("Rate exceeded") || reason.contains("Throttling") {
        return Some("AWS throttled CloudFormation itself; deploy again");
    }
    None
}

/// What an event says went wrong by itself, and not because something else had.
pub(crate) fn failure(event: &StackEvent) -> Option<Failure> {
    let status = event.resource_status()?.as_str();
    let reason = event.resource_status_reason().filter(|it| !it.is_empty());
    let reason = reason.unwrap_or("no reason given");
    // Cancelled because another one failed, or summed up in the stack's own event.
    let follows = reason.contains("cancelled")
        || reason.starts_with("The following resource(s) failed")
        || event.physical_resource_id().is_some_and(|id| Some(id) == event.stack_id());
    (status.ends_with("_FAILED") && !follows).then(|| Failure {
        logical_id: event.logical_resource_id().unwrap_or("a resource").to_owned(),
        kind: event.resource_type().unwrap_or("unknown type").to_owned(),
        reason: reason.to_owned(),
    })
}

/// What is shown while an operation goes on: a line for each resource that is through, and on a
/// terminal below them a line with what is going on.
struct Progress {
    begun: Instant,
    /// When each resource that is being worked on was begun, by logical id.
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

    fn tell(&mut self, event: &StackEvent) {
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
            "{}  {} through; now {}{more}",
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
