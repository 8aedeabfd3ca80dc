//! Audit entries as they are stored.

use super::attribute::{from_image, unreadable};
use super::keys::{audit_sk, user_pk};
use crate::error::Error;
use serde::{Deserialize, Serialize};
use users_domain::{
    Action, Actor, AuditEntry, Change, ChangeValue, CorrelationId, EventId, Reason, Timestamp,
    UserAgent, UserId, Version,
};

/// An audit entry as it is stored, which is also the outbox of the bus.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuditItem {
    #[serde(skip_deserializing)]
    pk: String,
    #[serde(skip_deserializing)]
    sk: String,
    event_id: String,
    action: String,
    user_id: String,
    version: u64,
    at: String,
    correlation_id: String,
    actor: ActorMap,
    changes: Vec<ChangeMap>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Leads the relay back to the trace of the request; no part of the entry that is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_header: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct ActorMap {
    arn: String,
    account_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<String>,
}

#[derive(Deserialize, Serialize)]
struct ChangeMap {
    field: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    old: Option<ValueMap>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new: Option<ValueMap>,
}

#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum ValueMap {
    Text(String),
    List(Vec<String>),
}

impl From<ChangeValue> for ValueMap {
    fn from(value: ChangeValue) -> Self {
        match value {
            ChangeValue::Text(text) => Self::Text(text),
            ChangeValue::List(list) => Self::List(list),
        }
    }
}

impl From<ValueMap> for ChangeValue {
    fn from(value: ValueMap) -> Self {
        match value {
            ValueMap::Text(text) => Self::Text(text),
            ValueMap::List(list) => Self::List(list),
        }
    }
}

impl AuditItem {
    pub(crate) fn from_entry(entry: &AuditEntry, trace_header: Option<&str>) -> Self {
        Self {
            pk: user_pk(entry.user_id),
            sk: audit_sk(entry.event_id),
            event_id: entry.event_id.to_string(),
            action: entry.action.as_str().to_owned(),
            user_id: entry.user_id.to_string(),
            version: entry.version.get(),
            at: entry.at.to_string(),
            correlation_id: entry.correlation_id.as_str().to_owned(),
            actor: ActorMap {
                arn: entry.actor.arn.clone(),
                account_id: entry.actor.account_id.clone(),
                source_ip: entry.actor.source_ip.clone(),
                user_agent: entry.actor.user_agent.as_ref().map(|it| it.as_str().to_owned()),
            },
            changes: entry
                .changes
                .iter()
                .map(|change| ChangeMap {
                    field: change.field.clone(),
                    old: change.old.clone().map(Into::into),
                    new: change.new.clone().map(Into::into),
                })
                .collect(),
            reason: entry.reason.as_ref().map(|reason| reason.as_str().to_owned()),
            trace_header: trace_header.map(str::to_owned),
        }
    }

    pub(crate) fn into_entry(self) -> Result<AuditEntry, Error> {
        Ok(AuditEntry {
            event_id: EventId::parse(&self.event_id).ok_or_else(|| unreadable("eventId"))?,
            action: Action::parse(&self.action).ok_or_else(|| unreadable("action"))?,
            user_id: UserId::parse(&self.user_id).ok_or_else(|| unreadable("userId"))?,
            version: Version::from_stored(self.version),
            at: Timestamp::parse(&self.at).ok_or_else(|| unreadable("at"))?,
            correlation_id: CorrelationId::parse(&self.correlation_id)
                .ok_or_else(|| unreadable("correlationId"))?,
            actor: Actor {
                arn: self.actor.arn,
                account_id: self.actor.account_id,
                source_ip: self.actor.source_ip,
                user_agent: self.actor.user_agent.map(UserAgent::cut),
            },
            changes: self
                .changes
                .into_iter()
                .map(|change| Change {
                    field: change.field,
                    old: change.old.map(Into::into),
                    new: change.new.map(Into::into),
                })
                .collect(),
            reason: self.reason.map(Reason::from_stored),
        })
    }
}

/// The audit entry in an image of the table's stream, and the tracing header that was left with it.
///
/// # Errors
///
/// [`Error::Internal`] with the name of the attribute that cannot be read.
pub fn entry_from_image(image: serde_dynamo::Item) -> Result<(AuditEntry, Option<String>), Error> {
    let mut item: AuditItem = from_image(image)?;
    let trace_header = item.trace_header.take();
    Ok((item.into_entry()?, trace_header))
}
