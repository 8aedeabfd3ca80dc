//! Where letters, entries and relay are: a deployed stage, or a local stack over the same calls.

use super::entries::{Entry, Key, Range};
use crate::explain::explain;
use crate::session::{Session, StageArguments};
use crate::stack::{StackClient, outputs};
use anyhow::{Context, Result, bail};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::error::ProvideErrorMetadata;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Seconds that letters are hidden from others: longer than a run takes.
const HIDDEN_SECONDS: i32 = 15 * 60;
/// Seconds to wait for letters: any wait makes SQS ask all its servers.
const WAIT_SECONDS: i32 = 2;
const MOST_AT_ONCE: i32 = 10;

/// The outputs of the stack's template.
const TABLE: &str = "UsersTableName";
const QUEUE: &str = "AuditDeadLettersUrl";
const RELAY: &str = "UsersAuditPublishFunctionArn";

/// Where everything is.
#[derive(Debug)]
pub(crate) struct Place {
    pub(super) region: String,
    dynamodb: aws_sdk_dynamodb::Client,
    lambda: aws_sdk_lambda::Client,
    sqs: aws_sdk_sqs::Client,
    table: String,
    queue: String,
    relay: String,
}

/// What a local stack says of itself.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Local {
    access_key_id: String,
    secret_access_key: String,
    region: String,
    endpoints: Endpoints,
    outputs: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Endpoints {
    dynamodb: String,
    lambda: String,
    sqs: String,
}

/// A message of the queue.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) id: String,
    receipt: String,
    pub(super) body: Value,
}

impl Place {
    pub(crate) async fn deployed(arguments: &StageArguments) -> Result<Self> {
        let session = Session::open(arguments).await?;
        Self::of(&session).await
    }

    /// That of a stage with credentials.
    pub(crate) async fn of(session: &Session) -> Result<Self> {
        let config = &session.config;
        let outputs = outputs(&StackClient::of(session).get().await?);
        let (dynamodb, lambda, sqs) = (
            aws_sdk_dynamodb::Client::new(config),
            aws_sdk_lambda::Client::new(config),
            aws_sdk_sqs::Client::new(config),
        );
        Self::new(session.region.clone(), dynamodb, lambda, sqs, &outputs)
    }

    /// A local stack, by its answer at `/_local/aws`.
    pub(crate) fn local(text: &str) -> Result<Self> {
        let local: Local =
            serde_json::from_str(text).context("this is not what a local stack says of itself")?;
        let credentials =
            Credentials::from_keys(local.access_key_id, local.secret_access_key, None);
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(local.region.clone()))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        let at = |url: &str| config.to_builder().endpoint_url(url).build();
        let (dynamodb, lambda, sqs) = (
            aws_sdk_dynamodb::Client::new(&at(&local.endpoints.dynamodb)),
            aws_sdk_lambda::Client::new(&at(&local.endpoints.lambda)),
            aws_sdk_sqs::Client::new(&at(&local.endpoints.sqs)),
        );
        Self::new(local.region, dynamodb, lambda, sqs, &local.outputs)
    }

    fn new(
        region: String,
        dynamodb: aws_sdk_dynamodb::Client,
        lambda: aws_sdk_lambda::Client,
        sqs: aws_sdk_sqs::Client,
        outputs: &BTreeMap<String, String>,
    ) -> Result<Self> {
        let output = |name: &str| {
            outputs.get(name).cloned().with_context(|| {
                format!("the stack has no output {name}; deploy this version of the stage first")
            })
        };
        let (table, queue, relay) = (output(TABLE)?, output(QUEUE)?, output(RELAY)?);
        Ok(Self { region, dynamodb, lambda, sqs, table, queue, relay })
    }

    /// Every letter of the queue, each once; nobody else gets them for a while.
    pub(super) async fn receive(&self) -> Result<Vec<Letter>> {
        let mut letters: Vec<Letter> = Vec::new();
        loop {
            let received = self
                .sqs
                .receive_message()
                .queue_url(&self.queue)
                .max_number_of_messages(MOST_AT_ONCE)
                .visibility_timeout(HIDDEN_SECONDS)
                .wait_time_seconds(WAIT_SECONDS)
                .send()
                .await
                .map_err(|error| explain("read the dead letters", &error))?;
            let messages = received.messages.unwrap_or_default();
            if messages.is_empty() {
                return Ok(letters);
            }
            for message in messages {
                let (Some(id), Some(receipt)) = (message.message_id, message.receipt_handle) else {
                    bail!("SQS gives a message without an id");
                };
                let body = message.body.unwrap_or_default();
                let body = serde_json::from_str(&body).unwrap_or(Value::Null);
                match letters.iter_mut().find(|letter| letter.id == id) {
                    // It came again, and only the latest receipt counts.
                    Some(known) => known.receipt = receipt,
                    None => letters.push(Letter { id, receipt, body }),
                }
            }
        }
    }

    pub(super) async fn delete(&self, letter: &Letter) -> Result<()> {
        let request = self.sqs.delete_message().queue_url(&self.queue);
        let deleted = request.receipt_handle(&letter.receipt).send().await;
        deleted.map(drop).map_err(|error| explain("delete a dead letter", &error))
    }

    /// Lets others have a letter.
    pub(super) async fn release(&self, letter: &Letter) -> Result<()> {
        let request = self.sqs.change_message_visibility().queue_url(&self.queue);
        let released = request.receipt_handle(&letter.receipt).visibility_timeout(0).send().await;
        match released {
            // Then others have it already.
            Err(error) if error.code().is_some_and(|code| code.contains("NotInflight")) => Ok(()),
            released => released.map(drop).map_err(|error| explain("release a letter", &error)),
        }
    }

    /// The audit entry with this key, as of now.
    pub(super) async fn entry(&self, key: &Key) -> Result<Option<Entry>> {
        let found = self
            .dynamodb
            .get_item()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(key.pk.clone()))
            .key("sk", AttributeValue::S(key.sk.clone()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| explain("read an audit entry", &error))?;
        Ok(found.item.map(|image| Entry { key: key.clone(), image }))
    }

    /// Every audit entry whose sort key is in a range.
    pub(super) async fn written_within(&self, range: &Range) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        let mut start = None;
        loop {
            let page = self
                .dynamodb
                .scan()
                .table_name(&self.table)
                .filter_expression("sk BETWEEN :first AND :last")
                .expression_attribute_values(":first", AttributeValue::S(range.first.clone()))
                .expression_attribute_values(":last", AttributeValue::S(range.last.clone()))
                .consistent_read(true)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| explain("scan the users table", &error))?;
            let items = page.items.unwrap_or_default().into_iter();
            entries.extend(
                items.filter_map(|image| Some(Entry { key: Key::of_item(&image)?, image })),
            );
            start = page.last_evaluated_key.filter(|key| !key.is_empty());
            if start.is_none() {
                return Ok(entries);
            }
        }
    }

    /// The relay's response to an event.
    pub(super) async fn invoke(&self, event: &Value) -> Result<Value> {
        let invoked = self
            .lambda
            .invoke()
            .function_name(&self.relay)
            .payload(Blob::new(event.to_string()))
            .send()
            .await
            .map_err(|error| explain("invoke the relay", &error))?;
        let payload = invoked.payload.unwrap_or_else(|| Blob::new([])).into_inner();
        let text = String::from_utf8_lossy(&payload);
        if let Some(kind) = invoked.function_error {
            bail!("the relay failed ({kind}): {text}");
        }
        serde_json::from_str(&text).context("the relay answers something that is not JSON")
    }
}
