//! The list of changes of an audit entry: one element per field, in the order of the contract,
//! attributes by key.

use std::collections::BTreeSet;

use crate::{AttributeValue, Change, ChangeValue, Role, Status, User};

/// Everything that a registration set; `roles` is one element, when there are any.
pub(super) fn of_registration(user: &User) -> Vec<Change> {
    let set = |field: &str, new: &str| text_change(field, None, Some(new));
    let texts =
        user.text_fields().filter_map(|(field, value)| value.map(|value| set(field, value)));
    let attributes = user
        .attributes
        .iter()
        .map(|(key, value)| set(&attribute_field(key.as_str()), value.as_str()));
    let status = set("status", user.status.as_str());
    let mut changes: Vec<_> = texts.chain(attributes).chain([status]).collect();
    if !user.roles.is_empty() {
        let roles = user.roles.iter().map(|role| role.as_str().to_owned()).collect();
        changes.push(Change {
            field: "roles".to_owned(),
            old: None,
            new: Some(ChangeValue::List(roles)),
        });
    }
    changes
}

/// The fields of the profile that differ.
pub(super) fn between(old: &User, new: &User) -> Vec<Change> {
    let texts = old
        .text_fields()
        .zip(new.text_fields())
        .filter(|((_, old), (_, new))| old != new)
        .map(|((field, old), (_, new))| text_change(field, old, new));
    let keys: BTreeSet<_> = old.attributes.keys().chain(new.attributes.keys()).collect();
    let attributes = keys
        .into_iter()
        .map(|key| (key, old.attributes.get(key), new.attributes.get(key)))
        .filter(|(_, old, new)| old != new)
        .map(|(key, old, new)| {
            let [old, new] = [old, new].map(|value| value.map(AttributeValue::as_str));
            text_change(&attribute_field(key.as_str()), old, new)
        });
    texts.chain(attributes).collect()
}

pub(super) fn of_status(old: Status, new: Status) -> Change {
    text_change("status", Some(old.as_str()), Some(new.as_str()))
}

pub(super) fn of_assigned_role(role: &Role) -> Change {
    text_change("roles", None, Some(role.as_str()))
}

pub(super) fn of_removed_role(role: &Role) -> Change {
    text_change("roles", Some(role.as_str()), None)
}

fn attribute_field(key: &str) -> String {
    format!("attributes.{key}")
}

fn text_change(field: &str, old: Option<&str>, new: Option<&str>) -> Change {
    let value = |text: &str| ChangeValue::Text(text.to_owned());
    Change { field: field.to_owned(), old: old.map(value), new: new.map(value) }
}
