//! The relay: audit entries from the table's stream to the bus, in order per user, at least once.
//!
//! The stream gives the changes of one user in order and repeats a batch from the first record
//! that we report as failed. To keep that order on the bus, a call to `PutEvents` never carries
//! two entries of the same user, since it may take the second and refuse the first; and after a
//! failure nothing more is sent.
//!
//! A record brings along the trace of the request that made the change, and the relay goes on with
//! it: by a segment of its own there, and by the header that goes with the event.

use crate::bugs::{self, Bug};
use crate::clock::{Clock, Entropy};
use crate::config::{RelayConfig, process_environment, system_sources};
use crate::error::Error;
use crate::http::wire;
use crate::lambda;
use crate::store::entry_from_image;
use crate::telemetry::{self, Calls, Kind, Span, Telemetry, TraceHeader, millis_since, recorded};
use aws_lambda_events::event::dynamodb::{Event, EventRecord};
use aws_lambda_events::event::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};
use futures_util::future::BoxFuture;
use lambda_http::lambda_runtime::{self, Context};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;
use tracing::level_filters::LevelFilter;
use users_contract::RELAY;
use users_contract::metric::{self, Outcome};
use users_contract::schema::EVENT_SCHEMA_VERSION;
use users_domain::{AuditEntry, CorrelationId, Timestamp, UserId};

/// What errors call the call.
const CALL: &str = "events:PutEvents";
/// Most entries that EventBridge takes in a call.
const CALL_MAX_ENTRIES: usize = 10;
/// Most bytes that EventBridge takes in a call, with some room for how it counts.
const CALL_MAX_BYTES: usize = 240 * 1024;

/// Serves the relay until the execution environment ends.
///
/// # Errors
///
/// When a variable is missing, or the Runtime API cannot be reached.
pub async fn serve() -> Result<(), lambda_runtime::Error> {
    let telemetry = Telemetry::from_env(&process_environment);
    let config = RelayConfig::from_env(&process_environment)?;
    let client = crate::aws::eventbridge(&process_environment).await?;
    let (clock, entropy) = system_sources();
    let relay = &Relay::new(client, config, telemetry, Arc::new(clock), Arc::new(entropy));
    lambda::run(&process_environment, async |event: Event, context: Context| {
        relay.publish(event, &context).await
    })
    .await
}

/// Carries batches of stream records to a bus.
#[derive(Debug)]
pub struct Relay {
    client: Client,
    config: RelayConfig,
    telemetry: Telemetry,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// An entry on its way, with the place of its record in the stream.
struct Outgoing {
    sequence_number: String,
    entry: AuditEntry,
    detail: String,
    cause: Option<Cause>,
}

/// The request that made a change, when its trace is kept, and the relay's part in that trace.
struct Cause {
    /// The tracing header that the request left.
    header: String,
    correlation_id: CorrelationId,
    /// The id of the relay's segment.
    span_id: String,
}

impl Cause {
    /// The tracing header that goes with the event.
    fn below(&self) -> String {
        TraceHeader::parse(Some(&self.header)).below(&self.span_id)
    }
}

/// An entry that was sent, whose cause is traced.
struct Sent {
    cause: Cause,
    /// Whether the bus took it.
    taken: bool,
}

/// What became of a batch.
#[derive(Default)]
struct Published {
    /// Records whose events the bus took, before the first that it did not.
    count: usize,
    /// The first record that was not published.
    failure: Option<(String, Error)>,
    /// What was sent, by call.
    sent: Vec<Vec<Sent>>,
    /// The time of the oldest change.
    oldest: Option<Timestamp>,
}

impl Relay {
    /// A relay to the bus of the configuration.
    #[must_use]
    pub fn new(
        client: Client,
        config: RelayConfig,
        telemetry: Telemetry,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { client, config, telemetry, clock, entropy }
    }

    /// Publishes a batch and reports the first record that was not published, if any; Lambda
    /// repeats the batch from there.
    pub async fn publish(&self, event: Event, context: &Context) -> DynamoDbEventResponse {
        let records = event.records.len();
        let begun = Instant::now();
        // On the heap and without its type, as in `http/serve.rs`.
        let publishing: BoxFuture<'_, _> = Box::pin(self.publish_all(event.records));
        let (published, calls) = recorded(publishing).await;
        self.tell(records, &published, calls, begun, context);
        let mut response = DynamoDbEventResponse::default();
        if let Some((sequence_number, _)) = published.failure {
            let mut item = DynamoDbBatchItemFailure::default();
            item.item_identifier = Some(sequence_number);
            response.batch_item_failures.push(item);
        }
        response
    }

    /// Writes line and metrics and sends the traces.
    fn tell(
        &self,
        records: usize,
        published: &Published,
        mut calls: Calls,
        begun: Instant,
        context: &Context,
    ) {
        let (clock, entropy) = (self.clock.as_ref(), self.entropy.as_ref());
        let duration_ms = millis_since(begun);
        let cold = self.telemetry.is_cold();
        let trace = TraceHeader::parse(context.xray_trace_id.as_deref());
        let class = if published.failure.is_none() { Outcome::Success } else { Outcome::Failed };
        let lag_ms = published
            .oldest
            .map(|oldest| clock.now().as_millis().saturating_sub(oldest.as_millis()).max(0) as f64);
        let level = self.telemetry.level(entropy);
        if level >= LevelFilter::DEBUG {
            calls.log(&context.request_id, trace.root, None);
        }
        // One call site for each level, since a level is part of the call site.
        macro_rules! line {
            ($level:ident, $($extra:tt)*) => {
                tracing::$level!(
                    service = telemetry::SERVICE,
                    function_name = telemetry::function_name(),
                    function_request_id = context.request_id,
                    cold_start = cold,
                    xray_trace_id = trace.root,
                    operation = RELAY.id,
                    outcome = class.as_str(),
                    duration_ms,
                    records,
                    published = published.count,
                    lag_ms,
                    $($extra)*
                )
            };
        }
        match &published.failure {
            Some((sequence_number, error)) => line!(
                warn,
                sequence_number,
                cause = telemetry::chain(error),
                "the batch will be repeated from the record that failed"
            ),
            None if level >= LevelFilter::INFO => line!(info, "invocation"),
            None => {}
        }

        let failed = records - published.count;
        for (metric, value) in [
            (metric::EVENTS_PUBLISHED, published.count as f64),
            (metric::EVENTS_FAILED, failed as f64),
        ] {
            if value > 0.0 {
                calls.measure(metric, value);
            }
        }
        if let Some(lag_ms) = lag_ms {
            calls.measure(metric::EVENT_LAG, lag_ms);
        }
        self.telemetry.measure(RELAY.id, class, duration_ms, cold, &calls, clock.now());

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
        if let Some(id) = &self.telemetry.span_id(trace, entropy) {
            self.telemetry.trace(&Span { id, ..span }, clock);
        }
        for (number, sent) in published.sent.iter().enumerate() {
            for Sent { cause, taken } in sent {
                let class = if *taken { Outcome::Success } else { Outcome::Failed };
                let span = Span {
                    kind: Kind::Segment { name: RELAY.function },
                    id: &cause.span_id,
                    header: TraceHeader::parse(Some(&cause.header)),
                    outcome: class.as_str(),
                    status: (!taken).then_some(503),
                    correlation_id: Some(cause.correlation_id.as_str()),
                    calls: calls.list.get(number..=number).unwrap_or_default(),
                    ..span
                };
                self.telemetry.trace(&span, clock);
            }
        }
    }

    async fn publish_all(&self, records: Vec<EventRecord>) -> Published {
        let mut published = Published::default();
        let mut call = Call::default();
        for record in records {
            let sequence_number = record.change.sequence_number.unwrap_or_default();
            let outgoing = match entry_from_image(record.change.new_image) {
                Ok((entry, header)) => self.outgoing(sequence_number, entry, header),
                Err(error) => {
                    // What comes before it is sent all the same.
                    self.put(&mut call, &mut published).await;
                    published.failure.get_or_insert((sequence_number, error));
                    return published;
                }
            };
            let at = outgoing.entry.at;
            published.oldest = Some(published.oldest.map_or(at, |oldest| oldest.min(at)));
            if !call.has_room_for(&outgoing) {
                self.put(&mut call, &mut published).await;
                if published.failure.is_some() {
                    return published;
                }
            }
            call.add(outgoing);
        }
        self.put(&mut call, &mut published).await;
        published
    }

    fn outgoing(
        &self,
        sequence_number: String,
        entry: AuditEntry,
        header: Option<String>,
    ) -> Outgoing {
        let cause = header.and_then(|header| {
            let trace = TraceHeader::parse(Some(&header));
            let span_id = self.telemetry.span_id(trace, self.entropy.as_ref())?;
            Some(Cause { correlation_id: entry.correlation_id.clone(), span_id, header })
        });
        let detail = wire::event_json(&entry, EVENT_SCHEMA_VERSION);
        Outgoing { sequence_number, entry, detail, cause }
    }

    /// Sends a call and empties it, and notes what became of its entries.
    async fn put(&self, call: &mut Call, published: &mut Published) {
        let outgoing = std::mem::take(call).entries;
        if outgoing.is_empty() {
            return;
        }
        let entries = outgoing.iter().map(|outgoing| self.request_entry(outgoing)).collect();
        let result = self.client.put_events().set_entries(Some(entries)).send().await;
        let mut sent = Vec::with_capacity(outgoing.len());
        for (index, outgoing) in outgoing.into_iter().enumerate() {
            // A 200 can hold failures: every entry of the answer counts, and so do missing ones.
            let error = match &result {
                Ok(output) => refused(output.entries().get(index)),
                Err(error) => Some(crate::store::classify(CALL, error)),
            };
            let taken = error.is_none();
            sent.extend(outgoing.cause.map(|cause| Sent { cause, taken }));
            match error {
                Some(error) => {
                    published.failure.get_or_insert((outgoing.sequence_number, error));
                }
                // What comes behind a failure is sent again with it.
                None if published.failure.is_none() => published.count += 1,
                None => {}
            }
        }
        published.sent.push(sent);
    }

    fn request_entry(&self, outgoing: &Outgoing) -> PutEventsRequestEntry {
        PutEventsRequestEntry::builder()
            .event_bus_name(&self.config.event_bus_name)
            .source(RELAY.event_source)
            .detail_type(outgoing.entry.action.detail_type())
            .detail(&outgoing.detail)
            .time(aws_sdk_eventbridge::primitives::DateTime::from_millis(
                outgoing.entry.at.as_millis(),
            ))
            .set_trace_header(outgoing.cause.as_ref().map(Cause::below))
            .build()
    }
}

/// Why the bus did not take an entry, by its part of the answer.
fn refused(answer: Option<&PutEventsResultEntry>) -> Option<Error> {
    let what = match answer {
        None => "no answer for the entry",
        Some(answer) if answer.event_id().is_some() && answer.error_code().is_none() => {
            return None;
        }
        Some(answer) => answer.error_code().unwrap_or("no event id"),
    };
    Some(Error::Unavailable(crate::store::cause(CALL, what)))
}

/// The entries of one call to `PutEvents`.
#[derive(Default)]
struct Call {
    entries: Vec<Outgoing>,
    users: HashSet<UserId>,
    bytes: usize,
}

impl Call {
    fn has_room_for(&self, outgoing: &Outgoing) -> bool {
        self.entries.is_empty()
            || (self.entries.len() < CALL_MAX_ENTRIES
                && self.bytes + size(outgoing) <= CALL_MAX_BYTES
                && (!self.users.contains(&outgoing.entry.user_id)
                    || bugs::on(Bug::RelayMixesEntries)))
    }

    fn add(&mut self, outgoing: Outgoing) {
        self.users.insert(outgoing.entry.user_id);
        self.bytes += size(&outgoing);
        self.entries.push(outgoing);
    }
}

/// Bytes that an entry counts, as EventBridge documents it: 14 for the time, and the texts.
fn size(outgoing: &Outgoing) -> usize {
    14 + RELAY.event_source.len()
        + outgoing.entry.action.detail_type().len()
        + outgoing.detail.len()
}

#[cfg(test)]
pub(crate) mod tests;
