//! The path of an audit entry from the table to subscribers: stream, relay, bus, and the queue for
//! records that the relay could not deliver.

use serde_json::json;
use stratosphere::services::aws::{events, lambda, sqs};
use stratosphere::value::ToValue;
use users_contract::RELAY;

use super::envelope::{Resource, Template, attribute, reference, tags, text};
use super::names::{
    AUDIT_ARCHIVE, AUDIT_BUS, AUDIT_DEAD_LETTERS, AUDIT_DEAD_LETTERS_POLICY, AUDIT_STREAM,
    FunctionIds, USERS_TABLE, audit_bus_arn, in_stack,
};
use super::{keys, policy};
use crate::stages::Stage;

/// Seconds that a record is tried for: six hours of an unreachable bus lose nothing, and the
/// stream, which keeps records for 24 hours, is still far from dropping those that wait behind.
const MAXIMUM_RECORD_AGE_SECONDS: i32 = 6 * 60 * 60;

/// The most that Lambda takes, so that the age decides and not the count.
const MAXIMUM_RETRY_ATTEMPTS: i32 = 10_000;

/// Seconds that a dead letter is kept: 14 days, the most that SQS takes.
const DEAD_LETTER_RETENTION_SECONDS: i32 = 14 * 24 * 60 * 60;

/// Adds the bus, the mapping of the stream, and the queue with its policy.
pub(super) fn add(template: &mut Template, stage: &Stage) {
    let mut bus = events::EventBus! {
        description: "What happened to users: one event for each audit entry",
        name: in_stack("audit"),
        policy: only_the_relay(),
        tags: tags(stage),
    };
    bus.kms_key_identifier = keys::data_key(stage);
    template.add(AUDIT_BUS, Resource::new(&bus));
    if let Some(days) = stage.archive_days {
        template.add(AUDIT_ARCHIVE, Resource::new(&archive(stage, days)));
    }

    let mut queue = sqs::Queue! {
        message_retention_period: DEAD_LETTER_RETENTION_SECONDS,
        tags: tags(stage),
    };
    match keys::data_key(stage) {
        Some(key) => queue.kms_master_key_id = Some(key),
        None => queue.sqs_managed_sse_enabled = Some(true.into()),
    }
    let skipped: &[_] = if stage.customer_managed_key {
        &[]
    } else {
        &[("CKV_AWS_27", "Encrypted with the key of SQS; the check knows only keys of KMS")]
    };
    // A dead letter only says which entry it is; the entry itself is in the table, which stays.
    template.add(AUDIT_DEAD_LETTERS, Resource::new(&queue).expendable().skip(skipped));
    template.add(AUDIT_DEAD_LETTERS_POLICY, Resource::new(&tls_only()));
    template.add(AUDIT_STREAM, Resource::new(&mapping(stage)));
}

/// Denies all principals but the relay to put events on the bus, since its events stand for the audit
/// log. A replay comes from EventBridge itself.
fn only_the_relay() -> serde_json::Value {
    policy::document(json!([{
        "Sid": "OnlyTheRelay",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "events:PutEvents",
        "Resource": audit_bus_arn().to_value(),
        "Condition": {
            "ArnNotEquals": {
                "aws:PrincipalArn":
                    attribute(&FunctionIds::of(RELAY.function).role, "Arn").to_value(),
            },
            "Bool": {"aws:PrincipalIsAWSService": "false"},
        },
    }]))
}

fn archive(stage: &Stage, days: u16) -> events::Archive_ {
    let mut archive = events::Archive! {
        description: "Every event of the audit bus, to replay",
        event_pattern: json!({"source": [RELAY.event_source]}),
        retention_days: i32::from(days),
        source_arn: attribute(AUDIT_BUS, "Arn"),
    };
    archive.kms_key_identifier = keys::data_key(stage);
    archive
}

fn tls_only() -> sqs::QueuePolicy_ {
    sqs::QueuePolicy! {
        policy_document: policy::document(vec![policy::tls_only(
            "sqs:*",
            attribute(AUDIT_DEAD_LETTERS, "Arn").to_value(),
        )]),
        queues: vec![reference(AUDIT_DEAD_LETTERS)],
    }
}

fn mapping(stage: &Stage) -> lambda::EventSourceMapping_ {
    // Only new audit entries: nothing else in the table is an event.
    let pattern = json!({
        "eventName": ["INSERT"],
        "dynamodb": {"Keys": {"sk": {"S": [{"prefix": RELAY.sort_key_prefix}]}}},
    });
    lambda::EventSourceMapping! {
        batch_size: 100,
        bisect_batch_on_function_error: true,
        destination_config: lambda::eventsourcemapping::DestinationConfig! {
            on_failure: Box::new(lambda::eventsourcemapping::OnFailure! {
                destination: attribute(AUDIT_DEAD_LETTERS, "Arn"),
            }),
        },
        event_source_arn: attribute(USERS_TABLE, "StreamArn"),
        filter_criteria: lambda::eventsourcemapping::FilterCriteria! {
            filters: vec![lambda::eventsourcemapping::Filter! {
                pattern: text(crate::render::compact(&pattern)),
            }],
        },
        function_name: reference(&FunctionIds::of(RELAY.function).alias),
        function_response_types: vec![text("ReportBatchItemFailures")],
        maximum_batching_window_in_seconds: 0,
        maximum_record_age_in_seconds: MAXIMUM_RECORD_AGE_SECONDS,
        maximum_retry_attempts: MAXIMUM_RETRY_ATTEMPTS,
        // One batch at a time and shard: the events of a user stay in order.
        parallelization_factor: 1,
        starting_position: "TRIM_HORIZON",
        tags: tags(stage),
    }
}
