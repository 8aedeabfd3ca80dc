//! The queue, table and relay of a deployed stage, or of a local stack with the same calls.

use super::entries::{Entry, Key, Range};
use crate::explain::Explain;
use crate::session::Session;
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

/// Seconds that letters are hidden from other readers, longer than a run.
const HIDDEN_SECONDS: i32 = 15 * 60;
/// Seconds to wait for letters; any wait makes SQS query all its servers.
const WAIT_SECONDS: i32 = 2;
const MOST_AT_ONCE: i32 = 10;

/// The outputs of the stack.
const TABLE: &str = "UsersTableName";
const QUEUE: &str = "AuditDeadLettersUrl";
const RELAY: &str = "UsersAuditPublishFunctionArn";

/// Queue, table and relay.
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

/// The answer of a local stack at `/_local/aws`.
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
    /// The place of a deployed stage.
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

    /// The place of a local stack, from its answer at `/_local/aws`.
    pub(crate) fn local(text: &str) -> Result<Self> {
        let local: Local =
            serde_json::from_str(text).context("the services of the local stack cannot be read")?;
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

    /// All letters of the queue, hidden from other readers for a while.
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
                .explain("read the dead letters")?;
            let messages = received.messages.unwrap_or_default();
            if messages.is_empty() {
                return Ok(letters);
            }
            for message in messages {
                let (Some(id), Some(receipt)) = (message.message_id, message.receipt_handle) else {
                    bail!("SQS sent a message without an id");
                };
                let body = message.body.unwrap_or_default();
                let body = serde_json::from_str(&body).unwrap_or(Value::Null);
                match letters.iter_mut().find(|letter| letter.id == id) {
                    // A repeated letter; only the latest receipt is valid.
                    Some(known) => known.receipt = receipt,
                    None => letters.push(Letter { id, receipt, body }),
                }
            }
        }
    }

    pub(super) async fn delete(&self, letter: &Letter) -> Result<()> {
        let request = self.sqs.delete_message().queue_url(&self.queue);
        let deleted = request.receipt_handle(&letter.receipt).send().await;
        deleted.map(drop).explain("delete a dead letter")
    }

    /// Makes a letter visible again.
    pub(super) async fn release(&self, letter: &Letter) -> Result<()> {
        let request = self.sqs.change_message_visibility().queue_url(&self.queue);
        let released = request.receipt_handle(&letter.receipt).visibility_timeout(0).send().await;
        match released {
            // It is visible already.
            Err(error) if error.code().is_some_and(|code| code.contains("NotInflight")) => Ok(()),
            released => released.map(drop).explain("release a dead letter"),
        }
    }

    /// The present audit entry with this key.
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
            .explain("read an audit entry")?;
        Ok(found.item.map(|image| Entry { key: key.clone(), image }))
    }

    /// All audit entries whose sort keys are in a range.
    pub(super) async fn written_within(&self, range: &Range) -> Result<Vec<Entry>> {
        let items: Result<Vec<_>, _> = self
            .dynamodb
            .scan()
            .table_name(&self.table)
            .filter_expression("sk BETWEEN :first AND :last")
            .expression_attribute_values(":first", AttributeValue::S(range.first.clone()))
            .expression_attribute_values(":last", AttributeValue::S(range.last.clone()))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send()
            .collect()
            .await;
        let entry = |image| Some(Entry { key: Key::of_item(&image)?, image });
        Ok(items.explain("scan the users table")?.into_iter().filter_map(entry).collect())
    }

    /// Invokes the relay with an event; returns its response.
    pub(super) async fn invoke(&self, event: &Value) -> Result<Value> {
        let invoked = self
            .lambda
            .invoke()
            .function_name(&self.relay)
            .payload(Blob::new(event.to_string()))
            .send()
            .await
            .explain("invoke the relay")?;
        let payload = invoked.payload.unwrap_or_else(|| Blob::new([])).into_inner();
        let text = String::from_utf8_lossy(&payload);
        if let Some(kind) = invoked.function_error {
            bail!("the relay failed ({kind}): {text}");
        }
        serde_json::from_str(&text).context("the relay's answer is not JSON")
    }
}
