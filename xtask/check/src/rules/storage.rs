//! Tables against `stages.toml`, and queues against their policies.

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
pub(crate) fn tls_only(context: &Context<'_>) -> Vec<Place> {
    let guarded: Vec<_> = context
        .of_type("AWS::SQS::QueuePolicy")
        .filter(|(_, properties)| statements(&properties["PolicyDocument"]).any(denies_plain))
        .flat_map(|(_, properties)| references(&properties["Queues"]))
        .collect();
    context
        .of_type("AWS::SQS::Queue")
        .filter(|(id, _)| !guarded.contains(id))
        .map(|(id, _)| Place::new(id, "", "no policy denies calls without TLS"))
        .collect()
}

fn statements(document: &Value) -> impl Iterator<Item = &Value> {
    match &document["Statement"] {
        Value::Array(many) => many.iter(),
        one => std::slice::from_ref(one).iter(),
    }
}

fn denies_plain(statement: &Value) -> bool {
    let condition = &statement["Condition"]["Bool"]["aws:SecureTransport"];
    statement["Effect"] == "Deny"
        && statement["Principal"] == "*"
        && statement["Action"] == "sqs:*"
        && (*condition == "false" || *condition == false)
}
