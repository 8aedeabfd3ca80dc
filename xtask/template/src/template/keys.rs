//! Encryption keys: by default those that AWS owns, except for the alarm topic; with
//! `customer_managed_key` one customer managed key for everything.

use serde_json::{Value, json};
use stratosphere::services::aws::kms;
use stratosphere::value::{ExpString, ToValue};

use super::envelope::{Resource, Template, attribute, substitute, tags, text};
use super::names::{ALARM_TOPIC_KEY, DATA_KEY};
use super::policy;
use crate::stages::Stage;

/// Why the checks that ask for a key of the account's own do not count without one.
pub(super) const OWNED_KEY_REASON: &str =
    "Encrypted with a key that AWS owns; customer_managed_key in stages.toml makes one of our own";

/// Days between scheduling the deletion of the topic's key and deleting it: the least, since
/// alarms that were not delivered by then are of no use.
const PENDING_DAYS: i32 = 7;

/// The actions on a key of a service, or of a function through a service.
const USES: &[&str] = &[
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
];

/// Adds the key of the stage, or the one of its alarm topic.
pub(super) fn add(template: &mut Template, stage: &Stage) {
    if stage.customer_managed_key {
        let statements = vec![account(), logs(), event_bus(), alarms()];
        let key = key(stage, "Encrypts the data of user management", statements);
        // The encrypted data outlives the stack, so the key must too.
        template.add(DATA_KEY, Resource::new(&key).retained());
    } else if stage.alarms.enabled {
        // The topic cannot do with the key that AWS manages for SNS: its policy does not let
        // CloudWatch in, and alarms would be lost without a word.
        let mut key = key(stage, "Encrypts notices of alarms", vec![account(), alarms()]);
        key.pending_window_in_days = Some(PENDING_DAYS);
        template.add(ALARM_TOPIC_KEY, Resource::new(&key).expendable());
    }
}

/// The ARN of the stage's own key, if it has one.
pub(super) fn data_key(stage: &Stage) -> Option<ExpString> {
    stage.customer_managed_key.then(|| attribute(DATA_KEY, "Arn"))
}

/// The ARN of the key of the alarm topic.
pub(super) fn topic_key(stage: &Stage) -> ExpString {
    data_key(stage).unwrap_or_else(|| attribute(ALARM_TOPIC_KEY, "Arn"))
}

/// A function's permissions on the stage's own key: through tables, queue and Lambda only.
pub(super) fn function_statement(stage: &Stage) -> Option<Value> {
    let key = data_key(stage)?;
    let services: Vec<_> = ["dynamodb", "lambda", "sqs"]
        .map(|service| substitute(format!("{service}.${{AWS::Region}}.amazonaws.com")).to_value())
        .into();
    let mut statement = policy::allow("DataKey", USES, key.to_value());
    statement["Condition"] = json!({"StringEquals": {"kms:ViaService": services}});
    Some(statement)
}

fn key(stage: &Stage, description: &str, statements: Vec<Value>) -> kms::Key_ {
    kms::Key! {
        description: text(description),
        enable_key_rotation: true,
        key_policy: policy::document(statements),
        tags: tags(stage),
    }
}

/// Hands the key to the IAM policies of the account; without this no principal could manage it.
fn account() -> Value {
    json!({
        "Sid": "Account",
        "Effect": "Allow",
        "Principal": {
            "AWS": substitute("arn:${AWS::Partition}:iam::${AWS::AccountId}:root").to_value(),
        },
        "Action": "kms:*",
        // In a key's policy this is the key itself.
        "Resource": "*",
    })
}

fn logs() -> Value {
    let groups = ["/aws/lambda/${AWS::StackName}-*", "/aws/apigateway/${AWS::StackName}-*"]
        .into_iter()
        .chain(["API-Gateway-Execution-Logs_*"])
        .map(|group| {
            substitute(format!(
                "arn:${{AWS::Partition}}:logs:${{AWS::Region}}:${{AWS::AccountId}}:log-group:{group}"
            ))
            .to_value()
        })
        .collect::<Vec<_>>();
    let service = substitute("logs.${AWS::Region}.amazonaws.com").to_value();
    let mut statement = policy::allow_service("Logs", service, USES);
    statement["Condition"] = json!({"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}});
    statement
}

fn event_bus() -> Value {
    let uses = json!(["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"]);
    let mut statement = policy::allow_service("EventBus", "events.amazonaws.com", uses);
    let account = substitute("${AWS::AccountId}").to_value();
    statement["Condition"] = json!({"StringEquals": {"aws:SourceAccount": account}});
    statement
}

/// Without a condition: CloudWatch does not say on whose behalf it asks for the key. Who may
/// publish is in the policy of the topic.
fn alarms() -> Value {
    let uses = json!(["kms:Decrypt", "kms:GenerateDataKey"]);
    policy::allow_service("Alarms", "cloudwatch.amazonaws.com", uses)
}
