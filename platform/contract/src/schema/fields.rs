//! The schemas of a user's fields, made from the table of fields.

use crate::{FIELDS, Field, FieldKind, TextKind, limits};
use serde_json::{Map, Value, json};

/// The statuses of users.
pub const STATUSES: &[&str] = &["active", "disabled", "deleted"];

/// Where a field stands. White space around a text is removed from a request, so there it counts
/// neither for the pattern nor for the length.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Place {
    Registration,
    Patch,
    Response,
}

/// The body of a registration.
pub(super) fn register_user() -> Value {
    json!({
        "type": "object",
        "required": ["email"],
        "additionalProperties": false,
        "properties": properties(Place::Registration),
        "examples": [{"email": "Ada@example.com", "displayName": "Ada Lovelace"}]
    })
}

/// The body of an update.
pub(super) fn update_user() -> Value {
    json!({
        "type": "object",
        "minProperties": 1,
        "additionalProperties": false,
        "description": "A JSON Merge Patch (RFC 7396): members that are absent stay as they are, \
    `null` clears an optional field. Limits hold for the merged user.",
        "properties": properties(Place::Patch),
        "examples": [{"displayName": "Ada King", "phoneNumber": null}]
    })
}

/// A user in a response.
pub(super) fn user() -> Value {
    let required = FIELDS.iter().filter(|field| !field.is_optional()).map(|field| field.json);
    json!({
        "type": "object",
        "required": required.collect::<Vec<_>>(),
        "additionalProperties": false,
        "properties": properties(Place::Response)
    })
}

/// The properties of a gateway's model: the types of members and nothing else.
pub(super) fn gateway_types(is_patch: bool) -> Map<String, Value> {
    let text = || if is_patch { json!(["string", "null"]) } else { json!("string") };
    let is_taken = |field: &&Field| match is_patch {
        true => field.is_in_patch(),
        false => field.is_in_registration(),
    };
    let schema = |field: &Field| match field.kind {
        FieldKind::Text(_) => json!({"type": text()}),
        FieldKind::Attributes => {
            let object = if is_patch { json!(["object", "null"]) } else { json!("object") };
            json!({"type": object, "additionalProperties": {"type": text()}})
        }
        FieldKind::Roles => json!({"type": "array", "items": {"type": "string"}}),
        FieldKind::Email
        | FieldKind::UserId
        | FieldKind::Status
        | FieldKind::Version
        | FieldKind::Time => json!({"type": "string"}),
    };
    FIELDS.iter().filter(is_taken).map(|it| (it.json.to_owned(), schema(it))).collect()
}

fn properties(place: Place) -> Map<String, Value> {
    let is_there = |field: &&Field| match place {
        Place::Registration => field.is_in_registration(),
        Place::Patch => field.is_in_patch(),
        Place::Response => true,
    };
    FIELDS.iter().filter(is_there).map(|it| (it.json.to_owned(), schema(it, place))).collect()
}

fn schema(field: &Field, place: Place) -> Value {
    let schema = match field.kind {
        FieldKind::UserId => user_id(),
        FieldKind::Email => email(field, place),
        FieldKind::Text(TextKind::Name) => name(field),
        FieldKind::Text(TextKind::PhoneNumber) => phone_number(field, place),
        FieldKind::Text(TextKind::Locale) => locale(field, place),
        FieldKind::Attributes if place == Place::Patch => attributes_patch(),
        FieldKind::Attributes => attributes(field),
        FieldKind::Status => json!({"type": "string", "enum": STATUSES}),
        FieldKind::Roles => roles(place),
        FieldKind::Version => json!({
            "type": "integer",
            "minimum": 1,
            "description": "1 at registration, one more at every change; the ETag is the same \
        number in quotes."
        }),
        FieldKind::Time => timestamp(&format!("{}.", field.description)),
    };
    match (place, field.kind) {
        (Place::Patch, FieldKind::Text(_)) => nullable(schema),
        _ => schema,
    }
}

/// The schema of a text that is trimmed, of at most so many characters.
fn trimmed_text(
    field: &Field,
    place: Place,
    pattern: &str,
    max_chars: usize,
    description: &str,
) -> Value {
    let (mut schema, trimmed) = match place {
        Place::Registration | Place::Patch => (
            json!({"type": "string", "pattern": limits::untrimmed(pattern)}),
            " White space at both ends is taken off.",
        ),
        Place::Response => {
            (json!({"type": "string", "pattern": pattern, "maxLength": max_chars}), "")
        }
    };
    schema["description"] = json!(format!("{description}{trimmed}"));
    schema["examples"] = json!([field.example]);
    schema
}

fn email(field: &Field, place: Place) -> Value {
    let description = format!(
        "{}: a dot-atom local part of at most 64 bytes (non-ASCII allowed, no quoting, no \
         comments), `@`, and a domain name of at least two labels (international names allowed, no \
         address literals); at most 254 bytes; no white space inside. Unique among users that are \
         not deleted, compared without regard to case.",
        field.description
    );
    trimmed_text(field, place, limits::EMAIL_PATTERN, limits::EMAIL_MAX_BYTES, &description)
}

fn name(field: &Field) -> Value {
    json!({
        "type": "string",
        "minLength": 1,
        "pattern": limits::NON_BLANK_TEXT_PATTERN,
        "description": format!(
            "{}: 1–{} characters (Unicode scalar values after NFC), white space at both ends taken \
             off, no control characters.",
            field.description,
            limits::NAME_MAX_CHARS
        )
    })
}

fn phone_number(field: &Field, place: Place) -> Value {
    // A plus sign and fifteen digits.
    let description = format!("{}.", field.description);
    trimmed_text(field, place, limits::PHONE_NUMBER_PATTERN, 16, &description)
}

fn locale(field: &Field, place: Place) -> Value {
    let description = format!(
        "{} of at most {} characters, in which no variant and no extension comes twice.",
        field.description,
        limits::LOCALE_MAX_CHARS
    );
    trimmed_text(field, place, limits::LOCALE_PATTERN, limits::LOCALE_MAX_CHARS, &description)
}

fn attributes(field: &Field) -> Value {
    json!({
        "type": "object",
        "maxProperties": limits::ATTRIBUTES_MAX,
        "propertyNames": {"pattern": limits::ATTRIBUTE_KEY_PATTERN},
        "additionalProperties": attribute_value(),
        "description": format!("{}; absent when empty.", field.description),
        "examples": [{"team": "analytics"}]
    })
}

fn attributes_patch() -> Value {
    json!({
        "type": ["object", "null"],
        "propertyNames": {"pattern": limits::ATTRIBUTE_KEY_PATTERN},
        "additionalProperties": nullable(attribute_value()),
        "description": "Merged key by key; `null` for a key removes it, `null` for the \
    whole removes all."
    })
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

/// The schema of a role.
pub(super) fn role() -> Value {
    json!({"type": "string", "pattern": limits::ROLE_PATTERN, "examples": ["billing:read"]})
}

fn roles(place: Place) -> Value {
    json!({
        "type": "array",
        "items": role(),
        "uniqueItems": true,
        "maxItems": limits::ROLES_MAX,
        "description": match place {
            Place::Registration | Place::Patch => {
                "The roles to begin with; the same one twice is an error."
            }
            Place::Response => "The user's roles, sorted; present also when empty.",
        }
    })
}

/// The schema of a user's id.
pub(super) fn user_id() -> Value {
    json!({
        "type": "string",
        "pattern": limits::USER_ID_PATTERN,
        "description": "A ULID in canonical upper case.",
        "examples": ["01JD8Z6T3Y5V0Q4C9K2M7N8P1R"]
    })
}

/// The schema of a time.
pub(super) fn timestamp(description: &str) -> Value {
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
