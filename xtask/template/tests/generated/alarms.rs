//! Alarms, the topic, dashboards, and the runbook that alarms point at.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use users_contract::{OPERATIONS, RELAY};
use users_template::{Alarms, Stage, template};

use crate::support::{of_type, option_stages, resources, stage, test_template, walk};

const RUNBOOK: &str = include_str!("../../../../docs/runbook.md");

fn alarms(template: &Value) -> Vec<(&str, &Value)> {
    of_type(template, "AWS::CloudWatch::Alarm")
}

/// The metrics that an alarm looks at, as (name, dimensions).
fn metrics(alarm: &Value) -> Vec<(&str, &Value)> {
    match alarm["Metrics"].as_array() {
        Some(queries) => queries
            .iter()
            .filter(|query| query.get("MetricStat").is_some())
            .map(|query| &query["MetricStat"]["Metric"])
            .map(|metric| (metric["MetricName"].as_str().unwrap(), &metric["Dimensions"]))
            .collect(),
        None => vec![(alarm["MetricName"].as_str().unwrap(), &alarm["Dimensions"])],
    }
}

#[test]
fn every_alarm_notifies_the_topic_and_names_its_section_of_the_runbook() {
    let mut anchors = BTreeSet::new();
    for stage in option_stages().into_values().chain([stage()]) {
        let template = template(&stage);
        let composite = of_type(&template, "AWS::CloudWatch::CompositeAlarm");
        for (id, alarm) in alarms(&template).into_iter().chain(composite) {
            for actions in ["AlarmActions", "OKActions"] {
                assert_eq!(alarm[actions], json!([{"Ref": "AlarmTopic"}]), "{id}");
            }
            let name = alarm["AlarmName"]["Fn::Sub"].as_str().unwrap();
            let name = name.strip_prefix("${AWS::StackName}-").unwrap();
            let description = alarm["AlarmDescription"].as_str().unwrap();
            assert!(description.starts_with(&format!("{name}: ")), "{id}: {description}");
            let (_, anchor) = description.split_once("docs/runbook.md#").unwrap();
            anchors.insert(anchor.to_owned());
        }
    }
    let sections: BTreeSet<_> =
        RUNBOOK.lines().filter_map(|line| line.strip_prefix("## ")).map(str::to_owned).collect();
    assert_eq!(sections, anchors, "sections of docs/runbook.md, and what alarms point at");
}

#[test]
fn two_of_three_periods_count() {
    let template = test_template();
    assert!(alarms(&template).len() > 40);
    for (id, alarm) in alarms(&template) {
        assert_eq!(alarm["EvaluationPeriods"], 3, "{id}");
        assert_eq!(alarm["DatapointsToAlarm"], 2, "{id}");
    }
}

#[test]
fn every_function_is_watched_for_duration_and_concurrency() {
    let template = test_template();
    let count = OPERATIONS.len() + 1;
    for metric in ["Duration", "ConcurrentExecutions"] {
        let watched: BTreeSet<_> = alarms(&template)
            .into_iter()
            .flat_map(|(_, alarm)| metrics(alarm))
            .filter(|(name, _)| *name == metric)
            .map(|(_, dimensions)| dimensions.to_string())
            .collect();
        assert_eq!(watched.len(), count, "{metric}: {watched:?}");
    }
    let all: BTreeSet<_> = alarms(&template)
        .into_iter()
        .flat_map(|(_, alarm)| metrics(alarm))
        .map(|(name, _)| name)
        .collect();
    for metric in [
        "4XXError",
        "Latency",
        "ClaimedAccountConcurrency",
        "PutEventsFailedEntriesCount",
        "ReadThrottleEvents",
        "WriteThrottleEvents",
        "TransactionConflict",
    ] {
        assert!(all.contains(metric), "{metric}");
    }
}

#[test]
fn shares_are_of_calls_and_sums_need_no_data() {
    let template = test_template();
    for (id, alarm) in alarms(&template) {
        let Some(queries) = alarm["Metrics"].as_array() else { continue };
        let expression = queries[0]["Expression"].as_str().unwrap();
        let returned = queries.iter().filter(|query| query["ReturnData"] == true).count();
        assert_eq!(returned, 1, "{id}");
        for query in &queries[1..] {
            assert!(expression.contains(query["Id"].as_str().unwrap()), "{id}: {expression}");
        }
        let names: Vec<_> = metrics(alarm).into_iter().map(|(name, _)| name).collect();
        if expression.starts_with("IF(") {
            assert!(matches!(names[1], "Count" | "Invocations"), "{id}: {names:?}");
        } else {
            assert_eq!(expression.matches("FILL(").count(), names.len(), "{id}: {expression}");
        }
    }
}

#[test]
fn thresholds_come_from_the_stage() {
    let mut stage = Stage {
        timeout_seconds: 20,
        alarms: Alarms {
            server_error_percent: 3,
            latency_p99_ms: 700,
            function_duration_percent: 80,
            event_delay_seconds: 5,
            concurrency: 77,
            ..Alarms::default()
        },
        ..stage()
    };
    stage.reserved_concurrency.insert(RELAY.function.to_owned(), 10);
    let template = template(&stage);
    for (id, threshold) in [
        ("ApiServerErrorsAlarm", 3.0),
        ("ApiLatencyAlarm", 700.0),
        ("UsersProfileGetDurationAlarm", 16_000.0),
        ("UsersProfileGetConcurrencyAlarm", 77.0),
        ("UsersAuditPublishConcurrencyAlarm", 8.0),
        ("AuditDelayAlarm", 5_000.0),
    ] {
        let found = resources(&template)[id]["Properties"]["Threshold"].as_f64();
        assert_eq!(found, Some(threshold), "{id}");
    }
}

#[test]
fn the_service_is_unhealthy_when_someone_notices() {
    let template = test_template();
    let rule = resources(&template)["ServiceUnhealthyAlarm"]["Properties"]["AlarmRule"]["Fn::Sub"]
        .as_str()
        .unwrap();
    let parts: Vec<_> = rule.split(" OR ").collect();
    assert!(parts.len() > 3, "{rule}");
    for part in parts {
        let id =
            part.strip_prefix("ALARM(\"${").and_then(|rest| rest.strip_suffix("}\")")).unwrap();
        assert_eq!(resources(&template)[id]["Type"], "AWS::CloudWatch::Alarm", "{id}");
    }
    // Nothing else needs it, so that a cloud without composite alarms can do without.
    walk(&template, &mut |value| {
        assert!(!value.to_string().starts_with("\"${ServiceUnhealthyAlarm"), "{value}");
        assert_ne!(value["Ref"], "ServiceUnhealthyAlarm");
    });
}

#[test]
fn the_topic_is_encrypted_with_a_key_that_cloudwatch_may_use() {
    let template = test_template();
    let topic = &resources(&template)["AlarmTopic"]["Properties"];
    let key = topic["KmsMasterKeyId"]["Fn::GetAtt"][0].as_str().unwrap();
    let key = &resources(&template)[key]["Properties"];
    let services: Vec<_> = key["KeyPolicy"]["Statement"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|statement| statement["Principal"]["Service"].as_str())
        .collect();
    assert_eq!(services, ["cloudwatch.amazonaws.com"]);
    assert_eq!(topic["Subscription"], Value::Null);
    let mut with_email = stage();
    with_email.alarms.email = Some("oncall@example.com".to_owned());
    assert_eq!(
        resources(&users_template::template(&with_email))["AlarmTopic"]["Properties"]["Subscription"],
        json!([{"Endpoint": "oncall@example.com", "Protocol": "email"}])
    );
}

#[test]
fn dashboards_are_documents_whose_widgets_do_not_overlap() {
    let template = test_template();
    let dashboards = of_type(&template, "AWS::CloudWatch::Dashboard");
    assert_eq!(dashboards.len(), 2);
    for (id, dashboard) in dashboards {
        let body = dashboard["DashboardBody"]["Fn::Sub"].as_str().unwrap();
        let body: Value = serde_json::from_str(body).unwrap();
        let widgets = body["widgets"].as_array().unwrap();
        assert!(widgets.len() > 5, "{id}");
        let mut cells = BTreeSet::new();
        for widget in widgets {
            let side = |name: &str| widget[name].as_u64().unwrap();
            assert!(side("x") + side("width") <= 24, "{id}: {widget}");
            for column in side("x")..side("x") + side("width") {
                for row in side("y")..side("y") + side("height") {
                    assert!(cells.insert((column, row)), "{id}: {widget}");
                }
            }
        }
    }
}

#[test]
fn a_stage_may_do_without_alarms() {
    let alarms = Alarms { enabled: false, ..Alarms::default() };
    let template = template(&Stage { alarms, ..stage() });
    for name in [
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::CompositeAlarm",
        "AWS::KMS::Key",
        "AWS::SNS::Topic",
    ] {
        assert!(of_type(&template, name).is_empty(), "{name}");
    }
    assert_eq!(template["Outputs"]["AlarmTopicArn"], Value::Null);
    let dashboard = &resources(&template)["ServiceDashboard"]["Properties"]["DashboardBody"];
    let body: Value = serde_json::from_str(dashboard["Fn::Sub"].as_str().unwrap()).unwrap();
    assert_eq!(body["widgets"][0]["type"], "metric");
}
