//! The items of the tables, and the way between them and the domain types.
//!
//! | item | pk | sk | directoryPk | statusPk |
//! |---|---|---|---|---|
//! | user | `USER#<userId>` | `PROFILE` | `LIVE#<shard>` unless deleted | `STATUS#<status>#<shard>` |
//! | role of a user | `USER#<userId>` | `ROLE#<role>` | `ROLE#<role>#<shard>` | |
//! | audit entry | `USER#<userId>` | `AUDIT#<eventId>` | | |
//! | email guard | `EMAIL#<normalised email>` | `EMAIL` | | |

use super::Item;
use super::failure::cause;
use crate::error::Error;
use crate::idempotency::{Answer, Fingerprint, Record, RecordId};
use aws_sdk_dynamodb::types::AttributeValue;
use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{self, DeserializeOwned, Deserializer, Error as _, IntoDeserializer, Visitor};
use serde::{Deserialize, Serialize, forward_to_deserialize_any};
use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU8;
use users_contract::RELAY;
use users_domain::{
    Action, Actor, AttributeKey, AttributeValue as UserAttribute, AuditEntry, Change, ChangeValue,
    CorrelationId, Email, EmailKey, EventId, Locale, Name, PhoneNumber, Reason, Role, Status,
    Timestamp, User, UserAgent, UserId, Version,
};

/// An index of the users table, sorted by `userId` within each partition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Index {
    pub(crate) name: &'static str,
    /// The attribute that is its partition key.
    pub(crate) partition_key: &'static str,
}

/// The live users with all their attributes, and the users of each role by name.
pub(crate) const DIRECTORY: Index = Index { name: "directory", partition_key: "directoryPk" };

/// The users of each status by name. It holds keys only, so a change of a profile does not reach it.
pub(crate) const STATUS: Index = Index { name: "status", partition_key: "statusPk" };

pub(crate) const PROFILE: &str = "PROFILE";

pub(crate) fn user_pk(user_id: UserId) -> String {
    format!("USER#{user_id}")
}

pub(crate) fn profile_key(user_id: UserId) -> Item {
    HashMap::from([
        ("pk".to_owned(), AttributeValue::S(user_pk(user_id))),
        ("sk".to_owned(), AttributeValue::S(PROFILE.to_owned())),
    ])
}

pub(crate) fn role_sk(role: &Role) -> String {
    format!("ROLE#{}", role.as_str())
}

pub(crate) fn audit_sk(event_id: EventId) -> String {
    format!("{}{event_id}", RELAY.sort_key_prefix)
}

/// User and event of an audit entry's key, as far as they can be read.
pub(crate) fn audit_key_ids(
    pk: Option<&str>,
    sk: Option<&str>,
) -> (Option<UserId>, Option<EventId>) {
    let user_id = pk.and_then(|pk| UserId::parse(pk.strip_prefix("USER#")?));
    let event_id = sk.and_then(|sk| EventId::parse(sk.strip_prefix(RELAY.sort_key_prefix)?));
    (user_id, event_id)
}

pub(crate) fn email_guard_pk(email: &EmailKey) -> String {
    format!("EMAIL#{}", email.as_str())
}

/// The shard of a user: from its random bits, which spread evenly, not from its time.
fn shard(user_id: UserId, shards: NonZeroU8) -> u8 {
    user_id.ulid().to_bytes()[15] % shards
}

/// Where [`DIRECTORY`] lists all users that are active or disabled. A change between the two moves
/// nobody, so a walk over the list cannot miss a user on the way from one partition to another.
pub(crate) fn live_partition(shard: u8) -> String {
    format!("LIVE#{shard}")
}

pub(crate) fn is_live(status: Status) -> bool {
    match status {
        Status::Active | Status::Disabled => true,
        Status::Deleted => false,
    }
}

/// Of [`STATUS`]; until [`UserItem`] had its present form, of [`DIRECTORY`].
pub(crate) fn status_partition(status: Status, shard: u8) -> String {
    format!("STATUS#{}#{shard}", status.as_str())
}

pub(crate) fn role_partition(role: &Role, shard: u8) -> String {
    format!("ROLE#{}#{shard}", role.as_str())
}

/// What [`UserItem`] reads.
pub(crate) const USER_ATTRIBUTES: &[&str] = &[
    "userId",
    "email",
    "emailKey",
    "displayName",
    "givenName",
    "familyName",
    "phoneNumber",
    "locale",
    "attributes",
    "status",
    "roles",
    "version",
    "createdAt",
    "updatedAt",
];

/// A user's profile as it is stored.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserItem {
    #[serde(skip_deserializing)]
    pk: String,
    #[serde(skip_deserializing)]
    sk: String,
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    directory_pk: Option<String>,
    #[serde(skip_deserializing)]
    status_pk: String,
    user_id: String,
    email: String,
    email_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    given_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    family_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    locale: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<String, String>,
    status: String,
    roles: Vec<String>,
    version: u64,
    created_at: String,
    updated_at: String,
}

impl UserItem {
    pub(crate) fn from_user(user: &User, shards: NonZeroU8) -> Self {
        let text = |name: &Option<Name>| name.as_ref().map(|it| it.as_str().to_owned());
        let shard = shard(user.user_id, shards);
        Self {
            pk: user_pk(user.user_id),
            sk: PROFILE.to_owned(),
            directory_pk: is_live(user.status).then(|| live_partition(shard)),
            status_pk: status_partition(user.status, shard),
            user_id: user.user_id.to_string(),
            email: user.email.as_str().to_owned(),
            email_key: user.email.key().as_str().to_owned(),
            display_name: text(&user.display_name),
            given_name: text(&user.given_name),
            family_name: text(&user.family_name),
            phone_number: user.phone_number.as_ref().map(|it| it.as_str().to_owned()),
            locale: user.locale.as_ref().map(|it| it.as_str().to_owned()),
            attributes: user
                .attributes
                .iter()
                .map(|(key, value)| (key.as_str().to_owned(), value.as_str().to_owned()))
                .collect(),
            status: user.status.as_str().to_owned(),
            roles: user.roles.iter().map(|role| role.as_str().to_owned()).collect(),
            version: user.version.get(),
            created_at: user.created_at.to_string(),
            updated_at: user.updated_at.to_string(),
        }
    }

    pub(crate) fn into_user(self) -> Result<User, Error> {
        Ok(User {
            user_id: UserId::parse(&self.user_id).ok_or_else(|| unreadable("userId"))?,
            email: Email::from_stored(self.email, self.email_key),
            display_name: self.display_name.map(Name::from_stored),
            given_name: self.given_name.map(Name::from_stored),
            family_name: self.family_name.map(Name::from_stored),
            phone_number: self.phone_number.map(PhoneNumber::from_stored),
            locale: self.locale.map(Locale::from_stored),
            attributes: self
                .attributes
                .into_iter()
                .map(|(key, value)| {
                    (AttributeKey::from_stored(key), UserAttribute::from_stored(value))
                })
                .collect(),
            status: Status::parse(&self.status).ok_or_else(|| unreadable("status"))?,
            roles: self.roles.into_iter().map(Role::from_stored).collect(),
            version: Version::from_stored(self.version),
            created_at: Timestamp::parse(&self.created_at)
                .ok_or_else(|| unreadable("createdAt"))?,
            updated_at: Timestamp::parse(&self.updated_at)
                .ok_or_else(|| unreadable("updatedAt"))?,
        })
    }
}

/// A role of a user, for the index.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RoleItem {
    pk: String,
    sk: String,
    directory_pk: String,
    user_id: String,
}

impl RoleItem {
    pub(crate) fn new(user_id: UserId, role: &Role, shards: NonZeroU8) -> Self {
        Self {
            pk: user_pk(user_id),
            sk: role_sk(role),
            directory_pk: role_partition(role, shard(user_id, shards)),
            user_id: user_id.to_string(),
        }
    }
}

/// What an item of any kind says of the user that it belongs to.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NamedUser {
    user_id: String,
}

impl NamedUser {
    pub(crate) const ATTRIBUTES: &[&str] = &["userId"];

    pub(crate) fn user_id(&self) -> Result<UserId, Error> {
        UserId::parse(&self.user_id).ok_or_else(|| unreadable("userId"))
    }
}

/// The guard that keeps an address to one live user.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GuardItem {
    #[serde(skip_deserializing)]
    pk: String,
    #[serde(skip_deserializing)]
    sk: String,
    user_id: String,
}

impl GuardItem {
    pub(crate) fn new(email: &EmailKey, user_id: UserId) -> Self {
        Self { pk: email_guard_pk(email), sk: "EMAIL".to_owned(), user_id: user_id.to_string() }
    }

    pub(crate) fn user_id(&self) -> Result<UserId, Error> {
        UserId::parse(&self.user_id).ok_or_else(|| unreadable("userId"))
    }
}

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
    let mut item: AuditItem = serde_dynamo::from_item(image).map_err(|error| damaged(&error))?;
    let trace_header = item.trace_header.take();
    Ok((item.into_entry()?, trace_header))
}

/// A recorded success as it is stored.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RecordItem {
    id: String,
    fingerprint: String,
    status: u16,
    body: String,
    etag: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    expires_at: i64,
}

impl RecordItem {
    pub(crate) fn from_record(record: &Record) -> Self {
        Self {
            id: record.id.as_str().to_owned(),
            fingerprint: record.fingerprint.as_str().to_owned(),
            status: record.answer.status,
            body: record.answer.body.clone(),
            etag: record.answer.etag.clone(),
            location: record.answer.location.clone(),
            expires_at: record.expires_at,
        }
    }

    /// `id` is the name the record was found by.
    pub(crate) fn into_record(self, id: RecordId) -> Record {
        Record {
            id,
            fingerprint: Fingerprint::from_stored(self.fingerprint),
            answer: Answer {
                status: self.status,
                body: self.body,
                etag: self.etag,
                location: self.location,
            },
            expires_at: self.expires_at,
        }
    }
}

pub(crate) fn write_item<T: Serialize>(value: T) -> Result<Item, Error> {
    serde_dynamo::to_item(value).map_err(|error| damaged(&error))
}

pub(crate) fn read_item<T: DeserializeOwned>(item: Item) -> Result<T, Error> {
    let attributes = item.into_iter().map(|(name, value)| (name, Attribute(value)));
    T::deserialize(MapDeserializer::new(attributes)).map_err(|error| damaged(&error))
}

pub(crate) fn read_item_ref<T: DeserializeOwned>(item: &Item) -> Result<T, Error> {
    read_item(item.clone())
}

/// An attribute, as serde reads it; of the types that [`write_item`] writes.
///
/// `serde_dynamo` reads from an item of its own, into which the SDK's would have to be moved,
/// attribute by attribute.
struct Attribute(AttributeValue);

impl IntoDeserializer<'_> for Attribute {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Attribute {
    type Error = de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        let wrong = || Self::Error::custom("wrong type");
        match self.0 {
            AttributeValue::S(text) => visitor.visit_string(text),
            AttributeValue::N(number) => match number.parse() {
                Ok(number) => visitor.visit_u64(number),
                Err(_) => visitor.visit_i64(number.parse().map_err(|_| wrong())?),
            },
            AttributeValue::L(list) => {
                SeqDeserializer::new(list.into_iter().map(Self)).deserialize_any(visitor)
            }
            AttributeValue::M(map) => {
                MapDeserializer::new(map.into_iter().map(|(name, value)| (name, Self(value))))
                    .deserialize_any(visitor)
            }
            _ => Err(wrong()),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.0 {
            AttributeValue::Null(_) => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    /// What we do not know is somebody else's, of whatever type.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
    }
}

/// An attribute is there, and says nothing that we could have written.
fn unreadable(attribute: &'static str) -> Error {
    Error::Internal(cause("reading an item", format!("attribute {attribute} cannot be read")))
}

/// serde's texts name attributes ("missing field `status`"); those that would quote a value are
/// for types that our items do not have, but a mistyped string would be quoted, so only the first
/// kind is passed on.
fn damaged(error: &impl std::fmt::Display) -> Error {
    let text = error.to_string();
    let what = if text.starts_with("missing field `") { text } else { "wrong type".to_owned() };
    Error::Internal(cause("reading an item", what))
}

#[cfg(test)]
mod tests {
    use super::{AttributeValue, Item, USER_ATTRIBUTES, UserItem, read_item, write_item};
    use crate::error::Error;
    use crate::store::Shards;
    use aws_sdk_dynamodb::primitives::Blob;
    use serde_json::json;
    use std::collections::BTreeSet;
    use users_domain::{Status, User};

    /// A user with everything that a user can have.
    fn user() -> User {
        let text = |name: &str| (name.to_owned(), json!(name));
        let mut item: serde_json::Map<_, _> = USER_ATTRIBUTES.iter().map(|it| text(it)).collect();
        item.extend([
            ("userId".to_owned(), json!("01ARZ3NDEKTSV4RRFFQ69G5FAV")),
            ("attributes".to_owned(), json!({"key": "value"})),
            ("status".to_owned(), json!("active")),
            ("roles".to_owned(), json!(["role"])),
            ("version".to_owned(), json!(1)),
            ("createdAt".to_owned(), json!("2026-01-01T00:00:00.000Z")),
            ("updatedAt".to_owned(), json!("2026-01-01T00:00:00.000Z")),
        ]);
        serde_json::from_value::<UserItem>(item.into()).unwrap().into_user().unwrap()
    }

    fn item() -> Item {
        write_item(UserItem::from_user(&user(), Shards::DEFAULT)).unwrap()
    }

    fn read_with(name: &str, value: AttributeValue) -> Result<User, Error> {
        let mut item = item();
        item.insert(name.to_owned(), value);
        read_item::<UserItem>(item)?.into_user()
    }

    #[test]
    fn lists_read_all_of_a_user_but_the_keys() {
        let item = item();
        let stored: BTreeSet<_> = item.keys().map(String::as_str).collect();
        let keys = ["pk", "sk", "directoryPk", "statusPk"];
        assert_eq!(stored, keys.iter().chain(USER_ATTRIBUTES).copied().collect());
    }

    #[test]
    fn a_change_of_status_moves_nobody_out_of_the_live_users_but_a_deletion_does() {
        let keys = |status| {
            let item = UserItem::from_user(&User { status, ..user() }, Shards::DEFAULT);
            (item.directory_pk, item.status_pk)
        };
        let live = Some("LIVE#1".to_owned());
        assert_eq!(keys(Status::Active), (live.clone(), "STATUS#active#1".to_owned()));
        assert_eq!(keys(Status::Disabled), (live, "STATUS#disabled#1".to_owned()));
        assert_eq!(keys(Status::Deleted), (None, "STATUS#deleted#1".to_owned()));
        let deleted = User { status: Status::Deleted, ..user() };
        let item = write_item(UserItem::from_user(&deleted, Shards::DEFAULT)).unwrap();
        assert!(!item.contains_key("directoryPk"), "the index is sparse");
    }

    #[test]
    fn items_of_the_form_before_are_read() {
        for status in ["active", "disabled", "deleted"] {
            let mut item = item();
            item.remove("statusPk");
            let partition = AttributeValue::S(format!("STATUS#{status}#3"));
            item.insert("directoryPk".to_owned(), partition);
            item.insert("status".to_owned(), AttributeValue::S(status.to_owned()));
            let read = read_item::<UserItem>(item).unwrap().into_user().unwrap();
            assert_eq!(read, User { status: Status::parse(status).unwrap(), ..user() });
        }
    }

    #[test]
    fn attributes_of_others_are_passed_over_whatever_their_type() {
        for value in [
            AttributeValue::Bool(true),
            AttributeValue::Null(true),
            AttributeValue::B(Blob::new([0])),
            AttributeValue::Ss(vec!["text".to_owned()]),
            AttributeValue::N("1.5".to_owned()),
            AttributeValue::M(Item::from([("no".to_owned(), AttributeValue::Bool(false))])),
        ] {
            assert_eq!(read_with("aws:rep:deleting", value.clone()).unwrap(), user(), "{value:?}");
        }
    }

    #[test]
    fn null_is_as_good_as_absent_where_something_may_be_absent() {
        let read = read_with("locale", AttributeValue::Null(true)).unwrap();
        assert_eq!(read, User { locale: None, ..user() });
    }

    #[test]
    fn an_attribute_of_another_type_is_refused_without_its_value() {
        for (name, value) in [
            ("email", AttributeValue::N("7".to_owned())),
            ("version", AttributeValue::S("secret".to_owned())),
            ("version", AttributeValue::N("1.5".to_owned())),
            ("roles", AttributeValue::Bool(true)),
            ("attributes", AttributeValue::S("secret".to_owned())),
            ("status", AttributeValue::Null(true)),
        ] {
            let error = read_with(name, value).unwrap_err();
            let Error::Internal(cause) = error else { panic!("{name}: {error:?}") };
            assert_eq!(cause.what, "wrong type", "{name}");
        }
    }
}
