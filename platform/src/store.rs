//! The DynamoDB store: the only place that knows keys, expressions and cancellation reasons.
//!
//! Each method is one call to DynamoDB, but for lists, which are one parallel fan-out where they
//! can be. The store names no rule: it is told what to write and says how that went.

mod audit;
mod commit;
mod directory;
mod failure;
pub(crate) mod items;

pub use audit::AuditRange;
pub use commit::{CommitError, PutRecordError};
pub use directory::{DirectoryPage, DirectoryQuery};
pub(crate) use items::audit_key_ids;
pub use items::entry_from_image;

use crate::error::Error;
use crate::idempotency::{Record, RecordId};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
pub(crate) use failure::{cause, classify};
use items::{
    GuardItem, RecordItem, UserItem, email_guard_pk, profile_key, read_item, read_item_ref,
};
use std::collections::HashMap;
use std::num::NonZeroU8;
use users_domain::{EmailKey, Status, Timestamp, User, UserId};

/// An item as the SDK has it.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// The tables of the service.
#[derive(Clone, Debug)]
pub struct Store {
    client: Client,
    users_table: String,
    idempotency_table: Option<String>,
    shards: Shards,
}

/// How many partitions of an index the users of one list are spread over, so that it can take more
/// writes than one partition. Part of the stored keys: to change it, see ARCHITECTURE.md.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Shards {
    /// The number that users are written for.
    pub written: NonZeroU8,
    /// The number that lists look for; at least as many.
    pub read: NonZeroU8,
    /// Whether lists also look where users were written before there was an index by status, while
    /// these are being brought over.
    pub old_form: bool,
}

impl Shards {
    /// The number of a stage that says nothing: more than one partition, and few to ask.
    pub const DEFAULT: NonZeroU8 = NonZeroU8::MIN.saturating_add(1);
}

impl Default for Shards {
    fn default() -> Self {
        Self { written: Self::DEFAULT, read: Self::DEFAULT, old_form: false }
    }
}

impl Store {
    /// A store over two tables; `idempotency_table` is only needed to write.
    #[must_use]
    pub fn new(client: Client, users_table: String, idempotency_table: Option<String>) -> Self {
        Self { client, users_table, idempotency_table, shards: Shards::default() }
    }

    /// The same tables with another number of partitions.
    #[must_use]
    pub fn with_shards(self, shards: Shards) -> Self {
        Self { shards, ..self }
    }

    /// The user with this id, as of now (strongly consistent).
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] or [`Error::Internal`].
    pub async fn user(&self, user_id: UserId) -> Result<Option<User>, Error> {
        let output = self
            .client
            .get_item()
            .table_name(&self.users_table)
            .set_key(Some(profile_key(user_id)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| classify("dynamodb:GetItem", &error))?;
        output.item.map(|item| read_item::<UserItem>(item)?.into_user()).transpose()
    }

    /// The live user with this address, as of now (two strongly consistent reads).
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] or [`Error::Internal`].
    pub async fn user_by_email(&self, email: &EmailKey) -> Result<Option<User>, Error> {
        let output = self
            .client
            .get_item()
            .table_name(&self.users_table)
            .key("pk", AttributeValue::S(email_guard_pk(email)))
            .key("sk", AttributeValue::S("EMAIL".to_owned()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| classify("dynamodb:GetItem", &error))?;
        let Some(item) = output.item else {
            return Ok(None);
        };
        let guard: GuardItem = read_item(item)?;
        let user = self.user(guard.user_id()?).await?;
        // Between the two reads the address may have gone to somebody else. Then, at some moment
        // in between, it was nobody's, or the newcomer's; nobody's is a true answer.
        Ok(user.filter(|user| user.email.key() == email && user.status != Status::Deleted))
    }

    /// The recorded success of a request, as of now, unless it has expired.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] or [`Error::Internal`].
    pub async fn record(&self, id: &RecordId, now: Timestamp) -> Result<Option<Record>, Error> {
        let output = self
            .client
            .get_item()
            .table_name(self.idempotency_table()?)
            .key("id", AttributeValue::S(id.as_str().to_owned()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| classify("dynamodb:GetItem", &error))?;
        let record = match output.item {
            Some(item) => Some(read_item_ref::<RecordItem>(&item)?.into_record(id.clone())),
            None => None,
        };
        Ok(record.filter(|record| record.is_live(now)))
    }

    fn idempotency_table(&self) -> Result<&str, Error> {
        self.idempotency_table
            .as_deref()
            .ok_or_else(|| Error::Internal(cause("configuration", "IDEMPOTENCY_TABLE is not set")))
    }
}
