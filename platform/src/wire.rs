//! The JSON of users, audit entries, pages and events, as the OpenAPI document describes it.

use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use users_contract::Field;
use users_domain::{AuditEntry, Change, ChangeValue, ProfileTexts, User, UserAgent};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UserBody<'a> {
    user_id: String,
    email: &'a str,
    #[serde(flatten)]
    texts: TextsBody<'a>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<&'a str, &'a str>,
    status: &'static str,
    roles: Vec<&'a str>,
    version: u64,
    created_at: String,
    updated_at: String,
}

/// The optional texts that are set, as members of the user.
struct TextsBody<'a>(&'a ProfileTexts);

impl Serialize for TextsBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let members = self.0.iter().map(|(field, text)| (Field::of(*field).json, text.as_str()));
        serializer.collect_map(members)
    }
}

impl<'a> UserBody<'a> {
    fn new(user: &'a User) -> Self {
        Self {
            user_id: user.user_id.to_string(),
            email: user.email.as_str(),
            texts: TextsBody(&user.texts),
            attributes: user
                .attributes
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_str()))
                .collect(),
            status: user.status.as_str(),
            roles: user.roles.iter().map(|role| role.as_str()).collect(),
            version: user.version.get(),
            created_at: user.created_at.to_string(),
            updated_at: user.updated_at.to_string(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EntryBody<'a> {
    event_id: String,
    action: &'static str,
    user_id: String,
    version: u64,
    at: String,
    correlation_id: &'a str,
    actor: ActorBody<'a>,
    changes: Vec<ChangeBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema_version: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ActorBody<'a> {
    arn: &'a str,
    account_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_ip: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'a str>,
}

#[derive(Serialize)]
struct ChangeBody<'a> {
    field: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    old: Option<ValueBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new: Option<ValueBody<'a>>,
}

struct ValueBody<'a>(&'a ChangeValue);

impl Serialize for ValueBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            ChangeValue::Text(text) => text.serialize(serializer),
            ChangeValue::List(list) => list.serialize(serializer),
        }
    }
}

impl<'a> EntryBody<'a> {
    fn new(entry: &'a AuditEntry, schema_version: Option<u32>) -> Self {
        let change = |change: &'a Change| ChangeBody {
            field: &change.field,
            old: change.old.as_ref().map(ValueBody),
            new: change.new.as_ref().map(ValueBody),
        };
        Self {
            event_id: entry.event_id.to_string(),
            action: entry.action.as_str(),
            user_id: entry.user_id.to_string(),
            version: entry.version.get(),
            at: entry.at.to_string(),
            correlation_id: entry.correlation_id.as_str(),
            actor: ActorBody {
                arn: &entry.actor.arn,
                account_id: &entry.actor.account_id,
                source_ip: entry.actor.source_ip.as_deref(),
                user_agent: entry.actor.user_agent.as_ref().map(UserAgent::as_str),
            },
            changes: entry.changes.iter().map(change).collect(),
            reason: entry.reason.as_ref().map(|reason| reason.as_str()),
            schema_version,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page<'a, T> {
    items: Vec<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<&'a str>,
}

/// A user.
pub(crate) fn user_json(user: &User) -> String {
    json(&UserBody::new(user))
}

/// An audit entry.
pub(crate) fn entry_json(entry: &AuditEntry) -> String {
    json(&EntryBody::new(entry, None))
}

/// The detail of the event of an audit entry.
pub(crate) fn event_json(entry: &AuditEntry, schema_version: u32) -> String {
    json(&EntryBody::new(entry, Some(schema_version)))
}

/// A page of users.
pub(crate) fn users_page_json(users: &[User], next_cursor: Option<&str>) -> String {
    json(&Page { items: users.iter().map(UserBody::new).collect(), next_cursor })
}

/// A page of audit entries.
pub(crate) fn audit_page_json(entries: &[AuditEntry], next_cursor: Option<&str>) -> String {
    let items = entries.iter().map(|entry| EntryBody::new(entry, None)).collect();
    json(&Page { items, next_cursor })
}

/// JSON text. Serializing fails only for maps whose keys are not strings and for `Serialize`
/// implementations that fail; no type of this crate is either.
pub(crate) fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
