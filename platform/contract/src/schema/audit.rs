//! The schemas of audit entries and of the events that carry them.

use super::fields::{timestamp, user_id};
use crate::{RELAY, limits};
use serde_json::{Map, Value, json};

/// The actions of audit entries, in the order of the contract.
pub const AUDIT_ACTIONS: &[&str] = &[
    "user.registered",
    "user.profile-updated",
    "user.status-changed",
    "user.role-assigned",
    "user.role-removed",
];

/// Version of the shape of an event's detail; see [`events`].
pub const EVENT_SCHEMA_VERSION: u32 = 1;

/// A kind of event on the audit bus.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Event {
    /// Its `detail-type`.
    pub detail_type: &'static str,
    /// The `action` of its audit entry.
    pub action: &'static str,
    /// The change that it reports.
    pub description: &'static str,
}

/// The kinds of events, in the order of [`AUDIT_ACTIONS`].
pub const EVENTS: &[Event] = &[
    Event {
        detail_type: "UserRegistered",
        action: "user.registered",
        description: "A user was registered: version 1, with every field among the changes.",
    },
    Event {
        detail_type: "UserProfileUpdated",
        action: "user.profile-updated",
        description: "Fields of a profile were changed, set or cleared.",
    },
    Event {
        detail_type: "UserStatusChanged",
        action: "user.status-changed",
        description: "A user was disabled, enabled or deleted, with a reason if one was given.",
    },
    Event {
        detail_type: "UserRoleAssigned",
        action: "user.role-assigned",
        description: "A user got a role.",
    },
    Event {
        detail_type: "UserRoleRemoved",
        action: "user.role-removed",
        description: "A role was taken from a user.",
    },
];

pub(super) fn audit_entry() -> Value {
    json!({
        "type": "object",
        "required": [
            "eventId", "action", "userId", "version", "at", "correlationId", "actor", "changes"
        ],
        "additionalProperties": false,
        "properties": {
            "eventId": {"type": "string", "pattern": limits::USER_ID_PATTERN},
            "action": {"type": "string", "enum": AUDIT_ACTIONS},
            "userId": user_id(),
            "version": {"type": "integer", "minimum": 1},
            "at": timestamp("When the change was made: the updatedAt of that version."),
            "correlationId": {"type": "string", "pattern": limits::CORRELATION_ID_PATTERN},
            "actor": {
                "type": "object",
                "required": ["arn", "accountId"],
                "additionalProperties": false,
                "properties": {
                    "arn": {"type": "string"},
                    "accountId": {"type": "string"},
                    "sourceIp": {"type": "string"},
                    "userAgent": {"type": "string", "maxLength": limits::USER_AGENT_MAX_CHARS}
                }
            },
            "changes": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["field"],
                    "additionalProperties": false,
                    "properties": {
                        "field": {"type": "string"},
                        "old": {"type": ["string", "array"], "items": {"type": "string"}},
                        "new": {"type": ["string", "array"], "items": {"type": "string"}}
                    }
                }
            },
            "reason": {"type": "string"}
        }
    })
}

/// The schema of the events on the audit bus as a subscriber receives them, in JSON Schema 2020-12;
/// each kind has a definition of its own, by its `detail-type`.
///
/// The version in an event's detail rises when something is taken away or changes its meaning. New
/// optional members leave it as it is, so a subscriber has to ignore unknown members; that is
/// why these schemas, unlike those of the API, allow more members.
#[must_use]
pub fn events() -> Value {
    let definitions: Map<String, Value> =
        EVENTS.iter().map(|event| (event.detail_type.to_owned(), event_schema(event))).collect();
    let references: Vec<Value> = EVENTS
        .iter()
        .map(|event| json!({"$ref": format!("#/$defs/{}", event.detail_type)}))
        .collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Events on the audit bus",
        "oneOf": references,
        "$defs": definitions,
    })
}

fn event_schema(event: &Event) -> Value {
    let mut detail = audit_entry();
    detail["additionalProperties"] = json!(true);
    for pointer in ["/properties/actor", "/properties/changes/items"] {
        if let Some(inner) = detail.pointer_mut(pointer) {
            inner["additionalProperties"] = json!(true);
        }
    }
    detail["properties"]["action"] = json!({"const": event.action});
    detail["properties"]["schemaVersion"] = json!({"const": EVENT_SCHEMA_VERSION});
    if let Some(required) = detail["required"].as_array_mut() {
        required.push(json!("schemaVersion"));
    }
    json!({
        "description": event.description,
        "type": "object",
        "required": ["source", "detail-type", "detail"],
        "properties": {
            "source": {"const": RELAY.event_source},
            "detail-type": {"const": event.detail_type},
            "detail": detail,
        },
    })
}
