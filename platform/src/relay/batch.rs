//! The outcome of a batch.

use super::call::TraceCause;
use crate::error::Error;
use serde::Serialize;
use users_domain::Timestamp;

/// A record of a redelivery that still cannot be delivered.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Undeliverable {
    /// Its sequence number.
    pub item_identifier: String,
    /// Why, without any of its content.
    pub reason: String,
}

/// An entry that was sent, whose cause is traced.
pub(super) struct Sent {
    pub(super) cause: TraceCause,
    /// Whether the bus took it.
    pub(super) taken: bool,
}

/// The outcome of a batch.
#[derive(Default)]
pub(super) struct Published {
    /// Records whose events the bus took, before the first that failed.
    pub(super) count: usize,
    /// Records that went to the dead letters.
    pub(super) given_up: usize,
    /// Records of a redelivery that were given up again.
    pub(super) undeliverable: Vec<Undeliverable>,
    /// The first record that was neither published nor given up.
    pub(super) failure: Option<(String, Error)>,
    /// Traced entries that were sent, by call.
    pub(super) sent: Vec<Vec<Sent>>,
    /// The time of the oldest change.
    pub(super) oldest: Option<Timestamp>,
}
