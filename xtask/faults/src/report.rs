//! The figures of a run, and the report of violations.

use crate::checker::Violation;
use crate::history::{Exchange, History};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// Violations that are reported with their requests and items.
const IN_FULL: usize = 3;
/// Items of a violation that are reported.
const ITEMS: usize = 4;

#[derive(Clone, Debug, Default)]
pub(crate) struct Statistics {
    pub(crate) requests: u64,
    attempts: u64,
    lost: u64,
    successes: u64,
    replays: u64,
    changes: u64,
    events: u64,
    faults: BTreeMap<String, u64>,
    /// The longest time in microseconds from the first attempt of a request that did not settle it
    /// to the answer that did.
    longest_recovery: u64,
}

impl Statistics {
    pub(crate) fn add_history(&mut self, history: &History) {
        let has_id = |item: &&Value| item["correlationId"].is_string();
        self.changes += history.users.iter().filter(has_id).count() as u64;
        self.events += history.events.len() as u64;
        for exchange in &history.exchanges {
            self.add_exchange(exchange);
        }
    }

    fn add_exchange(&mut self, exchange: &Exchange) {
        self.requests += 1;
        self.attempts += exchange.attempts.len() as u64;
        let mut failed_since = None;
        for attempt in &exchange.attempts {
            self.lost += u64::from(attempt.answer.is_none());
            match attempt.answer.as_ref().filter(|answer| answer.is_final()) {
                None => {
                    failed_since.get_or_insert(attempt.begun);
                }
                Some(answer) => {
                    self.successes += u64::from(answer.is_success());
                    self.replays += u64::from(answer.replayed);
                    if let Some(since) = failed_since {
                        self.longest_recovery = self.longest_recovery.max(attempt.ended - since);
                    }
                }
            }
        }
    }

    /// Adds the faults that the stack counted.
    pub(crate) fn add_faults(&mut self, report: &Value) {
        for (name, count) in report["counts"].as_object().into_iter().flatten() {
            self.add_fault(name, count.as_u64().unwrap_or_default());
        }
    }

    pub(crate) fn add_fault(&mut self, name: &str, count: u64) {
        *self.faults.entry(name.to_owned()).or_default() += count;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.attempts += other.attempts;
        self.lost += other.lost;
        self.successes += other.successes;
        self.replays += other.replays;
        self.changes += other.changes;
        self.events += other.events;
        for (name, count) in &other.faults {
            self.add_fault(name, *count);
        }
        self.longest_recovery = self.longest_recovery.max(other.longest_recovery);
    }
}

impl fmt::Display for Statistics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "  {} requests in {} attempts ({} without an answer), {} successes, {} of them \
             replays; {} changes, {} events; {} faults; longest recovery {:.3} s",
            self.requests,
            self.attempts,
            self.lost,
            self.successes,
            self.replays,
            self.changes,
            self.events,
            self.faults.values().sum::<u64>(),
            self.longest_recovery as f64 / 1e6,
        )?;
        let faults: Vec<_> =
            self.faults.iter().map(|(name, count)| format!("{name} {count}")).collect();
        write!(formatter, "  faults: {}", faults.join(", "))
    }
}

/// Describes violations, the first ones in full, with the command that reproduces them.
pub(crate) fn describe(violations: &[Violation], history: &History, command: &str) -> String {
    let mut text = format!("{} violations\n", violations.len());
    for violation in violations.iter().take(IN_FULL) {
        text.push_str(&in_full(violation, history));
    }
    for violation in violations.iter().skip(IN_FULL).take(20) {
        text.push_str(&format!("{violation}\n"));
    }
    text.push_str(&format!("to reproduce: {command}"));
    text
}

/// A violation with its requests, their attempts, and its items.
fn in_full(violation: &Violation, history: &History) -> String {
    let mut text = format!("{violation}\n");
    for exchange in &history.exchanges {
        if !violation.requests.contains(&exchange.id) {
            continue;
        }
        let request = &exchange.request;
        text.push_str(&format!(
            "  {} ({}): {} {} key {:?} body {}\n",
            exchange.id,
            exchange.label,
            request.operation.method(),
            request.path(),
            request.key,
            request.body.as_ref().map_or_else(String::new, Value::to_string),
        ));
        for attempt in &exchange.attempts {
            let answer = attempt.answer.as_ref().map_or_else(
                || "no answer".to_owned(),
                |answer| {
                    let detail = answer.code().or_else(|| answer.etag.clone());
                    let replayed = if answer.replayed { " replayed" } else { "" };
                    format!("{} {}{replayed}", answer.status, detail.unwrap_or_default())
                },
            );
            let (begun, ended) = (attempt.begun / 1000, attempt.ended / 1000);
            text.push_str(&format!(
                "    {begun}-{ended} ms {}: {answer}\n",
                attempt.correlation_id
            ));
        }
    }
    for item in violation.items.iter().take(ITEMS) {
        text.push_str(&format!("  item {item}\n"));
    }
    text
}
