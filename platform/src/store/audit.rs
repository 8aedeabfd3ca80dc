//! A user's audit history: one partition, in the order of event ids, which is that of versions.

use super::Store;
use super::items::{AuditItem, audit_sk, read_item, user_pk};
use crate::aws::classify;
use crate::error::Error;
use aws_sdk_dynamodb::types::AttributeValue;
use ulid::Ulid;
use users_domain::query::Order;
use users_domain::{Action, AuditEntry, EventId, UserId};

/// Which entries to read: ids from `low` to `high`, both included.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AuditRange {
    /// The lowest id.
    pub low: Ulid,
    /// The highest id.
    pub high: Ulid,
    /// Only this action.
    pub action: Option<Action>,
    /// The order of the ids.
    pub order: Order,
}

impl Store {
    /// The first `limit` entries of a range, as of now (strongly consistent); fewer only when the
    /// range has no more.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] or [`Error::Internal`].
    pub async fn audit_entries(
        &self,
        user_id: UserId,
        range: AuditRange,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, Error> {
        let mut entries = Vec::with_capacity(limit);
        if range.low > range.high {
            return Ok(entries); // DynamoDB refuses a range with reversed bounds.
        }
        let key = |id| AttributeValue::S(audit_sk(EventId::from_ulid(id)));
        let mut start = None;
        loop {
            let missing = limit - entries.len();
            // An action may be rare, so a filtered call evaluates more entries than it must return.
            let evaluated =
                if range.action.is_some() { missing.max(FILTERED_READ) } else { missing };
            let mut query = self
                .client
                .query()
                .table_name(&self.users_table)
                .consistent_read(true)
                .key_condition_expression("pk = :pk AND sk BETWEEN :low AND :high")
                .expression_attribute_values(":pk", AttributeValue::S(user_pk(user_id)))
                .expression_attribute_values(":low", key(range.low))
                .expression_attribute_values(":high", key(range.high))
                .scan_index_forward(range.order == Order::Asc)
                .limit(i32::try_from(evaluated).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start);
            if let Some(action) = range.action {
                query = query
                    .filter_expression("#action = :action")
                    .expression_attribute_names("#action", "action")
                    .expression_attribute_values(
                        ":action",
                        AttributeValue::S(action.as_str().to_owned()),
                    );
            }
            let output = query.send().await.map_err(|error| classify("dynamodb:Query", &error))?;
            for item in output.items.unwrap_or_default() {
                entries.push(read_item::<AuditItem>(item)?.into_entry()?);
            }
            start = output.last_evaluated_key;
            if start.is_none() || entries.len() >= limit {
                entries.truncate(limit);
                return Ok(entries);
            }
        }
    }
}

/// Entries that a call evaluates when it filters by action.
const FILTERED_READ: usize = 200;
