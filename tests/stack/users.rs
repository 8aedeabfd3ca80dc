//! Users as patches change them and as audit entries record them, apart from the service.

use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

pub(crate) fn roles_of(user: &Value) -> BTreeSet<String> {
    let roles = user["roles"].as_array().into_iter().flatten().filter_map(Value::as_str);
    roles.map(str::to_owned).collect()
}

/// JSON Merge Patch as far as a profile needs it.
pub(crate) fn merge(user: &Value, patch: &Map<String, Value>) -> Value {
    let mut merged = user.as_object().cloned().unwrap_or_default();
    for (field, value) in patch {
        match value {
            Value::Null => drop(merged.remove(field)),
            Value::Object(entries) => {
                let mut map = match merged.remove(field) {
                    Some(Value::Object(map)) => map,
                    _ => Map::new(),
                };
                for (key, value) in entries {
                    match value {
                        Value::Null => drop(map.remove(key)),
                        value => drop(map.insert(key.clone(), value.clone())),
                    }
                }
                if !map.is_empty() {
                    merged.insert(field.clone(), Value::Object(map));
                }
            }
            value => drop(merged.insert(field.clone(), value.clone())),
        }
    }
    Value::Object(merged)
}

/// A user reconstructed from its audit entries, without the times.
pub(crate) fn retell(history: &[Value]) -> Value {
    let mut user = Map::new();
    let mut roles = BTreeSet::new();
    let mut attributes = Map::new();
    for entry in history {
        user.insert("userId".to_owned(), entry["userId"].clone());
        user.insert("version".to_owned(), entry["version"].clone());
        for change in entry["changes"].as_array().into_iter().flatten() {
            let field = change["field"].as_str().unwrap_or_default();
            let (target, key) = match field.strip_prefix("attributes.") {
                Some(key) => (&mut attributes, key),
                None => (&mut user, field),
            };
            if field == "roles" {
                match (&change["old"], &change["new"]) {
                    (Value::Null, Value::Array(list)) => {
                        roles.extend(list.iter().cloned().map(text));
                    }
                    (Value::Null, role) => drop(roles.insert(text(role.clone()))),
                    (role, _) => drop(roles.remove(&text(role.clone()))),
                }
                continue;
            }
            let before = target.get(key).cloned().unwrap_or(Value::Null);
            assert_eq!(before, change["old"], "{entry} does not follow");
            match &change["new"] {
                Value::Null => drop(target.remove(key)),
                new => drop(target.insert(key.to_owned(), new.clone())),
            }
        }
    }
    user.insert("roles".to_owned(), json!(roles));
    if !attributes.is_empty() {
        user.insert("attributes".to_owned(), Value::Object(attributes));
    }
    Value::Object(user)
}

fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

pub(crate) fn without_times(user: &Value) -> Value {
    let mut user = user.as_object().cloned().unwrap_or_default();
    user.retain(|field, _| field != "createdAt" && field != "updatedAt");
    Value::Object(user)
}
