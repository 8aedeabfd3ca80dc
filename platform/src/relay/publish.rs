//! The relay itself: reads records, sends entries and notes the outcome.

use super::batch::{Published, Sent, Undeliverable};
use super::call::{Call, ENTRY_MAX_BYTES, Outgoing, TraceCause, size};
use super::dead_letters::{DeadLetters, Reason, Subject};
use super::report::RelayInvocation;
use crate::aws::{self, classify};
use crate::clock::{Clock, Entropy, SystemClock, SystemEntropy};
use crate::config::{AwsConfig, RelayConfig, TelemetryConfig, process_environment, runtime_api};
use crate::error::{Cause, Error};
use crate::lambda;
use crate::store::entry_from_image;
use crate::telemetry::{Telemetry, TraceHeader, recorded};
use crate::wire;
use aws_lambda_events::event::dynamodb::{Event, EventRecord};
use aws_lambda_events::event::streams::DynamoDbBatchItemFailure;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::error::ProvideErrorMetadata;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};
use futures_util::future::BoxFuture;
use lambda_http::lambda_runtime::{self, Context};
use serde::Serialize;
use std::slice;
use std::sync::Arc;
use std::time::Instant;
use users_contract::RELAY;
use users_contract::schema::EVENT_SCHEMA_VERSION;
use users_domain::AuditEntry;

/// The AWS call's name in error messages.
const CALL: &str = "events:PutEvents";
/// Codes of entries that EventBridge documents as not to be retried, except those about accounts and
/// permissions, which an operator can fix.
const NEVER_TAKEN: &[&str] = &["InvalidArgument", "MalformedDetail", "RedactionFailure"];
/// Codes of a call with invalid content or an invalid size.
const INVALID_CALL: &[&str] =
    &["RequestEntityTooLarge", "SerializationException", "ValidationError", "ValidationException"];

/// Serves the relay until the execution environment ends.
///
/// # Errors
///
/// When a variable is missing, or the Runtime API cannot be reached.
pub async fn serve() -> Result<(), lambda_runtime::Error> {
    let env = &process_environment;
    let telemetry = Telemetry::new(TelemetryConfig::from_env(env));
    let config = RelayConfig::from_env(env)?;
    let aws_config = AwsConfig::from_env(env)?;
    let client = aws::eventbridge(&aws_config, telemetry.recorder()).await?;
    let url = config.dead_letters_url.clone();
    let dead_letters = DeadLetters::new(url, aws_config, telemetry.recorder());
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    let relay = &Relay::new(client, config, dead_letters, telemetry, clock, entropy);
    lambda::run(&runtime_api(env)?, async |event: Event, context: Context| {
        relay.publish(event, &context).await
    })
    .await
}

/// Carries batches of stream records to a bus.
#[derive(Debug)]
pub struct Relay {
    client: Client,
    config: RelayConfig,
    dead_letters: DeadLetters,
    telemetry: Telemetry,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// The response to Lambda and to `cargo xtask redeliver`.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RelayResponse {
    /// The first record that failed, if any; Lambda repeats the batch from there.
    pub batch_item_failures: Vec<DynamoDbBatchItemFailure>,
    /// Records of a redelivery that still cannot be delivered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub undeliverable: Vec<Undeliverable>,
}

/// The bus's verdict on an entry.
enum Verdict {
    Taken,
    /// A retry may succeed.
    Later(Error),
    /// No retry can succeed.
    Never(Reason),
}

impl Relay {
    /// A relay to the bus of the configuration.
    #[must_use]
    pub fn new(
        client: Client,
        config: RelayConfig,
        dead_letters: DeadLetters,
        telemetry: Telemetry,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { client, config, dead_letters, telemetry, clock, entropy }
    }

    /// Publishes a batch and reports the first record that is to be tried again, if any; Lambda
    /// repeats the batch from there.
    pub async fn publish(&self, event: Event, context: &Context) -> RelayResponse {
        let records = event.records.len();
        let begun = Instant::now();
        // Boxed and type-erased, as in `http/serve.rs`.
        let publishing: BoxFuture<'_, _> = Box::pin(self.publish_all(event.records));
        let (published, calls) = recorded(context.xray_trace_id.as_deref(), publishing).await;
        let invocation = RelayInvocation { records, published: &published, begun, context };
        let (clock, entropy) = (self.clock.as_ref(), self.entropy.as_ref());
        invocation.report(calls, &self.telemetry, clock, entropy);
        let mut response = RelayResponse::default();
        if let Some((sequence_number, _)) = published.failure {
            let mut item = DynamoDbBatchItemFailure::default();
            item.item_identifier = Some(sequence_number);
            response.batch_item_failures.push(item);
        }
        response.undeliverable = published.undeliverable;
        response
    }

    async fn publish_all(&self, records: Vec<EventRecord>) -> Published {
        let mut published = Published::default();
        let mut call = Call::default();
        for record in records {
            let read = self.read(record);
            let needs_room = match &read {
                Ok(outgoing) => !call.has_room_for(outgoing),
                // Earlier entries are sent first, so that a repeated batch gives this one up once.
                Err(_) => true,
            };
            if needs_room {
                self.put(&mut call, &mut published).await;
            }
            match read {
                _ if published.failure.is_some() => return published,
                Ok(outgoing) => {
                    let at = outgoing.entry.at;
                    published.oldest = Some(published.oldest.map_or(at, |oldest| oldest.min(at)));
                    call.add(outgoing);
                }
                Err(undeliverable) => {
                    let (subject, reason) = *undeliverable;
                    self.give_up(subject, &reason, &mut published).await;
                }
            }
        }
        self.put(&mut call, &mut published).await;
        published
    }

    /// The entry of a record, unless it can never be delivered.
    fn read(&self, record: EventRecord) -> Result<Outgoing, Box<(Subject, Reason)>> {
        let (subject, image) = Subject::of(record);
        match entry_from_image(image) {
            Ok((entry, header)) => {
                let outgoing = self.outgoing(subject, entry, header);
                match size(&outgoing) {
                    ENTRY_MAX_BYTES.. => Err(Box::new((outgoing.subject, Reason::TooLarge))),
                    _ => Ok(outgoing),
                }
            }
            Err(Error::Internal(cause)) => Err(Box::new((subject, Reason::Unreadable(cause.what)))),
            Err(error) => Err(Box::new((subject, Reason::Unreadable(error.to_string())))),
        }
    }

    fn outgoing(&self, subject: Subject, entry: AuditEntry, header: Option<String>) -> Outgoing {
        let cause = header.and_then(|header| {
            let trace = TraceHeader::parse(Some(&header));
            let span_id = self.telemetry.span_id(trace, self.entropy.as_ref())?;
            Some(TraceCause { correlation_id: entry.correlation_id.clone(), span_id, header })
        });
        let detail = wire::event_json(&entry, EVENT_SCHEMA_VERSION);
        Outgoing { subject, entry, detail, cause }
    }

    /// Sends a call, empties it, and notes the outcome of its entries.
    async fn put(&self, call: &mut Call, published: &mut Published) {
        let outgoing = std::mem::take(call).entries;
        if outgoing.is_empty() {
            return;
        }
        match self.send(&outgoing).await {
            Ok(verdicts) => self.note(outgoing, verdicts, published).await,
            Err(_) if outgoing.len() > 1 => {
                // One entry invalidates the call, of which the bus took nothing.
                published.sent.push(Vec::new());
                for alone in outgoing {
                    let verdicts = self.send_alone(&alone).await;
                    self.note(vec![alone], verdicts, published).await;
                    if published.failure.is_some() {
                        return;
                    }
                }
            }
            Err(code) => {
                self.note(outgoing, vec![Verdict::Never(Reason::Refused(code))], published).await;
            }
        }
    }

    async fn send_alone(&self, outgoing: &Outgoing) -> Vec<Verdict> {
        let sent = self.send(slice::from_ref(outgoing)).await;
        sent.unwrap_or_else(|code| vec![Verdict::Never(Reason::Refused(code))])
    }

    /// The verdict on each entry, or the code by which the bus rejects the whole call.
    async fn send(&self, outgoing: &[Outgoing]) -> Result<Vec<Verdict>, &'static str> {
        let entries = outgoing.iter().map(|outgoing| self.request_entry(outgoing)).collect();
        let result = self.client.put_events().set_entries(Some(entries)).send().await;
        match &result {
            // A 200 can hold failures: every entry of the answer counts, and so do missing ones.
            Ok(output) => {
                Ok((0..outgoing.len()).map(|index| verdict(output.entries().get(index))).collect())
            }
            Err(error) => match known(INVALID_CALL, error.code()) {
                Some(code) => Err(code),
                None => {
                    Ok(outgoing.iter().map(|_| Verdict::Later(classify(CALL, error))).collect())
                }
            },
        }
    }

    /// Notes the outcome of the entries of a call.
    async fn note(
        &self,
        outgoing: Vec<Outgoing>,
        verdicts: Vec<Verdict>,
        published: &mut Published,
    ) {
        let mut sent = Vec::with_capacity(outgoing.len());
        for (outgoing, verdict) in outgoing.into_iter().zip(verdicts) {
            let taken = matches!(verdict, Verdict::Taken);
            sent.extend(outgoing.cause.map(|cause| Sent { cause, taken }));
            match verdict {
                // Entries after a failure are sent again with it.
                _ if published.failure.is_some() => {}
                Verdict::Taken => published.count += 1,
                Verdict::Later(error) => {
                    published.failure = Some((outgoing.subject.sequence_number, error));
                }
                Verdict::Never(reason) => self.give_up(outgoing.subject, &reason, published).await,
            }
        }
        published.sent.push(sent);
    }

    /// Puts a record that can never be delivered into the dead letters. When that fails, the record
    /// is tried again like any other.
    async fn give_up(&self, subject: Subject, reason: &Reason, published: &mut Published) {
        if subject.is_redelivery {
            let (item_identifier, reason) = (subject.sequence_number, reason.to_string());
            published.undeliverable.push(Undeliverable { item_identifier, reason });
            return;
        }
        match self.dead_letters.add(&subject, reason).await {
            Ok(()) => published.given_up += 1,
            Err(error) => published.failure = Some((subject.sequence_number, error)),
        }
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
            .set_trace_header(outgoing.cause.as_ref().map(TraceCause::child_header))
            .build()
    }
}

/// The verdict on an entry, by its part of the answer.
fn verdict(answer: Option<&PutEventsResultEntry>) -> Verdict {
    let what = match answer {
        None => "no answer for the entry",
        Some(answer) if answer.event_id().is_some() && answer.error_code().is_none() => {
            return Verdict::Taken;
        }
        Some(answer) => match known(NEVER_TAKEN, answer.error_code()) {
            Some(code) => return Verdict::Never(Reason::Refused(code)),
            None => answer.error_code().unwrap_or("no event id"),
        },
    };
    Verdict::Later(Error::Unavailable(Cause::new(CALL, what)))
}

/// The code as it stands in the list.
fn known(codes: &[&'static str], code: Option<&str>) -> Option<&'static str> {
    codes.iter().copied().find(|known| Some(*known) == code)
}
