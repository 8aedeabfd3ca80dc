//! Metrics, as lines of CloudWatch's embedded metric format on standard output.
//!
//! `metrique` writes the format; names, units and dimensions come from `users_contract::metric`, so
//! an alarm cannot name what nothing emits. A line has one set of dimensions: every invocation
//! writes one of them, and another when something happened that is counted for the whole stack.
//! They are written before the answer is given, because Lambda may stop the process after it.

use super::Sink;
use metrique_writer_core::config::AllowSplitEntries;
use metrique_writer_core::format::Format;
use metrique_writer_core::unit::NegativeScale;
use metrique_writer_core::{
    Entry, EntryWriter, MetricFlags, Observation, Unit, Value, ValueWriter,
};
use metrique_writer_format_emf::Emf;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use users_contract::metric::{Metric, MetricUnit, NAMESPACE, OPERATION, Outcome, STACK};
use users_domain::Timestamp;

/// Writes the metrics of one stack.
pub(super) struct Metrics {
    stack: String,
    /// The formatter and what it writes into, kept for its memory.
    format: Mutex<(Emf, Vec<u8>)>,
    sink: Sink,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Metrics").field("stack", &self.stack).finish_non_exhaustive()
    }
}

impl Metrics {
    pub(super) fn new(stack: String, sink: Sink) -> Self {
        let format = Emf::builder(NAMESPACE.to_owned(), vec![vec![STACK.to_owned()]]).build();
        Self { stack, format: Mutex::new((format, Vec::new())), sink }
    }

    /// Writes what was measured. Never fails an invocation: the log says when it could not be done.
    pub(super) fn emit(&self, measured: &Measured<'_>) {
        let mut locked = self.format.lock().unwrap_or_else(PoisonError::into_inner);
        let (format, lines) = &mut *locked;
        lines.clear();
        match format.format(&OfStack { stack: &self.stack, measured }, lines) {
            Ok(()) => (self.sink)(lines),
            // The error names metrics and never values.
            Err(error) => tracing::error!(%error, "the metrics of an invocation are lost"),
        }
    }
}

/// What an invocation has measured.
#[derive(Debug)]
pub(super) struct Measured<'a> {
    pub(super) at: Timestamp,
    pub(super) operation: &'a str,
    pub(super) outcome: Outcome,
    /// Each metric once.
    pub(super) values: Vec<(Metric, f64)>,
}

struct OfStack<'a> {
    stack: &'a str,
    measured: &'a Measured<'a>,
}

impl Entry for OfStack<'_> {
    fn write<'a>(&'a self, writer: &mut impl EntryWriter<'a>) {
        writer.config(const { &AllowSplitEntries::new() });
        let millis = u64::try_from(self.measured.at.as_millis()).unwrap_or_default();
        writer.timestamp(time_of(millis));
        writer.value(STACK, self.stack);
        for (metric, value) in &self.measured.values {
            writer.value(metric.name, &Measure { metric, value: *value, of: self.measured });
        }
    }
}

fn time_of(millis: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(millis)
}

struct Measure<'a> {
    metric: &'a Metric,
    value: f64,
    of: &'a Measured<'a>,
}

impl Value for Measure<'_> {
    fn write(&self, writer: impl ValueWriter) {
        let unit = match self.metric.unit {
            MetricUnit::Count => Unit::Count,
            MetricUnit::Milliseconds => Unit::Second(NegativeScale::Milli),
        };
        let dimensions = self.metric.dimensions.iter().filter_map(|key| match *key {
            // That of all lines.
            STACK => None,
            OPERATION => Some((*key, self.of.operation)),
            _ => Some((*key, self.of.outcome.as_str())),
        });
        let observation = Observation::Floating(self.value);
        writer.metric([observation], unit, dimensions, MetricFlags::empty());
    }
}
