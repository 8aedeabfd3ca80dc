//! Compares the idempotency table with the changes and with the successes that clients received.

use super::group::Group;
use crate::checker::contract::{after_of, core};
use crate::checker::users::Users;
use crate::checker::violation::{Violation, text};
use crate::history::{History, Request};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The idempotency table.
pub(super) struct Records<'a> {
    /// The records, each with the state that its answer shows.
    all: Vec<(&'a Value, Value)>,
}

/// The user and version of a state.
fn version_of(state: &Value) -> (&str, u64) {
    (text(state, "userId"), state["version"].as_u64().unwrap_or_default())
}

impl<'a> Records<'a> {
    pub(super) fn new(history: &'a History) -> Self {
        let state = |record| serde_json::from_str(text(record, "body")).unwrap_or_default();
        Self { all: history.records.iter().map(|record| (record, state(record))).collect() }
    }

    /// A change under a key has a record, and so has every success.
    pub(super) fn check_groups(
        &self,
        groups: &[Group<'_>],
        users: &Users<'_>,
        found: &mut Vec<Violation>,
    ) {
        let bodies: BTreeSet<&str> =
            self.all.iter().map(|(record, _)| text(record, "body")).collect();
        let states: BTreeMap<(&str, u64), &Value> =
            self.all.iter().map(|(_, state)| (version_of(state), state)).collect();
        for group in groups.iter().filter(|group| group.is_keyed()) {
            for effect in &group.effects {
                let state = users.at(effect.user, effect.version);
                let recorded = states.get(&(effect.user, effect.version)).copied();
                if state.is_some() && recorded != state {
                    let text = format!("version {} of {} has none", effect.version, effect.user);
                    found.push(group.violation("a change under a key has its record", text));
                }
            }
            if group.successes().any(|(_, _, answer)| !bodies.contains(answer.body.as_str())) {
                let text = "an answer under a key has no record";
                found.push(group.violation("a success under a key has its record", text));
            }
        }
    }

    /// Every record belongs to a request with a key, and holds its success.
    pub(super) fn check_all(
        &self,
        groups: &[Group<'_>],
        users: &Users<'_>,
        found: &mut Vec<Violation>,
    ) {
        let keyed: Vec<_> = groups.iter().filter(|group| group.is_keyed()).collect();
        if self.all.len() > keyed.len() {
            let text = format!("{} records for {} keys", self.all.len(), keyed.len());
            found.push(Violation::new("no record without a key", text));
        }
        let made: BTreeSet<(&str, u64)> = keyed
            .iter()
            .flat_map(|group| group.effects.iter().map(|it| (it.user, it.version)))
            .collect();
        let mut by_user: BTreeMap<&str, Vec<&Request>> = BTreeMap::new();
        for exchange in keyed.iter().flat_map(|group| &group.exchanges) {
            if let Some(user) = exchange.request.user.as_deref() {
                by_user.entry(user).or_default().push(&exchange.request);
            }
        }
        for (record, shown) in &self.all {
            let (user, version) = version_of(shown);
            let state = users.at(user, version);
            let etag_is_right = text(record, "etag") == format!("\"{version}\"");
            let changes_nothing = || {
                let core = state.map(core);
                let mut requests = by_user.get(user).into_iter().flatten();
                requests.any(|request| after_of(request, state) == core)
            };
            let is_of_request = made.contains(&(user, version)) || changes_nothing();
            if state != Some(shown) || !etag_is_right || !is_of_request {
                let text = format!("it shows version {version} of {user}");
                found.push(Violation::new("a record holds a success", text).with(record));
            }
        }
    }
}
