//! What an invocation tells: its log line, its metrics and its trace, all before it answers.
//!
//! Names that Lambda Powertools made usual (`function_request_id`, `cold_start`, `xray_trace_id`,
//! `correlation_id`, ...) are spelt as there, so that queries written for other services work here.
//!
//! None of it ever holds personal data: what is told is listed here field by field, and nothing
//! takes a request, an item or an error's own text.

mod calls;
mod json;
mod log;
mod metrics;
mod stdout;
mod trace;

pub(crate) use calls::{Calls, Recorder, measure, recorded};
pub(crate) use log::chain;
#[cfg(test)]
pub(crate) use log::{collected, reporting_panics_of_this_thread};
pub(crate) use trace::{Kind, Span, TraceHeader};

use crate::clock::{Clock, Entropy};
use crate::config::{Environment, optional};
use crate::http::{Rejection, Response};
use metrics::{Measured, Metrics};
use std::fmt;
use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use stdout::Stdout;
use trace::Tracer;
use tracing::level_filters::LevelFilter;
use users_contract::ErrorCode;
use users_contract::metric::{self, Outcome};
use users_domain::Timestamp;

/// What every line is about.
pub(crate) const SERVICE: &str = "users";

/// Takes finished lines, or one packet for the X-Ray daemon.
pub type Sink = Box<dyn Fn(&[u8]) + Send + Sync>;

/// The name of this function; empty outside Lambda.
static FUNCTION_NAME: OnceLock<String> = OnceLock::new();

/// The name of this function; empty outside Lambda.
pub(crate) fn function_name() -> &'static str {
    FUNCTION_NAME.get().map(String::as_str).unwrap_or_default()
}

/// What is told, and to whom.
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
    /// As the environment says, and begins to log:
    ///
    /// - `LOG_LEVEL`: least severe line to write; `info` when absent or unknown.
    /// - `POWERTOOLS_LOGGER_SAMPLE_RATE`: share of the invocations, from 0 to 1, that write debug
    ///   lines whatever the level; 0 when absent.
    /// - `METRICS_STACK`: the stack that metrics are of; without it there are none.
    /// - `AWS_XRAY_DAEMON_ADDRESS`: where traces are sent, set by Lambda; without it nowhere.
    #[must_use]
    pub fn from_env(env: Environment<'_>) -> Self {
        if let Some(name) = optional(env, "AWS_LAMBDA_FUNCTION_NAME") {
            // A second call, as tests may make it, changes nothing.
            let _ = FUNCTION_NAME.set(name);
        }
        let level = level(env);
        let debug_share = debug_share(optional(env, "POWERTOOLS_LOGGER_SAMPLE_RATE"));
        log::init(if debug_share > 0.0 { level.max(LevelFilter::DEBUG) } else { level });
        let stdout: Sink = Box::new(|lines| {
            // Nobody is left to tell when standard output is gone.
            let _ = Stdout.write_all(lines);
        });
        Self {
            level,
            debug_share,
            metrics: optional(env, "METRICS_STACK").map(|stack| Metrics::new(stack, stdout)),
            tracer: Tracer::from_env(env),
            warm: AtomicBool::new(false),
        }
    }

    /// Measures and traces to where it is told, and logs to whoever subscribes to this crate's
    /// lines.
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

    /// An id for a document in this trace; none when none is sent.
    pub(crate) fn span_id(&self, header: TraceHeader<'_>, entropy: &dyn Entropy) -> Option<String> {
        (self.tracer.is_some() && header.is_kept()).then(|| trace::span_id(entropy))
    }

    /// Sends a document.
    pub(crate) fn trace(&self, span: &Span<'_>, clock: &dyn Clock) {
        if let Some(tracer) = &self.tracer {
            tracer.send(span, clock);
        }
    }

    /// Whether this is the first invocation; to be asked once for each.
    pub(crate) fn is_cold(&self) -> bool {
        !self.warm.swap(true, Ordering::Relaxed)
    }

    /// The least severe lines that this invocation writes.
    pub(crate) fn level(&self, entropy: &dyn Entropy) -> LevelFilter {
        // 32 random bits are a number from 0 to below 1, in steps that are fine enough.
        let sampled = self.debug_share > 0.0
            && f64::from(entropy.bits() as u32) / 4_294_967_296.0 < self.debug_share;
        if sampled { self.level.max(LevelFilter::DEBUG) } else { self.level }
    }

    /// Writes the metrics of an invocation: those that every one has, and what was counted.
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
        // What did not happen is left out: a zero would be paid for, and a sum needs none.
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

/// What records calls of AWS, unless the environment says that nothing is told of them.
pub(crate) fn recorder(env: Environment<'_>) -> Option<Recorder> {
    let told = level(env) > LevelFilter::OFF
        || debug_share(optional(env, "POWERTOOLS_LOGGER_SAMPLE_RATE")) > 0.0
        || optional(env, "METRICS_STACK").is_some()
        || optional(env, "AWS_XRAY_DAEMON_ADDRESS").is_some();
    told.then_some(Recorder)
}

/// The least severe line to write.
fn level(env: Environment<'_>) -> LevelFilter {
    optional(env, "LOG_LEVEL").and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO)
}

fn debug_share(text: Option<String>) -> f64 {
    // What is no share is as good as none: a mistake here must not stop a function.
    text.and_then(|text| text.parse().ok())
        .filter(|share| (0.0..=1.0).contains(share))
        .unwrap_or_default()
}

/// Milliseconds since then, to the microsecond, which is more than the clock is good for.
pub(crate) fn millis_since(begun: Instant) -> f64 {
    begun.elapsed().as_micros() as f64 / 1000.0
}

/// What is known of the invocation of an operation, besides its answer.
#[derive(Debug)]
pub(crate) struct Invocation<'a> {
    pub(crate) operation: &'static str,
    pub(crate) function_request_id: &'a str,
    pub(crate) correlation_id: &'a str,
    pub(crate) trace: TraceHeader<'a>,
    /// The id of its own document in the trace; none when none is sent.
    pub(crate) span_id: Option<String>,
    /// The account of the caller.
    pub(crate) caller_account: &'a str,
    pub(crate) begun: Instant,
    pub(crate) calls: Calls,
}

impl Invocation<'_> {
    /// Writes line and metrics and sends the trace.
    pub(crate) fn tell(
        &mut self,
        telemetry: &Telemetry,
        response: &Response,
        failure: Option<&Rejection>,
        clock: &dyn Clock,
        entropy: &dyn Entropy,
    ) {
        if response.replayed {
            self.calls.measure(metric::IDEMPOTENT_REPLAYS, 1.0);
        }
        if response.problem == Some(ErrorCode::VersionMismatch) {
            self.calls.measure(metric::VERSION_CONFLICTS, 1.0);
        }
        let duration_ms = millis_since(self.begun);
        let cold = telemetry.is_cold();
        let outcome = response.problem.map_or("success", |code| code.as_str());
        let class = Outcome::of_status(response.status);
        stdout::together(|| {
            self.log(telemetry.level(entropy), response, outcome, failure, duration_ms, cold);
            telemetry.measure(self.operation, class, duration_ms, cold, &self.calls, clock.now());
        });
        let Some(id) = &self.span_id else { return };
        let span = Span {
            kind: Kind::Subsegment,
            id,
            header: self.trace,
            operation: self.operation,
            outcome,
            status: Some(response.status),
            correlation_id: Some(self.correlation_id),
            begun: self.begun,
            calls: &self.calls.list,
        };
        telemetry.trace(&span, clock);
    }

    /// A warning or an error only when somebody has to act.
    fn log(
        &self,
        level: LevelFilter,
        response: &Response,
        outcome: &str,
        failure: Option<&Rejection>,
        duration_ms: f64,
        cold: bool,
    ) {
        // One call site for each level, since a level is part of the call site.
        macro_rules! line {
            ($level:ident, $($extra:tt)*) => {
                tracing::$level!(
                    service = SERVICE,
                    function_name = function_name(),
                    function_request_id = self.function_request_id,
                    cold_start = cold,
                    xray_trace_id = self.trace.root,
                    correlation_id = self.correlation_id,
                    operation = self.operation,
                    outcome,
                    status = response.status,
                    duration_ms,
                    replayed = response.replayed,
                    retries = response.retries,
                    dynamodb_calls = self.calls.list.len(),
                    dynamodb_attempts = self.calls.attempts(),
                    read_units = self.calls.read_units(),
                    write_units = self.calls.write_units(),
                    caller_account = self.caller_account,
                    $($extra)*
                )
            };
        }
        if level >= LevelFilter::DEBUG {
            self.calls.log(self.function_request_id, self.trace.root, Some(self.correlation_id));
        }
        match response.status {
            500 => line!(error, cause = failure.map(chain), "invocation failed"),
            503 => line!(warn, cause = failure.map(chain), "invocation failed"),
            _ if level >= LevelFilter::INFO => line!(info, "invocation"),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
