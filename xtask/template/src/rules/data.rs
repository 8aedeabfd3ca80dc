//! Tables, the stream, the bus, queues, topics and keys: nothing gets lost, and no outsider reads
//! it.

use super::Rule;
use super::Severity::{High, Medium};
use super::subject::{Place, Subject, exists, is_in, items, references, shown, violations};
use serde_json::Value;

const KEY: &str = "AWS::KMS::Key";
const QUEUE: &str = "AWS::SQS::Queue";
const STREAM: &str = "AWS::Lambda::EventSourceMapping";
const TABLE: &str = "AWS::DynamoDB::Table";
const TOPIC: &str = "AWS::SNS::Topic";

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "idempotency-expires",
        severity: High,
        expected: "expired records of idempotency keys are deleted",
        remedy: "set TimeToLiveSpecification of IdempotencyTable to expiresAt",
        check: |it| {
            let table = [it.resource("IdempotencyTable")].into_iter();
            violations(table, "TimeToLiveSpecification", |it| {
                it["AttributeName"] == "expiresAt" && it["Enabled"] == true
            })
        },
    },
    Rule {
        id: "key-rotated",
        severity: Medium,
        expected: "a customer managed key is rotated",
        remedy: "set EnableKeyRotation to true",
        check: |it| violations(it.all(KEY), "EnableKeyRotation", |rotated| *rotated == true),
    },
    Rule {
        id: "queue-encrypted",
        severity: High,
        expected: "a queue is encrypted",
        remedy: "set SqsManagedSseEnabled to true, or KmsMasterKeyId",
        check: |it| {
            let plain = it.all(QUEUE).filter(|queue| !exists(queue.property("KmsMasterKeyId")));
            violations(plain, "SqsManagedSseEnabled", |encrypted| *encrypted == true)
        },
    },
    Rule {
        id: "queue-retention",
        severity: Medium,
        expected: "dead letters are kept for 14 days, the longest that a queue keeps them",
        remedy: "set MessageRetentionPeriod to 1209600",
        check: |it| violations(it.all(QUEUE), "MessageRetentionPeriod", |it| *it == 1_209_600),
    },
    Rule {
        id: "queue-tls-only",
        severity: High,
        expected: "a queue refuses calls without TLS",
        remedy: "add a policy that denies sqs:* when aws:SecureTransport is false",
        check: |it| without_tls_policy(it, QUEUE, "AWS::SQS::QueuePolicy", "Queues", &["sqs:*"]),
    },
    Rule {
        id: "rule-target-dead-letters",
        severity: High,
        expected: "an event that a target does not take is kept",
        remedy: "set DeadLetterConfig and RetryPolicy of each target",
        check: |it| {
            violations(it.all("AWS::Events::Rule"), "Targets/*", |target| {
                exists(&target["DeadLetterConfig"]["Arn"]) && exists(&target["RetryPolicy"])
            })
        },
    },
    Rule {
        id: "stream-bisected",
        severity: Medium,
        expected: "a batch that fails is split, so that one record cannot stop the others",
        remedy: "set BisectBatchOnFunctionError to true",
        check: |it| violations(it.all(STREAM), "BisectBatchOnFunctionError", |it| *it == true),
    },
    Rule {
        id: "stream-dead-letters",
        severity: High,
        expected: "a record that cannot be delivered is kept",
        remedy: "set DestinationConfig.OnFailure.Destination",
        check: |it| violations(it.all(STREAM), "DestinationConfig/OnFailure/Destination", exists),
    },
    Rule {
        id: "stream-from-the-start",
        severity: High,
        expected: "the relay begins with the first record of the stream",
        remedy: "set StartingPosition to TRIM_HORIZON",
        check: |it| violations(it.all(STREAM), "StartingPosition", |it| it == "TRIM_HORIZON"),
    },
    Rule {
        id: "stream-gives-up",
        severity: High,
        // A stream keeps records for 24 hours; an older one is lost without a dead letter.
        expected: "the relay gives a record up while the stream still has those behind it",
        remedy: "set MaximumRecordAgeInSeconds to 60 to 72000, and MaximumRetryAttempts",
        check: |it| {
            let age = |value: &Value| is_in(value, &(60..=72_000));
            let attempts = |value: &Value| is_in(value, &(0..=i64::MAX));
            [
                violations(it.all(STREAM), "MaximumRecordAgeInSeconds", age),
                violations(it.all(STREAM), "MaximumRetryAttempts", attempts),
            ]
            .concat()
        },
    },
    Rule {
        id: "stream-partial-failures",
        severity: Medium,
        expected: "the relay says which records failed",
        remedy: "set FunctionResponseTypes to ReportBatchItemFailures",
        check: |it| {
            violations(it.all(STREAM), "FunctionResponseTypes", |kinds| {
                items(kinds).iter().any(|kind| kind == "ReportBatchItemFailures")
            })
        },
    },
    Rule {
        id: "table-encryption",
        severity: Medium,
        expected: "a table has the key that DynamoDB owns, or a customer managed key, and not one that AWS manages in our account",
        remedy: "set SSEEnabled and KMSMasterKeyId, or leave SSESpecification out",
        check: |it| {
            violations(it.all(TABLE), "SSESpecification", |it| {
                !exists(it) || it["SSEEnabled"] == true && exists(&it["KMSMasterKeyId"])
            })
        },
    },
    Rule {
        id: "table-on-demand",
        severity: Medium,
        expected: "a table takes the load that comes",
        remedy: "set BillingMode to PAY_PER_REQUEST, without ProvisionedThroughput",
        check: |it| {
            [
                violations(it.all(TABLE), "BillingMode", |mode| mode == "PAY_PER_REQUEST"),
                violations(it.all(TABLE), "ProvisionedThroughput", |units| !exists(units)),
            ]
            .concat()
        },
    },
    Rule {
        id: "table-protected",
        severity: High,
        expected: "a table refuses to be deleted exactly when its stage is protected",
        remedy: "set DeletionProtectionEnabled as `protected` in stages.toml says",
        check: |it| {
            let protected = it.stage.map(|stage| stage.protected);
            violations(it.all(TABLE), "DeletionProtectionEnabled", |value| {
                protected.is_none_or(|protected| *value == protected)
            })
        },
    },
    Rule {
        id: "table-recovery",
        severity: High,
        expected: "a table can be restored to any point in time",
        remedy: "set PointInTimeRecoveryEnabled to true",
        check: |it| {
            violations(it.all(TABLE), "PointInTimeRecoverySpecification", |it| {
                it["PointInTimeRecoveryEnabled"] == true
            })
        },
    },
    Rule {
        id: "table-retained",
        severity: High,
        expected: "a table outlives its stack and its own replacement",
        remedy: "set DeletionPolicy and UpdateReplacePolicy to Retain",
        check: table_retained,
    },
    Rule {
        id: "table-unnamed",
        severity: Medium,
        expected: "CloudFormation names a table, so that it can be replaced",
        remedy: "leave TableName out",
        check: |it| violations(it.all(TABLE), "TableName", |name| !exists(name)),
    },
    Rule {
        id: "topic-encrypted",
        severity: Medium,
        expected: "a topic is encrypted",
        remedy: "set KmsMasterKeyId",
        check: |it| violations(it.all(TOPIC), "KmsMasterKeyId", exists),
    },
    Rule {
        id: "topic-tls-only",
        severity: High,
        expected: "a topic refuses calls without TLS",
        remedy: "add a policy that denies sns:Publish when aws:SecureTransport is false",
        check: |it| {
            let actions = ["sns:*", "sns:Publish"];
            without_tls_policy(it, TOPIC, "AWS::SNS::TopicPolicy", "Topics", &actions)
        },
    },
    Rule {
        id: "users-streamed",
        severity: High,
        expected: "the stream of the users table carries the new items",
        remedy: "set StreamViewType of UsersTable to NEW_IMAGE",
        check: |it| {
            let table = [it.resource("UsersTable")].into_iter();
            violations(table, "StreamSpecification/StreamViewType", |kind| {
                kind == "NEW_IMAGE" || kind == "NEW_AND_OLD_IMAGES"
            })
        },
    },
];

fn table_retained(it: &Subject<'_>) -> Vec<Place> {
    let mut places = Vec::new();
    for table in it.all(TABLE) {
        for policy in ["DeletionPolicy", "UpdateReplacePolicy"] {
            if table.attribute(policy) != "Retain" {
                places.push(table.place(policy, shown(table.attribute(policy))));
            }
        }
    }
    places
}

/// The resources of type `guarded` without a policy that denies one of `actions` to calls without
/// TLS. Policies have type `policy`, and `list` of it names the resources that it is for.
fn without_tls_policy(
    it: &Subject<'_>,
    guarded: &'static str,
    policy: &'static str,
    list: &str,
    actions: &[&str],
) -> Vec<Place> {
    let denies = |statement: &Value| {
        let secure = &statement["Condition"]["Bool"]["aws:SecureTransport"];
        statement["Effect"] == "Deny"
            && statement["Principal"] == "*"
            && actions.iter().any(|action| statement["Action"] == *action)
            && (*secure == "false" || *secure == false)
    };
    let safe: Vec<_> = it
        .all(policy)
        .filter(|it| items(&it.property("PolicyDocument")["Statement"]).iter().any(denies))
        .flat_map(|it| references(it.property(list)))
        .collect();
    it.all(guarded)
        .filter(|it| !safe.contains(&it.id))
        .map(|it| it.place("", "no policy denies calls without TLS"))
        .collect()
}
