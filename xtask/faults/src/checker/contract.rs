//! The effect of requests on a user, according to the contract.

use super::violation::roles;
use crate::history::{Operation, Request};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The action in the audit entry of an operation; `None` for reads.
pub(super) fn action_of(operation: Operation) -> Option<&'static str> {
    match operation {
        Operation::Register => Some("user.registered"),
        Operation::Update => Some("user.profile-updated"),
        Operation::SetStatus => Some("user.status-changed"),
        Operation::AssignRole => Some("user.role-assigned"),
        Operation::RemoveRole => Some("user.role-removed"),
        Operation::Profile | Operation::List | Operation::Audit => None,
    }
}

/// A state without the fields that every change sets.
pub(super) fn core(state: &Value) -> Value {
    let mut state = state.as_object().cloned().unwrap_or_default();
    for name in ["userId", "version", "createdAt", "updatedAt"] {
        state.remove(name);
    }
    Value::Object(state)
}

/// The state after a request; `None` when the request cannot succeed in this state.
pub(super) fn after_of(request: &Request, before: Option<&Value>) -> Option<Value> {
    let body = request.body.as_ref().unwrap_or(&Value::Null);
    if request.operation == Operation::Register {
        let mut user = body.clone();
        user["status"] = json!("active");
        user["roles"] = json!(roles(body).collect::<BTreeSet<_>>());
        return before.is_none().then_some(user);
    }
    let before = core(before?);
    let mut user = before.clone();
    match request.operation {
        Operation::Update => user = merged(&before, body),
        Operation::SetStatus => user["status"] = body["status"].clone(),
        Operation::AssignRole => {
            let more = roles(&before).chain(body["role"].as_str());
            user["roles"] = json!(more.collect::<BTreeSet<_>>());
        }
        Operation::RemoveRole => {
            let removed = request.role.as_deref();
            let fewer = roles(&before).filter(|role| Some(*role) != removed);
            user["roles"] = json!(fewer.collect::<BTreeSet<_>>());
        }
        Operation::Register | Operation::Profile | Operation::List | Operation::Audit => {
            return None;
        }
    }
    Some(user)
}

/// RFC 7396, except that empty `attributes` are removed.
fn merged(user: &Value, patch: &Value) -> Value {
    let mut user = user.as_object().cloned().unwrap_or_default();
    for (name, value) in patch.as_object().into_iter().flatten() {
        match value {
            Value::Null => drop(user.remove(name)),
            Value::Object(_) => {
                let old = user.remove(name).unwrap_or_else(|| Value::Object(Map::new()));
                let new = merged(&old, value);
                if new.as_object().is_some_and(|entries| !entries.is_empty()) {
                    user.insert(name.clone(), new);
                }
            }
            value => drop(user.insert(name.clone(), value.clone())),
        }
    }
    Value::Object(user)
}
