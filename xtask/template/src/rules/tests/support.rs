//! A clean template and ways to break it.

use crate::rules::Report;
use crate::stages::Stage;
use serde_json::{Value, json};

/// Stands for the logical id of the deployment, which is a hash.
pub(super) const DEPLOYMENT: &str = "(the deployment)";

/// Stands for the logical id of a function's version, which ends in a hash.
pub(super) const VERSION: &str = "(the version)";
pub(super) const VERSIONED: &str = "UsersProfileGetFunction";

/// One fault.
pub(super) struct Mutation {
    /// The rule that must find it.
    pub(super) rule: &'static str,
    /// The resource it must be found in; empty for the template as a whole.
    pub(super) resource: &'static str,
    pub(super) change: Box<dyn Fn(&mut Value) + Send + Sync>,
}

/// A protected stage with policies for callers.
pub(super) fn stage() -> Stage {
    Stage { name: "test".to_owned(), caller_policies: true, ..Stage::default() }
}

#[track_caller]
pub(super) fn check(template: &Value) -> Report {
    crate::rules::check(&template.to_string(), Some(&stage())).unwrap()
}

/// The generated template, with samples from a stack that subscribes to the bus.
pub(super) fn clean() -> Value {
    let mut template = crate::template::template(&stage());
    let owner = json!({
        "Effect": "Allow",
        "Principal": {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}},
        "Action": "events:PutEvents",
        "Resource": {"Fn::GetAtt": ["AuditBus", "Arn"]},
    });
    let target = json!({
        "Arn": {"Fn::GetAtt": ["AuditDeadLetters", "Arn"]},
        "DeadLetterConfig": {"Arn": {"Fn::GetAtt": ["AuditDeadLetters", "Arn"]}},
        "Id": "queue",
        "RetryPolicy": {"MaximumRetryAttempts": 185},
    });
    let samples = [
        ("AuditBusPolicy", "AWS::Events::EventBusPolicy", json!({"Statement": owner})),
        ("ForwardRule", "AWS::Events::Rule", json!({"Targets": [target]})),
    ];
    for (id, kind, properties) in samples {
        let sample = json!({"Type": kind, "Properties": properties});
        set_at(&mut template, &format!("/Resources/{id}"), sample);
    }
    template
}

/// The logical id of the version of a function.
#[track_caller]
pub(super) fn version_of(template: &Value, function: &str) -> String {
    let resources = template["Resources"].as_object().unwrap();
    let mut versions = resources.iter().filter(|(_, resource)| {
        resource["Type"] == "AWS::Lambda::Version"
            && resource["Properties"]["FunctionName"]["Ref"] == function
    });
    versions.next().unwrap().0.clone()
}

/// The value at a pointer; added when only its parent exists.
#[track_caller]
pub(super) fn at<'a>(template: &'a mut Value, pointer: &str) -> &'a mut Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = template.pointer_mut(parent).unwrap_or_else(|| panic!("no {pointer}"));
    let key = key.replace("~1", "/");
    match parent {
        Value::Array(items) => {
            let index: usize = key.parse().unwrap();
            if index == items.len() {
                items.push(Value::Null);
            }
            &mut items[index]
        }
        parent => &mut parent[key.as_str()],
    }
}

/// Replaces a value, or adds a member to an object.
#[track_caller]
pub(super) fn set_at(template: &mut Value, pointer: &str, value: Value) {
    *at(template, pointer) = value;
}

/// Removes a member that exists.
#[track_caller]
pub(super) fn remove_at(template: &mut Value, pointer: &str) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = template.pointer_mut(parent).unwrap_or_else(|| panic!("no {pointer}"));
    let removed = parent.as_object_mut().unwrap().remove(&key.replace("~1", "/"));
    assert!(removed.is_some(), "there is no {pointer}");
}

/// Removes all alarms that read a metric.
#[track_caller]
pub(super) fn unwatch(template: &mut Value, metric: &str) {
    let resources = template["Resources"].as_object_mut().unwrap();
    let before = resources.len();
    resources.retain(|_, it| {
        let properties = &it["Properties"];
        let parts = properties["Metrics"].as_array().into_iter().flatten();
        let mut read = parts.map(|part| &part["MetricStat"]["Metric"]["MetricName"]);
        it["Type"] != "AWS::CloudWatch::Alarm"
            || properties["MetricName"] != metric && read.all(|name| name != metric)
    });
    assert!(resources.len() < before, "no alarm reads {metric}");
}
