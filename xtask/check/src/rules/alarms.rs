//! That somebody is told: the alarms that each kind of resource must have, unless the stage does
//! without alarms.

use super::{Context, Place, references};
use serde_json::Value;

/// An alarm over the others says whether the service is healthy.
pub(crate) fn service(context: &Context<'_>) -> Vec<Place> {
    let composite = context.of_type("AWS::CloudWatch::CompositeAlarm").next();
    if composite.is_some() || are_left_out(context) {
        return Vec::new();
    }
    vec![Place::of_template("Resources", "there is no composite alarm")]
}

/// Every table has an alarm on failures that are DynamoDB's own.
pub(crate) fn tables(context: &Context<'_>) -> Vec<Place> {
    missing(context, "AWS::DynamoDB::Table", &["SystemErrors"])
}

/// Every function has alarms on its errors and throttles.
pub(crate) fn functions(context: &Context<'_>) -> Vec<Place> {
    missing(context, "AWS::Lambda::Function", &["Errors", "Throttles"])
}

/// Every API has an alarm on its server errors.
pub(crate) fn apis(context: &Context<'_>) -> Vec<Place> {
    missing(context, "AWS::ApiGateway::RestApi", &["5XXError"])
}

/// Every queue has an alarm on messages in it: all queues here are for dead letters.
pub(crate) fn queues(context: &Context<'_>) -> Vec<Place> {
    missing(context, "AWS::SQS::Queue", &["ApproximateNumberOfMessagesVisible"])
}

/// Every function that reads a stream has an alarm on how far it is behind.
pub(crate) fn streams(context: &Context<'_>) -> Vec<Place> {
    let mut places = Vec::new();
    if are_left_out(context) {
        return places;
    }
    for (mapping, properties) in context.of_type("AWS::Lambda::EventSourceMapping") {
        let mut functions = Vec::new();
        for id in references(&properties["FunctionName"]) {
            // The mapping may name an alias of the function.
            let through = &context.template["Resources"][id]["Properties"]["FunctionName"];
            functions.extend([id].into_iter().chain(references(through)));
        }
        if !functions.iter().any(|id| is_watched(context, id, "IteratorAge")) {
            places.push(Place::new(mapping, "", "no alarm watches IteratorAge of its function"));
        }
    }
    places
}

/// Whether stages.toml says that the stage has no alarms.
fn are_left_out(context: &Context<'_>) -> bool {
    context.stage.is_some_and(|stage| !stage.alarms.enabled)
}

fn missing(context: &Context<'_>, kind: &'static str, metrics: &[&str]) -> Vec<Place> {
    let mut places = Vec::new();
    if are_left_out(context) {
        return places;
    }
    for (id, _) in context.of_type(kind) {
        for metric in metrics {
            if !is_watched(context, id, metric) {
                places.push(Place::new(id, "", format!("no alarm watches its {metric}")));
            }
        }
    }
    places
}

/// Whether an alarm reads this metric of this resource, by itself or within an expression.
fn is_watched(context: &Context<'_>, id: &str, metric: &str) -> bool {
    let resource = &context.template["Resources"][id]["Properties"];
    let names = ["FunctionName", "Name", "QueueName", "TableName"];
    let name = names.iter().map(|name| &resource[name]).find(|name| !name.is_null());
    let is_of = |dimensions: &Value| {
        dimensions.as_array().into_iter().flatten().any(|dimension| {
            let value = &dimension["Value"];
            // By reference, or by the same words that name it.
            references(value).contains(id) || name == Some(value)
        })
    };
    let reads = |it: &Value| it["MetricName"] == metric && is_of(&it["Dimensions"]);
    context.of_type("AWS::CloudWatch::Alarm").any(|(_, alarm)| {
        let parts = alarm["Metrics"].as_array().into_iter().flatten();
        reads(alarm) || parts.into_iter().any(|part| reads(&part["MetricStat"]["Metric"]))
    })
}
