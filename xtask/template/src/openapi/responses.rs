//! Responses: the success, 304 where it exists, and one for each error status, with all codes that
//! share it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use users_contract::{ErrorCode, Operation};

use super::{examples, links};

/// Headers of every response.
const ALWAYS: &[&str] = &[
    "Access-Control-Allow-Origin",
    "Access-Control-Expose-Headers",
    "Cache-Control",
    "X-Correlation-Id",
];

/// The response headers, by name.
pub(super) fn headers() -> Map<String, Value> {
    [
        (
            "Access-Control-Allow-Origin",
            "The origin whose pages may read the response, or `*`.",
            json!({"type": "string", "examples": ["*"]}),
        ),
        (
            "Access-Control-Expose-Headers",
            "The headers that pages may read.",
            json!({"const": users_contract::header::EXPOSED}),
        ),
        ("Cache-Control", "Responses are not to be stored.", json!({"const": "no-store"})),
        (
            "ETag",
            "The version of the user, in quotes.",
            json!({"type": "string", "pattern": "^\"[1-9][0-9]*\"$", "examples": ["\"3\""]}),
        ),
        (
            "Idempotent-Replayed",
            "Present when this is the recorded answer to an earlier request with the same key.",
            json!({"const": "true"}),
        ),
        (
            "Location",
            "The absolute path of the user, API stage included.",
            json!({"type": "string", "format": "uri-reference"}),
        ),
        (
            "Retry-After",
            "Seconds to wait before the same request is worth another try.",
            json!({"type": "integer", "minimum": 1}),
        ),
        (
            "X-Correlation-Id",
            "Names this call in logs, audit entries and events.",
            json!({"type": "string", "minLength": 1}),
        ),
    ]
    .into_iter()
    .map(|(name, description, schema)| {
        (name.to_owned(), json!({"description": description, "schema": schema}))
    })
    .collect()
}

/// The responses of an operation, by status.
pub(super) fn of(operation: &Operation) -> Map<String, Value> {
    let mut responses = Map::new();
    responses.insert(operation.success.status.to_string(), success(operation));
    if operation.answers_not_modified() {
        responses.insert("304".to_owned(), not_modified());
    }
    let mut by_status: BTreeMap<u16, Vec<ErrorCode>> = BTreeMap::new();
    for code in operation.all_errors() {
        by_status.entry(code.status()).or_default().push(code);
    }
    for (status, codes) in by_status {
        responses.insert(status.to_string(), error(operation, &codes));
    }
    responses
}

fn success(operation: &Operation) -> Value {
    let body = operation.success;
    let mut names = Vec::new();
    if body.etag {
        names.push("ETag");
    }
    if body.location {
        names.push("Location");
    }
    if operation.is_write() {
        names.push("Idempotent-Replayed");
    }
    let mut success = json!({
        "description": body.description,
        "headers": references(&names),
        "content": {
            "application/json": {
                "schema": {"$ref": format!("#/components/schemas/{}", body.schema)},
                "examples": {"success": {"value": examples::success(operation.name)}},
            },
        },
    });
    if let Some(links) = links::of(operation.name) {
        success["links"] = Value::Object(links);
    }
    success
}

fn not_modified() -> Value {
    json!({
        "description": "The caller already has this version; no body.",
        "headers": references(&["ETag"]),
    })
}

fn error(operation: &Operation, codes: &[ErrorCode]) -> Value {
    let lines: Vec<_> = codes
        .iter()
        .map(|code| format!("- `{code}`: {}. {}.", code.title(), code.default_detail()))
        .collect();
    let waits: Vec<_> = codes.iter().filter(|code| code.retry_after_seconds().is_some()).collect();
    let mut headers = references(if waits.is_empty() { &[] } else { &["Retry-After"] });
    if !waits.is_empty() && waits.len() < codes.len() {
        let names: Vec<_> = waits.iter().map(|code| format!("`{code}`")).collect();
        headers["Retry-After"] = json!({
            "description": format!("Seconds to wait, with {} only.", names.join(", ")),
            "schema": {"type": "integer", "minimum": 1},
        });
    }
    let examples: Map<_, _> = codes
        .iter()
        .map(|code| (code.to_string(), json!({"value": examples::problem(operation, *code)})))
        .collect();
    json!({
        "description": lines.join("\n"),
        "headers": headers,
        "content": {
            "application/problem+json": {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": examples,
            },
        },
    })
}

fn references(names: &[&str]) -> Map<String, Value> {
    ALWAYS
        .iter()
        .chain(names)
        .map(|name| ((*name).to_owned(), json!({"$ref": format!("#/components/headers/{name}")})))
        .collect()
}
