//! Compares events with their committed schema.

use jsonschema::Validator;
use serde_json::Value;
use std::sync::LazyLock;

static COMMITTED: LazyLock<Value> = LazyLock::new(|| crate::committed::document("events.json"));

/// The ways in which an event, with `source`, `detail-type` and `detail`, breaks its schema.
///
/// # Panics
/// When the committed document is no schema.
#[must_use]
pub fn problems(event: &Value) -> Vec<String> {
    // By its kind, because the error of a five-way `oneOf` does not show the cause.
    let kind = event["detail-type"].as_str().unwrap_or_default();
    let Some(schema) = COMMITTED["$defs"].get(kind) else {
        return vec![format!("there is no event {kind:?}")];
    };
    match Validator::new(schema) {
        Ok(validator) => validator
            .iter_errors(event)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect(),
        Err(error) => panic!("templates/events.json is not a schema: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::problems;
    use serde_json::{Value, json};

    fn event() -> Value {
        json!({
            "source": "users.service",
            "detail-type": "UserRoleAssigned",
            "detail": {
                "eventId": "01JD8Z6T3Y7Q4K9M2N5P8R1S3T",
                "action": "user.role-assigned",
                "userId": "01JD8Z6T3Y7Q4K9M2N5P8R1S3T",
                "version": 2,
                "at": "2026-11-22T10:00:00.000Z",
                "correlationId": "order-4711",
                "actor": {"arn": "arn:aws:iam::123456789012:user/ada", "accountId": "123456789012"},
                "changes": [{"field": "roles", "old": [], "new": ["admin"]}],
                "schemaVersion": 1,
            },
        })
    }

    #[test]
    fn a_valid_event_has_no_problems() {
        assert_eq!(problems(&event()), Vec::<String>::new());
    }

    #[test]
    fn members_of_a_later_version_are_allowed() {
        let mut event = event();
        event["detail"]["tenant"] = json!("one");
        assert_eq!(problems(&event), Vec::<String>::new());
    }

    #[test]
    fn missing_and_wrong_members_are_reported() {
        for (pointer, value) in [
            ("/source", json!("somebody")),
            ("/detail-type", json!("UserForgotten")),
            ("/detail/action", json!("user.role-removed")),
            ("/detail/version", json!(0)),
            ("/detail/schemaVersion", json!(2)),
            ("/detail/at", json!(7)),
            ("/detail/userId", json!("ada")),
        ] {
            let mut event = event();
            *event.pointer_mut(pointer).unwrap() = value;
            assert!(!problems(&event).is_empty(), "{pointer}");
        }
    }
}
