//! The use cases' dependencies.

use crate::clock::{Clock, Entropy};
use crate::error::Error;
use crate::store::Store;
use std::sync::Arc;
use std::time::Duration;
use users_domain::{Judgement, Preconditions, User};

/// The use cases over their store.
#[derive(Clone, Debug)]
pub struct Service {
    pub(super) store: Store,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) idempotency_ttl: Duration,
}

impl Service {
    /// The use cases over a store, with a clock and random numbers. Recorded successes are kept for
    /// `idempotency_ttl`.
    #[must_use]
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        idempotency_ttl: Duration,
    ) -> Self {
        Self { store, clock, entropy, idempotency_ttl }
    }
}

/// Refuses to act on a user at a version that the caller does not accept.
pub(super) fn check_preconditions(user: &User, preconditions: &Preconditions) -> Result<(), Error> {
    match preconditions.judge(user.version) {
        Judgement::Holds => Ok(()),
        Judgement::Mismatch | Judgement::Known => Err(Error::VersionMismatch),
    }
}
