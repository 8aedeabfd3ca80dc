//! Keys of items and partitions of the indexes.

use super::attribute::Item;
use aws_sdk_dynamodb::types::AttributeValue;
use std::collections::HashMap;
use std::num::NonZeroU8;
use users_contract::RELAY;
use users_domain::{EmailKey, EventId, Role, Status, UserId};

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

/// The sort key of a profile.
pub(crate) const PROFILE: &str = "PROFILE";

/// The sort key of an email guard.
pub(crate) const EMAIL: &str = "EMAIL";

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

/// The shard of a user, from the random bits of its id, which spread evenly.
pub(super) fn shard(user_id: UserId, shards: NonZeroU8) -> u8 {
    user_id.ulid().to_bytes()[15] % shards
}

/// The partition of [`DIRECTORY`] for users that are active or disabled. A change between the two
/// moves no user, so a walk over the list cannot miss one between partitions.
pub(crate) fn live_partition(shard: u8) -> String {
    format!("LIVE#{shard}")
}

pub(crate) fn is_live(status: Status) -> bool {
    match status {
        Status::Active | Status::Disabled => true,
        Status::Deleted => false,
    }
}

/// A partition of [`STATUS`]; for users in the old form, of [`DIRECTORY`].
pub(crate) fn status_partition(status: Status, shard: u8) -> String {
    format!("STATUS#{}#{shard}", status.as_str())
}

pub(crate) fn role_partition(role: &Role, shard: u8) -> String {
    format!("ROLE#{}#{shard}", role.as_str())
}

/// An expression that reads these attributes only, and the names behind its placeholders: some of
/// them are reserved words of DynamoDB. Without it, a page of a list is a quarter larger.
pub(crate) fn projection<'a>(
    attributes: impl Iterator<Item = &'a str>,
) -> (String, HashMap<String, String>) {
    let names: Vec<_> = attributes.map(|name| (format!("#{name}"), name.to_owned())).collect();
    let placeholders: Vec<_> = names.iter().map(|(placeholder, _)| placeholder.as_str()).collect();
    (placeholders.join(","), names.into_iter().collect())
}
