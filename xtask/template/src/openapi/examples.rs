//! Examples of responses. Tests validate them against their schemas.

use serde_json::{Value, json};
use users_contract::{ErrorCode, Operation, OperationName};

const USER_ID: &str = "01JD8Z6T3Y5V0Q4C9K2M7N8P1R";
const CORRELATION_ID: &str = "checkout-42";

/// The body of an operation's success.
pub(super) fn success(name: OperationName) -> Value {
    match name {
        OperationName::RegisterUser => {
            let mut user = user("active", &["admin"]);
            user["version"] = json!(1);
            user["updatedAt"] = user["createdAt"].clone();
            user
        }
        OperationName::GetUser | OperationName::UpdateUser | OperationName::AssignRole => {
            user("active", &["admin", "billing:read"])
        }
        OperationName::SetStatus => user("disabled", &["admin", "billing:read"]),
        OperationName::RemoveRole => user("active", &["admin"]),
        OperationName::ListUsers => json!({
            "items": [user("active", &["admin", "billing:read"])],
            "nextCursor": "AQIDBAUGBwgJCgsM",
        }),
        OperationName::QueryAudit => json!({"items": [audit_entry()]}),
    }
}

/// A problem document of an operation.
pub(super) fn problem(operation: &Operation, code: ErrorCode) -> Value {
    let instance = operation.path.replace("{userId}", USER_ID).replace("{role}", "billing:read");
    let mut problem = json!({
        "type": code.urn(),
        "title": code.title(),
        "status": code.status(),
        "code": code.as_str(),
        "detail": code.default_detail(),
        "instance": format!("/prod{instance}"),
        "correlationId": CORRELATION_ID,
    });
    if code == ErrorCode::InvalidRequest {
        problem["errors"] = if operation.request.is_some() {
            json!([{"pointer": "/nickname", "detail": "is not a known member"}])
        } else {
            json!([{"parameter": "colour", "detail": "is not a known parameter"}])
        };
        problem["detail"] = json!("1 problem was found");
    }
    problem
}

fn user(status: &str, roles: &[&str]) -> Value {
    json!({
        "userId": USER_ID,
        "email": "Ada@example.com",
        "displayName": "Ada Lovelace",
        "givenName": "Ada",
        "familyName": "Lovelace",
        "phoneNumber": "+441234567890",
        "locale": "en-GB",
        "attributes": {"team": "analytics"},
        "status": status,
        "roles": roles,
        "version": 3,
        "createdAt": "2026-11-22T10:00:00.000Z",
        "updatedAt": "2026-11-22T10:05:00.000Z",
    })
}

fn audit_entry() -> Value {
    json!({
        "eventId": "01JD8ZFZ50M8V6W0J3B1C5D7E9",
        "action": "user.profile-updated",
        "userId": USER_ID,
        "version": 3,
        "at": "2026-11-22T10:05:00.000Z",
        "correlationId": CORRELATION_ID,
        "actor": {
            "arn": "arn:aws:iam::123456789012:user/ada",
            "accountId": "123456789012",
            "sourceIp": "203.0.113.7",
            "userAgent": "example/1.0",
        },
        "changes": [{"field": "email", "old": "ada@example.org", "new": "Ada@example.com"}],
    })
}
