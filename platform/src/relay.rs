//! The relay: audit entries from the table's stream to the bus, in order per user, at least once.
//!
//! The stream gives the changes of one user in order and repeats a batch from the first record
//! that we report as failed. To keep that order on the bus, a call to `PutEvents` never carries
//! two entries of the same user, since it may take the second and refuse the first; and after a
//! failure nothing more is sent.
//!
//! An entry that no retry can help goes to the dead letters instead, with its user and version, and
//! the batch goes on. Such are entries that cannot be read, that are too large, and that the bus
//! refuses for what they are. `cargo xtask redeliver` hands them in again, as records of another
//! source.
//!
//! A record brings along the trace of the request that made the change, and the relay goes on with
//! it: by a segment of its own there, and by the header that goes with the event.

mod call;
pub(crate) mod dead_letters;
mod report;

pub use dead_letters::DeadLetters;

use crate::clock::{Clock, Entropy};
use crate::config::{RelayConfig, process_environment, system_sources};
use crate::error::Error;
use crate::http::wire;
use crate::lambda;
use crate::store::{cause, classify, entry_from_image};
use crate::telemetry::{Telemetry, TraceHeader, recorded};
use aws_lambda_events::event::dynamodb::{Event, EventRecord};
use aws_lambda_events::event::streams::DynamoDbBatchItemFailure;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::error::ProvideErrorMetadata;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};
use call::{Call, ENTRY_MAX_BYTES, size};
use dead_letters::{Reason, Subject};
use futures_util::future::BoxFuture;
use lambda_http::lambda_runtime::{self, Context};
use serde::Serialize;
use std::slice;
use std::sync::Arc;
use std::time::Instant;
use users_contract::RELAY;
use users_contract::schema::EVENT_SCHEMA_VERSION;
use users_domain::{AuditEntry, CorrelationId, Timestamp};

/// What errors call the call.
const CALL: &str = "events:PutEvents";
/// Codes of an entry that EventBridge documents as not to be retried, but for those about accounts
/// and permissions, which an operator can mend.
const NEVER_TAKEN: &[&str] = &["InvalidArgument", "MalformedDetail", "RedactionFailure"];
/// Codes of a call that say that something in it is invalid, such as its size.
const INVALID_CALL: &[&str] =
    &["RequestEntityTooLarge", "SerializationException", "ValidationError", "ValidationException"];

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
    let dead_letters = DeadLetters::new(config.dead_letters_url.clone(), process_environment);
    let (clock, entropy) = (Arc::new(clock), Arc::new(entropy));
    let relay = &Relay::new(client, config, dead_letters, telemetry, clock, entropy);
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
    dead_letters: DeadLetters,
    telemetry: Telemetry,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// What Lambda is answered, and `cargo xtask redeliver`.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RelayResponse {
    /// The first record that was not done, if any; Lambda repeats the batch from there.
    pub batch_item_failures: Vec<DynamoDbBatchItemFailure>,
    /// Records of a redelivery that still cannot be delivered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub undeliverable: Vec<Undeliverable>,
}

/// A record of a redelivery that still cannot be delivered.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Undeliverable {
    /// Its sequence number.
    pub item_identifier: String,
    /// Why, in words that quote nothing of it.
    pub reason: String,
}

/// An entry on its way.
struct Outgoing {
    subject: Subject,
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

/// What the bus made of an entry.
enum Verdict {
    Taken,
    /// Not now: it may help to try again.
    Later(Error),
    Never(Reason),
}

/// What became of a batch.
#[derive(Default)]
struct Published {
    /// Records whose events the bus took, before the first that failed.
    count: usize,
    /// Records that went to the dead letters.
    given_up: usize,
    /// Records of a redelivery that were given up again.
    undeliverable: Vec<Undeliverable>,
    /// The first record that was neither published nor given up.
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
        // On the heap and without its type, as in `http/serve.rs`.
        let publishing: BoxFuture<'_, _> = Box::pin(self.publish_all(event.records));
        let (published, calls) = recorded(context.xray_trace_id.as_deref(), publishing).await;
        self.tell(records, &published, calls, begun, context);
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
                // What comes before it is sent first, so that a repeated batch gives it up once.
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

    /// The entry of a record, unless it is clear that no bus takes it.
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
            Some(Cause { correlation_id: entry.correlation_id.clone(), span_id, header })
        });
        let detail = wire::event_json(&entry, EVENT_SCHEMA_VERSION);
        Outgoing { subject, entry, detail, cause }
    }

    /// Sends a call and empties it, and notes what became of its entries.
    async fn put(&self, call: &mut Call, published: &mut Published) {
        let outgoing = std::mem::take(call).entries;
        if outgoing.is_empty() {
            return;
        }
        match self.send(&outgoing).await {
            Ok(verdicts) => self.note(outgoing, verdicts, published).await,
            Err(_) if outgoing.len() > 1 => {
                // One of them spoils the call for the others. Nothing of it was taken.
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

    /// What the bus made of each entry, or the code by which it calls the whole call invalid.
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

    /// Notes what became of the entries of a call.
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
                // What comes behind a failure is sent again with it.
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
            .set_trace_header(outgoing.cause.as_ref().map(Cause::below))
            .build()
    }
}

/// What the bus made of an entry, by its part of the answer.
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
    Verdict::Later(Error::Unavailable(cause(CALL, what)))
}

/// The code as it stands in the list.
fn known(codes: &[&'static str], code: Option<&str>) -> Option<&'static str> {
    codes.iter().copied().find(|known| Some(*known) == code)
}

#[cfg(test)]
pub(crate) mod tests;
