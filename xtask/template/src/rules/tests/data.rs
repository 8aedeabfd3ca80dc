//! Tables, stream, bus, queues, topics and keys.

use super::support::{remove, set};
use super::{Mutation, row};
use serde_json::json;

const DENY: &str = "/Resources/AuditDeadLettersPolicy/Properties/PolicyDocument/Statement/0";

pub(super) fn mutations() -> Vec<Mutation> {
    let table = "/Resources/UsersTable/Properties";
    let stream = "/Resources/AuditStream/Properties";
    let queue = "/Resources/AuditDeadLetters/Properties";
    let records = "/Resources/IdempotencyTable/Properties/TimeToLiveSpecification";
    vec![
        row(
            "table-recovery",
            "UsersTable",
            "missing recovery to a point in time",
            remove(format!("{table}/PointInTimeRecoverySpecification")),
        ),
        row(
            "table-retained",
            "UsersTable",
            "a missing deletion policy",
            remove("/Resources/UsersTable/DeletionPolicy"),
        ),
        row(
            "table-retained",
            "IdempotencyTable",
            "a table lost when it is replaced",
            set("/Resources/IdempotencyTable/UpdateReplacePolicy", json!("Delete")),
        ),
        row(
            "table-unnamed",
            "UsersTable",
            "a fixed table name",
            set(format!("{table}/TableName"), json!("users")),
        ),
        row(
            "table-on-demand",
            "UsersTable",
            "provisioned throughput",
            set(format!("{table}/BillingMode"), json!("PROVISIONED")),
        ),
        row(
            "table-encryption",
            "UsersTable",
            "a key that AWS manages",
            set(format!("{table}/SSESpecification"), json!({"SSEEnabled": true})),
        ),
        row(
            "table-protected",
            "UsersTable",
            "a table without protection in a protected stage",
            set(format!("{table}/DeletionProtectionEnabled"), json!(false)),
        ),
        row(
            "idempotency-expires",
            "IdempotencyTable",
            "records that stay for ever",
            remove(records),
        ),
        row(
            "idempotency-expires",
            "IdempotencyTable",
            "records that expire by another attribute",
            set(format!("{records}/AttributeName"), json!("ttl")),
        ),
        row(
            "users-streamed",
            "UsersTable",
            "the stream off",
            remove(format!("{table}/StreamSpecification")),
        ),
        row(
            "users-streamed",
            "UsersTable",
            "a stream of keys only",
            set(format!("{table}/StreamSpecification/StreamViewType"), json!("KEYS_ONLY")),
        ),
        row(
            "stream-dead-letters",
            "AuditStream",
            "no dead letters",
            remove(format!("{stream}/DestinationConfig")),
        ),
        row(
            "stream-bisected",
            "AuditStream",
            "a batch that fails as one",
            set(format!("{stream}/BisectBatchOnFunctionError"), json!(false)),
        ),
        row(
            "stream-partial-failures",
            "AuditStream",
            "failures of single records not reported",
            remove(format!("{stream}/FunctionResponseTypes")),
        ),
        row(
            "stream-gives-up",
            "AuditStream",
            "records kept past the stream's own time",
            set(format!("{stream}/MaximumRecordAgeInSeconds"), json!(-1)),
        ),
        row(
            "stream-gives-up",
            "AuditStream",
            "retries without end",
            remove(format!("{stream}/MaximumRetryAttempts")),
        ),
        row(
            "stream-from-the-start",
            "AuditStream",
            "a relay that skips what is there",
            set(format!("{stream}/StartingPosition"), json!("LATEST")),
        ),
        row(
            "rule-target-dead-letters",
            "ForwardRule",
            "a target whose failures are lost",
            remove("/Resources/ForwardRule/Properties/Targets/0/DeadLetterConfig"),
        ),
        row(
            "queue-encrypted",
            "AuditDeadLetters",
            "an unencrypted queue",
            set(format!("{queue}/SqsManagedSseEnabled"), json!(false)),
        ),
        row(
            "queue-retention",
            "AuditDeadLetters",
            "dead letters for four days",
            remove(format!("{queue}/MessageRetentionPeriod")),
        ),
        row(
            "queue-tls-only",
            "AuditDeadLetters",
            "a queue without TLS",
            remove(format!("{DENY}/Condition")),
        ),
        row(
            "topic-encrypted",
            "AlarmTopic",
            "an unencrypted topic",
            remove("/Resources/AlarmTopic/Properties/KmsMasterKeyId"),
        ),
        row(
            "key-rotated",
            "AlarmTopicKey",
            "a key for ever",
            set("/Resources/AlarmTopicKey/Properties/EnableKeyRotation", json!(false)),
        ),
        row(
            "topic-tls-only",
            "AlarmTopic",
            "a topic without TLS",
            remove("/Resources/AlarmTopicPolicy/Properties/PolicyDocument/Statement/1/Condition"),
        ),
    ]
}
