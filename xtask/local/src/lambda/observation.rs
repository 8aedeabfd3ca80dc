//! What is kept of an invocation: its segment of the trace, and Lambda's metrics.

use super::InvokeError;
use crate::names::segment_id;
use crate::observe::{Invocation, MetricKey, Observed, Series, TraceHeader};
use crate::template::FunctionPlan;
use jiff::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Where to keep what happens to a function.
#[derive(Debug)]
pub(super) struct Observation {
    observed: Arc<Observed>,
    function: String,
    /// Invocations that go on.
    running: AtomicU64,
    invocations: Arc<Series>,
    errors: Arc<Series>,
    throttles: Arc<Series>,
    duration: Arc<Series>,
    concurrency: Arc<Series>,
    iterator_age: Arc<Series>,
}

/// An invocation that goes on.
#[derive(Debug)]
pub(super) struct Begun {
    trace: TraceHeader,
    segment_id: String,
    asked: Instant,
    start: f64,
    /// When it got an instance's slot; none while it waits for one.
    run: Option<Instant>,
    /// Whether a process was started for it.
    pub(super) cold: bool,
}

impl Observation {
    pub(super) fn new(plan: &FunctionPlan, observed: &Arc<Observed>) -> Self {
        let series = |name| {
            let dimensions = [("FunctionName", plan.name.as_str())];
            observed.metrics.series(MetricKey::new("AWS/Lambda", name, &dimensions))
        };
        Self {
            function: plan.binary.clone(),
            running: AtomicU64::new(0),
            invocations: series("Invocations"),
            errors: series("Errors"),
            throttles: series("Throttles"),
            duration: series("Duration"),
            concurrency: series("ConcurrentExecutions"),
            iterator_age: series("IteratorAge"),
            observed: Arc::clone(observed),
        }
    }

    /// Somebody asks for an invocation.
    pub(super) fn begin(&self, trace: TraceHeader) -> Begun {
        Begun {
            trace,
            segment_id: segment_id(),
            asked: Instant::now(),
            start: Timestamp::now().as_microsecond() as f64 / 1000.0,
            run: None,
            cold: false,
        }
    }

    /// An invocation is over.
    pub(super) fn end(&self, begun: Begun, error: Option<&InvokeError>) {
        match begun.run {
            Some(run) => {
                self.running.fetch_sub(1, Ordering::Relaxed);
                self.invocations.record(1.0);
                self.errors.record(f64::from(u8::from(error.is_some())));
                self.duration.record(run.elapsed().as_micros() as f64 / 1000.0);
            }
            // As on AWS, what is refused is no invocation.
            None => {
                if matches!(error, Some(InvokeError::Throttled)) {
                    self.throttles.record(1.0);
                }
            }
        }
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

    /// How old the last record was of those that a stream hands over.
    pub(super) fn note_iterator_age(&self, milliseconds: f64) {
        self.iterator_age.record(milliseconds);
    }
}

impl Begun {
    /// It has got a slot.
    pub(super) fn run(&mut self, observation: &Observation) {
        self.run = Some(Instant::now());
        let running = observation.running.fetch_add(1, Ordering::Relaxed) + 1;
        observation.concurrency.record(running as f64);
    }

    /// The header for the function, whose own segment is below Lambda's.
    pub(super) fn header(&self) -> TraceHeader {
        TraceHeader { root: self.trace.root.clone(), parent: Some(self.segment_id.clone()) }
    }
}
