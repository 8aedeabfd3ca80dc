//! The one log line of an invocation, as JSON on standard output.
//!
//! Only this crate's own lines are written. Libraries underneath log requests and answers in full
//! at their debug levels, and those hold personal data.

use crate::config::{Environment, optional};
use crate::http::{Rejection, Response};
use std::error::Error as StdError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use users_domain::CorrelationId;

/// Begins to log, at the level of `LOG_LEVEL` (`info` when absent or unknown).
pub(crate) fn init(env: Environment<'_>) {
    let level = optional(env, "LOG_LEVEL")
        .and_then(|level| level.parse().ok())
        .unwrap_or(LevelFilter::INFO);
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false);
    let ours = Targets::new().with_target("users_platform", level);
    // A second call, as tests may make it, changes nothing.
    let _ = tracing_subscriber::registry().with(lines.with_filter(ours)).try_init();
    // A panic's text may quote the value that caused it, so only its place is told.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panicked");
    }));
}

/// What is known of an invocation, besides its answer.
#[derive(Debug)]
pub(crate) struct Invocation<'a> {
    pub(crate) operation: &'static str,
    pub(crate) function_request_id: &'a str,
    pub(crate) correlation_id: &'a CorrelationId,
    pub(crate) duration: Duration,
}

impl Invocation<'_> {
    /// Writes the line: a warning or an error only when somebody has to act.
    pub(crate) fn log(&self, response: &Response, failure: Option<&Rejection>) {
        let outcome = response.problem.map_or("success", |code| code.as_str());
        // To the microsecond, which is more than the clock is good for.
        let duration_ms = self.duration.as_micros() as f64 / 1000.0;
        // One call site for each level, since a level is part of the call site.
        macro_rules! line {
            ($level:ident, $($extra:tt)*) => {
                tracing::$level!(
                    operation = self.operation,
                    outcome,
                    status = response.status,
                    duration_ms,
                    replayed = response.replayed,
                    retries = response.retries,
                    cold_start = first_invocation(),
                    correlation_id = self.correlation_id.as_str(),
                    function_request_id = self.function_request_id,
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
