//! The bus: every audit entry at least once, the entries of a user in order, and nothing else.

use super::users::Users;
use super::violation::{Violation, as_shown, text};
use crate::history::History;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const DETAIL_TYPES: [(&str, &str); 5] = [
    ("user.registered", "UserRegistered"),
    ("user.profile-updated", "UserProfileUpdated"),
    ("user.status-changed", "UserStatusChanged"),
    ("user.role-assigned", "UserRoleAssigned"),
    ("user.role-removed", "UserRoleRemoved"),
];

pub(super) fn check(history: &History, users: &Users<'_>, found: &mut Vec<Violation>) {
    let entries: BTreeMap<&str, &Value> = users
        .by_id
        .values()
        .flat_map(|user| &user.audit)
        .map(|entry| (text(entry, "eventId"), *entry))
        .collect();
    let mut delivered: BTreeSet<&str> = BTreeSet::new();
    let mut latest: BTreeMap<&str, u64> = BTreeMap::new();
    for event in &history.events {
        let detail = &event["detail"];
        let id = text(detail, "eventId");
        let Some(entry) = entries.get(id) else {
            let text = format!("event {id} has no audit entry");
            found.push(Violation::new("no event without a change", text).with(detail));
            continue;
        };
        check_content(event, entry, found);
        if !delivered.insert(id) {
            continue;
        }
        let version = detail["version"].as_u64().unwrap_or_default();
        let before = latest.entry(text(detail, "userId")).or_default();
        if version != *before + 1 {
            let text = format!("version {version} arrived after {before}");
            found.push(Violation::new("events of a user in order", text).with(detail));
        }
        *before = version.max(*before);
    }
    for (id, entry) in &entries {
        if !delivered.contains(id) {
            let text = format!("audit entry {id} never arrived");
            found.push(Violation::new("every audit entry reaches the bus", text).with(entry));
        }
    }
    for letter in &history.dead_letters {
        let text = "the relay gave up records";
        found.push(Violation::new("no dead letters", text).with(letter));
    }
}

/// The detail is the audit entry and the version of the schema.
fn check_content(event: &Value, entry: &Value, found: &mut Vec<Violation>) {
    let mut expected = as_shown(entry);
    expected.insert("schemaVersion".to_owned(), json!(1));
    let detail_type = DETAIL_TYPES.iter().find(|(action, _)| *action == text(entry, "action"));
    let is_right = event["detail"].as_object() == Some(&expected)
        && event["source"] == "users.service"
        && detail_type.is_some_and(|(_, name)| event["detailType"] == *name);
    if !is_right {
        let text = format!("event {} differs", text(entry, "eventId"));
        found.push(Violation::new("an event equals its audit entry", text).with(event).with(entry));
    }
}
