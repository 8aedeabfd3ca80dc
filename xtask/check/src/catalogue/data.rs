//! Tables, the stream, the bus, queues, topics and keys: what must not be lost, and not be read by
//! others.

use super::Evaluation::{Code, Guard};
use super::Severity::{High, Medium};
use super::{Rule, rule};
use crate::rules::storage;

pub(super) static RULES: &[Rule] = &[
    rule(
        "idempotency-expires",
        High,
        Guard,
        "records of idempotency keys go away when they have expired",
        "set TimeToLiveSpecification of IdempotencyTable to expiresAt",
    ),
    rule("key-rotated", Medium, Guard, "a key of ours is rotated", "set EnableKeyRotation to true"),
    rule(
        "queue-encrypted",
        High,
        Guard,
        "a queue is encrypted",
        "set SqsManagedSseEnabled to true, or KmsMasterKeyId",
    ),
    rule(
        "queue-retention",
        Medium,
        Guard,
        "dead letters are kept for the 14 days that a queue can keep them",
        "set MessageRetentionPeriod to 1209600",
    ),
    rule(
        "queue-tls-only",
        High,
        Code(storage::queues_tls_only),
        "a queue refuses calls without TLS",
        "add a policy that denies sqs:* when aws:SecureTransport is false",
    ),
    rule(
        "rule-target-dead-letters",
        High,
        Guard,
        "an event that a target does not take is kept",
        "set DeadLetterConfig and RetryPolicy of each target",
    ),
    rule(
        "stream-bisected",
        Medium,
        Guard,
        "a batch that fails is split, so that one record cannot stop the others",
        "set BisectBatchOnFunctionError to true",
    ),
    rule(
        "stream-dead-letters",
        High,
        Guard,
        "a record that cannot be delivered is kept",
        "set DestinationConfig.OnFailure.Destination",
    ),
    rule(
        "stream-from-the-start",
        High,
        Guard,
        "the relay begins with the first record of the stream",
        "set StartingPosition to TRIM_HORIZON",
    ),
    rule(
        "stream-gives-up",
        High,
        Guard,
        "the relay gives a record up while the stream still has those behind it",
        "set MaximumRecordAgeInSeconds to 60 to 72000, and MaximumRetryAttempts",
    ),
    rule(
        "stream-partial-failures",
        Medium,
        Guard,
        "the relay says which records failed",
        "set FunctionResponseTypes to ReportBatchItemFailures",
    ),
    rule(
        "table-encryption",
        Medium,
        Guard,
        "a table has the key that DynamoDB owns, or a key of ours, and not one that AWS manages in our account",
        "set KMSMasterKeyId too, or leave SSESpecification out",
    ),
    rule(
        "table-on-demand",
        Medium,
        Guard,
        "a table takes the load that comes",
        "set BillingMode to PAY_PER_REQUEST, without ProvisionedThroughput",
    ),
    rule(
        "table-protected",
        High,
        Code(storage::protected),
        "a table refuses to be deleted exactly when its stage is protected",
        "set DeletionProtectionEnabled, or `protected` in stages.toml",
    ),
    rule(
        "table-recovery",
        High,
        Guard,
        "a table can be restored to any point in time",
        "set PointInTimeRecoveryEnabled to true",
    ),
    rule(
        "table-retained",
        High,
        Guard,
        "a table outlives its stack and its own replacement",
        "set DeletionPolicy and UpdateReplacePolicy to Retain",
    ),
    rule(
        "table-unnamed",
        Medium,
        Guard,
        "CloudFormation names a table, so that it can be replaced",
        "leave TableName out",
    ),
    rule("topic-encrypted", Medium, Guard, "a topic is encrypted", "set KmsMasterKeyId"),
    rule(
        "topic-tls-only",
        High,
        Code(storage::topics_tls_only),
        "a topic refuses calls without TLS",
        "add a policy that denies sns:Publish when aws:SecureTransport is false",
    ),
    rule(
        "users-streamed",
        High,
        Guard,
        "the stream of the users table carries what was written",
        "set StreamViewType of UsersTable to NEW_IMAGE",
    ),
];
