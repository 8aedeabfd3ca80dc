//! `GET /users/{userId}/audit`: times are key ranges, since event ids begin with their time.

use super::page::{fitting, order_name};
use super::service::{Service, check_preconditions};
use crate::cursor::{Binding, Cursor};
use crate::error::Error;
use crate::store::AuditRange;
use crate::wire;
use ulid::Ulid;
use users_domain::query::{Order, QueryAudit};
use users_domain::{Action, AuditEntry, Preconditions, Timestamp, UserId};

/// A page of audit entries.
#[derive(Clone, Debug)]
pub struct AuditPage {
    /// The entries, in order.
    pub entries: Vec<AuditEntry>,
    /// The cursor of the next page; `None` on the last page.
    pub next_cursor: Option<String>,
}

impl Service {
    /// A page of a user's audit entries. `user_id` is `None` for a malformed id.
    ///
    /// # Errors
    ///
    /// [`Error::UserNotFound`], [`Error::InvalidCursor`], [`Error::VersionMismatch`], and those of
    /// the store.
    pub async fn query_audit(
        &self,
        user_id: Option<UserId>,
        request: &QueryAudit,
        preconditions: &Preconditions,
    ) -> Result<AuditPage, Error> {
        let bound = |time: Option<Timestamp>| {
            time.map(|time| time.as_millis().to_string()).unwrap_or_default()
        };
        let user_text = user_id.map(|id| id.to_string()).unwrap_or_default();
        let binding = Binding::new(&[
            "queryAudit",
            &user_text,
            &bound(request.from),
            &bound(request.to),
            request.action.map_or("", Action::as_str),
            order_name(request.order),
        ]);
        // A bad cursor (400) comes before a missing user (404).
        let after = match &request.cursor {
            None => None,
            Some(text) => Some(Cursor::decode(text, binding).ok_or(Error::InvalidCursor)?.position),
        };
        let user_id = user_id.ok_or(Error::UserNotFound)?;
        // The profile is read for a condition, or when the page is empty.
        let conditional = *preconditions != Preconditions::default();
        if conditional {
            let user = self.store.user(user_id).await?.ok_or(Error::UserNotFound)?;
            check_preconditions(&user, preconditions)?;
        }

        let limit = usize::from(request.limit);
        let mut entries = match range(request, after) {
            // One more than the page, to know whether another page follows.
            Some(range) => self.store.audit_entries(user_id, range, limit + 1).await?,
            None => Vec::new(),
        };
        if entries.is_empty() && !conditional && self.store.user(user_id).await?.is_none() {
            return Err(Error::UserNotFound);
        }
        let fitting = fitting(&entries, wire::entry_json).min(limit);
        let more = entries.len() > fitting;
        entries.truncate(fitting);
        let last = entries.last().filter(|_| more);
        let next_cursor =
            last.map(|entry| Cursor { position: entry.event_id.ulid() }.encode(binding));
        Ok(AuditPage { entries, next_cursor })
    }
}

/// The ids to read, or `None` when no id can be in the range.
fn range(request: &QueryAudit, after: Option<Ulid>) -> Option<AuditRange> {
    let (mut low, mut high) = (u128::MIN, u128::MAX);
    if let Some(from) = request.from {
        low = lowest_id_at(from)?;
    }
    if let Some(to) = request.to {
        // Nothing is before the earliest time that an id can have.
        high = lowest_id_at(to).map_or(Some(u128::MAX), |id| id.checked_sub(1))?;
    }
    if let Some(after) = after {
        let after = u128::from_be_bytes(after.to_bytes());
        match request.order {
            Order::Asc => low = low.max(after.checked_add(1)?),
            Order::Desc => high = high.min(after.checked_sub(1)?),
        }
    }
    let ulid = |bits: u128| Ulid::from_bytes(bits.to_be_bytes());
    (low <= high).then(|| AuditRange {
        low: ulid(low),
        high: ulid(high),
        action: request.action,
        order: request.order,
    })
}

/// The lowest id of a millisecond, as a number; `None` when no id can be as late. Times before
/// 1970 are those of the first millisecond, as no id is earlier.
fn lowest_id_at(time: Timestamp) -> Option<u128> {
    let millis = u128::try_from(time.as_millis().max(0)).ok()?;
    (millis < 1 << 48).then_some(millis << 80)
}

#[cfg(test)]
mod tests {
    use super::{lowest_id_at, range};
    use ulid::Ulid;
    use users_domain::Timestamp;
    use users_domain::query::{Order, QueryAudit};

    fn request(from: Option<i64>, to: Option<i64>, order: Order) -> QueryAudit {
        QueryAudit {
            limit: 25,
            cursor: None,
            from: from.map(Timestamp::from_millis),
            to: to.map(Timestamp::from_millis),
            action: None,
            order,
        }
    }

    #[test]
    fn from_is_inclusive_and_to_is_exclusive() {
        let range = range(&request(Some(1000), Some(1001), Order::Asc), None).expect("a range");
        assert_eq!(range.low, Ulid::from_parts(1000, 0));
        assert_eq!(range.high, Ulid::from_parts(1000, (1 << 80) - 1));
    }

    #[test]
    fn a_cursor_narrows_the_range_from_its_side() {
        let at = Ulid::from_parts(1000, 7);
        let newer = range(&request(None, None, Order::Asc), Some(at)).expect("a range");
        assert_eq!(newer.low, Ulid::from_parts(1000, 8));
        let older = range(&request(None, None, Order::Desc), Some(at)).expect("a range");
        assert_eq!(older.high, Ulid::from_parts(1000, 6));
    }

    #[test]
    fn ranges_without_ids_are_not_queried() {
        assert_eq!(range(&request(None, Some(0), Order::Asc), None), None);
        assert_eq!(range(&request(None, Some(-5), Order::Asc), None), None);
        assert_eq!(range(&request(Some(i64::MAX), None, Order::Asc), None), None);
        let first = Ulid::from_parts(0, 0);
        assert_eq!(range(&request(None, None, Order::Desc), Some(first)), None);
    }

    #[test]
    fn a_time_before_1970_is_the_first() {
        assert_eq!(lowest_id_at(Timestamp::from_millis(-1)), Some(0));
    }
}
