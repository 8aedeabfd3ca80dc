//! What reads showed, held to the states, and to what was acknowledged before they began.

use super::state::People;
use super::{Violation, as_shown, text};
use crate::history::{Answer, Attempt, Operation, Sight, World};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// For each user, when which version was known to be there: the highest one so far, by the time.
struct Floors<'a>(BTreeMap<&'a str, Vec<(u64, u64)>>);

impl<'a> Floors<'a> {
    fn new(world: &World, people: &People<'a>) -> Self {
        let mut floors: BTreeMap<&'a str, Vec<(u64, u64)>> = BTreeMap::new();
        for sight in &world.sights {
            for (attempt, answer) in sight.successes() {
                for (user, version) in shown(sight, answer) {
                    if let Some((id, _)) = people.by_id.get_key_value(user.as_str()) {
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

    /// The highest version that somebody knew of before a moment.
    fn at(&self, user: &str, moment: u64) -> u64 {
        let Some(seen) = self.0.get(user) else { return 0 };
        let before = seen.partition_point(|(ended, _)| *ended < moment);
        before.checked_sub(1).map_or(0, |last| seen[last].1)
    }
}

/// The users that a success shows, with their versions.
fn shown(sight: &Sight, answer: &Answer) -> Vec<(String, u64)> {
    let of = |item: &Value| {
        Some((item["userId"].as_str()?.to_owned(), item["version"].as_u64().unwrap_or_default()))
    };
    let body = answer.json();
    match (answer.status, &body["items"]) {
        (304, _) => {
            sight.request.user.clone().zip(sight.request.if_none_match).into_iter().collect()
        }
        (_, Value::Array(items)) => items.iter().filter_map(of).collect(),
        _ => of(&body).into_iter().collect(),
    }
}

pub(super) fn check(world: &World, people: &People<'_>, found: &mut Vec<Violation>) {
    let floors = Floors::new(world, people);
    for sight in world.sights.iter().filter(|sight| !sight.request.operation.is_write()) {
        for (attempt, answer) in sight.successes() {
            let read = Read { sight, attempt, answer, floors: &floors, people };
            let problem = match sight.request.operation {
                Operation::Profile => read.profile(),
                Operation::Audit => read.audit(),
                _ => read.list(),
            };
            if let Err((rule, problem)) = problem {
                found.push(Violation::new(rule, problem).of(sight).with(&answer.json()));
            }
        }
    }
}

const CONTENT: &str = "a read shows what was there";
const BEHIND: &str = "a read is not behind what was acknowledged";

type Checked = Result<(), (&'static str, String)>;

struct Read<'a> {
    sight: &'a Sight,
    attempt: &'a Attempt,
    answer: &'a Answer,
    floors: &'a Floors<'a>,
    people: &'a People<'a>,
}

impl Read<'_> {
    fn not_behind(&self, user: &str, version: u64) -> Checked {
        let floor = self.floors.at(user, self.attempt.begun);
        if version < floor {
            let text = format!("version {version} of {user}, though {floor} was known");
            return Err((BEHIND, text));
        }
        Ok(())
    }

    /// A user as it is shown was so at that version.
    fn is_true(&self, shown: &Value) -> Result<u64, (&'static str, String)> {
        let (user, version) =
            (text(shown, "userId"), shown["version"].as_u64().unwrap_or_default());
        let state = self.people.by_id.get(user).and_then(|person| person.at(version));
        match state == Some(shown) {
            true => Ok(version),
            false => Err((CONTENT, format!("version {version} of {user} was never like this"))),
        }
    }

    fn profile(&self) -> Checked {
        let request = &self.sight.request;
        let user = request.user.as_deref().unwrap_or_default();
        if self.answer.status == 304 {
            return self.not_behind(user, request.if_none_match.unwrap_or_default());
        }
        let shown = self.answer.json();
        let version = self.is_true(&shown)?;
        let etag = format!("\"{version}\"");
        if text(&shown, "userId") != user || self.answer.etag.as_deref() != Some(&etag) {
            return Err((CONTENT, "it is another user, or another ETag".to_owned()));
        }
        self.not_behind(user, version)
    }

    fn audit(&self) -> Checked {
        let request = &self.sight.request;
        let user = request.user.as_deref().unwrap_or_default();
        let page = self.answer.json();
        let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        let Some(person) = self.people.by_id.get(user) else {
            return Err((CONTENT, format!("{user} has a log, and nothing else")));
        };
        for item in items {
            let version = item["version"].as_u64().unwrap_or_default();
            let index = usize::try_from(version.wrapping_sub(1)).unwrap_or(usize::MAX);
            let entry = person.audit.get(index).map(|entry| as_shown(entry));
            if entry.is_none() || item.as_object() != entry.as_ref() {
                return Err((CONTENT, format!("the log has no such entry of version {version}")));
            }
        }
        let is_whole = request.query.iter().all(|(name, _)| name == "limit");
        if is_whole {
            let latest =
                items.first().and_then(|item| item["version"].as_u64()).unwrap_or_default();
            let versions = items.iter().map(|item| item["version"].as_u64().unwrap_or_default());
            let expected = (1..=latest).rev();
            if !expected.zip(versions).all(|(one, other)| one == other) {
                return Err((CONTENT, "the log has a gap".to_owned()));
            }
            self.not_behind(user, latest)?;
        }
        Ok(())
    }

    fn list(&self) -> Checked {
        let page = self.answer.json();
        let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        let query = |name: &str| {
            let found = self.sight.request.query.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.as_str())
        };
        let ids: BTreeSet<_> = items.iter().map(|item| text(item, "userId")).collect();
        if ids.len() != items.len() {
            return Err((CONTENT, "a user is listed twice".to_owned()));
        }
        for item in items {
            let version = self.is_true(item)?;
            let status = text(item, "status");
            let has_role = |role: &str| {
                item["roles"].as_array().into_iter().flatten().any(|given| given == role)
            };
            let is_wanted = query("status").map_or(status != "deleted", |wanted| status == wanted)
                && query("role").is_none_or(has_role)
                && query("email").is_none_or(|email| is_address(item, email));
            if !is_wanted {
                return Err((CONTENT, "a user is listed that does not fit".to_owned()));
            }
            // By status alone an index is read, which may lag.
            if query("role").is_some() || query("email").is_some() {
                self.not_behind(text(item, "userId"), version)?;
            }
        }
        match query("email") {
            Some(email) if items.is_empty() => self.nobody_has(email),
            _ => Ok(()),
        }
    }

    /// An address is nobody's only if no user has had it all along.
    fn nobody_has(&self, email: &str) -> Checked {
        for (user, person) in &self.people.by_id {
            let floor = self.floors.at(user, self.attempt.begun);
            if floor == 0 {
                continue;
            }
            let mut possible = person.since(floor).map(|(_, state)| state).peekable();
            if possible.peek().is_some()
                && possible.all(|it| is_address(it, email) && text(it, "status") != "deleted")
            {
                return Err((BEHIND, format!("{email} was not found, and is {user}'s")));
            }
        }
        Ok(())
    }
}

fn is_address(user: &Value, email: &str) -> bool {
    text(user, "email").to_lowercase() == email.to_lowercase()
}
