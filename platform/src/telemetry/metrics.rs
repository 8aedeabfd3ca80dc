//! Metrics, as lines of CloudWatch's embedded metric format on standard output.
//!
//! `metrique` writes the format; names, units and dimensions come from `users_contract::metric`, so
//! an alarm cannot name a metric that is not emitted. A line has one set of dimensions: every
//! invocation writes one line, and another when something was counted for the whole stack. Lines are
//! written before the answer, because Lambda may stop the process after it.

use super::sink::Sink;
use metrique_writer_core::format::Format;
use metrique_writer_core::unit::NegativeScale;
use metrique_writer_core::{
    Entry, EntryWriter, MetricFlags, Observation, Unit, Value, ValueWriter,
};
use metrique_writer_format_emf::Emf;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use users_contract::metric::{METRICS, Metric, MetricUnit, NAMESPACE, OPERATION, OUTCOME, Outcome};
use users_domain::Timestamp;

/// Writes the metrics of one stack.
pub(super) struct Metrics {
    stack: String,
    writing: Mutex<Writing>,
    sink: Sink,
}

/// The formatters and the buffer, kept between invocations to save their setup.
struct Writing {
    formats: Vec<(Dimensions, Emf)>,
    lines: Vec<u8>,
}

/// The keys of a set of dimensions.
type Dimensions = &'static [&'static str];

impl fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Metrics").field("stack", &self.stack).finish_non_exhaustive()
    }
}

impl Metrics {
    pub(super) fn new(stack: String, sink: Sink) -> Self {
        let mut formats: Vec<(Dimensions, Emf)> = Vec::new();
        for Metric { dimensions, .. } in METRICS {
            if formats.iter().all(|(known, _)| known != dimensions) {
                let keys = dimensions.iter().map(|key| (*key).to_owned()).collect();
                let format = Emf::builder(NAMESPACE.to_owned(), vec![keys]).build();
                formats.push((dimensions, format));
            }
        }
        Self { stack, writing: Mutex::new(Writing { formats, lines: Vec::new() }), sink }
    }

    /// Writes measurements. A failure is logged and does not fail the invocation.
    pub(super) fn emit(&self, measured: &Measured<'_>) {
        let mut writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let Writing { formats, lines } = &mut *writing;
        lines.clear();
        for (dimensions, format) in formats {
            let line = Line { stack: &self.stack, dimensions, measured };
            if line.values().next().is_none() {
                continue;
            }
            if let Err(error) = format.format(&line, lines) {
                // The error names metrics and never values.
                tracing::error!(%error, "metrics of an invocation are lost");
            }
        }
        (self.sink)(lines);
    }
}

/// The measurements of an invocation.
#[derive(Debug)]
pub(super) struct Measured<'a> {
    pub(super) at: Timestamp,
    pub(super) operation: &'a str,
    pub(super) outcome: Outcome,
    /// Each metric once.
    pub(super) values: Vec<(Metric, f64)>,
}

/// The measurements with one set of dimensions.
struct Line<'a> {
    stack: &'a str,
    dimensions: Dimensions,
    measured: &'a Measured<'a>,
}

impl Line<'_> {
    fn values(&self) -> impl Iterator<Item = &(Metric, f64)> {
        self.measured.values.iter().filter(|(metric, _)| metric.dimensions == self.dimensions)
    }
}

impl Entry for Line<'_> {
    fn write<'a>(&'a self, writer: &mut impl EntryWriter<'a>) {
        let millis = u64::try_from(self.measured.at.as_millis()).unwrap_or_default();
        writer.timestamp(time_of(millis));
        for key in self.dimensions {
            let value = match *key {
                OPERATION => self.measured.operation,
                OUTCOME => self.measured.outcome.as_str(),
                _ => self.stack,
            };
            writer.value(*key, value);
        }
        for (metric, value) in self.values() {
            writer.value(metric.name, &Measure { unit: metric.unit, value: *value });
        }
    }
}

fn time_of(millis: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(millis)
}

struct Measure {
    unit: MetricUnit,
    value: f64,
}

impl Value for Measure {
    fn write(&self, writer: impl ValueWriter) {
        let unit = match self.unit {
            MetricUnit::Count => Unit::Count,
            MetricUnit::Milliseconds => Unit::Second(NegativeScale::Milli),
        };
        writer.metric([Observation::Floating(self.value)], unit, [], MetricFlags::empty());
    }
}
