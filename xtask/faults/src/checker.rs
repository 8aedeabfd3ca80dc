//! Whether the answers that clients received, the tables and the bus are consistent.
//!
//! The stack must be quiet: no fault, no pending call, every stream read to its end. The rules state
//! the promises to callers: an acknowledged write exists, a key takes effect once, versions have
//! no gaps, and so on. [`users`] replays the audit entries of each user and compares the tables with
//! them; [`writes`] follows each write from its attempts to its effect, answers and record;
//! [`reads`] compares reads with the writes acknowledged before they began; [`events`] compares the
//! bus with the audit entries. The contract is in [`contract`].

mod contract;
mod events;
mod reads;
mod users;
mod violation;
mod writes;

pub(crate) use violation::Violation;
pub(crate) use writes::NEVER_SETTLED;

use crate::history::{Exchange, History};
use std::collections::BTreeMap;
use users::Users;

/// Returns every violation, first those that explain others.
pub(crate) fn check(history: &History) -> Vec<Violation> {
    let mut by_correlation: BTreeMap<&str, &Exchange> = BTreeMap::new();
    for exchange in &history.exchanges {
        let ids = exchange.attempts.iter().map(|attempt| attempt.correlation_id.as_str());
        by_correlation.extend(ids.map(|id| (id, exchange)));
    }
    let mut found = Vec::new();
    let users = Users::new(history, &mut found);
    users.check(&mut found);
    writes::check(history, &by_correlation, &users, &mut found);
    reads::check(history, &users, &mut found);
    events::check(history, &users, &mut found);
    // An item names its request by the correlation id.
    for violation in &mut found {
        let ids = violation.items.iter().filter_map(|item| item["correlationId"].as_str());
        let exchanges = ids.filter_map(|id| by_correlation.get(id));
        violation.requests.extend(exchanges.map(|exchange| exchange.id.clone()));
    }
    found
}

#[cfg(test)]
mod tests;
