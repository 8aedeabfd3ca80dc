//! Whether what clients saw, what the tables hold and what came to the bus can be true together.
//!
//! The world must be at rest: no fault on, no call under way, the stream carried to its end.
//!
//! The rules are about what a caller was promised, so they are told in its words: an acknowledged
//! write is there, a key takes effect once, versions have no gaps, and so on. Each part checks its
//! own:
//!
//! - `state` replays the audit entries of each user and holds the tables to them;
//! - `keys` follows each write from its attempts to its effect, its answers and its record;
//! - `reads` holds what reads showed to what was acknowledged before they began;
//! - `events` compares the bus with the audit entries.
//!
//! What a request makes of a user is in `contract`.

mod contract;
mod events;
mod keys;
mod reads;
mod state;

use crate::history::{Outcome, Sight, World};
use serde_json::{Map, Value};
use state::People;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Something that must not be.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The rule that is broken.
    pub rule: &'static str,
    /// What is wrong.
    pub text: String,
    /// The requests that are involved, by their ids.
    pub requests: BTreeSet<String>,
    /// The items that are involved.
    pub items: Vec<Value>,
}

impl Violation {
    fn new(rule: &'static str, text: impl Into<String>) -> Self {
        Self { rule, text: text.into(), requests: BTreeSet::new(), items: Vec::new() }
    }

    fn of(mut self, sight: &Sight) -> Self {
        self.requests.insert(sight.id.clone());
        self
    }

    fn with(mut self, item: &Value) -> Self {
        self.items.push(item.clone());
        self
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.rule, self.text)
    }
}

/// Every violation, those first that explain others.
#[must_use]
pub fn check(world: &World) -> Vec<Violation> {
    let sights = Sights::new(&world.sights);
    let mut found = Vec::new();
    let people = People::new(world, &mut found);
    people.check(&mut found);
    keys::check(world, &sights, &people, &mut found);
    reads::check(world, &people, &mut found);
    events::check(world, &people, &mut found);
    // An effect is told by its correlation id, and that names its request.
    for violation in &mut found {
        let texts = violation.items.iter().filter_map(|item| item["correlationId"].as_str());
        let named: Vec<_> = texts.filter_map(|id| sights.by_correlation.get(id)).collect();
        violation.requests.extend(named.iter().map(|(sight, _)| sight.id.clone()));
    }
    found
}

/// The sights, by the correlation ids of their attempts.
struct Sights<'a> {
    by_correlation: BTreeMap<&'a str, (&'a Sight, usize)>,
}

impl<'a> Sights<'a> {
    fn new(sights: &'a [Sight]) -> Self {
        let by_correlation =
            sights
                .iter()
                .flat_map(|sight| {
                    sight.attempts.iter().enumerate().map(move |(index, attempt)| {
                        (attempt.correlation_id.as_str(), (sight, index))
                    })
                })
                .collect();
        Self { by_correlation }
    }
}

/// The story of a violation: what is wrong, what the clients did and saw, the items.
#[must_use]
pub fn story(violation: &Violation, world: &World) -> String {
    const ITEMS: usize = 4;
    let mut lines = vec![violation.to_string()];
    for sight in world.sights.iter().filter(|sight| violation.requests.contains(&sight.id)) {
        let request = &sight.request;
        lines.push(format!(
            "  {} ({}): {} {} key {:?} body {}",
            sight.id,
            sight.part_of,
            request.operation.method(),
            request.path(),
            request.key,
            request.body.as_ref().map_or_else(String::new, Value::to_string),
        ));
        for attempt in &sight.attempts {
            let came = match &attempt.outcome {
                Outcome::Lost => "no answer".to_owned(),
                Outcome::Answer(answer) => format!(
                    "{} {}{}",
                    answer.status,
                    answer.code().or_else(|| answer.etag.clone()).unwrap_or_default(),
                    if answer.replayed { " replayed" } else { "" }
                ),
            };
            let (begun, ended) = (attempt.begun / 1000, attempt.ended / 1000);
            lines.push(format!("    {begun}-{ended} ms {}: {came}", attempt.correlation_id));
        }
    }
    for item in violation.items.iter().take(ITEMS) {
        lines.push(format!("  item {item}"));
    }
    lines.join("\n")
}

fn text<'a>(item: &'a Value, name: &str) -> &'a str {
    item[name].as_str().unwrap_or_default()
}

/// What an audit item has besides its entry: the key, and the trace that its request was part of.
const NOT_TOLD: [&str; 3] = ["pk", "sk", "traceHeader"];

/// An audit entry as the audit log shows it, from its item.
fn as_shown(item: &Value) -> Map<String, Value> {
    let mut entry = item.as_object().cloned().unwrap_or_default();
    entry.retain(|name, _| !NOT_TOLD.contains(&name.as_str()));
    entry
}

#[cfg(test)]
mod tests;
