//! Tables, the stream, the bus, queues, topics and keys: durability and confidentiality.

use super::rule::{Rule, high, medium};
use super::subject::{Place, Subject, exists, is_in, items, references, shown, violations};
use serde_json::Value;

const KEY: &str = "AWS::KMS::Key";
const QUEUE: &str = "AWS::SQS::Queue";
const STREAM: &str = "AWS::Lambda::EventSourceMapping";
const TABLE: &str = "AWS::DynamoDB::Table";
const TOPIC: &str = "AWS::SNS::Topic";

pub(super) fn rules() -> Vec<Rule> {
    vec![
        high("idempotency-expires")
            .expects("expired records of idempotency keys are deleted")
            .remedy("set TimeToLiveSpecification of IdempotencyTable to expiresAt")
            .check(|it| {
                let table = [it.resource("IdempotencyTable")].into_iter();
                violations(table, "TimeToLiveSpecification", |it| {
                    it["AttributeName"] == "expiresAt" && it["Enabled"] == true
                })
            }),
        medium("key-rotated")
            .expects("a customer managed key is rotated")
            .remedy("set EnableKeyRotation to true")
            .property(KEY, "EnableKeyRotation", |rotated| *rotated == true),
        high("queue-encrypted")
            .expects("a queue is encrypted")
            .remedy("set SqsManagedSseEnabled to true, or KmsMasterKeyId")
            .check(|it| {
                let plain = it.all(QUEUE).filter(|queue| !exists(queue.property("KmsMasterKeyId")));
                violations(plain, "SqsManagedSseEnabled", |encrypted| *encrypted == true)
            }),
        medium("queue-retention")
            .expects("dead letters are kept for 14 days, the longest that a queue keeps them")
            .remedy("set MessageRetentionPeriod to 1209600")
            .property(QUEUE, "MessageRetentionPeriod", |it| *it == 1_209_600),
        high("queue-tls-only")
            .expects("a queue refuses calls without TLS")
            .remedy("add a policy that denies sqs:* when aws:SecureTransport is false")
            .check(|it| {
                without_tls_policy(it, QUEUE, "AWS::SQS::QueuePolicy", "Queues", &["sqs:*"])
            }),
        high("rule-target-dead-letters")
            .expects("an event that a target rejects is kept")
            .remedy("set DeadLetterConfig and RetryPolicy of each target")
            .property("AWS::Events::Rule", "Targets/*", |target| {
                exists(&target["DeadLetterConfig"]["Arn"]) && exists(&target["RetryPolicy"])
            }),
        medium("stream-bisected")
            .expects("a failed batch is split, so that one record cannot block the others")
            .remedy("set BisectBatchOnFunctionError to true")
            .property(STREAM, "BisectBatchOnFunctionError", |it| *it == true),
        high("stream-dead-letters")
            .expects("a record that cannot be delivered is kept")
            .remedy("set DestinationConfig.OnFailure.Destination")
            .property(STREAM, "DestinationConfig/OnFailure/Destination", exists),
        high("stream-from-the-start")
            .expects("the relay starts at the first record of the stream")
            .remedy("set StartingPosition to TRIM_HORIZON")
            .property(STREAM, "StartingPosition", |it| it == "TRIM_HORIZON"),
        // A stream keeps records for 24 hours; an older one is lost without a dead letter.
        high("stream-gives-up")
            .expects("the relay gives up on a record before the stream drops later ones")
            .remedy("set MaximumRecordAgeInSeconds to 60 to 72000, and MaximumRetryAttempts")
            .property(STREAM, "MaximumRecordAgeInSeconds", |value| is_in(value, &(60..=72_000)))
            .property(STREAM, "MaximumRetryAttempts", |value| is_in(value, &(0..=i64::MAX))),
        medium("stream-partial-failures")
            .expects("the relay says which records failed")
            .remedy("set FunctionResponseTypes to ReportBatchItemFailures")
            .property(STREAM, "FunctionResponseTypes", |kinds| {
                items(kinds).iter().any(|kind| kind == "ReportBatchItemFailures")
            }),
        medium("table-encryption")
            .expects("a table has the key that DynamoDB owns, or a customer managed key")
            .remedy("set SSEEnabled and KMSMasterKeyId, or omit SSESpecification")
            .property(TABLE, "SSESpecification", |it| {
                !exists(it) || it["SSEEnabled"] == true && exists(&it["KMSMasterKeyId"])
            }),
        medium("table-on-demand")
            .expects("a table scales with its load")
            .remedy("set BillingMode to PAY_PER_REQUEST, without ProvisionedThroughput")
            .property(TABLE, "BillingMode", |mode| mode == "PAY_PER_REQUEST")
            .property(TABLE, "ProvisionedThroughput", |units| !exists(units)),
        high("table-protected")
            .expects("a table refuses to be deleted exactly when its stage is protected")
            .remedy("set DeletionProtectionEnabled as `protected` in stages.toml says")
            .check(|it| {
                let protected = it.stage.map(|stage| stage.protected);
                violations(it.all(TABLE), "DeletionProtectionEnabled", |value| {
                    protected.is_none_or(|protected| *value == protected)
                })
            }),
        high("table-recovery")
            .expects("a table can be restored to any point in time")
            .remedy("set PointInTimeRecoveryEnabled to true")
            .property(TABLE, "PointInTimeRecoverySpecification", |it| {
                it["PointInTimeRecoveryEnabled"] == true
            }),
        high("table-retained")
            .expects("a table outlives its stack and its own replacement")
            .remedy("set DeletionPolicy and UpdateReplacePolicy to Retain")
            .check(table_retained),
        medium("table-unnamed")
            .expects("CloudFormation names a table, so that it can be replaced")
            .remedy("omit TableName")
            .property(TABLE, "TableName", |name| !exists(name)),
        medium("topic-encrypted")
            .expects("a topic is encrypted")
            .remedy("set KmsMasterKeyId")
            .property(TOPIC, "KmsMasterKeyId", exists),
        high("topic-tls-only")
            .expects("a topic refuses calls without TLS")
            .remedy("add a policy that denies sns:Publish when aws:SecureTransport is false")
            .check(|it| {
                let actions = ["sns:*", "sns:Publish"];
                without_tls_policy(it, TOPIC, "AWS::SNS::TopicPolicy", "Topics", &actions)
            }),
        high("users-streamed")
            .expects("the stream of the users table carries the new items")
            .remedy("set StreamViewType of UsersTable to NEW_IMAGE")
            .check(|it| {
                let table = [it.resource("UsersTable")].into_iter();
                violations(table, "StreamSpecification/StreamViewType", |kind| {
                    kind == "NEW_IMAGE" || kind == "NEW_AND_OLD_IMAGES"
                })
            }),
    ]
}

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
