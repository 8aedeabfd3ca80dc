//! The report of a batch: the log line, the metrics, and a segment in each trace.

use super::batch::{Published, Sent};
use crate::clock::{Clock, Entropy};
use crate::error::chain;
use crate::telemetry::{
    Calls, Kind, SERVICE, Span, Telemetry, TraceHeader, function_name, millis_since,
};
use lambda_http::lambda_runtime::Context;
use std::time::Instant;
use tracing::level_filters::LevelFilter;
use users_contract::RELAY;
use users_contract::metric::{self, Outcome};

/// An invocation of the relay.
pub(super) struct RelayInvocation<'a> {
    /// The number of records in the batch.
    pub(super) records: usize,
    pub(super) published: &'a Published,
    pub(super) begun: Instant,
    pub(super) context: &'a Context,
}

impl RelayInvocation<'_> {
    /// Writes line and metrics and sends the traces.
    pub(super) fn report(
        &self,
        mut calls: Calls,
        telemetry: &Telemetry,
        clock: &dyn Clock,
        entropy: &dyn Entropy,
    ) {
        let Self { records, published, begun, context } = *self;
        let duration_ms = millis_since(begun);
        let cold = telemetry.is_cold();
        let trace = TraceHeader::parse(context.xray_trace_id.as_deref());
        let class = if published.failure.is_none() { Outcome::Success } else { Outcome::Failed };
        let lag_ms = published
            .oldest
            .map(|oldest| clock.now().as_millis().saturating_sub(oldest.as_millis()).max(0) as f64);
        let level = telemetry.level(entropy);
        if level >= LevelFilter::DEBUG {
            calls.log(&context.request_id, trace.root, None);
        }
        // One call site for each level, since a level is part of the call site.
        macro_rules! line {
            ($level:ident, $($extra:tt)*) => {
                tracing::$level!(
                    service = SERVICE,
                    function_name = function_name(),
                    function_request_id = context.request_id,
                    cold_start = cold,
                    xray_trace_id = trace.root,
                    operation = RELAY.id,
                    outcome = class.as_str(),
                    duration_ms,
                    records,
                    published = published.count,
                    given_up = published.given_up,
                    lag_ms,
                    $($extra)*
                )
            };
        }
        match &published.failure {
            Some((sequence_number, error)) => line!(
                warn,
                sequence_number,
                cause = chain(error),
                "the batch will be repeated from the record that failed"
            ),
            None if level >= LevelFilter::INFO => line!(info, "invocation"),
            None => {}
        }

        let failed = records - published.count - published.given_up - published.undeliverable.len();
        for (metric, value) in [
            (metric::EVENTS_PUBLISHED, published.count as f64),
            (metric::EVENTS_FAILED, failed as f64),
            (metric::EVENTS_GIVEN_UP, published.given_up as f64),
        ] {
            if value > 0.0 {
                calls.measure(metric, value);
            }
        }
        if let Some(lag_ms) = lag_ms {
            calls.measure(metric::EVENT_LAG, lag_ms);
        }
        telemetry.measure(RELAY.id, class, duration_ms, cold, &calls, clock.now());

        let span = Span {
            kind: Kind::Subsegment,
            id: "",
            header: trace,
            operation: RELAY.id,
            outcome: class.as_str(),
            status: published.failure.as_ref().map(|_| 503),
            correlation_id: None,
            begun,
            calls: &calls.list,
        };
        if let Some(id) = &telemetry.span_id(trace, entropy) {
            telemetry.trace(&Span { id, ..span }, clock);
        }
        let puts = calls.list.iter().filter(|call| call.operation == "PutEvents");
        for (put, sent) in puts.zip(&published.sent) {
            for Sent { cause, taken } in sent {
                let class = if *taken { Outcome::Success } else { Outcome::Failed };
                let span = Span {
                    kind: Kind::Segment { name: RELAY.function },
                    id: &cause.span_id,
                    header: TraceHeader::parse(Some(&cause.header)),
                    outcome: class.as_str(),
                    status: (!taken).then_some(503),
                    correlation_id: Some(cause.correlation_id.as_str()),
                    calls: std::slice::from_ref(put),
                    ..span
                };
                telemetry.trace(&span, clock);
            }
        }
    }
}
