//! The queue of what can never be delivered.
//!
//! The audit entry stays in the table, so a letter only says which one it is and what is wrong with
//! it: nothing in it is personal. The connection is opened by the first letter, which in the life of
//! most processes never comes.

use crate::aws;
use crate::error::Error;
use crate::http::wire;
use crate::store::{audit_key_ids, cause, classify};
use crate::telemetry;
use aws_lambda_events::event::dynamodb::EventRecord;
use aws_sdk_sqs::Client;
use serde::Serialize;
use serde_dynamo::{AttributeValue, Item};
use std::fmt::{self, Write};
use tokio::sync::OnceCell;
use users_contract::RELAY;
use users_domain::Timestamp;

/// What errors call the call.
const CALL: &str = "sqs:SendMessage";

/// The queue.
#[derive(Debug)]
pub struct DeadLetters {
    url: String,
    environment: fn(&str) -> Option<String>,
    client: OnceCell<Client>,
}

/// Which record it is about, as far as that can be read.
pub(crate) struct Subject {
    pub(super) sequence_number: String,
    /// Whether an operator handed it in again.
    pub(super) is_redelivery: bool,
    keys: Item,
    version: Option<u64>,
    written: Timestamp,
}

/// Why an entry can never be delivered.
pub(crate) enum Reason {
    /// With what is wrong, in words that quote no value.
    Unreadable(String),
    TooLarge,
    /// With the bus's code.
    Refused(&'static str),
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(what) => write!(formatter, "the audit entry cannot be read: {what}"),
            Self::TooLarge => formatter.write_str("the event is larger than EventBridge takes"),
            Self::Refused(code) => write!(formatter, "EventBridge refuses the event: {code}"),
        }
    }
}

/// The body of a letter.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Letter<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<String>,
    key: Key<'a>,
    sequence_number: &'a str,
    time: String,
    reason: String,
}

impl Letter<'_> {
    /// JSON without characters that SQS refuses.
    pub(crate) fn body(&self) -> String {
        ascii(&wire::json(self))
    }
}

/// The key of the audit entry in the users table.
#[derive(Serialize)]
struct Key<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pk: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sk: Option<&'a str>,
}

impl DeadLetters {
    /// The queue with this URL; its client is made of the environment when it is needed.
    #[must_use]
    pub fn new(url: String, environment: fn(&str) -> Option<String>) -> Self {
        Self { url, environment, client: OnceCell::new() }
    }

    #[cfg(test)]
    pub(super) fn over(url: String, client: Client) -> Self {
        Self { url, environment: |_| None, client: OnceCell::new_with(Some(client)) }
    }

    /// Adds a letter, and writes a line that somebody has to act.
    pub(super) async fn add(&self, subject: &Subject, reason: &Reason) -> Result<(), Error> {
        let letter = subject.letter(reason);
        let body = letter.body();
        let client = self
            .client
            .get_or_try_init(|| aws::sqs(&self.environment))
            .await
            .map_err(|_| Error::Internal(cause(CALL, "the client could not be made")))?;
        client
            .send_message()
            .queue_url(&self.url)
            .message_body(body)
            .send()
            .await
            .map_err(|error| classify(CALL, &error))?;
        tracing::error!(
            service = telemetry::SERVICE,
            function_name = telemetry::function_name(),
            operation = RELAY.id,
            user_id = letter.user_id,
            version = letter.version,
            event_id = letter.event_id,
            sequence_number = letter.sequence_number,
            reason = letter.reason,
            "an audit entry that can never be delivered went to the dead letters"
        );
        Ok(())
    }
}

impl Subject {
    /// The subject of a record, and the image that it came with.
    pub(crate) fn of(record: EventRecord) -> (Self, Item) {
        let change = record.change;
        let version = match change.new_image.get("version") {
            Some(AttributeValue::N(number)) => number.parse().ok(),
            _ => None,
        };
        let subject = Self {
            sequence_number: change.sequence_number.unwrap_or_default(),
            is_redelivery: record.event_source.as_deref() == Some(RELAY.redelivery_source),
            keys: change.keys,
            version,
            written: Timestamp::from_millis(
                change.approximate_creation_date_time.timestamp_millis(),
            ),
        };
        (subject, change.new_image)
    }

    /// User and event are read from the key, which is right also when the rest is not.
    pub(crate) fn letter(&self, reason: &Reason) -> Letter<'_> {
        let text = |name| match self.keys.get(name) {
            Some(AttributeValue::S(text)) => Some(text.as_str()),
            _ => None,
        };
        let (pk, sk) = (text("pk"), text("sk"));
        let (user_id, event_id) = audit_key_ids(pk, sk);
        Letter {
            user_id: user_id.map(|id| id.to_string()),
            version: self.version,
            event_id: event_id.map(|id| id.to_string()),
            key: Key { pk, sk },
            sequence_number: &self.sequence_number,
            time: self.written.to_string(),
            reason: reason.to_string(),
        }
    }
}

/// JSON with every other character escaped: SQS refuses some that JSON and keys may have, and a
/// letter that cannot be written would hold up the stream.
fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_ascii() && character != '\u{7f}' {
            text.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a String cannot fail.
                let _ = write!(text, "\\u{unit:04x}");
            }
        }
    }
    text
}
