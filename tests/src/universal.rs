//! The rules for every answer, whatever the request.
//!
//! The harness checks all of it for each answer that any test sees: the headers, the shape of
//! problem documents, the sentences that a 5xx may use, the agreement of a user with its tag,
//! and that the committed OpenAPI document describes the status and the body.

use crate::answer::Answer;
use crate::openapi;
use crate::settings::Settings;
use http::Method;
use serde_json::Value;
use users_contract::{ErrorCode, OPERATIONS, Operation, header, limits};

/// Checks an answer. Panics with the answer and the broken rule.
pub(crate) fn check(answer: &Answer) {
    if let Err(rule) = judge(answer) {
        panic!("{}\nbreaks the contract: {rule}", answer.describe());
    }
}

fn judge(answer: &Answer) -> Result<(), String> {
    headers(answer)?;
    if answer.status() >= 400 {
        problem(answer)?;
    } else if answer.method != Method::OPTIONS {
        success(answer)?;
    }
    let operation = operation(answer.method.as_str(), &answer.path);
    match operation {
        Some(operation) => openapi::check(operation, &answer.response),
        None if matches!(answer.status(), 403 | 404 | 405 | 413 | 429 | 500 | 503) => Ok(()),
        None if answer.method == Method::OPTIONS && answer.status() < 300 => Ok(()),
        None => Err("no operation has this method and path, so it cannot have this status".into()),
    }
}

/// The operation that a request is for.
#[must_use]
pub fn operation(method: &str, path: &str) -> Option<&'static Operation> {
    let given: Vec<&str> = path.split('/').collect();
    OPERATIONS.iter().find(|operation| {
        let wanted: Vec<&str> = operation.path.split('/').collect();
        operation.method.as_str() == method
            && wanted.len() == given.len()
            && wanted.iter().zip(&given).all(|(wanted, given)| {
                wanted == given || wanted.starts_with('{') && !given.is_empty()
            })
    })
}

fn one<'a>(answer: &'a Answer, name: &str) -> Result<&'a str, String> {
    answer.response.header(name).ok_or_else(|| format!("it must have exactly one header {name}"))
}

fn must(holds: bool, rule: impl Into<String>) -> Result<(), String> {
    if holds { Ok(()) } else { Err(rule.into()) }
}

fn headers(answer: &Answer) -> Result<(), String> {
    one(answer, "content-type")?;
    must(one(answer, "cache-control")? == "no-store", "Cache-Control must be no-store")?;
    let id = one(answer, header::CORRELATION_ID)?;
    must(is_correlation_id(id), "X-Correlation-Id must match its pattern")?;
    let origin = one(answer, "access-control-allow-origin")?;
    must(origin == Settings::get().cors_origin, "Access-Control-Allow-Origin is not the stage's")?;
    let exposed = one(answer, "access-control-expose-headers")?;
    must(exposed == header::EXPOSED, "Access-Control-Expose-Headers is not the contract's")?;
    if matches!(answer.status(), 429 | 503) {
        let seconds = one(answer, "retry-after")?;
        must(seconds.parse::<u32>().is_ok(), "Retry-After must be whole seconds")?;
    }
    if let Some(sent) = &answer.sent_correlation_id
        && answer.status() < 400
        && answer.method != Method::OPTIONS
        && is_correlation_id(sent)
    {
        must(id == sent, "X-Correlation-Id must be the one that was sent")?;
    }
    Ok(())
}

/// Whether a text may be a correlation id.
#[must_use]
pub fn is_correlation_id(text: &str) -> bool {
    (1..=limits::CORRELATION_ID_MAX_BYTES).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

fn problem(answer: &Answer) -> Result<(), String> {
    let media_type = one(answer, "content-type")?;
    must(
        media_type.split(';').next() == Some("application/problem+json"),
        "an error must be application/problem+json",
    )?;
    if answer.method == Method::HEAD {
        return Ok(());
    }
    let body = answer.response.json().map_err(|error| format!("the body is not JSON: {error}"))?;
    let text = |name: &str| {
        body[name].as_str().ok_or_else(|| format!("the member {name} must be a string"))
    };
    let code = text("code")?;
    let code = ErrorCode::ALL
        .iter()
        .find(|known| known.as_str() == code)
        .ok_or("the code is not in the catalogue")?;
    must(code.status() == answer.status(), "the code belongs to another status")?;
    must(body["status"] == answer.status(), "the member status must be the status")?;
    must(text("type")? == code.urn(), "the type does not fit the code")?;
    must(text("title")? == code.title(), "the title does not fit the code")?;
    must(!text("detail")?.is_empty(), "the detail must say something")?;
    must(
        text("correlationId")? == one(answer, header::CORRELATION_ID)?,
        "correlationId must be that of the header",
    )?;
    // How an escaped path is shown is not promised.
    if !answer.path.contains('%') {
        let seen = format!("{}{}", answer.base_path, answer.path);
        must(text("instance")? == seen, format!("the instance must be {seen}"))?;
    }
    if answer.status() >= 500 {
        must(text("detail")? == code.default_detail(), "a 5xx must say nothing more")?;
        must(body.get("errors").is_none(), "a 5xx must name nothing")?;
    }
    if let Some(seconds) = code.retry_after_seconds() {
        must(
            one(answer, "retry-after")? == seconds.to_string(),
            "Retry-After must be what the catalogue says",
        )?;
    }
    if let Some(operation) = operation(answer.method.as_str(), &answer.path) {
        must(
            operation.all_errors().contains(code),
            format!("{} must not answer {code}", operation.id),
        )?;
    }
    errors(&body)
}

fn errors(body: &Value) -> Result<(), String> {
    let Some(errors) = body.get("errors") else { return Ok(()) };
    let errors = errors.as_array().ok_or("errors must be a list")?;
    must(!errors.is_empty(), "errors must not be empty")?;
    for error in errors {
        must(error["detail"].is_string(), "an error must have a detail")?;
        let places = ["pointer", "parameter", "header"];
        let named = places.iter().filter(|place| error[**place].is_string()).count();
        must(named == 1, "an error must name one place")?;
        let pointer = error["pointer"].as_str().unwrap_or_default();
        must(
            pointer.is_empty() || pointer.starts_with('/'),
            "a pointer must be empty or begin with a slash",
        )?;
    }
    Ok(())
}

fn success(answer: &Answer) -> Result<(), String> {
    if answer.status() == 304 {
        must(answer.response.body.is_empty(), "304 has no body")?;
        one(answer, "etag")?;
        return Ok(());
    }
    let media_type = one(answer, "content-type")?;
    must(
        media_type.split(';').next() == Some("application/json"),
        "a success must be application/json",
    )?;
    let body = answer.response.json().map_err(|error| format!("the body is not JSON: {error}"))?;
    if let Some(users) = body["items"].as_array() {
        return users.iter().filter(|item| item.get("email").is_some()).try_for_each(user);
    }
    user(&body)?;
    let tag = one(answer, "etag")?;
    must(tag == format!("\"{}\"", body["version"]), "ETag must be the version in quotes")?;
    if answer.status() == 201 {
        let wanted =
            format!("{}/users/{}", answer.base_path, body["userId"].as_str().unwrap_or_default());
        must(one(answer, "location")? == wanted, format!("Location must be {wanted}"))?;
    }
    Ok(())
}

/// The rules that a user's schema cannot express.
fn user(user: &Value) -> Result<(), String> {
    let roles: Vec<&str> =
        user["roles"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    must(roles.is_sorted_by(|one, two| one < two), "roles must be sorted and distinct")?;
    must(
        user["attributes"].as_object().is_none_or(|attributes| !attributes.is_empty()),
        "attributes must be absent when empty",
    )?;
    let members = user.as_object().ok_or("a user must be an object")?;
    must(members.values().all(|value| !value.is_null()), "a user has no null")?;
    must(
        user["createdAt"].as_str() <= user["updatedAt"].as_str(),
        "updatedAt must not lie before createdAt",
    )?;
    must(
        (user["version"] == 1) == (user["createdAt"] == user["updatedAt"]),
        "updatedAt is createdAt at version 1 and only then",
    )
}

#[cfg(test)]
mod tests {
    use super::{errors, is_correlation_id, operation, user};
    use serde_json::json;

    #[test]
    fn requests_find_their_operation() {
        let id = |method, path| operation(method, path).map(|operation| operation.id);
        assert_eq!(id("GET", "/users"), Some("listUsers"));
        assert_eq!(id("GET", "/users/x"), Some("getUser"));
        assert_eq!(id("DELETE", "/users/x/roles/a:b"), Some("removeRole"));
        assert_eq!(id("GET", "/users/"), None);
        assert_eq!(id("PUT", "/users"), None);
        assert_eq!(id("GET", "/users/x/nope"), None);
    }

    #[test]
    fn correlation_ids_are_recognised() {
        assert!(is_correlation_id("checkout-42"));
        assert!(is_correlation_id(&"x".repeat(64)));
        for text in ["", "a b", "ä", &"x".repeat(65)] {
            assert!(!is_correlation_id(text), "{text}");
        }
    }

    #[test]
    fn a_user_that_breaks_a_promise_is_caught() {
        let good = json!({
            "roles": ["a", "b"], "version": 2, "attributes": {"a": "b"},
            "createdAt": "2026-01-01T00:00:00.000Z", "updatedAt": "2026-01-01T00:00:00.001Z"
        });
        assert_eq!(user(&good), Ok(()));
        for broken in [
            json!({"roles": ["b", "a"]}),
            json!({"roles": ["a", "a"]}),
            json!({"attributes": {}}),
            json!({"locale": null}),
            json!({"version": 1}),
            json!({"updatedAt": "2025-01-01T00:00:00.000Z"}),
        ] {
            assert!(user(&crate::sample::with(&good, &broken)).is_err(), "{broken}");
        }
    }

    #[test]
    fn errors_name_exactly_one_place() {
        assert_eq!(errors(&json!({"errors": [{"detail": "x", "pointer": ""}]})), Ok(()));
        for broken in [
            json!({"errors": []}),
            json!({"errors": [{"detail": "x"}]}),
            json!({"errors": [{"pointer": "/a"}]}),
            json!({"errors": [{"detail": "x", "pointer": "a"}]}),
            json!({"errors": [{"detail": "x", "pointer": "/a", "header": "b"}]}),
        ] {
            assert!(errors(&broken).is_err(), "{broken}");
        }
    }
}
