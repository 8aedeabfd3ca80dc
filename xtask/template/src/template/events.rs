//! The way of an audit entry out of the table: stream, relay, bus, and the queue for what the relay
//! could not deliver.

use serde_json::json;
use stratosphere::services::aws::{events, lambda, sqs};
use stratosphere::value::ToValue;
use users_contract::RELAY;

use super::envelope::{Resource, Template, attribute, reference, text};
use super::names::{
    AUDIT_BUS, AUDIT_DEAD_LETTERS, AUDIT_DEAD_LETTERS_POLICY, AUDIT_STREAM, FunctionIds,
    USERS_TABLE, in_stack,
};
use super::tags;
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
    let bus = events::EventBus! {
        description: "What happened to users: one event for each audit entry",
        name: in_stack("audit"),
        tags: tags(stage),
    };
    template.add(AUDIT_BUS, Resource::new(&bus));

    let queue = sqs::Queue! {
        message_retention_period: DEAD_LETTER_RETENTION_SECONDS,
        sqs_managed_sse_enabled: true,
        tags: tags(stage),
    };
    template.add(AUDIT_DEAD_LETTERS, Resource::new(&queue));
    template.add(AUDIT_DEAD_LETTERS_POLICY, Resource::new(&tls_only()));
    template.add(AUDIT_STREAM, Resource::new(&mapping(stage)));
}

fn tls_only() -> sqs::QueuePolicy_ {
    sqs::QueuePolicy! {
        policy_document: json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Sid": "TlsOnly",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "sqs:*",
                "Resource": attribute(AUDIT_DEAD_LETTERS, "Arn").to_value(),
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }],
        }),
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
        function_name: attribute(&FunctionIds::of(RELAY.function).function, "Arn"),
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
