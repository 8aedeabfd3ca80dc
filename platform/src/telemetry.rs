//! The one log line of an invocation, as JSON on standard output.
//!
//! Names that Lambda Powertools made usual (`function_request_id`, `cold_start`, `xray_trace_id`,
//! `correlation_id`, ...) are spelt as there, so that queries written for other services work here.
//!
//! Only this crate's own lines are written. Libraries underneath log requests and answers in full
//! at their debug levels, and those hold personal data.

mod calls;
mod trace;

pub(crate) use calls::{Calls, Recorder, recorded};
pub(crate) use trace::{Span, TraceHeader};

use crate::clock::{Clock, Entropy};
use crate::config::{Environment, optional};
use crate::http::{Rejection, Response};
use std::error::Error as StdError;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use users_domain::CorrelationId;

/// What every line is about.
pub(crate) const SERVICE: &str = "users";

/// The name of this function; empty outside Lambda.
static FUNCTION_NAME: OnceLock<String> = OnceLock::new();

/// The name of this function; empty outside Lambda.
pub(crate) fn function_name() -> &'static str {
    FUNCTION_NAME.get().map(String::as_str).unwrap_or_default()
}

/// Begins to log, at the level of `LOG_LEVEL` (`info` when absent or unknown), and to trace.
pub(crate) fn init(env: Environment<'_>) {
    if let Some(name) = optional(env, "AWS_LAMBDA_FUNCTION_NAME") {
        // A second call, as tests may make it, changes nothing.
        let _ = FUNCTION_NAME.set(name);
    }
    let level = optional(env, "LOG_LEVEL")
        .and_then(|level| level.parse().ok())
        .unwrap_or(LevelFilter::INFO);
    // A second call, as tests may make it, changes nothing.
    let _ = tracing_subscriber::registry().with(lines(level, std::io::stdout)).try_init();
    trace::init(env);
    // A panic's text may quote the value that caused it, so only its place is told.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panicked");
    }));
}

/// Our own lines, of a level and above, as JSON.
fn lines<S, W>(level: LevelFilter, writer: W) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false)
        .with_writer(writer)
        .with_filter(Targets::new().with_target("users_platform", level))
}

/// Collects the lines of this thread instead, of every level, until the guard is dropped.
#[cfg(test)]
pub(crate) fn collected() -> (std::sync::Arc<std::sync::Mutex<Vec<u8>>>, impl Drop) {
    #[derive(Clone)]
    struct Collector(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);
    impl std::io::Write for Collector {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("nobody panics here").extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let collected = std::sync::Arc::default();
    let collector = Collector(std::sync::Arc::clone(&collected));
    let layer = lines(LevelFilter::TRACE, move || collector.clone());
    (collected, tracing_subscriber::registry().with(layer).set_default())
}

/// What is known of an invocation, besides its answer.
#[derive(Debug)]
pub(crate) struct Invocation<'a> {
    pub(crate) operation: &'static str,
    pub(crate) function_request_id: &'a str,
    pub(crate) correlation_id: &'a CorrelationId,
    pub(crate) trace: TraceHeader<'a>,
    /// The account of the caller.
    pub(crate) caller_account: &'a str,
    pub(crate) begun: Instant,
    pub(crate) calls: &'a Calls,
}

impl Invocation<'_> {
    /// Writes the line and sends the trace.
    pub(crate) fn tell(
        &self,
        response: &Response,
        failure: Option<&Rejection>,
        clock: &dyn Clock,
        entropy: &dyn Entropy,
    ) {
        let outcome = response.problem.map_or("success", |code| code.as_str());
        self.log(response, outcome, failure);
        let span = Span {
            operation: self.operation,
            outcome,
            status: Some(response.status),
            correlation_id: Some(self.correlation_id.as_str()),
            begun: self.begun,
            calls: self.calls,
        };
        span.send(self.trace, clock, entropy);
    }

    /// A warning or an error only when somebody has to act.
    fn log(&self, response: &Response, outcome: &str, failure: Option<&Rejection>) {
        // To the microsecond, which is more than the clock is good for.
        let duration_ms = self.begun.elapsed().as_micros() as f64 / 1000.0;
        // One call site for each level, since a level is part of the call site.
        macro_rules! line {
            ($level:ident, $($extra:tt)*) => {
                tracing::$level!(
                    service = SERVICE,
                    function_name = function_name(),
                    function_request_id = self.function_request_id,
                    cold_start = first_invocation(),
                    xray_trace_id = self.trace.root,
                    correlation_id = self.correlation_id.as_str(),
                    operation = self.operation,
                    outcome,
                    status = response.status,
                    duration_ms,
                    replayed = response.replayed,
                    retries = response.retries,
                    dynamodb_calls = self.calls.list.len(),
                    dynamodb_attempts = self.calls.attempts(),
                    read_units = self.calls.read_units,
                    write_units = self.calls.write_units,
                    caller_account = self.caller_account,
                    $($extra)*
                )
            };
        }
        match response.status {
            500 => line!(error, cause = failure.map(chain), "invocation failed"),
            503 => line!(warn, cause = failure.map(chain), "invocation failed"),
            _ => line!(info, "invocation"),
        }
    }
}

/// Whether this is the first invocation of the process.
pub(crate) fn first_invocation() -> bool {
    static WARM: AtomicBool = AtomicBool::new(false);
    !WARM.swap(true, Ordering::Relaxed)
}

/// An error and all that caused it, in one line. Our errors hold nothing of the request.
pub(crate) fn chain(error: impl StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
