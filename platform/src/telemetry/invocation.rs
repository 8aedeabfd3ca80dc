//! The report of one invocation of an operation: line, metrics and trace.

use super::Telemetry;
use super::calls::Calls;
use super::function::{SERVICE, function_name};
use super::trace::{Kind, Span, TraceHeader};
use crate::clock::{Clock, Entropy};
use crate::error::chain;
use std::error::Error;
use std::time::Instant;
use tracing::level_filters::LevelFilter;
use users_contract::ErrorCode;
use users_contract::metric::{self, Outcome};

/// An invocation of an operation.
#[derive(Debug)]
pub(crate) struct Invocation<'a> {
    pub(crate) operation: &'static str,
    pub(crate) function_request_id: &'a str,
    pub(crate) correlation_id: &'a str,
    pub(crate) trace: TraceHeader<'a>,
    /// The id of its own document in the trace; `None` when none is sent.
    pub(crate) span_id: Option<String>,
    /// The account of the caller.
    pub(crate) caller_account: &'a str,
    pub(crate) begun: Instant,
    pub(crate) calls: Calls,
}

/// How an invocation ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Completion<'a> {
    /// The error that the caller got, if any.
    pub(crate) error: Option<ErrorCode>,
    /// The status code that the caller got.
    pub(crate) status: u16,
    /// Whether the answer is a recorded one.
    pub(crate) replayed: bool,
    /// Attempts lost to concurrent writers.
    pub(crate) retries: u32,
    /// The failure behind the error.
    pub(crate) cause: Option<&'a dyn Error>,
}

impl Invocation<'_> {
    /// Writes line and metrics and sends the trace.
    pub(crate) fn report(
        &mut self,
        telemetry: &Telemetry,
        completion: &Completion<'_>,
        clock: &dyn Clock,
        entropy: &dyn Entropy,
    ) {
        if completion.replayed {
            self.calls.measure(metric::IDEMPOTENT_REPLAYS, 1.0);
        }
        if completion.error == Some(ErrorCode::VersionMismatch) {
            self.calls.measure(metric::VERSION_CONFLICTS, 1.0);
        }
        let duration_ms = millis_since(self.begun);
        let cold = telemetry.is_cold();
        let outcome = completion.error.map_or("success", ErrorCode::as_str);
        let class = Outcome::of_status(completion.status);
        self.log(telemetry.level(entropy), completion, outcome, duration_ms, cold);
        telemetry.measure(self.operation, class, duration_ms, cold, &self.calls, clock.now());
        let Some(id) = &self.span_id else { return };
        let span = Span {
            kind: Kind::Subsegment,
            id,
            header: self.trace,
            operation: self.operation,
            outcome,
            status: Some(completion.status),
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
        completion: &Completion<'_>,
        outcome: &str,
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
                    status = completion.status,
                    duration_ms,
                    replayed = completion.replayed,
                    retries = completion.retries,
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
        let cause = || completion.cause.map(chain);
        match completion.error {
            Some(ErrorCode::InternalError) => line!(error, cause = cause(), "invocation failed"),
            Some(ErrorCode::ServiceUnavailable) => {
                line!(warn, cause = cause(), "invocation failed");
            }
            _ if level >= LevelFilter::INFO => line!(info, "invocation"),
            _ => {}
        }
    }
}

/// Milliseconds since then, to the microsecond.
pub(crate) fn millis_since(begun: Instant) -> f64 {
    begun.elapsed().as_micros() as f64 / 1000.0
}
