//! What is kept of an invocation: its segment of the trace.

use super::InvokeError;
use crate::names::segment_id;
use crate::observe::{Invocation, Observed, TraceHeader};
use crate::template::FunctionPlan;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Instant;

/// Where to keep what happens to a function.
#[derive(Debug)]
pub(super) struct Observation {
    observed: Arc<Observed>,
    function: String,
}

/// An invocation that goes on.
#[derive(Debug)]
pub(super) struct Begun {
    trace: TraceHeader,
    segment_id: String,
    asked: Instant,
    start: f64,
    /// Whether a process was started for it.
    pub(super) cold: bool,
}

impl Observation {
    pub(super) fn new(plan: &FunctionPlan, observed: &Arc<Observed>) -> Self {
        Self { function: plan.binary.clone(), observed: Arc::clone(observed) }
    }

    /// Somebody asks for an invocation.
    pub(super) fn begin(&self, trace: TraceHeader) -> Begun {
        Begun {
            trace,
            segment_id: segment_id(),
            asked: Instant::now(),
            start: Timestamp::now().as_microsecond() as f64 / 1000.0,
            cold: false,
        }
    }

    /// An invocation is over.
    pub(super) fn end(&self, begun: Begun, error: Option<&InvokeError>) {
        let invocation = Invocation {
            function: self.function.clone(),
            trace_id: begun.trace.root,
            segment_id: begun.segment_id,
            parent_id: begun.trace.parent,
            start: begun.start,
            duration_ms: begun.asked.elapsed().as_micros() as f64 / 1000.0,
            cold: begun.cold,
            error: error.map(ToString::to_string),
        };
        self.observed.invocations.push(invocation, 0);
    }
}

impl Begun {
    /// The header for the function, whose own segment is below Lambda's.
    pub(super) fn header(&self) -> TraceHeader {
        TraceHeader { root: self.trace.root.clone(), parent: Some(self.segment_id.clone()) }
    }
}
