//! Pages of lists.

use users_contract::limits;
use users_domain::query::Order;

/// The bytes of a page without its items: member names, brackets and the cursor.
const PAGE_FRAME_BYTES: usize = 1024;

/// The order as it stands in a query.
pub(super) fn order_name(order: Order) -> &'static str {
    match order {
        Order::Asc => "asc",
        Order::Desc => "desc",
    }
}

/// The number of items that fit into a page of 4 MiB. At least one always does: a stored user has at
/// most 100 KiB, six times that as JSON with every character escaped, and an audit entry at most the
/// old and the new values of a user.
pub(super) fn fitting<T>(items: &[T], json: impl Fn(&T) -> String) -> usize {
    let mut bytes = 0;
    items
        .iter()
        .take_while(|item| {
            bytes += json(item).len() + 1;
            bytes <= limits::PAGE_MAX_BYTES - PAGE_FRAME_BYTES
        })
        .count()
}
