//! What happened lately, kept in memory and within bounds: requests, invocations, log lines and
//! traces. The console and the commands that look into a running stack read it here.
//!
//! Whoever notes something holds a lock for as long as it takes to move a value, and never across
//! an await, so that looking costs the calls nothing.

mod activity;
mod invocations;
mod logs;
mod requests;
mod ring;
mod traces;

pub(crate) use activity::Activity;
pub(crate) use invocations::Invocation;
pub(crate) use logs::{LogLines, LogRecord, LogSelection};
pub(crate) use requests::Request;
pub(crate) use ring::{Kept, Page, Ring};
pub(crate) use traces::{TraceHeader, Traces};

use jiff::Timestamp;
use std::collections::BTreeSet;

/// Requests and invocations kept.
const CALLS: usize = 2000;

/// Everything that is kept.
#[derive(Debug)]
pub(crate) struct Observed {
    /// When the stack was started, milliseconds since 1970. It tells one run from the next, whose
    /// numbers begin anew.
    pub(crate) started: i64,
    pub(crate) activity: Activity,
    pub(crate) requests: Ring<Request>,
    pub(crate) invocations: Ring<Invocation>,
    pub(crate) logs: LogLines,
    pub(crate) traces: Traces,
    /// Most of a kind that are kept, if that is less than usual.
    pub(crate) history: usize,
}

impl Observed {
    /// Nothing yet, and as much of each kind as is usual.
    #[cfg(test)]
    pub(crate) fn new() -> Self {
        Self::with_history(usize::MAX)
    }

    /// Nothing yet, and at most so much of each kind.
    pub(crate) fn with_history(history: usize) -> Self {
        let calls = CALLS.min(history);
        let activity = Activity::default();
        Self {
            started: Timestamp::now().as_millisecond(),
            requests: Ring::new(calls, usize::MAX, &activity),
            invocations: Ring::new(calls, usize::MAX, &activity),
            logs: LogLines::new(history, &activity),
            traces: Traces::new(history, &activity),
            history,
            activity,
        }
    }

    /// The ids of the traces that belong to a correlation id: those of requests that had it, and
    /// those of documents that are annotated with it.
    pub(crate) fn traces_of(&self, correlation_id: &str) -> BTreeSet<String> {
        let requests = self.requests.all(|request| request.has_correlation_id(correlation_id));
        let mut ids: BTreeSet<_> = requests.into_iter().map(|kept| kept.item.trace_id).collect();
        ids.extend(self.traces.annotated(correlation_id));
        ids
    }
}
