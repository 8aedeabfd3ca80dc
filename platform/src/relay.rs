//! The relay: audit entries from the table's stream to the bus, in order per user, at least once.
//!
//! The stream gives the changes of one user in order and repeats a batch from the first record
//! that we report as failed. To keep that order on the bus, a call to `PutEvents` never carries
//! two entries of the same user, since it may take the second and refuse the first; and after a
//! failure nothing more is sent.

use crate::bugs::{self, Bug};
use crate::clock::{SystemClock, SystemEntropy};
use crate::config::{RelayConfig, process_environment};
use crate::error::Error;
use crate::http::wire;
use crate::store::entry_from_image;
use crate::telemetry::{self, Span, TraceHeader, recorded};
use aws_lambda_events::event::dynamodb::{Event, EventRecord};
use aws_lambda_events::event::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use futures_util::future::BoxFuture;
use lambda_http::lambda_runtime::{self, Context, LambdaEvent, service_fn};
use std::collections::HashSet;
use std::time::Instant;
use users_contract::RELAY;
use users_contract::schema::EVENT_SCHEMA_VERSION;
use users_domain::{AuditEntry, UserId};

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
    telemetry::init(&process_environment);
    let config = RelayConfig::from_env(&process_environment)?;
    let relay = &Relay::new(crate::aws::eventbridge(&process_environment)?, config);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Event>| async move {
        let (event, context) = event.into_parts();
        Ok::<_, lambda_runtime::Error>(relay.publish(event, &context).await)
    }))
    .await
}

/// Carries batches of stream records to a bus.
#[derive(Debug)]
pub struct Relay {
    client: Client,
    config: RelayConfig,
}

/// An entry on its way, with the place of its record in the stream.
struct Outgoing {
    sequence_number: String,
    entry: AuditEntry,
    detail: String,
}

impl Relay {
    /// A relay to the bus of the configuration.
    #[must_use]
    pub fn new(client: Client, config: RelayConfig) -> Self {
        Self { client, config }
    }

    /// Publishes a batch and reports the first record that was not published, if any; Lambda
    /// repeats the batch from there.
    pub async fn publish(&self, event: Event, context: &Context) -> DynamoDbEventResponse {
        let records = event.records.len();
        let begun = Instant::now();
        // On the heap and without its type, as in `http/serve.rs`.
        let publishing: BoxFuture<'_, _> = Box::pin(self.publish_all(event.records));
        let ((published, failure), calls) = recorded(publishing).await;
        let trace = TraceHeader::parse(context.xray_trace_id.as_deref());
        let span = Span {
            operation: "publishAudit",
            outcome: if failure.is_none() { "success" } else { "failed" },
            status: failure.as_ref().map(|_| 503),
            correlation_id: None,
            begun,
            calls: &calls,
        };
        span.send(trace, &SystemClock, &SystemEntropy);
        // One call site for each level, since a level is part of the call site.
        macro_rules! line {
            ($level:ident, $($extra:tt)*) => {
                tracing::$level!(
                    service = telemetry::SERVICE,
                    function_name = telemetry::function_name(),
                    function_request_id = context.request_id,
                    cold_start = telemetry::first_invocation(),
                    xray_trace_id = trace.root,
                    operation = span.operation,
                    outcome = span.outcome,
                    records,
                    published,
                    $($extra)*
                )
            };
        }
        let mut response = DynamoDbEventResponse::default();
        match failure {
            None => line!(info, "invocation"),
            Some((sequence_number, error)) => {
                line!(
                    warn,
                    sequence_number,
                    cause = telemetry::chain(&error),
                    "the batch will be repeated from the record that failed"
                );
                let mut item = DynamoDbBatchItemFailure::default();
                item.item_identifier = Some(sequence_number);
                response.batch_item_failures.push(item);
            }
        }
        response
    }

    async fn publish_all(&self, records: Vec<EventRecord>) -> (usize, Option<(String, Error)>) {
        let mut published = 0;
        let mut call = Call::default();
        for record in records {
            let sequence_number = record.change.sequence_number.unwrap_or_default();
            let outgoing = match entry_from_image(record.change.new_image) {
                Ok(entry) => Outgoing {
                    detail: wire::event_json(&entry, EVENT_SCHEMA_VERSION),
                    sequence_number,
                    entry,
                },
                Err(error) => {
                    // What comes before it is sent all the same.
                    let before = self.put(&mut call, &mut published).await;
                    return (published, before.or(Some((sequence_number, error))));
                }
            };
            if !call.has_room_for(&outgoing)
                && let Some(failure) = self.put(&mut call, &mut published).await
            {
                return (published, Some(failure));
            }
            call.add(outgoing);
        }
        let failure = self.put(&mut call, &mut published).await;
        (published, failure)
    }

    /// Sends a call and empties it; the first entry that was refused, if any.
    async fn put(&self, call: &mut Call, published: &mut usize) -> Option<(String, Error)> {
        let outgoing = std::mem::take(call).entries;
        let first = outgoing.first()?.sequence_number.clone();
        let entries = outgoing.iter().map(|outgoing| self.request_entry(outgoing)).collect();
        let result = self.client.put_events().set_entries(Some(entries)).send().await;
        let output = match result {
            Ok(output) => output,
            Err(error) => {
                return Some((first, crate::store::classify("events:PutEvents", &error)));
            }
        };
        // A 200 can hold failures: every entry of the answer counts, and so do missing ones.
        let answers = output.entries();
        outgoing.iter().enumerate().find_map(|(index, outgoing)| {
            let what = match answers.get(index) {
                None => "no answer for the entry",
                Some(answer) if answer.event_id().is_some() && answer.error_code().is_none() => {
                    *published += 1;
                    return None;
                }
                Some(answer) => answer.error_code().unwrap_or("no event id"),
            };
            let cause = crate::store::cause("events:PutEvents", what);
            Some((outgoing.sequence_number.clone(), Error::Unavailable(cause)))
        })
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
            .build()
    }
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
mod tests;
