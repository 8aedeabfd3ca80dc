//! The settings of faults.

use super::kind::Fault;
use serde::{Deserialize, Serialize};

/// All settings; by default there are no faults.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct FaultSettings {
    /// The fault of the event bus.
    pub(crate) bus: BusFault,
    /// The faults of the database.
    pub(crate) dynamodb: DynamoFaults,
    /// Random faults.
    pub(crate) random: Option<RandomFaults>,
}

/// The fault of `PutEvents`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum BusFault {
    /// None.
    #[default]
    Ok,
    /// 200 with every entry failed.
    RefuseAll,
    /// 200 with every second entry failed, beginning with the first.
    RefuseSome,
    /// 503.
    Unavailable,
}

/// The faults of the DynamoDB endpoint.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct DynamoFaults {
    /// Every Nth `TransactWriteItems` is cancelled with `TransactionConflict`.
    pub(crate) transaction_conflict_every: Option<u64>,
    /// The delay before every call, in milliseconds.
    pub(crate) delay_ms: u64,
    /// The delay of every answer after the call, in milliseconds.
    pub(crate) reply_delay_ms: u64,
}

/// Random faults. The fault at a place depends only on the seed, the function, the number of its
/// invocation and the place.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct RandomFaults {
    /// The seed of the choice.
    pub(crate) seed: u64,
    /// The probability at each call of AWS, from 0 to 1.
    pub(crate) calls: f64,
    /// Probability at the start and at the response of each invocation.
    pub(crate) steps: f64,
    /// Probability at each delivery of a batch.
    pub(crate) deliveries: f64,
    /// The allowed kinds; empty for all but those that kill the stack.
    pub(crate) kinds: Vec<Fault>,
}
