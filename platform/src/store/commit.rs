//! The one write of a change: user, email guard, roles, audit entry and idempotency record in one
//! transaction, and the meaning of its cancellation.

use super::Store;
use super::items::{
    AuditItem, EMAIL, GuardItem, Item, RecordItem, RoleItem, email_guard_pk, read_item, role_sk,
    user_item, user_pk, write_item,
};
use crate::aws::classify;
use crate::error::{Cause, Error};
use crate::idempotency::Record;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, Delete, Put, ReturnValuesOnConditionCheckFailure,
    TransactWriteItem,
};
use users_domain::{EmailKey, Status, Timestamp, Transition, User};

/// Why a change was not made. No part of it was.
#[derive(Debug)]
pub enum CommitError {
    /// The request has succeeded before: this is its record.
    Recorded(Box<Record>),
    /// Another live user has the address.
    EmailTaken,
    /// The user changed after it was read.
    UserChanged,
    /// A concurrent transaction touched the same items.
    Conflict {
        /// Whether it touched the record of the same idempotency key, so is a twin of this request.
        on_record: bool,
    },
    /// Any other failure.
    Failed(Error),
}

/// Why a record was not written.
#[derive(Debug)]
pub enum PutRecordError {
    /// The request has succeeded before: this is its record.
    Recorded(Box<Record>),
    /// A concurrent transaction writes the same record, so is a twin of this request.
    Conflict,
    /// Any other failure.
    Failed(Error),
}

/// The kind of a member of the transaction, by which its cancellation reason is interpreted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Member {
    User,
    GuardTaken,
    GuardReleased,
    Role,
    Audit,
    Record,
}

impl Store {
    /// Makes a change atomically. `before` is the user as it was read, `None` for a
    /// registration; `trace_header` is stored with the audit entry, for the relay.
    ///
    /// # Errors
    ///
    /// See [`CommitError`].
    pub async fn commit(
        &self,
        before: Option<&User>,
        change: &Transition,
        record: Option<&Record>,
        now: Timestamp,
        trace_header: Option<&str>,
    ) -> Result<(), CommitError> {
        let members =
            self.members(before, change, record, now, trace_header).map_err(CommitError::Failed)?;
        let (kinds, items): (Vec<_>, Vec<_>) = members.into_iter().unzip();
        let result =
            self.client.transact_write_items().set_transact_items(Some(items)).send().await;
        let Err(error) = result else { return Ok(()) };
        if let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
            error.as_service_error()
        {
            return Err(read_reasons(&kinds, cancelled.cancellation_reasons(), record));
        }
        Err(CommitError::Failed(classify("dynamodb:TransactWriteItems", &error)))
    }

    /// Records a success that changed nothing.
    ///
    /// # Errors
    ///
    /// See [`PutRecordError`].
    pub async fn put_record(&self, record: &Record, now: Timestamp) -> Result<(), PutRecordError> {
        let item = write_item(RecordItem::from_record(record)).map_err(PutRecordError::Failed)?;
        let result = self
            .client
            .put_item()
            .table_name(self.idempotency_table().map_err(PutRecordError::Failed)?)
            .set_item(Some(item))
            .condition_expression(RECORD_IS_NEW)
            .expression_attribute_values(":now", seconds(now))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = result else { return Ok(()) };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                Err(match existing_record(failed.item(), record) {
                    Ok(existing) => PutRecordError::Recorded(Box::new(existing)),
                    Err(error) => PutRecordError::Failed(error),
                })
            }
            Some(other) if other.code() == Some("TransactionConflictException") => {
                Err(PutRecordError::Conflict)
            }
            _ => Err(PutRecordError::Failed(classify("dynamodb:PutItem", &error))),
        }
    }

    fn members(
        &self,
        before: Option<&User>,
        change: &Transition,
        record: Option<&Record>,
        now: Timestamp,
        trace_header: Option<&str>,
    ) -> Result<Vec<(Member, TransactWriteItem)>, Error> {
        let user = &change.user;
        let mut members = Vec::new();
        let mut put = |member, item: Put| {
            members.push((member, TransactWriteItem::builder().put(item).build()));
        };

        let profile = self.put(user_item(user, self.shards.written)?);
        put(
            Member::User,
            match before {
                None => profile.condition_expression("attribute_not_exists(pk)"),
                Some(before) => {
                    profile.condition_expression("version = :version").expression_attribute_values(
                        ":version",
                        AttributeValue::N(before.version.get().to_string()),
                    )
                }
            }
            .build()
            .map_err(unbuildable)?,
        );

        let old_guard = before.and_then(guarded);
        let new_guard = guarded(user);
        if old_guard != new_guard
            && let Some(email) = new_guard
        {
            let guard = self.put(write_item(GuardItem::new(email, user.user_id))?);
            let guard = guard.condition_expression("attribute_not_exists(pk)");
            put(Member::GuardTaken, guard.build().map_err(unbuildable)?);
        }

        let empty = std::collections::BTreeSet::new();
        let old_roles = before.map_or(&empty, |before| &before.roles);
        for role in user.roles.difference(old_roles) {
            let item =
                self.put(write_item(RoleItem::new(user.user_id, role, self.shards.written))?);
            put(Member::Role, item.build().map_err(unbuildable)?);
        }

        let audit = self.put(write_item(AuditItem::from_entry(&change.entry, trace_header))?);
        let audit = audit.condition_expression("attribute_not_exists(pk)");
        put(Member::Audit, audit.build().map_err(unbuildable)?);

        if let Some(record) = record {
            let item = Put::builder()
                .table_name(self.idempotency_table()?)
                .set_item(Some(write_item(RecordItem::from_record(record))?))
                .condition_expression(RECORD_IS_NEW)
                .expression_attribute_values(":now", seconds(now))
                .return_values_on_condition_check_failure(
                    ReturnValuesOnConditionCheckFailure::AllOld,
                );
            put(Member::Record, item.build().map_err(unbuildable)?);
        }

        let mut delete = |member, item: Delete| {
            members.push((member, TransactWriteItem::builder().delete(item).build()));
        };
        if old_guard != new_guard
            && let Some(email) = old_guard
        {
            // A guard of another user would be the result of a fault, which must not spread.
            let guard = self
                .delete(email_guard_pk(email), EMAIL.to_owned())
                .condition_expression("userId = :userId")
                .expression_attribute_values(
                    ":userId",
                    AttributeValue::S(user.user_id.to_string()),
                );
            delete(Member::GuardReleased, guard.build().map_err(unbuildable)?);
        }
        for role in old_roles.difference(&user.roles) {
            let item = self.delete(user_pk(user.user_id), role_sk(role));
            delete(Member::Role, item.build().map_err(unbuildable)?);
        }
        Ok(members)
    }

    fn put(&self, item: Item) -> aws_sdk_dynamodb::types::builders::PutBuilder {
        Put::builder().table_name(&self.users_table).set_item(Some(item))
    }

    fn delete(&self, pk: String, sk: String) -> aws_sdk_dynamodb::types::builders::DeleteBuilder {
        Delete::builder()
            .table_name(&self.users_table)
            .key("pk", AttributeValue::S(pk))
            .key("sk", AttributeValue::S(sk))
    }
}

/// An expired record counts as absent; the table deletes it later.
const RECORD_IS_NEW: &str = "attribute_not_exists(id) OR expiresAt <= :now";

fn seconds(now: Timestamp) -> AttributeValue {
    AttributeValue::N(now.as_millis().div_euclid(1000).to_string())
}

/// The address that a user holds: none when deleted.
fn guarded(user: &User) -> Option<&EmailKey> {
    (user.status != Status::Deleted).then(|| user.email.key())
}

fn unbuildable(_: aws_sdk_dynamodb::error::BuildError) -> Error {
    Error::Internal(Cause::new("dynamodb:TransactWriteItems", "the request could not be built"))
}

fn existing_record(item: Option<&Item>, ours: &Record) -> Result<Record, Error> {
    let item = item.ok_or_else(|| {
        Error::Internal(Cause::new("reading a record", "the answer has no old item"))
    })?;
    Ok(read_item::<RecordItem>(item.clone())?.into_record(ours.id.clone()))
}

/// The meaning of all reasons together. A recorded success outweighs all others, since every retry
/// must see it; a changed user outweighs a taken address, since the decision was about another
/// state.
fn read_reasons(
    kinds: &[Member],
    reasons: &[CancellationReason],
    record: Option<&Record>,
) -> CommitError {
    let failed = |member: Member| {
        kinds.iter().zip(reasons).find(|(kind, reason)| {
            **kind == member && reason.code() == Some("ConditionalCheckFailed")
        })
    };
    if let (Some((_, reason)), Some(record)) = (failed(Member::Record), record) {
        return match existing_record(reason.item(), record) {
            Ok(existing) => CommitError::Recorded(Box::new(existing)),
            Err(error) => CommitError::Failed(error),
        };
    }
    let in_conflict = |reason: &CancellationReason| reason.code() == Some("TransactionConflict");
    if reasons.iter().any(in_conflict) {
        let on_record = kinds
            .iter()
            .zip(reasons)
            .any(|(kind, reason)| *kind == Member::Record && in_conflict(reason));
        return CommitError::Conflict { on_record };
    }
    // A guard of another user and an existing audit entry also mean that the user changed.
    if failed(Member::User).is_some()
        || failed(Member::GuardReleased).is_some()
        || failed(Member::Audit).is_some()
    {
        return CommitError::UserChanged;
    }
    if failed(Member::GuardTaken).is_some() {
        return CommitError::EmailTaken;
    }
    let codes: Vec<_> = reasons
        .iter()
        .filter_map(CancellationReason::code)
        .filter(|code| *code != "None")
        .collect();
    let throttled =
        |code: &&str| matches!(*code, "ThrottlingError" | "ProvisionedThroughputExceeded");
    let cause = Cause::new("dynamodb:TransactWriteItems", codes.join(", "));
    CommitError::Failed(if !codes.is_empty() && codes.iter().all(throttled) {
        Error::Unavailable(cause)
    } else {
        Error::Internal(cause)
    })
}

#[cfg(test)]
mod tests {
    use super::{CommitError, Member, read_reasons};
    use crate::error::Error;
    use aws_sdk_dynamodb::types::CancellationReason;

    const KINDS: &[Member] =
        &[Member::User, Member::GuardTaken, Member::Audit, Member::Record, Member::GuardReleased];

    fn reasons(codes: [&str; 5]) -> CommitError {
        let reasons = codes.map(|code| CancellationReason::builder().code(code).build());
        read_reasons(KINDS, &reasons, None)
    }

    const NONE: &str = "None";
    const FAILED: &str = "ConditionalCheckFailed";
    const CONFLICT: &str = "TransactionConflict";

    #[test]
    fn each_reason_has_its_meaning() {
        assert!(matches!(reasons([FAILED, NONE, NONE, NONE, NONE]), CommitError::UserChanged));
        assert!(matches!(reasons([NONE, FAILED, NONE, NONE, NONE]), CommitError::EmailTaken));
        assert!(matches!(reasons([NONE, NONE, NONE, NONE, FAILED]), CommitError::UserChanged));
        assert!(
            matches!(reasons([FAILED, FAILED, NONE, NONE, NONE]), CommitError::UserChanged),
            "an address is judged against the user as it is now"
        );
        assert!(matches!(
            reasons([CONFLICT, NONE, NONE, NONE, NONE]),
            CommitError::Conflict { on_record: false }
        ));
        assert!(matches!(
            reasons([NONE, NONE, NONE, CONFLICT, NONE]),
            CommitError::Conflict { on_record: true }
        ));
    }

    #[test]
    fn throttling_is_unavailable_and_unknown_reasons_are_faults() {
        assert!(matches!(
            reasons(["ThrottlingError", NONE, NONE, NONE, NONE]),
            CommitError::Failed(Error::Unavailable(_))
        ));
        assert!(matches!(
            reasons(["ValidationError", NONE, NONE, NONE, NONE]),
            CommitError::Failed(Error::Internal(_))
        ));
        assert!(matches!(
            reasons(["ItemCollectionSizeLimitExceeded", "ThrottlingError", NONE, NONE, NONE]),
            CommitError::Failed(Error::Internal(_))
        ));
    }
}
