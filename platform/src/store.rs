//! The DynamoDB store: the only place that knows keys, expressions and cancellation reasons.
//!
//! Each method is one call to DynamoDB, except lists, which are one parallel fan-out where possible.
//! The store knows no rules: it writes what it is given and reports the result.

mod audit;
mod commit;
mod directory;
pub(crate) mod items;

pub use audit::AuditRange;
pub use commit::{CommitError, PutRecordError};
pub use directory::{DirectoryPage, DirectoryQuery};
pub(crate) use items::audit_key_ids;
pub use items::entry_from_image;

use crate::aws::classify;
use crate::config::Shards;
use crate::error::{Cause, Error};
use crate::idempotency::{Record, RecordId};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use items::{EMAIL, GuardItem, RecordItem, email_guard_pk, profile_key, read_item, read_user};
use users_domain::{EmailKey, Status, Timestamp, User, UserId};

/// The tables of the service.
#[derive(Clone, Debug)]
pub struct Store {
    client: Client,
    users_table: String,
    idempotency_table: Option<String>,
    shards: Shards,
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
        output.item.map(read_user).transpose()
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
            .key("sk", AttributeValue::S(EMAIL.to_owned()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| classify("dynamodb:GetItem", &error))?;
        let Some(item) = output.item else {
            return Ok(None);
        };
        let guard: GuardItem = read_item(item)?;
        let user = self.user(guard.user_id()?).await?;
        // Between the two reads the address may have passed to another user. It was free at some
        // moment in between, so "no user" is a correct answer.
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
        let item = output.item.map(read_item::<RecordItem>).transpose()?;
        let record = item.map(|item| item.into_record(id.clone()));
        Ok(record.filter(|record| record.is_live(now)))
    }

    fn idempotency_table(&self) -> Result<&str, Error> {
        self.idempotency_table.as_deref().ok_or_else(|| {
            Error::Internal(Cause::new("configuration", "IDEMPOTENCY_TABLE is not set"))
        })
    }
}
