//! The kinds of faults, and where each of them can happen.

use serde::{Deserialize, Serialize};

/// A fault. Its meaning depends on the [`Place`]: at a call of AWS it concerns the call, at the
/// response the invocation.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fault {
    /// None: only watches the invocation.
    None,
    /// The process is killed before the call takes effect.
    KillBefore,
    /// The call takes effect, and the process is killed before the answer.
    KillAfter,
    /// The process is killed after the answer, before it does anything else.
    KillAfterAnswer,
    /// The process is killed, and its call takes effect later.
    KillThenApply,
    /// The call takes effect, and the connection breaks before the answer.
    LoseAnswer,
    /// The call takes effect, and the answer comes after the caller gave up.
    LateAnswer,
    /// The call takes effect after the caller gave up, and perhaps retried.
    LateCall,
    /// The call takes effect twice, and the second answer is returned.
    Duplicate,
    /// The connection is reset, without effect.
    Reset,
    /// The call is slow.
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
    /// The function times out, and its process is killed.
    FunctionTimeout,
    /// The gateway times out and answers 504; the function continues.
    GatewayTimeout,
    /// The whole stack is killed before the call takes effect.
    StackKillBefore,
    /// The call takes effect, and the whole stack is killed.
    StackKillAfter,
    /// The batch is delivered twice.
    Repeat,
    /// The two halves of the batch are delivered separately.
    Split,
    /// The batch is delivered later.
    Late,
}

/// The place of a fault in an invocation.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Place {
    /// The nth call of AWS, counted from 1 in order of arrival, with retries.
    Call(u32),
    /// Before the process gets the event.
    Start,
    /// The response of the process.
    Response,
    /// The delivery of a batch of a stream.
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
    /// All faults that are possible at a place. `operation` is that of a call, and empty at other
    /// places.
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

    /// Whether it kills the stack, which only a test that expects it survives.
    pub(crate) fn kills_the_stack(self) -> bool {
        matches!(self, StackKillBefore | StackKillAfter)
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, Place};

    #[test]
    fn possible_faults_depend_on_the_place() {
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
