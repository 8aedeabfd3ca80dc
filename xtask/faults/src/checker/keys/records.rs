//! The idempotency table, held to the changes and to the successes that were seen.

use super::Group;
use crate::checker::contract::{after_of, core};
use crate::checker::state::People;
use crate::checker::{Violation, text};
use crate::history::{Answer, Request, World};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The idempotency table.
pub(super) struct Records<'a> {
    all: &'a [Value],
    bodies: BTreeSet<&'a str>,
    /// The states that they show, by user and version.
    states: BTreeMap<(String, u64), Value>,
}

impl<'a> Records<'a> {
    pub(super) fn new(world: &'a World) -> Self {
        let bodies: BTreeSet<_> = world.records.iter().map(|record| text(record, "body")).collect();
        let states = bodies
            .iter()
            .map(|body| {
                let state = parsed(body).unwrap_or_default();
                let version = state["version"].as_u64().unwrap_or_default();
                ((text(&state, "userId").to_owned(), version), state)
            })
            .collect();
        Self { all: &world.records, bodies, states }
    }

    /// A change under a key and its record are one act, and so is the record of every success.
    pub(super) fn check_group(
        &self,
        group: &Group<'_>,
        people: &People<'_>,
        found: &mut Vec<Violation>,
    ) {
        for effect in group.effects.iter().filter(|it| it.sight.request.key.is_some()) {
            let state = people.by_id.get(effect.user).and_then(|it| it.at(effect.version));
            let recorded = self.states.get(&(effect.user.to_owned(), effect.version));
            let is_recorded = recorded == state;
            if state.is_some() && !is_recorded {
                let text = format!("version {} of {} has none", effect.version, effect.user);
                found.push(group.about("a change under a key has its record", text));
            }
        }
        let keyed = group.successes().filter(|(sight, _, _)| sight.request.key.is_some());
        let unrecorded = |answer: &Answer| !self.bodies.contains(answer.body.as_str());
        if keyed.into_iter().any(|(_, _, answer)| unrecorded(answer)) {
            let text = "an answer under a key is recorded nowhere";
            found.push(group.about("a success under a key has its record", text));
        }
    }

    /// Every record is of a request with a key, and says what that came to.
    pub(super) fn check_asked_for(
        &self,
        groups: &BTreeMap<String, Group<'_>>,
        people: &People<'_>,
        found: &mut Vec<Violation>,
    ) {
        let keyed: Vec<_> = groups
            .values()
            .filter(|group| group.sights.iter().any(|sight| sight.request.key.is_some()))
            .collect();
        if self.all.len() > keyed.len() {
            let text = format!("{} records for {} keys", self.all.len(), keyed.len());
            found.push(Violation::new("no record without its key", text));
        }
        let made: BTreeSet<(&str, u64)> = keyed
            .iter()
            .flat_map(|group| group.effects.iter().map(|it| (it.user, it.version)))
            .collect();
        let mut by_user: BTreeMap<&str, Vec<&Request>> = BTreeMap::new();
        for sight in keyed.iter().flat_map(|group| &group.sights) {
            if let Some(user) = sight.request.user.as_deref() {
                by_user.entry(user).or_default().push(&sight.request);
            }
        }
        for record in self.all {
            let body = parsed(text(record, "body")).unwrap_or_default();
            let user = text(&body, "userId");
            let version = body["version"].as_u64().unwrap_or_default();
            let state = people.by_id.get(user).and_then(|person| person.at(version));
            let etag_is_right = text(record, "etag") == format!("\"{version}\"");
            let changed_nothing = || {
                let requests = by_user.get(user).map(Vec::as_slice).unwrap_or_default();
                let core = state.map(core);
                requests.iter().any(|request| after_of(request, state) == core)
            };
            let is_asked_for = made.contains(&(user, version)) || changed_nothing();
            if state != Some(&body) || !etag_is_right || !is_asked_for {
                let text = format!("it is of version {version} of {user}");
                found.push(Violation::new("a record is of a success", text).with(record));
            }
        }
    }
}

fn parsed(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}
