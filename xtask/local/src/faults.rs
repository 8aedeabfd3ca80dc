//! Faults that tests can switch on: a bus that refuses, a database that conflicts or is slow.

use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// What goes wrong; by default nothing.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct FaultSettings {
    /// What the event bus does.
    pub(crate) bus: BusFault,
    /// What the database does.
    pub(crate) dynamodb: DynamoFaults,
}

/// What `PutEvents` answers.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum BusFault {
    /// It works.
    #[default]
    Ok,
    /// 200 with every entry failed.
    RefuseAll,
    /// 200 with every second entry failed, beginning with the first.
    RefuseSome,
    /// 503.
    Unavailable,
}

/// What the DynamoDB endpoint does.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct DynamoFaults {
    /// Every Nth `TransactWriteItems` is cancelled with `TransactionConflict`.
    pub(crate) transaction_conflict_every: Option<u64>,
    /// Milliseconds to hold every call before it is done.
    pub(crate) delay_ms: u64,
    /// Milliseconds to hold every answer after the call was done.
    pub(crate) reply_delay_ms: u64,
}

/// The faults in force.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    settings: Mutex<FaultSettings>,
    transactions: AtomicU64,
}

impl Faults {
    /// The faults in force now.
    pub(crate) fn get(&self) -> FaultSettings {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces all faults, and counts transactions from the start.
    pub(crate) fn set(&self, settings: FaultSettings) {
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner) = settings;
        self.transactions.store(0, Ordering::Relaxed);
    }

    /// Whether the transaction that comes now is one to cancel.
    pub(crate) fn cancels_transaction(&self) -> bool {
        match self.get().dynamodb.transaction_conflict_every {
            None | Some(0) => false,
            Some(every) => {
                let count = self.transactions.fetch_add(1, Ordering::Relaxed) + 1;
                count.is_multiple_of(every)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BusFault, DynamoFaults, FaultSettings, Faults};

    #[test]
    fn every_nth_transaction_is_cancelled_until_cleared() {
        let faults = Faults::default();
        assert!(!faults.cancels_transaction());
        faults.set(FaultSettings {
            dynamodb: DynamoFaults { transaction_conflict_every: Some(3), ..Default::default() },
            ..Default::default()
        });
        let cancelled: Vec<_> = (0..6).map(|_| faults.cancels_transaction()).collect();
        assert_eq!(cancelled, [false, false, true, false, false, true]);
        faults.set(FaultSettings::default());
        assert!(!faults.cancels_transaction());
    }

    #[test]
    fn an_empty_object_clears_and_a_misspelt_fault_is_refused() {
        let cleared: FaultSettings = serde_json::from_str("{}").unwrap();
        assert_eq!(cleared, FaultSettings::default());
        let some: FaultSettings = serde_json::from_str(r#"{"bus":"refuse-some"}"#).unwrap();
        assert_eq!(some.bus, BusFault::RefuseSome);
        assert!(serde_json::from_str::<FaultSettings>(r#"{"buss":"ok"}"#).is_err());
    }
}
