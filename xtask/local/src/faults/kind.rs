//! The kinds of faults, and where each of them can happen.

use serde::{Deserialize, Serialize};

/// A fault. What some of them mean depends on the [`Place`]: at a call of AWS the thing that is
/// done, lost or repeated is the call, at the response it is the invocation.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fault {
    /// Nothing: only watches the invocation.
    None,
    /// The process is killed, and nothing was done.
    KillBefore,
    /// It was done, and the process is killed before it learns of it.
    KillAfter,
    /// The process has learned that it was done, and is killed before it does anything else.
    KillAfterAnswer,
    /// The process is killed, and what it had sent is done later all the same.
    KillThenApply,
    /// It was done, and the connection breaks before the answer.
    LoseAnswer,
    /// It was done, and the answer comes when the caller has given up waiting.
    LateAnswer,
    /// It is done when the caller has given up waiting, and perhaps asked again.
    LateCall,
    /// It is done twice, and the second answer is given.
    Duplicate,
    /// The connection is reset, and nothing was done.
    Reset,
    /// It takes a little longer.
    Slow,
    /// `ThrottlingException`.
    Throttle,
    /// `InternalServerError`, of EventBridge `InternalException`.
    InternalError,
    /// The transaction is cancelled: its first member is in conflict with another transaction.
    TransactionConflict,
    /// The transaction is cancelled: every member is in conflict with another transaction.
    TransactionConflictEverywhere,
    /// The transaction is cancelled: its first member was throttled.
    TransactionThrottled,
    /// `TransactionInProgressException`.
    TransactionInProgress,
    /// `ProvisionedThroughputExceededException`.
    ProvisionedThroughputExceeded,
    /// 200 with the first entry failed.
    RefuseFirst,
    /// 200 with every second entry failed, beginning with the second.
    RefuseSome,
    /// 200 with every entry failed.
    RefuseAll,
    /// The time of the function is over, and with it the process.
    FunctionTimeout,
    /// The gateway has waited long enough and answers 504; the function goes on.
    GatewayTimeout,
    /// The whole stack is killed, and nothing was done.
    StackKillBefore,
    /// It was done, and the whole stack is killed.
    StackKillAfter,
    /// The batch is delivered again though it was carried.
    Repeat,
    /// Only the first half of the batch is delivered, the other after it.
    Split,
    /// The batch is delivered later.
    Late,
}

/// Where in the life of an invocation a fault happens.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Place {
    /// At the nth call of AWS, counted from 1 as they arrive, retries included.
    Call(u32),
    /// When the process is about to be handed the event.
    Start,
    /// When the process posts its response.
    Response,
    /// When a batch of a stream is about to be delivered.
    Delivery,
}

impl Place {
    /// Its name without the number, for the counts.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Call(_) => "call",
            Self::Start => "start",
            Self::Response => "response",
            Self::Delivery => "delivery",
        }
    }
}

use Fault::{
    Duplicate, FunctionTimeout, GatewayTimeout, InternalError, KillAfter, KillAfterAnswer,
    KillBefore, KillThenApply, Late, LateAnswer, LateCall, LoseAnswer,
    ProvisionedThroughputExceeded, RefuseAll, RefuseFirst, RefuseSome, Repeat, Reset, Slow, Split,
    StackKillAfter, StackKillBefore, Throttle, TransactionConflict, TransactionConflictEverywhere,
    TransactionInProgress, TransactionThrottled,
};

const START: &[Fault] = &[KillBefore, FunctionTimeout, GatewayTimeout, StackKillBefore];
const RESPONSE: &[Fault] = &[
    KillBefore,
    KillAfter,
    LoseAnswer,
    FunctionTimeout,
    GatewayTimeout,
    StackKillBefore,
    StackKillAfter,
];
const DELIVERY: &[Fault] = &[Repeat, Split, Late];
/// At every call of AWS.
const CALL: &[Fault] = &[
    KillBefore,
    KillAfter,
    KillAfterAnswer,
    KillThenApply,
    LoseAnswer,
    LateAnswer,
    LateCall,
    Duplicate,
    Reset,
    Slow,
    Throttle,
    InternalError,
    FunctionTimeout,
    GatewayTimeout,
    StackKillBefore,
    StackKillAfter,
];
const BUS: &[Fault] = &[RefuseFirst, RefuseSome, RefuseAll];
const DATABASE: &[Fault] = &[ProvisionedThroughputExceeded];
const SINGLE_WRITE: &[Fault] = &[TransactionConflict];
const TRANSACTION: &[Fault] = &[
    TransactionConflict,
    TransactionConflictEverywhere,
    TransactionThrottled,
    TransactionInProgress,
];

impl Fault {
    /// Every fault that can happen at a place; `operation` is the call's, and empty elsewhere.
    pub(crate) fn all_at(place: Place, operation: &str) -> Vec<Self> {
        let lists: &[&[Self]] = match place {
            Place::Start => &[START],
            Place::Response => &[RESPONSE],
            Place::Delivery => &[DELIVERY],
            Place::Call(_) => match operation {
                "PutEvents" => &[CALL, BUS],
                "TransactWriteItems" => &[CALL, DATABASE, TRANSACTION],
                "PutItem" | "UpdateItem" | "DeleteItem" => &[CALL, DATABASE, SINGLE_WRITE],
                "SendMessage" => &[CALL],
                _ => &[CALL, DATABASE],
            },
        };
        lists.concat()
    }

    /// Whether it ends the stack itself, so that only a run that expects it can bear it.
    pub(crate) fn kills_the_stack(self) -> bool {
        matches!(self, StackKillBefore | StackKillAfter)
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, Place};

    #[test]
    fn what_can_happen_depends_on_the_place() {
        let at_read = Fault::all_at(Place::Call(1), "GetItem");
        assert!(at_read.contains(&Fault::ProvisionedThroughputExceeded));
        assert!(!at_read.contains(&Fault::TransactionConflict), "reads are never in conflict");
        let at_bus = Fault::all_at(Place::Call(1), "PutEvents");
        assert!(at_bus.contains(&Fault::RefuseSome));
        assert!(!at_bus.contains(&Fault::TransactionInProgress));
        assert!(!Fault::all_at(Place::Start, "").contains(&Fault::KillAfter));
        assert_eq!(Fault::all_at(Place::Delivery, ""), [Fault::Repeat, Fault::Split, Fault::Late]);
    }

    #[test]
    fn names_are_in_kebab_case() {
        let name = serde_json::to_value(Fault::KillThenApply).unwrap();
        assert_eq!(name, "kill-then-apply");
        let place = serde_json::to_value(Place::Call(2)).unwrap();
        assert_eq!(place, serde_json::json!({"call": 2}));
    }
}
