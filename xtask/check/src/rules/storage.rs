//! Tables against `stages.toml`, and queues and topics against their policies.

use super::{Context, Place, references};
use serde_json::Value;

/// The tables of a protected stage refuse to be deleted, those of another do not.
pub(crate) fn protected(context: &Context<'_>) -> Vec<Place> {
    let Some(stage) = context.stage else { return Vec::new() };
    let path = "Properties/DeletionProtectionEnabled";
    context
        .of_type("AWS::DynamoDB::Table")
        .filter(|(_, properties)| properties["DeletionProtectionEnabled"] != stage.protected)
        .map(|(id, _)| {
            let detail = format!("is not {}, as stages.toml has it", stage.protected);
            Place::new(id, path, detail)
        })
        .collect()
}

/// Every queue has a policy that denies all without TLS.
pub(crate) fn queues_tls_only(context: &Context<'_>) -> Vec<Place> {
    let kinds = ("AWS::SQS::Queue", "AWS::SQS::QueuePolicy");
    without_tls_policy(context, kinds, "Queues", &["sqs:*"])
}

/// Every topic has a policy that denies to publish without TLS.
pub(crate) fn topics_tls_only(context: &Context<'_>) -> Vec<Place> {
    let kinds = ("AWS::SNS::Topic", "AWS::SNS::TopicPolicy");
    without_tls_policy(context, kinds, "Topics", &["sns:*", "sns:Publish"])
}

/// The resources of a type that no policy of another type guards: `list` names what the policy is
/// for, and one of `actions` is what it has to deny.
fn without_tls_policy(
    context: &Context<'_>,
    (guarded, policy): (&'static str, &'static str),
    list: &str,
    actions: &[&str],
) -> Vec<Place> {
    let denies = |statement: &Value| {
        let condition = &statement["Condition"]["Bool"]["aws:SecureTransport"];
        let action = statement["Action"].as_str().unwrap_or_default();
        statement["Effect"] == "Deny"
            && statement["Principal"] == "*"
            && actions.contains(&action)
            && (*condition == "false" || *condition == false)
    };
    let safe: Vec<_> = context
        .of_type(policy)
        .filter(|(_, properties)| statements(&properties["PolicyDocument"]).any(denies))
        .flat_map(|(_, properties)| references(&properties[list]))
        .collect();
    context
        .of_type(guarded)
        .filter(|(id, _)| !safe.contains(id))
        .map(|(id, _)| Place::new(id, "", "no policy denies calls without TLS"))
        .collect()
}

fn statements(document: &Value) -> impl Iterator<Item = &Value> {
    match &document["Statement"] {
        Value::Array(many) => many.iter(),
        one => std::slice::from_ref(one).iter(),
    }
}
