//! The JSON Schemas of the contract, in two strengths.
//!
//! [`components`] says every rule that JSON Schema can say, for the OpenAPI document.
//! [`gateway_model`] says only what API Gateway checks before a function runs: that the body is an
//! object, has its required members, and members of the right type. The rest is left to the
//! function, which names every problem at once, where the gateway's validator gives one text.

mod audit;
mod fields;

pub use audit::{AUDIT_ACTIONS, EVENT_SCHEMA_VERSION, EVENTS, Event, events};
pub use fields::STATUSES;

use crate::{ErrorCode, limits};
use audit::audit_entry;
use fields::{gateway_types, register_user, role, update_user, user};
use serde_json::{Map, Value, json};

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
    let text = |name: &str| (name.to_owned(), json!({"type": "string"}));
    let (required, properties): (&[&str], Map<String, Value>) = match name {
        "RegisterUser" => (&["email"], gateway_types(false)),
        "UpdateUser" => (&[], gateway_types(true)),
        "SetStatus" => (&["status"], [text("status"), text("reason")].into_iter().collect()),
        "AssignRole" => (&["role"], [text("role")].into_iter().collect()),
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
