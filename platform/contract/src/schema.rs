//! The JSON Schemas of the contract, in two strengths.
//!
//! [`components`] says every rule that JSON Schema can say, for the OpenAPI document.
//! [`gateway_model`] says only what API Gateway checks before a function runs: that the body is an
//! object, has its required members, and members of the right type. The rest is left to the
//! function, which names every problem at once, where the gateway's validator gives one text.

use crate::{ErrorCode, limits};
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
    /// What has happened.
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

/// The statuses of users.
pub const STATUSES: &[&str] = &["active", "disabled", "deleted"];

/// The optional text fields of a user that a merge patch can set and clear.
pub const OPTIONAL_TEXT_FIELDS: &[&str] =
    &["displayName", "givenName", "familyName", "phoneNumber", "locale"];

/// The schemas that the OpenAPI document names, by name, in JSON Schema 2020-12.
#[must_use]
pub fn components() -> Map<String, Value> {
    let mut all = Map::new();
    let mut add = |name: &str, schema: Value| {
        all.insert(name.to_owned(), schema);
    };
    add("RegisterUser", register_user());
    add("UpdateUser", update_user());
    add("SetStatus", set_status());
    add("AssignRole", assign_role());
    add("User", user());
    add("UserPage", page("User"));
    add("AuditEntry", audit_entry());
    add("AuditPage", page("AuditEntry"));
    add("Problem", problem());
    all
}

/// The model that API Gateway validates a request body with, in JSON Schema draft 4, which is what
/// it understands. `None` for a schema that no request has.
#[must_use]
pub fn gateway_model(name: &str) -> Option<Value> {
    let optional_text = |types: &Value| -> Map<String, Value> {
        OPTIONAL_TEXT_FIELDS
            .iter()
            .map(|field| ((*field).to_owned(), json!({"type": types})))
            .collect()
    };
    let (required, properties): (&[&str], Map<String, Value>) = match name {
        "RegisterUser" => {
            let mut properties = optional_text(&json!("string"));
            properties.insert("email".to_owned(), json!({"type": "string"}));
            properties.insert(
                "attributes".to_owned(),
                json!({"type": "object", "additionalProperties": {"type": "string"}}),
            );
            properties
                .insert("roles".to_owned(), json!({"type": "array", "items": {"type": "string"}}));
            (&["email"], properties)
        }
        "UpdateUser" => {
            let mut properties = optional_text(&json!(["string", "null"]));
            properties.insert("email".to_owned(), json!({"type": "string"}));
            properties.insert(
                "attributes".to_owned(),
                json!({
                    "type": ["object", "null"],
                    "additionalProperties": {"type": ["string", "null"]}
                }),
            );
            (&[], properties)
        }
        "SetStatus" => (
            &["status"],
            [
                ("status".to_owned(), json!({"type": "string"})),
                ("reason".to_owned(), json!({"type": "string"})),
            ]
            .into_iter()
            .collect(),
        ),
        "AssignRole" => {
            (&["role"], [("role".to_owned(), json!({"type": "string"}))].into_iter().collect())
        }
        _ => return None,
    };
    let mut model = Map::new();
    model.insert("$schema".to_owned(), json!("http://json-schema.org/draft-04/schema#"));
    model.insert("title".to_owned(), json!(name));
    model.insert("type".to_owned(), json!("object"));
    if !required.is_empty() {
        model.insert("required".to_owned(), json!(required));
    }
    model.insert("properties".to_owned(), Value::Object(properties));
    Some(Value::Object(model))
}

/// What a field is described for. A request may have white space around a text that is trimmed, which
/// therefore counts neither for its pattern nor for its length.
#[derive(Clone, Copy, Eq, PartialEq)]
enum In {
    Request,
    Response,
}

impl In {
    /// The schema of a text that is trimmed, of at most so many characters.
    fn text(self, pattern: &str, max_chars: usize) -> Value {
        match self {
            Self::Request => json!({"type": "string", "pattern": limits::untrimmed(pattern)}),
            Self::Response => {
                json!({"type": "string", "pattern": pattern, "maxLength": max_chars})
            }
        }
    }

    fn described(self, mut schema: Value, description: &str, example: &str) -> Value {
        let trimmed = match self {
            Self::Request => " White space at both ends is taken off.",
            Self::Response => "",
        };
        schema["description"] = json!(format!("{description}{trimmed}"));
        schema["examples"] = json!([example]);
        schema
    }
}

fn email(place: In) -> Value {
    let schema = place.text(limits::EMAIL_PATTERN, limits::EMAIL_MAX_BYTES);
    place.described(
        schema,
        "An email address: a dot-atom local part of at most 64 bytes (non-ASCII allowed, no \
         quoting, no comments), `@`, and a domain name of at least two labels (international names \
         allowed, no address literals); at most 254 bytes; no white space inside. Unique among users \
         that are not deleted, compared without regard to case.",
        "Ada@example.com",
    )
}

fn name(what: &str) -> Value {
    json!({
        "type": "string",
        "minLength": 1,
        "pattern": limits::NON_BLANK_TEXT_PATTERN,
        "description": format!(
            "{what}: 1–{} characters (Unicode scalar values after NFC), white space at both ends \
             taken off, no control characters.",
            limits::NAME_MAX_CHARS
        )
    })
}

fn phone_number(place: In) -> Value {
    // A plus sign and fifteen digits.
    let schema = place.text(limits::PHONE_NUMBER_PATTERN, 16);
    place.described(schema, "A phone number in E.164 format.", "+441234567890")
}

fn locale(place: In) -> Value {
    let schema = place.text(limits::LOCALE_PATTERN, limits::LOCALE_MAX_CHARS);
    let description = format!(
        "A language tag (BCP 47) of at most {} characters, in which no variant and no extension \
         comes twice.",
        limits::LOCALE_MAX_CHARS
    );
    place.described(schema, &description, "en-GB")
}

fn attribute_value() -> Value {
    json!({
        "type": "string",
        "pattern": limits::TEXT_PATTERN,
        "description": format!(
            "At most {} characters (Unicode scalar values after NFC), kept as given, no control \
             characters.",
            limits::ATTRIBUTE_VALUE_MAX_CHARS
        )
    })
}

fn attributes() -> Value {
    json!({
        "type": "object",
        "maxProperties": limits::ATTRIBUTES_MAX,
        "propertyNames": {"pattern": limits::ATTRIBUTE_KEY_PATTERN},
        "additionalProperties": attribute_value(),
        "description": "Free text by key; absent when empty.",
        "examples": [{"team": "analytics"}]
    })
}

fn role() -> Value {
    json!({"type": "string", "pattern": limits::ROLE_PATTERN, "examples": ["billing:read"]})
}

fn roles(description: &str) -> Value {
    json!({
        "type": "array",
        "items": role(),
        "uniqueItems": true,
        "maxItems": limits::ROLES_MAX,
        "description": description
    })
}

fn user_id() -> Value {
    json!({
        "type": "string",
        "pattern": limits::USER_ID_PATTERN,
        "description": "A ULID in canonical upper case.",
        "examples": ["01JD8Z6T3Y5V0Q4C9K2M7N8P1R"]
    })
}

fn timestamp(description: &str) -> Value {
    json!({
        "type": "string",
        "format": "date-time",
        "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$",
        "description": description
    })
}

fn nullable(mut schema: Value) -> Value {
    schema["type"] = json!([schema["type"], "null"]);
    schema
}

fn register_user() -> Value {
    json!({
        "type": "object",
        "required": ["email"],
        "additionalProperties": false,
        "properties": {
            "email": email(In::Request),
            "displayName": name("Name to show"),
            "givenName": name("Given name"),
            "familyName": name("Family name"),
            "phoneNumber": phone_number(In::Request),
            "locale": locale(In::Request),
            "attributes": attributes(),
            "roles": roles("The roles to begin with; the same one twice is an error.")
        },
        "examples": [{"email": "Ada@example.com", "displayName": "Ada Lovelace"}]
    })
}

fn update_user() -> Value {
    json!({
        "type": "object",
        "minProperties": 1,
        "additionalProperties": false,
        "description": "A JSON Merge Patch (RFC 7396): members that are absent stay as they are, \
    `null` clears an optional field. Limits hold for the merged user.",
        "properties": {
            "email": email(In::Request),
            "displayName": nullable(name("Name to show")),
            "givenName": nullable(name("Given name")),
            "familyName": nullable(name("Family name")),
            "phoneNumber": nullable(phone_number(In::Request)),
            "locale": nullable(locale(In::Request)),
            "attributes": {
                "type": ["object", "null"],
                "propertyNames": {"pattern": limits::ATTRIBUTE_KEY_PATTERN},
                "additionalProperties": nullable(attribute_value()),
                "description": "Merged key by key; `null` for a key removes it, `null` for the \
    whole removes all."
            }
        },
        "examples": [{"displayName": "Ada King", "phoneNumber": null}]
    })
}

fn set_status() -> Value {
    json!({
        "type": "object",
        "required": ["status"],
        "additionalProperties": false,
        "properties": {
            "status": {"type": "string", "enum": STATUSES},
            "reason": {
                "type": "string",
                "minLength": 1,
                "pattern": limits::NON_BLANK_TEXT_PATTERN,
                "description": format!(
                    "Why, for the audit entry: 1–{} characters, white space at both ends taken \
                     off, no control characters.",
                    limits::REASON_MAX_CHARS
                )
            }
        },
        "examples": [{"status": "disabled", "reason": "left the company"}]
    })
}

fn assign_role() -> Value {
    json!({
        "type": "object",
        "required": ["role"],
        "additionalProperties": false,
        "properties": {"role": role()},
        "examples": [{"role": "billing:read"}]
    })
}

fn user() -> Value {
    json!({
        "type": "object",
        "required": ["userId", "email", "status", "roles", "version", "createdAt", "updatedAt"],
        "additionalProperties": false,
        "properties": {
            "userId": user_id(),
            "email": email(In::Response),
            "displayName": name("Name to show"),
            "givenName": name("Given name"),
            "familyName": name("Family name"),
            "phoneNumber": phone_number(In::Response),
            "locale": locale(In::Response),
            "attributes": attributes(),
            "status": {"type": "string", "enum": STATUSES},
            "roles": roles("The user's roles, sorted; present also when empty."),
            "version": {
                "type": "integer",
                "minimum": 1,
                "description": "1 at registration, one more at every change; the ETag is the same \
    number in quotes."
            },
            "createdAt": timestamp("When the user was registered."),
            "updatedAt": timestamp("When the user was last changed.")
        }
    })
}

fn page(item: &str) -> Value {
    json!({
        "type": "object",
        "required": ["items"],
        "additionalProperties": false,
        "properties": {
            "items": {
                "type": "array",
                "maxItems": limits::PAGE_SIZE_MAX,
                "items": {"$ref": format!("#/components/schemas/{item}")}
            },
            "nextCursor": {
                "type": "string",
                "maxLength": limits::CURSOR_MAX_BYTES,
                "pattern": "^[A-Za-z0-9_-]+$",
                "description": "Where the next page begins; absent on the last page and only there."
            }
        }
    })
}

fn audit_entry() -> Value {
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
/// optional members leave it as it is, so a subscriber has to ignore what it does not know; that is
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
            "source": {"const": crate::RELAY.event_source},
            "detail-type": {"const": event.detail_type},
            "detail": detail,
        },
    })
}

fn problem() -> Value {
    json!({
        "type": "object",
        "description": "A problem document (RFC 9457).",
        "required": ["type", "title", "status", "code", "detail", "instance", "correlationId"],
        "additionalProperties": false,
        "properties": {
            "type": {"type": "string", "format": "uri"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "code": {
                "type": "string",
                "enum": ErrorCode::ALL.iter().map(|code| code.as_str()).collect::<Vec<_>>()
            },
            "detail": {"type": "string"},
            "instance": {"type": "string"},
            "correlationId": {"type": "string"},
            "errors": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "required": ["detail"],
                    "additionalProperties": false,
                    "properties": {
                        "detail": {"type": "string"},
                        "pointer": {
                            "type": "string",
                            "description": "JSON Pointer into the body."
                        },
                        "parameter": {"type": "string", "description": "Query parameter."},
                        "header": {"type": "string", "description": "Request header."}
                    },
                    "oneOf": [
                        {"required": ["pointer"]},
                        {"required": ["parameter"]},
                        {"required": ["header"]}
                    ]
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{AUDIT_ACTIONS, EVENTS, components, events, gateway_model};
    use crate::OPERATIONS;

    #[test]
    fn every_action_has_its_event() {
        let actions: Vec<_> = EVENTS.iter().map(|event| event.action).collect();
        assert_eq!(actions, AUDIT_ACTIONS);
        let schema = events();
        for event in EVENTS {
            let definition = &schema["$defs"][event.detail_type];
            assert_eq!(
                definition["properties"]["detail"]["properties"]["action"]["const"],
                event.action
            );
        }
    }

    #[test]
    fn every_operation_names_schemas_that_exist() {
        let components = components();
        for operation in OPERATIONS {
            assert!(components.contains_key(operation.success.schema), "{}", operation.id);
            if let Some(request) = operation.request {
                assert!(components.contains_key(request.schema), "{}", operation.id);
                assert!(gateway_model(request.schema).is_some(), "{}", operation.id);
            }
        }
    }
}
