//! Parameters: of the path and the query inline, of headers shared.

use serde_json::{Map, Value, json};
use users_contract::{Operation, ParameterKind, QueryParameter, RequestHeader, limits};

/// An idempotency key: bare, or a string of structured fields (RFC 9651).
const IDEMPOTENCY_KEY_PATTERN: &str = r#"^([!#-~][!-~]{0,254}|"([!#-\[\]-~]|\\["\\]){1,255}")$"#;

/// A list of entity tags (RFC 9110), or `*`. Empty elements and bytes that are not
/// ASCII are taken as well, which nobody has to know.
const ENTITY_TAGS_PATTERN: &str = r#"^(\*|(W/)?"[!#-~]*"([ \t]*,[ \t]*(W/)?"[!#-~]*")*)$"#;

/// The request headers, by the name of their component.
pub(super) fn components() -> Map<String, Value> {
    [
        (
            "CorrelationId",
            header(
                "X-Correlation-Id",
                "Names this call in logs, audit entries, events and the response. One that does not \
look as it should is not refused but replaced.",
                &json!({"type": "string", "examples": ["checkout-42"]}),
            ),
        ),
        (
            component(RequestHeader::IdempotencyKey),
            header(
                "Idempotency-Key",
                "Makes the write safe to retry. Two such headers, or a key that breaks its rule, are \
400.",
                &json!({
                    "type": "string",
                    "minLength": 1,
                    "pattern": IDEMPOTENCY_KEY_PATTERN,
                    "examples": ["3f1c9a52-7b0e-4f0e-9d53-0a4f4f6d2c11"],
                }),
            ),
        ),
        (
            component(RequestHeader::IfMatch),
            header(
                "If-Match",
                "Act only when the user is at one of these versions, compared strongly; else 412.",
                &entity_tags(),
            ),
        ),
        (
            component(RequestHeader::IfNoneMatch),
            header(
                "If-None-Match",
                "Act only when the user is at none of these versions, compared weakly; else a read is 304 \
and a write 412.",
                &entity_tags(),
            ),
        ),
    ]
    .into_iter()
    .map(|(name, parameter)| (name.to_owned(), parameter))
    .collect()
}

/// The parameters of an operation.
pub(super) fn of(operation: &Operation) -> Vec<Value> {
    let path = operation.path_parameters.iter().map(|parameter| {
        json!({
            "in": "path",
            "name": parameter.name,
            "required": true,
            "description": parameter.description,
            "schema": {"type": "string", "pattern": parameter.pattern},
        })
    });
    let query = operation.query_parameters.iter().map(|parameter| {
        json!({
            "in": "query",
            "name": parameter.name,
            "description": parameter.description,
            "schema": query_schema(parameter),
        })
    });
    let headers = operation
        .headers
        .iter()
        .map(|header| component(*header))
        .chain(["CorrelationId"])
        .map(|name| json!({"$ref": format!("#/components/parameters/{name}")}));
    path.chain(query).chain(headers).collect()
}

fn component(header: RequestHeader) -> &'static str {
    match header {
        RequestHeader::IdempotencyKey => "IdempotencyKey",
        RequestHeader::IfMatch => "IfMatch",
        RequestHeader::IfNoneMatch => "IfNoneMatch",
    }
}

fn header(name: &str, description: &str, schema: &Value) -> Value {
    json!({"in": "header", "name": name, "description": description, "schema": schema})
}

fn entity_tags() -> Value {
    json!({
        "type": "string",
        "minLength": 1,
        "pattern": ENTITY_TAGS_PATTERN,
        "examples": ["\"3\""],
    })
}

fn query_schema(parameter: &QueryParameter) -> Value {
    match parameter.kind {
        ParameterKind::Integer { min, max, default } => {
            json!({"type": "integer", "minimum": min, "maximum": max, "default": default})
        }
        ParameterKind::Enum { values, default: None } => json!({"type": "string", "enum": values}),
        ParameterKind::Enum { values, default: Some(default) } => {
            json!({"type": "string", "enum": values, "default": default})
        }
        ParameterKind::Pattern(pattern) => json!({"type": "string", "pattern": pattern}),
        ParameterKind::Email => {
            json!({"type": "string", "pattern": limits::untrimmed(limits::EMAIL_PATTERN)})
        }
        // A character is at least a byte, so the limit holds for both.
        ParameterKind::Text { max_bytes } => {
            let pattern = limits::TEXT_PATTERN;
            json!({"type": "string", "minLength": 1, "maxLength": max_bytes, "pattern": pattern})
        }
        ParameterKind::DateTime => json!({"type": "string", "format": "date-time"}),
    }
}
