//! The recent past, kept in memory and within bounds: requests, invocations, log lines and traces.
//! The console and the commands for a running stack read it.
//!
//! A lock is held only while a value is moved, and never across an await, so reading does not slow
//! down calls.

mod activity;
mod logs;
mod records;
mod ring;
mod traces;

pub(crate) use activity::Activity;
pub(crate) use logs::{LogLines, LogRecord, LogSelection};
pub(crate) use records::{Invocation, Request};
pub(crate) use ring::Page;
pub(crate) use traces::{TraceHeader, Traces};

use self::ring::Ring;
use jiff::Timestamp;
use std::collections::BTreeSet;

/// The maximum number of requests and of invocations.
const CALLS: usize = 2000;

/// The recent past.
#[derive(Debug)]
pub(crate) struct Observed {
    /// The start of the stack, milliseconds since 1970. It identifies a run: sequence numbers
    /// restart with each.
    pub(crate) started: i64,
    pub(crate) activity: Activity,
    pub(crate) requests: Ring<Request>,
    pub(crate) invocations: Ring<Invocation>,
    pub(crate) logs: LogLines,
    pub(crate) traces: Traces,
}

impl Observed {
    /// An empty past with the default bounds.
    #[cfg(test)]
    pub(crate) fn new() -> Self {
        Self::with_history(usize::MAX)
    }

    /// An empty past with at most `history` entries of each kind.
    pub(crate) fn with_history(history: usize) -> Self {
        let calls = CALLS.min(history);
        let activity = Activity::default();
        Self {
            started: Timestamp::now().as_millisecond(),
            requests: Ring::new(calls, usize::MAX, &activity),
            invocations: Ring::new(calls, usize::MAX, &activity),
            logs: LogLines::new(history, &activity),
            traces: Traces::new(history, &activity),
            activity,
        }
    }

    /// The ids of the traces of a correlation id: those of its requests, and those of documents
    /// annotated with it.
    pub(crate) fn traces_of(&self, correlation_id: &str) -> BTreeSet<String> {
        let requests = self.requests.all(|request| request.has_correlation_id(correlation_id));
        let mut ids: BTreeSet<_> = requests.into_iter().map(|kept| kept.item.trace_id).collect();
        ids.extend(self.traces.annotated(correlation_id));
        ids
    }
}
