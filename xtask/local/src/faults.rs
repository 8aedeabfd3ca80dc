//! Faults that tests can switch on.
//!
//! Some are felt by everybody: a bus that refuses, a database that is slow ([`FaultSettings`]).
//! Others hit one place in the life of an invocation: a call of AWS, the hand-over of the event,
//! the response, the delivery of a batch. They come by chance, with a seed ([`RandomFaults`]), or
//! are placed in one invocation ([`Placement`]), so that tests can go through all places in turn.
//! What has happened is counted. As long as nothing is switched on, invocations are not watched.

mod inject;
mod invocation;
mod kind;

pub(crate) use inject::{around, kill_the_stack};
pub(crate) use invocation::{Invocation, Placement};
pub(crate) use kind::{Fault, Place};

use self::invocation::{Placed, lock};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// What goes wrong; by default nothing.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct FaultSettings {
    /// What the event bus does.
    pub(crate) bus: BusFault,
    /// What the database does.
    pub(crate) dynamodb: DynamoFaults,
    /// What comes by chance.
    pub(crate) random: Option<RandomFaults>,
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

/// Faults by chance. Whether and which one happens at a place depends on the seed, the function,
/// the number of its invocation and the place, and on nothing else.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct RandomFaults {
    /// Another seed is another choice.
    pub(crate) seed: u64,
    /// Probability at each call of AWS, from 0 to 1.
    pub(crate) calls: f64,
    /// Probability at the start and at the response of each invocation.
    pub(crate) steps: f64,
    /// Probability at each delivery of a batch.
    pub(crate) deliveries: f64,
    /// Only these kinds; empty for all but those that kill the stack.
    pub(crate) kinds: Vec<Fault>,
}

/// The faults in force, and what they have done.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    settings: Mutex<FaultSettings>,
    transactions: AtomicU64,
    /// Whether streams deliver nothing for now.
    streams_held: AtomicBool,
    /// Whether invocations are watched.
    armed: AtomicBool,
    placed: Mutex<Vec<Arc<Placed>>>,
    /// Invocations so far, by function, while armed.
    begun: Mutex<HashMap<String, u64>>,
    /// The invocation that each process has, by the access key that it signs calls with.
    at_work: Mutex<HashMap<String, Arc<Invocation>>>,
    counts: Mutex<BTreeMap<String, u64>>,
    /// Calls that are still to be done though nobody waits for them.
    pending: AtomicU64,
}

impl Faults {
    /// The faults in force now.
    pub(crate) fn get(&self) -> FaultSettings {
        lock(&self.settings).clone()
    }

    /// Replaces all faults, forgets what was placed, and counts transactions from the start.
    pub(crate) fn set(&self, settings: FaultSettings) {
        self.armed.store(settings.random.is_some(), Ordering::Relaxed);
        *lock(&self.settings) = settings;
        lock(&self.placed).clear();
        self.transactions.store(0, Ordering::Relaxed);
    }

    /// Whether the transaction that comes now is one to cancel.
    pub(crate) fn cancels_transaction(&self) -> bool {
        match lock(&self.settings).dynamodb.transaction_conflict_every {
            None | Some(0) => false,
            Some(every) => {
                let count = self.transactions.fetch_add(1, Ordering::Relaxed) + 1;
                count.is_multiple_of(every)
            }
        }
    }

    /// Whether streams deliver nothing for now.
    pub(crate) fn holds_streams(&self) -> bool {
        self.streams_held.load(Ordering::Relaxed)
    }

    /// Lets streams deliver nothing, so that records gather in one batch, or go on.
    pub(crate) fn hold_streams(&self, hold: bool) {
        self.streams_held.store(hold, Ordering::Relaxed);
    }

    /// Places a fault in an invocation that is still to come.
    pub(crate) fn place(&self, placement: Placement) {
        lock(&self.placed).push(Arc::new(Placed::new(placement)));
        self.armed.store(true, Ordering::Relaxed);
    }

    /// What became of a placement: how often it happened, and the calls of AWS of its invocation,
    /// each with the faults that are possible there.
    pub(crate) fn placement(&self, id: &str) -> Option<Value> {
        let placed = lock(&self.placed);
        let found = placed.iter().find(|placed| placed.placement.id == id)?;
        let calls: Vec<_> = lock(&found.calls)
            .iter()
            .map(|operation| {
                json!({"operation": operation, "faults": Fault::all_at(Place::Call(1), operation)})
            })
            .collect();
        Some(json!({"fired": found.fired.load(Ordering::Relaxed), "calls": calls}))
    }

    /// The faults that are possible at places other than calls.
    pub(crate) fn kinds() -> Value {
        let at = |place| Fault::all_at(place, "");
        json!({
            "start": at(Place::Start),
            "response": at(Place::Response),
            "delivery": at(Place::Delivery),
        })
    }

    /// How many faults of each kind have happened, and how many calls are still to be done.
    pub(crate) fn report(&self) -> Value {
        json!({
            "counts": *lock(&self.counts),
            "pending": self.pending.load(Ordering::SeqCst),
        })
    }

    /// An invocation begins; `None` when nobody wants to interfere with any.
    pub(crate) fn begin(&self, function: &str, event: &[u8]) -> Option<Arc<Invocation>> {
        if !self.armed.load(Ordering::Relaxed) {
            return None;
        }
        let number = {
            let mut begun = lock(&self.begun);
            let number = begun.entry(function.to_owned()).or_default();
            *number += 1;
            *number
        };
        let matching = lock(&self.placed)
            .iter()
            .filter(|placed| {
                let placement = &placed.placement;
                placement.at != Place::Delivery
                    && placement.function == function
                    && !placed.taken.load(Ordering::Relaxed)
                    && contains(event, placement.marker.as_bytes())
                    && !placed.taken.swap(true, Ordering::Relaxed)
            })
            .map(Arc::clone)
            .collect();
        Some(Arc::new(Invocation::new(function, number, matching)))
    }

    /// A process, which signs with `access_key` and is ended by `kill`, has got an invocation.
    pub(crate) fn hand_over(
        &self,
        access_key: &str,
        kill: &Arc<Notify>,
        invocation: &Arc<Invocation>,
    ) {
        invocation.set_process(Arc::clone(kill));
        lock(&self.at_work).insert(access_key.to_owned(), Arc::clone(invocation));
    }

    /// The process has its invocation no more.
    pub(crate) fn take_back(&self, access_key: &str) {
        lock(&self.at_work).remove(access_key);
    }

    /// The invocation that a process has, when it is watched.
    pub(crate) fn invocation(&self, access_key: &str) -> Option<Arc<Invocation>> {
        let at_work = lock(&self.at_work);
        if at_work.is_empty() { None } else { at_work.get(access_key).cloned() }
    }

    /// The fault at a step of an invocation, counted.
    pub(crate) fn at_step(&self, invocation: &Invocation, place: Place) -> Option<Fault> {
        let by_chance =
            || self.by_chance(&invocation.function, invocation.number, place, "", |it| it.steps);
        let fault = invocation.placed_at(place).or_else(by_chance)?;
        let possible = Fault::all_at(place, "").contains(&fault);
        possible.then(|| self.note(invocation, place, fault))
    }

    /// The fault at the delivery of a batch to a function, counted.
    pub(crate) fn at_delivery(
        &self,
        function: &str,
        event: &[u8],
        records: usize,
    ) -> Option<Fault> {
        if !self.armed.load(Ordering::Relaxed) {
            return None;
        }
        let placed = lock(&self.placed)
            .iter()
            .find(|placed| {
                let placement = &placed.placement;
                placement.at == Place::Delivery
                    && placement.function == function
                    && !placed.taken.load(Ordering::Relaxed)
                    && contains(event, placement.marker.as_bytes())
            })
            .cloned();
        let number = lock(&self.begun).get(function).copied().unwrap_or_default();
        let fault = match &placed {
            Some(placed) => placed.placement.fault,
            None => self.by_chance(function, number, Place::Delivery, "", |it| it.deliveries)?,
        };
        // There are no two halves of one record.
        if fault == Fault::Split && records < 2 {
            return None;
        }
        if let Some(placed) = placed {
            placed.taken.store(true, Ordering::Relaxed);
            placed.fired.fetch_add(1, Ordering::Relaxed);
        }
        self.count(Place::Delivery, fault);
        Some(fault)
    }

    fn note(&self, invocation: &Invocation, place: Place, fault: Fault) -> Fault {
        invocation.note_fired(place);
        self.count(place, fault);
        fault
    }

    fn count(&self, place: Place, fault: Fault) {
        let name = serde_json::to_value(fault).unwrap_or_default();
        let key = format!("{}/{}", place.name(), name.as_str().unwrap_or_default());
        *lock(&self.counts).entry(key).or_default() += 1;
    }

    fn by_chance(
        &self,
        function: &str,
        number: u64,
        place: Place,
        operation: &str,
        probability: impl Fn(&RandomFaults) -> f64,
    ) -> Option<Fault> {
        let settings = lock(&self.settings);
        let random = settings.random.as_ref()?;
        let nth = if let Place::Call(nth) = place { nth } else { 0 };
        let mut hasher = DefaultHasher::new();
        (random.seed, function, number, place.name(), nth).hash(&mut hasher);
        let hash = hasher.finish();
        // The upper half decides whether, the lower half which.
        let whether = f64::from((hash >> 32) as u32) / f64::from(u32::MAX);
        if whether >= probability(random) {
            return None;
        }
        let mut kinds = Fault::all_at(place, operation);
        kinds.retain(|kind| match random.kinds.as_slice() {
            [] => !kind.kills_the_stack(),
            wanted => wanted.contains(kind),
        });
        let which = usize::try_from(hash & u64::from(u32::MAX)).unwrap_or_default();
        (!kinds.is_empty()).then(|| kinds[which % kinds.len()])
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    part.is_empty() || text.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests;
