//! A clean template and ways to break it.

use crate::Stage;
use crate::rules::Report;
use serde_json::{Value, json};

/// A change that breaks a rule.
pub(super) type Change = Box<dyn Fn(&mut Value) + Send + Sync>;

/// A stage like any other, protected, and with policies for callers.
pub(super) fn stage() -> Stage {
    Stage { name: "test".to_owned(), caller_policies: true, ..Stage::default() }
}

#[track_caller]
pub(super) fn check(template: &Value) -> Report {
    crate::rules::check(&template.to_string(), Some(&stage())).unwrap()
}

/// The generated template, with samples from a stack that subscribes to the bus.
pub(super) fn clean() -> Value {
    let mut template = crate::template(&stage());
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
        add(format!("/Resources/{id}"), sample)(&mut template);
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

/// The value at a pointer; made when its parent is there and it is not.
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

pub(super) fn with(change: impl Fn(&mut Value) + Send + Sync + 'static) -> Change {
    Box::new(change)
}

/// Replaces a value, or adds a member to an object.
pub(super) fn set(pointer: impl Into<String>, value: Value) -> Change {
    let pointer = pointer.into();
    with(move |template| *at(template, &pointer) = value.clone())
}

/// Adds a member that is not there.
pub(super) fn add(pointer: impl Into<String>, value: Value) -> Change {
    let pointer = pointer.into();
    with(move |template| {
        assert_eq!(template.pointer(&pointer), None, "{pointer} is taken");
        *at(template, &pointer) = value.clone();
    })
}

/// Removes a member that is there.
pub(super) fn remove(pointer: impl Into<String>) -> Change {
    let pointer = pointer.into();
    with(move |template| {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let parent = template.pointer_mut(parent).unwrap_or_else(|| panic!("no {pointer}"));
        let removed = parent.as_object_mut().unwrap().remove(&key.replace("~1", "/"));
        assert!(removed.is_some(), "there is no {pointer}");
    })
}

/// Removes all alarms that read a metric.
pub(super) fn unwatched(metric: &'static str) -> Change {
    with(move |template| {
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
    })
}
