//! A watched invocation: the faults placed in it, the number of its calls of AWS, and the ways to
//! interfere with it.

use super::kind::{Fault, Place};
use serde::Deserialize;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// A fault at one place of one invocation: the first of `function` whose event contains `marker`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Placement {
    /// The id of its report.
    pub(crate) id: String,
    /// The function, by the name of its binary.
    pub(crate) function: String,
    /// A text in the event.
    pub(crate) marker: String,
    /// The place.
    pub(crate) at: Place,
    /// The fault.
    pub(crate) fault: Fault,
    /// The number of consecutive calls, from that of `at`; 1 when absent.
    #[serde(default = "once")]
    pub(crate) times: u32,
}

fn once() -> u32 {
    1
}

/// A placement and its report.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) placement: Placement,
    pub(super) taken: AtomicBool,
    pub(super) fired: AtomicU32,
    /// The calls of AWS of its invocation, by name.
    pub(super) calls: Mutex<Vec<String>>,
}

impl Placed {
    pub(super) fn new(placement: Placement) -> Self {
        let (taken, fired) = (AtomicBool::new(false), AtomicU32::new(0));
        Self { placement, taken, fired, calls: Mutex::default() }
    }

    fn hits(&self, place: Place) -> bool {
        match (self.placement.at, place) {
            (Place::Call(first), Place::Call(nth)) => {
                (first..first.saturating_add(self.placement.times)).contains(&nth)
            }
            (at, place) => at == place,
        }
    }
}

/// A running invocation.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(super) function: String,
    /// Counted by function, from 1.
    pub(super) number: u64,
    pub(super) placed: Vec<Arc<Placed>>,
    calls: AtomicU32,
    doomed: AtomicBool,
    answer_lost: AtomicBool,
    kill: Mutex<Option<Arc<Notify>>>,
    /// Signals the timeout of the function.
    pub(crate) timed_out: Notify,
    /// Signals that the caller gives up.
    pub(crate) given_up: Notify,
}

impl Invocation {
    pub(super) fn new(function: &str, number: u64, placed: Vec<Arc<Placed>>) -> Self {
        Self {
            function: function.to_owned(),
            number,
            placed,
            calls: AtomicU32::new(0),
            doomed: AtomicBool::new(false),
            answer_lost: AtomicBool::new(false),
            kill: Mutex::default(),
            timed_out: Notify::new(),
            given_up: Notify::new(),
        }
    }

    /// Counts a call of AWS and returns its number.
    pub(super) fn count_call(&self, operation: &str) -> u32 {
        for placed in &self.placed {
            lock(&placed.calls).push(operation.to_owned());
        }
        self.calls.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The fault that was placed here, if any.
    pub(super) fn placed_at(&self, place: Place) -> Option<Fault> {
        let placed = self.placed.iter().find(|placed| placed.hits(place))?;
        (placed.placement.fault != Fault::None).then_some(placed.placement.fault)
    }

    /// Counts a fault that happened here in its placement, if it has one.
    pub(super) fn note_fired(&self, place: Place) {
        if let Some(placed) = self.placed.iter().find(|placed| placed.hits(place)) {
            placed.fired.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Sets the signal that ends its process.
    pub(super) fn set_process(&self, kill: Arc<Notify>) {
        *lock(&self.kill) = Some(kill);
    }

    /// From now on nothing that the process does takes effect.
    pub(crate) fn doom(&self) {
        self.doomed.store(true, Ordering::Relaxed);
    }

    /// Whether the process is doomed.
    pub(crate) fn is_doomed(&self) -> bool {
        self.doomed.load(Ordering::Relaxed)
    }

    /// Kills the process. Until it is gone, nothing that it does takes effect.
    pub(crate) fn kill(&self) {
        self.doom();
        if let Some(kill) = lock(&self.kill).as_ref() {
            kill.notify_one();
        }
    }

    /// Ends the invocation with a timeout.
    pub(crate) fn time_out(&self) {
        self.doom();
        self.timed_out.notify_one();
    }

    /// Loses the answer on its way to the caller.
    pub(crate) fn lose_answer(&self) {
        self.answer_lost.store(true, Ordering::Relaxed);
    }

    /// Whether the answer is lost.
    pub(crate) fn is_answer_lost(&self) -> bool {
        self.answer_lost.load(Ordering::Relaxed)
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::{Invocation, Placed, Placement};
    use crate::faults::kind::{Fault, Place};
    use serde_json::{Value, json};
    use std::sync::Arc;

    fn placed(at: &Value, times: u32) -> Arc<Placed> {
        let placement: Placement = serde_json::from_value(json!({
            "id": "1", "function": "f", "marker": "m", "at": at, "fault": "reset", "times": times
        }))
        .unwrap();
        Arc::new(Placed::new(placement))
    }

    #[test]
    fn a_placed_fault_hits_its_calls_and_no_other() {
        let invocation = Invocation::new("f", 1, vec![placed(&json!({"call": 2}), 2)]);
        let hit: Vec<_> =
            (1..=4).map(|nth| invocation.placed_at(Place::Call(nth)).is_some()).collect();
        assert_eq!(hit, [false, true, true, false]);
        assert_eq!(invocation.placed_at(Place::Response), None);
    }

    #[test]
    fn a_placement_reports_calls_and_faults() {
        let placed = placed(&json!("response"), 1);
        let invocation = Invocation::new("f", 1, vec![Arc::clone(&placed)]);
        assert_eq!(invocation.count_call("GetItem"), 1);
        assert_eq!(invocation.placed_at(Place::Response), Some(Fault::Reset));
        invocation.note_fired(Place::Response);
        assert_eq!(placed.fired.load(std::sync::atomic::Ordering::Relaxed), 1);
        assert_eq!(*placed.calls.lock().unwrap(), ["GetItem"]);
    }
}
