//! The bus: every audit entry at least once, those of a user in their order, and nothing else.

use super::state::People;
use super::{Violation, as_shown, text};
use crate::history::World;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const DETAIL_TYPES: [(&str, &str); 5] = [
    ("user.registered", "UserRegistered"),
    ("user.profile-updated", "UserProfileUpdated"),
    ("user.status-changed", "UserStatusChanged"),
    ("user.role-assigned", "UserRoleAssigned"),
    ("user.role-removed", "UserRoleRemoved"),
];

pub(super) fn check(world: &World, people: &People<'_>, found: &mut Vec<Violation>) {
    let entries: BTreeMap<&str, &Value> = people
        .by_id
        .values()
        .flat_map(|person| &person.audit)
        .map(|entry| (text(entry, "eventId"), *entry))
        .collect();
    let mut first_deliveries: BTreeMap<&str, &Value> = BTreeMap::new();
    let mut latest: BTreeMap<&str, u64> = BTreeMap::new();
    for event in &world.events {
        let detail = &event["detail"];
        let id = text(detail, "eventId");
        let Some(entry) = entries.get(id) else {
            let text = format!("event {id} tells of no audit entry");
            found.push(Violation::new("no event without its change", text).with(detail));
            continue;
        };
        check_content(event, entry, found);
        if first_deliveries.insert(id, event).is_some() {
            continue;
        }
        let version = detail["version"].as_u64().unwrap_or_default();
        let before = latest.entry(text(detail, "userId")).or_default();
        if version != *before + 1 {
            let text = format!("version {version} came after {before}");
            found.push(Violation::new("events of a user in order", text).with(detail));
        }
        *before = version.max(*before);
    }
    for (id, entry) in &entries {
        if !first_deliveries.contains_key(id) {
            let text = format!("audit entry {id} never came to the bus");
            found.push(Violation::new("every audit entry on the bus", text).with(entry));
        }
    }
    for letter in &world.dead_letters {
        let text = "records were given up on";
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
        let text = format!("event {} says something else", text(entry, "eventId"));
        found.push(Violation::new("an event equals its audit entry", text).with(event).with(entry));
    }
}
