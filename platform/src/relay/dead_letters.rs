//! The queue for entries that can never be delivered.
//!
//! The audit entry stays in the table, so a letter only names it and the reason, without personal
//! data. The connection is opened by the first letter, which most processes never write.

use crate::aws::{self, classify};
use crate::config::AwsConfig;
use crate::error::{Cause, Error};
use crate::store::audit_key_ids;
use crate::telemetry::{Recorder, SERVICE, function_name};
use crate::wire;
use aws_lambda_events::event::dynamodb::EventRecord;
use aws_sdk_sqs::Client;
use serde::Serialize;
use serde_dynamo::{AttributeValue, Item};
use std::fmt::{self, Write};
use tokio::sync::OnceCell;
use users_contract::RELAY;
use users_domain::Timestamp;

/// The AWS call's name in error messages.
const CALL: &str = "sqs:SendMessage";

/// The queue.
#[derive(Debug)]
pub struct DeadLetters {
    url: String,
    /// The settings of the client; `None` when it is already made.
    config: Option<(AwsConfig, Option<Recorder>)>,
    client: OnceCell<Client>,
}

/// The record that a letter is about, as far as it can be read.
pub(crate) struct Subject {
    pub(super) sequence_number: String,
    /// Whether an operator has it delivered again.
    pub(super) is_redelivery: bool,
    keys: Item,
    version: Option<u64>,
    written: Timestamp,
}

/// Why an entry can never be delivered.
pub(crate) enum Reason {
    /// With the problem, without a value of the entry.
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
    /// The queue with this URL; its client is made when it is needed.
    pub(crate) fn new(url: String, config: AwsConfig, recorder: Option<Recorder>) -> Self {
        Self { url, config: Some((config, recorder)), client: OnceCell::new() }
    }

    #[cfg(test)]
    pub(super) fn over(url: String, client: Client) -> Self {
        Self { url, config: None, client: OnceCell::new_with(Some(client)) }
    }

    /// A queue whose client cannot be made.
    #[cfg(test)]
    pub(super) fn without_client(url: String) -> Self {
        Self { url, config: None, client: OnceCell::new() }
    }

    /// Adds a letter, and logs an error, since an operator has to act.
    pub(super) async fn add(&self, subject: &Subject, reason: &Reason) -> Result<(), Error> {
        let letter = subject.letter(reason);
        let body = letter.body();
        let client = self.client().await?;
        client
            .send_message()
            .queue_url(&self.url)
            .message_body(body)
            .send()
            .await
            .map_err(|error| classify(CALL, &error))?;
        tracing::error!(
            service = SERVICE,
            function_name = function_name(),
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

    async fn client(&self) -> Result<&Client, Error> {
        let failed = || Error::Internal(Cause::new(CALL, "the client could not be made"));
        let make = || async {
            let (config, recorder) = self.config.as_ref().ok_or_else(failed)?;
            aws::sqs(config, *recorder).await.map_err(|_| failed())
        };
        self.client.get_or_try_init(make).await
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

    /// User and event are read from the key, which is valid even when the rest is not.
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

/// JSON with every non-ASCII character escaped: SQS refuses some characters that keys may have, and a
/// letter that cannot be written would block the stream.
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
