//! The log line, metrics and trace of an invocation, all written before it answers.
//!
//! The names of Lambda Powertools (`function_request_id`, `cold_start`, `xray_trace_id`,
//! `correlation_id`, ...) are used, so that queries written for other services work here.
//!
//! None of it holds personal data: every field is listed here, and nothing takes a request, an item
//! or an error's own text.

mod calls;
mod function;
mod invocation;
mod json;
mod log;
mod metrics;
mod sink;
mod trace;

pub(crate) use calls::{Calls, Recorder, measure, recorded};
pub(crate) use function::{SERVICE, function_name};
pub(crate) use invocation::{Completion, Invocation, millis_since};
#[cfg(test)]
pub(crate) use log::{collected, reporting_panics_of_this_thread};
pub use sink::Sink;
pub(crate) use trace::{Kind, Span, TraceHeader};

use crate::clock::{Clock, Entropy};
use crate::config::TelemetryConfig;
use metrics::{Measured, Metrics};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use trace::Tracer;
use tracing::level_filters::LevelFilter;
use users_contract::metric::{self, Outcome};
use users_domain::Timestamp;

/// The levels and sinks of logs, metrics and traces.
pub struct Telemetry {
    level: LevelFilter,
    /// Share of the invocations that log at the level of debug, from 0 to 1.
    debug_share: f64,
    metrics: Option<Metrics>,
    tracer: Option<Tracer>,
    warm: AtomicBool,
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Telemetry")
            .field("level", &self.level)
            .field("debug_share", &self.debug_share)
            .field("metrics", &self.metrics)
            .field("tracer", &self.tracer.is_some())
            .finish_non_exhaustive()
    }
}

impl Telemetry {
    /// Begins to log, and prepares metrics and traces.
    #[must_use]
    pub fn new(config: TelemetryConfig) -> Self {
        function::set_function_name(config.function_name.clone());
        let samples = config.debug_share > 0.0;
        log::init(if samples { config.level.max(LevelFilter::DEBUG) } else { config.level });
        Self::without_log(config)
    }

    fn without_log(config: TelemetryConfig) -> Self {
        Self {
            level: config.level,
            debug_share: config.debug_share,
            metrics: config.metrics_stack.map(|stack| Metrics::new(stack, sink::stdout())),
            tracer: config.xray_daemon.as_deref().and_then(Tracer::connect),
            warm: AtomicBool::new(false),
        }
    }

    /// Writes metrics and traces to the given sinks. Lines go to the subscribers of `tracing`.
    #[must_use]
    pub fn to(stack: &str, metrics: Sink, packets: Sink) -> Self {
        Self {
            level: LevelFilter::INFO,
            debug_share: 0.0,
            metrics: Some(Metrics::new(stack.to_owned(), metrics)),
            tracer: Some(Tracer::new(packets)),
            warm: AtomicBool::new(false),
        }
    }

    /// With debug lines of this share of invocations, from 0 to 1.
    #[must_use]
    pub fn with_debug_share(self, share: f64) -> Self {
        Self { debug_share: share, ..self }
    }

    /// The recorder of AWS calls; `None` when nothing would be reported of them.
    pub(crate) fn recorder(&self) -> Option<Recorder> {
        let reports = self.level > LevelFilter::OFF
            || self.debug_share > 0.0
            || self.metrics.is_some()
            || self.tracer.is_some();
        reports.then_some(Recorder)
    }

    /// An id for a document in this trace; `None` when none is sent.
    pub(crate) fn span_id(&self, header: TraceHeader<'_>, entropy: &dyn Entropy) -> Option<String> {
        (self.tracer.is_some() && header.is_kept()).then(|| trace::span_id(entropy))
    }

    /// Sends a document.
    pub(crate) fn trace(&self, span: &Span<'_>, clock: &dyn Clock) {
        if let Some(tracer) = &self.tracer {
            tracer.send(span, clock);
        }
    }

    /// Whether this is the first invocation; called once for each.
    pub(crate) fn is_cold(&self) -> bool {
        !self.warm.swap(true, Ordering::Relaxed)
    }

    /// The least severe level that this invocation writes.
    pub(crate) fn level(&self, entropy: &dyn Entropy) -> LevelFilter {
        // 32 random bits as a number from 0 to below 1.
        let sampled = self.debug_share > 0.0
            && f64::from(entropy.bits() as u32) / 4_294_967_296.0 < self.debug_share;
        if sampled { self.level.max(LevelFilter::DEBUG) } else { self.level }
    }

    /// Writes the metrics of an invocation: those that all have, and those that were counted.
    pub(crate) fn measure(
        &self,
        operation: &str,
        outcome: Outcome,
        duration_ms: f64,
        cold: bool,
        calls: &Calls,
        at: Timestamp,
    ) {
        let Some(metrics) = &self.metrics else { return };
        let mut values = Vec::with_capacity(8);
        values.extend([(metric::CALLS, 1.0), (metric::LATENCY, duration_ms)]);
        // Zeros are left out: CloudWatch bills them, and a sum needs none.
        let happened = [
            (metric::READ_UNITS, calls.read_units()),
            (metric::WRITE_UNITS, calls.write_units()),
            (metric::AWS_RETRIES, f64::from(calls.retries())),
            (metric::COLD_STARTS, if cold { 1.0 } else { 0.0 }),
        ];
        values.extend(happened.into_iter().filter(|(_, value)| *value > 0.0));
        values.extend(calls.measured.iter().copied());
        metrics.emit(&Measured { at, operation, outcome, values });
    }
}

#[cfg(test)]
mod tests;
