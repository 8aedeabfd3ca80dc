//! Figures of a run, and the telling of violations.

use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use users_faults::checker::{Violation, story};
use users_faults::history::{Outcome, Sight, World};

/// Violations of which the whole story is told.
const STORIES: usize = 3;

/// What a run has done.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) requests: u64,
    pub(crate) attempts: u64,
    pub(crate) lost: u64,
    pub(crate) successes: u64,
    pub(crate) replays: u64,
    pub(crate) changes: u64,
    pub(crate) events: u64,
    pub(crate) faults: BTreeMap<String, u64>,
    /// From the first attempt that brought no answer, or none that decides, to the one that did; of
    /// requests that are sent again. In microseconds.
    pub(crate) longest_recovery: u64,
}

impl Figures {
    /// Adds what was seen and what there is.
    pub(crate) fn add_world(&mut self, world: &World) {
        self.changes +=
            world.users.iter().filter(|item| item["correlationId"].is_string()).count() as u64;
        self.events += world.events.len() as u64;
        for sight in &world.sights {
            self.add_sight(sight);
        }
    }

    fn add_sight(&mut self, sight: &Sight) {
        self.requests += 1;
        self.attempts += sight.attempts.len() as u64;
        let mut failed_since = None;
        for attempt in &sight.attempts {
            match &attempt.outcome {
                Outcome::Lost => {
                    self.lost += 1;
                    failed_since.get_or_insert(attempt.begun);
                }
                Outcome::Answer(answer) if !answer.is_final() => {
                    failed_since.get_or_insert(attempt.begun);
                }
                Outcome::Answer(answer) => {
                    self.successes += u64::from(answer.is_success());
                    self.replays += u64::from(answer.replayed);
                    if let Some(since) = failed_since {
                        self.longest_recovery = self.longest_recovery.max(attempt.ended - since);
                    }
                }
            }
        }
    }

    /// Adds what the stack counted, and what was done to it.
    pub(crate) fn add_faults(&mut self, report: &Value) {
        for (name, count) in report["counts"].as_object().into_iter().flatten() {
            self.add_fault(name, count.as_u64().unwrap_or_default());
        }
    }

    /// Adds a fault of the run's own.
    pub(crate) fn add_fault(&mut self, name: &str, count: u64) {
        *self.faults.entry(name.to_owned()).or_default() += count;
    }

    /// Adds those of another run.
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

impl fmt::Display for Figures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let injected: u64 = self.faults.values().sum();
        writeln!(
            formatter,
            "  {} requests in {} attempts ({} without an answer), {} successes, {} of them \
             replays; {} changes, {} events; {injected} faults; longest recovery {}.{:03} s",
            self.requests,
            self.attempts,
            self.lost,
            self.successes,
            self.replays,
            self.changes,
            self.events,
            self.longest_recovery / 1_000_000,
            self.longest_recovery / 1000 % 1000,
        )?;
        let faults: Vec<_> =
            self.faults.iter().map(|(name, count)| format!("{name} {count}")).collect();
        write!(formatter, "  faults: {}", faults.join(", "))
    }
}

/// The violations, the first ones with their stories, and how to see them again.
pub(crate) fn tell(violations: &[Violation], world: &World, again: &str) -> String {
    let mut text = format!("{} violations\n", violations.len());
    for violation in violations.iter().take(STORIES) {
        text.push_str(&story(violation, world));
        text.push('\n');
    }
    for violation in violations.iter().skip(STORIES).take(20) {
        text.push_str(&format!("{violation}\n"));
    }
    text.push_str(&format!("to see it again: {again}"));
    text
}
