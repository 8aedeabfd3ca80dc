//! The faults in force: which one happens at a place, and counts of those that happened.

use super::invocation::{Invocation, Placed, Placement, lock};
use super::kind::{Fault, Place};
use super::settings::{FaultSettings, RandomFaults};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// The faults in force, and their counts.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    settings: Mutex<FaultSettings>,
    transactions: AtomicU64,
    /// Whether streams are held.
    streams_held: AtomicBool,
    /// Whether invocations are watched.
    armed: AtomicBool,
    placed: Mutex<Vec<Arc<Placed>>>,
    /// Invocations so far, by function, while armed.
    begun: Mutex<HashMap<String, u64>>,
    /// The current invocation of each process, by its access key.
    running: Mutex<HashMap<String, Arc<Invocation>>>,
    counts: Mutex<BTreeMap<String, u64>>,
    /// Calls that will still be carried out, although their callers have gone.
    pub(super) pending: AtomicU64,
}

impl Faults {
    /// The faults in force now.
    pub(crate) fn get(&self) -> FaultSettings {
        lock(&self.settings).clone()
    }

    /// Replaces all faults, removes placed ones, and restarts the count of transactions.
    pub(crate) fn set(&self, settings: FaultSettings) {
        self.armed.store(settings.random.is_some(), Ordering::Relaxed);
        *lock(&self.settings) = settings;
        lock(&self.placed).clear();
        self.transactions.store(0, Ordering::Relaxed);
    }

    /// Counts a transaction. True when it must be cancelled.
    pub(crate) fn cancels_transaction(&self) -> bool {
        match lock(&self.settings).dynamodb.transaction_conflict_every {
            None | Some(0) => false,
            Some(every) => {
                let count = self.transactions.fetch_add(1, Ordering::Relaxed) + 1;
                count.is_multiple_of(every)
            }
        }
    }

    /// Whether streams are held.
    pub(crate) fn holds_streams(&self) -> bool {
        self.streams_held.load(Ordering::Relaxed)
    }

    /// Holds or releases streams. A held stream delivers nothing, so records gather in one batch.
    pub(crate) fn hold_streams(&self, hold: bool) {
        self.streams_held.store(hold, Ordering::Relaxed);
    }

    /// Places a fault in a future invocation.
    pub(crate) fn place(&self, placement: Placement) {
        lock(&self.placed).push(Arc::new(Placed::new(placement)));
        self.armed.store(true, Ordering::Relaxed);
    }

    /// The report of a placement: how often it fired, and the calls of AWS of its invocation, each
    /// with the faults that are possible there.
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

    /// The number of faults by kind, and the number of pending calls.
    pub(crate) fn report(&self) -> Value {
        json!({
            "counts": *lock(&self.counts),
            "pending": self.pending.load(Ordering::SeqCst),
        })
    }

    /// Begins an invocation; `None` while no fault is set.
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

    /// Assigns an invocation to the process that signs with `access_key` and is ended by `kill`.
    pub(crate) fn assign(
        &self,
        access_key: &str,
        kill: &Arc<Notify>,
        invocation: &Arc<Invocation>,
    ) {
        invocation.set_process(Arc::clone(kill));
        lock(&self.running).insert(access_key.to_owned(), Arc::clone(invocation));
    }

    /// Ends the assignment of a process.
    pub(crate) fn unassign(&self, access_key: &str) {
        lock(&self.running).remove(access_key);
    }

    /// The watched invocation of a process.
    pub(crate) fn invocation(&self, access_key: &str) -> Option<Arc<Invocation>> {
        let running = lock(&self.running);
        if running.is_empty() { None } else { running.get(access_key).cloned() }
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
        // One record cannot be split.
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

    pub(super) fn note(&self, invocation: &Invocation, place: Place, fault: Fault) -> Fault {
        invocation.note_fired(place);
        self.count(place, fault);
        fault
    }

    fn count(&self, place: Place, fault: Fault) {
        let name = serde_json::to_value(fault).unwrap_or_default();
        let key = format!("{}/{}", place.name(), name.as_str().unwrap_or_default());
        *lock(&self.counts).entry(key).or_default() += 1;
    }

    pub(super) fn by_chance(
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
