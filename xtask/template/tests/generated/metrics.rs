//! Alarms and dashboards look at nothing that nobody emits.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use users_contract::metric::{self, METRICS, Outcome};
use users_contract::{OPERATIONS, RELAY};
use users_template::{Stage, template};

use crate::support::{of_type, option_stages, repository_stages, stage, test_template};

/// The metrics of AWS that may be watched: namespace, dimension keys, names.
const OF_AWS: &[(&str, &[&str], &[&str])] = &[
    (
        "AWS/ApiGateway",
        &["ApiName", "Stage"],
        &["4XXError", "5XXError", "Count", "IntegrationLatency", "Latency"],
    ),
    (
        "AWS/DynamoDB",
        &["TableName"],
        &[
            "ConditionalCheckFailedRequests",
            "ConsumedReadCapacityUnits",
            "ConsumedWriteCapacityUnits",
            "ReadThrottleEvents",
            "TransactionConflict",
            "WriteThrottleEvents",
        ],
    ),
    (
        "AWS/DynamoDB",
        &["GlobalSecondaryIndexName", "TableName"],
        &["ConsumedReadCapacityUnits", "ReadThrottleEvents", "WriteThrottleEvents"],
    ),
    ("AWS/DynamoDB", &["Operation", "TableName"], &["SuccessfulRequestLatency", "SystemErrors"]),
    ("AWS/Events", &[], &["PutEventsEntriesCount", "PutEventsFailedEntriesCount"]),
    ("AWS/Events", &["EventBusName"], &["MatchedEvents"]),
    ("AWS/Lambda", &[], &["ClaimedAccountConcurrency"]),
    (
        "AWS/Lambda",
        &["FunctionName"],
        &["ConcurrentExecutions", "Duration", "Errors", "Invocations", "IteratorAge", "Throttles"],
    ),
    ("AWS/Lambda", &["ExecutedVersion", "FunctionName", "Resource"], &["Errors"]),
    ("AWS/SQS", &["QueueName"], &["ApproximateNumberOfMessagesVisible"]),
];

/// A metric that somebody looks at.
#[derive(Debug)]
struct Watched {
    by: String,
    namespace: String,
    name: String,
    dimensions: BTreeMap<String, Value>,
}

impl Watched {
    fn keys(&self) -> Vec<&str> {
        self.dimensions.keys().map(String::as_str).collect()
    }

    fn is_emitted(&self) -> bool {
        if self.namespace == metric::NAMESPACE {
            return METRICS.iter().any(|metric| {
                let mut keys = metric.dimensions.to_vec();
                keys.sort_unstable();
                metric.name == self.name && keys == self.keys()
            });
        }
        OF_AWS.iter().any(|(namespace, keys, names)| {
            *namespace == self.namespace && *keys == self.keys() && names.contains(&&*self.name)
        })
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// What the alarms of a template look at.
fn of_alarms(template: &Value) -> Vec<Watched> {
    let mut watched = Vec::new();
    for (id, alarm) in of_type(template, "AWS::CloudWatch::Alarm") {
        let queries = alarm["Metrics"].as_array().into_iter().flatten();
        let of_queries = queries
            .filter(|query| query.get("MetricStat").is_some())
            .map(|query| &query["MetricStat"]["Metric"]);
        let own = alarm.get("MetricName").map(|_| alarm);
        for metric in of_queries.chain(own) {
            let dimensions = metric["Dimensions"].as_array().into_iter().flatten();
            watched.push(Watched {
                by: id.to_owned(),
                namespace: text(&metric["Namespace"]),
                name: text(&metric["MetricName"]),
                dimensions: dimensions
                    .map(|dimension| (text(&dimension["Name"]), dimension["Value"].clone()))
                    .collect(),
            });
        }
    }
    watched
}

/// What the widgets of a template's dashboards look at.
fn of_widgets(template: &Value) -> Vec<Watched> {
    let mut watched = Vec::new();
    for (id, dashboard) in of_type(template, "AWS::CloudWatch::Dashboard") {
        let body = dashboard["DashboardBody"]["Fn::Sub"].as_str().unwrap();
        let body: Value = serde_json::from_str(body).unwrap();
        for widget in body["widgets"].as_array().unwrap() {
            let lines = widget["properties"]["metrics"].as_array().into_iter().flatten();
            for line in lines {
                let parts: Vec<_> = line.as_array().unwrap().iter().collect();
                let [namespace, name, dimensions @ .., options] = &parts[..] else {
                    panic!("{id}: {line}")
                };
                assert!(options.is_object() && dimensions.len() % 2 == 0, "{id}: {line}");
                watched.push(Watched {
                    by: format!("{id}: {}", widget["properties"]["title"]),
                    namespace: text(namespace),
                    name: text(name),
                    dimensions: dimensions
                        .chunks(2)
                        .map(|pair| (text(pair[0]), pair[1].clone()))
                        .collect(),
                });
            }
        }
    }
    watched
}

#[test]
fn every_watched_metric_is_emitted() {
    let stages = option_stages().into_values().chain(repository_stages().into_values());
    for stage in stages.chain([stage()]) {
        let template = template(&stage);
        let watched: Vec<_> =
            of_alarms(&template).into_iter().chain(of_widgets(&template)).collect();
        assert!(watched.len() > 50, "{}: {}", stage.name, watched.len());
        for metric in &watched {
            assert!(metric.is_emitted(), "{}: nothing emits {metric:?}", stage.name);
        }
    }
}

#[test]
fn own_metrics_are_watched_by_values_that_are_emitted() {
    let template = test_template();
    let operations: BTreeSet<_> =
        OPERATIONS.iter().map(|operation| operation.id).chain([RELAY.id]).collect();
    let outcomes: BTreeSet<_> = Outcome::ALL.iter().map(|outcome| outcome.as_str()).collect();
    let stack_in_alarm = json!({"Ref": "AWS::StackName"});
    let own = |watched: Vec<Watched>| {
        watched.into_iter().filter(|metric| metric.namespace == metric::NAMESPACE)
    };
    for metric in own(of_alarms(&template)) {
        assert_eq!(metric.dimensions[metric::STACK], stack_in_alarm, "{metric:?}");
    }
    for metric in own(of_widgets(&template)) {
        assert_eq!(metric.dimensions[metric::STACK], "${AWS::StackName}", "{metric:?}");
    }
    for metric in own(of_alarms(&template)).chain(own(of_widgets(&template))) {
        if let Some(operation) = metric.dimensions.get(metric::OPERATION) {
            assert!(operations.contains(operation.as_str().unwrap()), "{metric:?}");
        }
        if let Some(outcome) = metric.dimensions.get(metric::OUTCOME) {
            assert!(outcomes.contains(outcome.as_str().unwrap()), "{metric:?}");
        }
    }
}

#[test]
fn every_own_metric_is_on_a_dashboard() {
    let template = test_template();
    let shown: BTreeSet<_> = of_widgets(&template)
        .into_iter()
        .filter(|metric| metric.namespace == metric::NAMESPACE)
        .map(|metric| metric.name)
        .collect();
    let defined: BTreeSet<_> = METRICS.iter().map(|metric| metric.name.to_owned()).collect();
    assert_eq!(shown, defined);
}

#[test]
fn a_stage_without_metrics_watches_none_and_emits_none() {
    let template = template(&Stage { metrics: false, ..stage() });
    for metric in of_alarms(&template).into_iter().chain(of_widgets(&template)) {
        assert_ne!(metric.namespace, metric::NAMESPACE, "{}", metric.by);
    }
    for (id, function) in of_type(&template, "AWS::Lambda::Function") {
        assert_eq!(function["Environment"]["Variables"]["METRICS_STACK"], Value::Null, "{id}");
    }
}
