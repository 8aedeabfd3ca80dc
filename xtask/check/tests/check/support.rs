//! A clean template and ways to spoil it.

use serde_json::{Value, json};
use users_check::{Report, Subject};
use users_template::Stage;

/// Stands for the logical id of the deployment, which is a hash.
pub(crate) const DEPLOYMENT: &str = "(the deployment)";

/// One of the alarms of [`clean`].
pub(crate) const ALARM: &str = "ApiFiveHundredsAlarm";

/// What spoils a template.
pub(crate) type Change = Box<dyn Fn(&mut Value)>;

/// A stage like any other, and protected.
pub(crate) fn stage() -> Stage {
    Stage { name: "test".to_owned(), ..Stage::default() }
}

#[track_caller]
pub(crate) fn check(template: &Value) -> Report {
    let stage = stage();
    users_check::check(&Subject { text: &template.to_string(), stage: Some(&stage) }).unwrap()
}

/// The generated template, with a sample of what only some stages have.
pub(crate) fn clean() -> Value {
    let mut template = users_template::template(&stage());
    let resources = template["Resources"].as_object_mut().unwrap();
    let stage = resources["ApiStage"]["Properties"].as_object_mut().unwrap();
    stage.insert(
        "AccessLogSetting".to_owned(),
        json!({"DestinationArn": {"Fn::GetAtt": ["ApiLogs", "Arn"]}, "Format": "{}"}),
    );
    stage["MethodSettings"][0]["LoggingLevel"] = json!("ERROR");
    let mut watched = vec![
        (ALARM.to_owned(), "5XXError", "Api".to_owned()),
        (
            "LettersAlarm".to_owned(),
            "ApproximateNumberOfMessagesVisible",
            "AuditDeadLetters".to_owned(),
        ),
        ("LagAlarm".to_owned(), "IteratorAge", "UsersAuditPublishFunction".to_owned()),
    ];
    for (id, resource) in &*resources {
        if resource["Type"] == "AWS::Lambda::Function" {
            watched.push((format!("{id}ErrorsAlarm"), "Errors", id.clone()));
            watched.push((format!("{id}ThrottlesAlarm"), "Throttles", id.clone()));
        }
    }
    for (alarm, metric, of) in watched {
        resources.insert(alarm, self::alarm(metric, &of));
    }
    for (id, resource) in samples() {
        resources.insert(id.to_owned(), resource);
    }
    template
}

fn alarm(metric: &str, of: &str) -> Value {
    let dimensions = json!([{"Name": "Of", "Value": {"Ref": of}}]);
    let metric = json!({"MetricName": metric, "Namespace": "N", "Dimensions": dimensions});
    json!({
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmActions": [{"Ref": "AlarmTopic"}],
            "AlarmDescription": "What it means",
            "Metrics": [{"Id": "m", "MetricStat": {"Metric": metric, "Stat": "Sum"}}],
            "TreatMissingData": "notBreaching",
        },
    })
}

fn samples() -> Vec<(&'static str, Value)> {
    let statement = json!({
        "Effect": "Allow",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": {"Ref": "AlarmTopic"},
    });
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
    let caller = json!({
        "Effect": "Allow",
        "Action": "execute-api:Invoke",
        "Resource": {"Fn::Sub": "arn:${AWS::Partition}:execute-api:x:y:${Api}/prod/GET/users"},
    });
    let resource = |kind: &str, properties: Value| json!({"Type": kind, "Properties": properties});
    vec![
        ("AlarmTopic", resource("AWS::SNS::Topic", json!({"KmsMasterKeyId": {"Ref": "DataKey"}}))),
        (
            "AlarmTopicPolicy",
            resource(
                "AWS::SNS::TopicPolicy",
                json!({"PolicyDocument": {"Statement": [statement]}, "Topics": []}),
            ),
        ),
        ("AuditBusPolicy", resource("AWS::Events::EventBusPolicy", json!({"Statement": owner}))),
        (
            "CallerPolicy",
            resource("AWS::IAM::ManagedPolicy", json!({"PolicyDocument": {"Statement": [caller]}})),
        ),
        ("DataKey", resource("AWS::KMS::Key", json!({"EnableKeyRotation": true}))),
        ("ForwardRule", resource("AWS::Events::Rule", json!({"Targets": [target]}))),
    ]
}

/// The value at a pointer; made when its parent is there and it is not.
#[track_caller]
pub(crate) fn at<'a>(template: &'a mut Value, pointer: &str) -> &'a mut Value {
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

pub(crate) fn with(change: impl Fn(&mut Value) + 'static) -> Change {
    Box::new(change)
}

/// Replaces a value, or adds a member to an object.
pub(crate) fn set(pointer: impl Into<String>, value: Value) -> Change {
    let pointer = pointer.into();
    with(move |template| *at(template, &pointer) = value.clone())
}

/// Adds a member that is not there.
pub(crate) fn add(pointer: &'static str, value: Value) -> Change {
    with(move |template| {
        assert_eq!(template.pointer(pointer), None, "{pointer} is taken");
        *at(template, pointer) = value.clone();
    })
}

/// Takes a member away that is there.
pub(crate) fn remove(pointer: impl Into<String>) -> Change {
    let pointer = pointer.into();
    with(move |template| {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let parent = template.pointer_mut(parent).unwrap_or_else(|| panic!("no {pointer}"));
        let removed = parent.as_object_mut().unwrap().remove(&key.replace("~1", "/"));
        assert!(removed.is_some(), "there is no {pointer}");
    })
}

/// Takes all alarms away that read a metric.
pub(crate) fn unwatched(metric: &'static str) -> Change {
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
