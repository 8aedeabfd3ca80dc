//! Compares reads with the states, and with the writes acknowledged before they began.

use super::users::Users;
use super::violation::{Violation, as_shown, roles, text};
use crate::history::{Answer, Attempt, Exchange, History, Operation};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// For each user, the highest version that was acknowledged, by the time of the answer.
struct Floors<'a>(BTreeMap<&'a str, Vec<(u64, u64)>>);

impl<'a> Floors<'a> {
    fn new(history: &History, users: &Users<'a>) -> Self {
        let mut floors: BTreeMap<&'a str, Vec<(u64, u64)>> = BTreeMap::new();
        for exchange in &history.exchanges {
            for (attempt, answer) in exchange.successes() {
                for (user, version) in shown(exchange, answer) {
                    if let Some((id, _)) = users.by_id.get_key_value(user.as_str()) {
                        floors.entry(id).or_default().push((attempt.ended, version));
                    }
                }
            }
        }
        for seen in floors.values_mut() {
            seen.sort_unstable();
            let mut highest = 0;
            for (_, version) in seen {
                highest = highest.max(*version);
                *version = highest;
            }
        }
        Self(floors)
    }

    /// The highest version that was acknowledged before a moment.
    fn at(&self, user: &str, moment: u64) -> u64 {
        let Some(seen) = self.0.get(user) else { return 0 };
        let before = seen.partition_point(|(ended, _)| *ended < moment);
        before.checked_sub(1).map_or(0, |last| seen[last].1)
    }
}

/// The users that a success shows, with their versions.
fn shown(exchange: &Exchange, answer: &Answer) -> Vec<(String, u64)> {
    let of = |item: &Value| {
        Some((item["userId"].as_str()?.to_owned(), item["version"].as_u64().unwrap_or_default()))
    };
    let body = answer.json();
    match (answer.status, &body["items"]) {
        (304, _) => {
            exchange.request.user.clone().zip(exchange.request.if_none_match).into_iter().collect()
        }
        (_, Value::Array(items)) => items.iter().filter_map(of).collect(),
        _ => of(&body).into_iter().collect(),
    }
}

pub(super) fn check(history: &History, users: &Users<'_>, found: &mut Vec<Violation>) {
    let floors = Floors::new(history, users);
    for exchange in history.exchanges.iter().filter(|it| !it.request.operation.is_write()) {
        for (attempt, answer) in exchange.successes() {
            let read = Read { exchange, attempt, answer, floors: &floors, users };
            let problem = match exchange.request.operation {
                Operation::Profile => read.profile(),
                Operation::Audit => read.audit(),
                _ => read.list(),
            };
            if let Err((rule, problem)) = problem {
                found.push(Violation::new(rule, problem).of(exchange).with(&answer.json()));
            }
        }
    }
}

const CONTENT: &str = "a read shows a real state";
const STALE: &str = "a read is not stale";

type Checked = Result<(), (&'static str, String)>;

struct Read<'a> {
    exchange: &'a Exchange,
    attempt: &'a Attempt,
    answer: &'a Answer,
    floors: &'a Floors<'a>,
    users: &'a Users<'a>,
}

impl Read<'_> {
    fn not_stale(&self, user: &str, version: u64) -> Checked {
        let floor = self.floors.at(user, self.attempt.begun);
        if version < floor {
            let text = format!("version {version} of {user}, though {floor} was acknowledged");
            return Err((STALE, text));
        }
        Ok(())
    }

    /// The shown user is the state at its version, which is returned.
    fn is_true(&self, shown: &Value) -> Result<u64, (&'static str, String)> {
        let (user, version) =
            (text(shown, "userId"), shown["version"].as_u64().unwrap_or_default());
        let state = self.users.at(user, version);
        match state == Some(shown) {
            true => Ok(version),
            false => Err((CONTENT, format!("version {version} of {user} never looked like this"))),
        }
    }

    fn profile(&self) -> Checked {
        let request = &self.exchange.request;
        let user = request.user.as_deref().unwrap_or_default();
        if self.answer.status == 304 {
            return self.not_stale(user, request.if_none_match.unwrap_or_default());
        }
        let shown = self.answer.json();
        let version = self.is_true(&shown)?;
        let etag = format!("\"{version}\"");
        if text(&shown, "userId") != user || self.answer.etag.as_deref() != Some(&etag) {
            return Err((CONTENT, "the user or the ETag is wrong".to_owned()));
        }
        self.not_stale(user, version)
    }

    fn audit(&self) -> Checked {
        let request = &self.exchange.request;
        let user = request.user.as_deref().unwrap_or_default();
        let page = self.answer.json();
        let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        let Some(person) = self.users.by_id.get(user) else {
            return Err((CONTENT, format!("{user} has an audit log but no items")));
        };
        for item in items {
            let version = item["version"].as_u64().unwrap_or_default();
            let index = usize::try_from(version.wrapping_sub(1)).unwrap_or(usize::MAX);
            let entry = person.audit.get(index).map(|entry| as_shown(entry));
            if entry.is_none() || item.as_object() != entry.as_ref() {
                return Err((CONTENT, format!("the entry of version {version} is wrong")));
            }
        }
        let is_first_page = request.query.iter().all(|(name, _)| name == "limit");
        if is_first_page {
            let latest =
                items.first().and_then(|item| item["version"].as_u64()).unwrap_or_default();
            let versions = items.iter().map(|item| item["version"].as_u64().unwrap_or_default());
            let expected = (1..=latest).rev();
            if !expected.zip(versions).all(|(one, other)| one == other) {
                return Err((CONTENT, "the log has a gap".to_owned()));
            }
            self.not_stale(user, latest)?;
        }
        Ok(())
    }

    fn list(&self) -> Checked {
        let page = self.answer.json();
        let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        let query = |name: &str| {
            let found = self.exchange.request.query.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.as_str())
        };
        let ids: BTreeSet<_> = items.iter().map(|item| text(item, "userId")).collect();
        if ids.len() != items.len() {
            return Err((CONTENT, "a user is listed twice".to_owned()));
        }
        for item in items {
            let version = self.is_true(item)?;
            let status = text(item, "status");
            let has_role = |role: &str| roles(item).any(|given| given == role);
            let is_wanted = query("status").map_or(status != "deleted", |wanted| status == wanted)
                && query("role").is_none_or(has_role)
                && query("email").is_none_or(|email| is_address(item, email));
            if !is_wanted {
                return Err((CONTENT, "a listed user does not match the query".to_owned()));
            }
            // A list by status reads only the index, which may lag.
            if query("role").is_some() || query("email").is_some() {
                self.not_stale(text(item, "userId"), version)?;
            }
        }
        match query("email") {
            Some(email) if items.is_empty() => self.is_free(email),
            _ => Ok(()),
        }
    }

    /// An address is free only if no user had it during the whole read.
    fn is_free(&self, email: &str) -> Checked {
        for (user, person) in self.users.holders(email) {
            let floor = self.floors.at(user, self.attempt.begun);
            if floor == 0 {
                continue;
            }
            let mut possible = person.since(floor).peekable();
            if possible.peek().is_some()
                && possible.all(|it| is_address(it, email) && text(it, "status") != "deleted")
            {
                return Err((STALE, format!("{email} was not found, but belongs to {user}")));
            }
        }
        Ok(())
    }
}

fn is_address(user: &Value, email: &str) -> bool {
    text(user, "email").to_lowercase() == email.to_lowercase()
}
