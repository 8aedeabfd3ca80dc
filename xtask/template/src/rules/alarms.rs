//! The alarms themselves, and the alarms that each kind of resource needs unless the stage turns
//! them off.

use super::rule::{Rule, high, low, medium};
use super::subject::{Place, Resource, Subject, every, exists, items, references};
use serde_json::Value;

const ALARM: &str = "AWS::CloudWatch::Alarm";
const COMPOSITE: &str = "AWS::CloudWatch::CompositeAlarm";

pub(super) fn rules() -> Vec<Rule> {
    vec![
        high("alarm-api-errors")
            .expects("an alarm watches the API's server errors")
            .remedy("add an alarm on 5XXError")
            .check(|it| unwatched(it, "AWS::ApiGateway::RestApi", &["5XXError"])),
        // Every queue of the template is for dead letters.
        high("alarm-dead-letters")
            .expects("an alarm watches for dead letters")
            .remedy("add an alarm on ApproximateNumberOfMessagesVisible")
            .check(|it| unwatched(it, "AWS::SQS::Queue", &["ApproximateNumberOfMessagesVisible"])),
        low("alarm-described")
            .expects("an alarm has a description")
            .remedy("set AlarmDescription")
            .property(ALARM, "AlarmDescription", exists)
            .property(COMPOSITE, "AlarmDescription", exists),
        high("alarm-function-failures")
            .expects("alarms watch errors and throttles of every function")
            .remedy("add alarms on Errors and Throttles")
            .check(|it| unwatched(it, "AWS::Lambda::Function", &["Errors", "Throttles"])),
        low("alarm-missing-data")
            .expects("missing data does not trigger an alarm")
            .remedy("set TreatMissingData to notBreaching")
            .property(ALARM, "TreatMissingData", |data| data == "notBreaching"),
        medium("alarm-notifies")
            .expects("an alarm notifies somebody")
            .remedy("name a topic in AlarmActions")
            .property(ALARM, "AlarmActions", |actions| every(actions, exists))
            .property(COMPOSITE, "AlarmActions", |actions| every(actions, exists)),
        high("alarm-service-health")
            .expects("one alarm says whether the service is healthy")
            .remedy("add a composite alarm")
            .check(|it| {
                if it.all(COMPOSITE).next().is_some() || are_disabled(it) {
                    return Vec::new();
                }
                vec![Place::of_template("Resources", "there is no composite alarm")]
            }),
        high("alarm-stream-lag")
            .expects("an alarm watches the lag of the relay")
            .remedy("add an alarm on IteratorAge")
            .check(alarm_stream_lag),
        high("alarm-table-failures")
            .expects("an alarm watches every table for failures of DynamoDB itself")
            .remedy("add an alarm on SystemErrors")
            .check(|it| unwatched(it, "AWS::DynamoDB::Table", &["SystemErrors"])),
    ]
}

fn alarm_stream_lag(it: &Subject<'_>) -> Vec<Place> {
    let is_behind_unnoticed = |mapping: &Resource<'_>| {
        let mut named = references(mapping.property("FunctionName")).into_iter();
        // The mapping names an alias of the function, or the function itself.
        !named.any(|id| {
            let through = references(it.resource(id).property("FunctionName"));
            [id].into_iter().chain(through).any(|id| is_watched(it, it.resource(id), "IteratorAge"))
        })
    };
    if are_disabled(it) {
        return Vec::new();
    }
    it.all("AWS::Lambda::EventSourceMapping")
        .filter(is_behind_unnoticed)
        .map(|mapping| mapping.place("", "no alarm watches IteratorAge of its function"))
        .collect()
}

/// Whether stages.toml says that the stage has no alarms.
fn are_disabled(it: &Subject<'_>) -> bool {
    it.stage.is_some_and(|stage| !stage.alarms.enabled)
}

/// The resources of a type that have a metric without an alarm.
fn unwatched(it: &Subject<'_>, kind: &'static str, metrics: &[&str]) -> Vec<Place> {
    let mut places = Vec::new();
    for resource in it.all(kind).filter(|_| !are_disabled(it)) {
        for metric in metrics.iter().filter(|metric| !is_watched(it, resource, metric)) {
            places.push(resource.place("", format!("no alarm watches its {metric}")));
        }
    }
    places
}

/// Whether an alarm reads this metric of this resource, by itself or within an expression.
fn is_watched(it: &Subject<'_>, resource: Resource<'_>, metric: &str) -> bool {
    let names = ["FunctionName", "Name", "QueueName", "TableName"];
    let name = names.map(|name| resource.property(name)).into_iter().find(|name| exists(name));
    // A dimension names it by reference, or by the same words that it is named with.
    let is_of = |dimensions: &Value| {
        items(dimensions).iter().map(|dimension| &dimension["Value"]).any(|value| {
            references(value).contains(resource.id) || exists(value) && name == Some(value)
        })
    };
    it.all(ALARM).any(|alarm| {
        let parts = items(alarm.property("Metrics")).iter().map(|it| &it["MetricStat"]["Metric"]);
        [alarm.attribute("Properties")]
            .into_iter()
            .chain(parts)
            .any(|it| it["MetricName"] == metric && is_of(&it["Dimensions"]))
    })
}
