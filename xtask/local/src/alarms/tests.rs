use super::{AlarmState, Alarms, State};
use crate::observe::{MetricKey, Metrics};
use crate::template::{Plan, Surroundings, Template};
use jiff::Timestamp;
use serde_json::{Value, json};

const NOW: i64 = 1_800_000_000;

fn at(minutes_ago: i64) -> Timestamp {
    Timestamp::from_second(NOW - minutes_ago * 60).unwrap()
}

/// The alarms of a committed template, with these resources besides.
fn alarms(more: &Value) -> Alarms {
    let mut document: Value =
        serde_json::from_str(include_str!("../../../../templates/users-prod.template.json"))
            .unwrap();
    for (id, resource) in more.as_object().unwrap() {
        document["Resources"][id] = resource.clone();
    }
    let surroundings = Surroundings {
        region: "us-east-1".to_owned(),
        account: "000000000000".to_owned(),
        stack_name: "local".to_owned(),
        parameters: [].into(),
    };
    Alarms::new(Plan::of(&Template::parse(document, surroundings).unwrap()).unwrap().alarms)
}

fn state(alarms: &Alarms, metrics: &Metrics, id: &str) -> AlarmState {
    let states = alarms.states(metrics, at(0));
    states.into_iter().find(|state| state.logical_id == id).unwrap()
}

fn api(metrics: &Metrics, name: &str, minutes_ago: i64, value: f64, count: u64) {
    let dimensions = [("ApiName", "local-api"), ("Stage", "prod")];
    let key = MetricKey::new("AWS/ApiGateway", name, &dimensions);
    metrics.series(key).add(at(minutes_ago), value, count);
}

fn function(metrics: &Metrics, name: &str, minutes_ago: i64, value: f64) {
    let dimensions = [("FunctionName", "local-users-profile-get")];
    metrics.series(MetricKey::new("AWS/Lambda", name, &dimensions)).add(at(minutes_ago), value, 1);
}

#[test]
fn without_any_metric_nothing_is_on_and_nothing_is_said_to_be_fine() {
    let states = alarms(&json!({})).states(&Metrics::default(), at(0));
    assert!(states.len() > 40, "{}", states.len());
    for state in &states {
        let composite = state.logical_id == "ServiceUnhealthyAlarm";
        let expected = if composite { State::Ok } else { State::NoData };
        let found = state.state;
        assert!(found == expected || found == State::NotEvaluated, "{state:?}");
        assert!(!state.reason.is_empty(), "{state:?}");
    }
    let blind: Vec<_> = states
        .iter()
        .filter(|state| state.state == State::NotEvaluated)
        .map(|state| state.reason.as_str())
        .collect();
    assert!(blind.iter().any(|reason| reason.contains("no limit of concurrency")), "{blind:?}");
}

#[test]
fn a_share_of_errors_in_two_of_three_periods_sets_its_alarm_off_and_the_one_above() {
    let alarms = alarms(&json!({}));
    let metrics = Metrics::default();
    api(&metrics, "Count", 0, 1.0, 50);
    api(&metrics, "5XXError", 0, 1.0, 5);
    let one = state(&alarms, &metrics, "ApiServerErrorsAlarm");
    assert_eq!(one.state, State::Ok, "{one:?}");
    assert_eq!(one.values, [Some(10.0), None, None]);
    api(&metrics, "Count", 7, 1.0, 50);
    api(&metrics, "5XXError", 7, 1.0, 50);
    let two = state(&alarms, &metrics, "ApiServerErrorsAlarm");
    assert_eq!(two.state, State::Alarm, "{two:?}");
    assert_eq!(two.values, [Some(10.0), Some(100.0), None]);
    assert!(two.reason.contains("2 of 3 periods"), "{two:?}");
    assert!(two.rule.contains("IF(m1 >= 1, 100 * m0 / m1, 0)"), "{two:?}");
    assert_eq!(state(&alarms, &metrics, "ServiceUnhealthyAlarm").state, State::Alarm);
    assert_eq!(alarms.states(&metrics, at(0))[0].state, State::Alarm, "those that are on first");
    // It is over when the periods are.
    let later = alarms.states(&metrics, at(-16));
    assert!(later.iter().all(|state| state.state != State::Alarm));
}

#[test]
fn a_percentile_of_few_values_counts_for_nothing() {
    let alarms = alarms(&json!({}));
    let metrics = Metrics::default();
    for minutes_ago in [0, 6] {
        api(&metrics, "Latency", minutes_ago, 60_000.0, 999);
    }
    let few = state(&alarms, &metrics, "ApiLatencyAlarm");
    assert_eq!(few.state, State::NoData);
    assert!(few.reason.contains("999 values are too few for p99"), "{few:?}");
    for minutes_ago in [0, 6] {
        api(&metrics, "Latency", minutes_ago, 60_000.0, 1);
    }
    assert_eq!(state(&alarms, &metrics, "ApiLatencyAlarm").state, State::Alarm);
}

#[test]
fn what_is_measured_in_part_says_what_is_missing() {
    let alarms = alarms(&json!({}));
    let metrics = Metrics::default();
    for minutes_ago in [0, 1] {
        let key =
            MetricKey::new("AWS/DynamoDB", "WriteThrottleEvents", &[("TableName", "UsersTable")]);
        metrics.series(key).add(at(minutes_ago), 1.0, 3);
    }
    let throttled = state(&alarms, &metrics, "UsersTableThrottlesAlarm");
    assert_eq!(throttled.state, State::Alarm, "{throttled:?}");
    assert!(throttled.reason.contains("indexes are never throttled here"), "{throttled:?}");
}

#[test]
fn functions_are_watched_one_by_one() {
    let alarms = alarms(&json!({}));
    let metrics = Metrics::default();
    for minutes_ago in [0, 1] {
        function(&metrics, "Throttles", minutes_ago, 1.0);
    }
    let on = state(&alarms, &metrics, "UsersProfileGetThrottlesAlarm");
    assert_eq!((on.state, on.name.as_str()), (State::Alarm, "local-users-profile-get-throttles"));
    assert_eq!(state(&alarms, &metrics, "UsersListQueryThrottlesAlarm").state, State::NoData);
}

#[test]
fn metrics_of_the_functions_own_are_watched_like_others() {
    let more = json!({"OwnAlarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": {
        "Namespace": "Users", "MetricName": "Conflicts", "Statistic": "Sum", "Period": 60,
        "Dimensions": [{"Name": "operation", "Value": "updateUser"}],
        "ComparisonOperator": "GreaterThanOrEqualToThreshold", "Threshold": 3,
        "EvaluationPeriods": 1
    }}});
    let (alarms, metrics) = (alarms(&more), Metrics::default());
    assert_eq!(state(&alarms, &metrics, "OwnAlarm").state, State::NoData);
    let line = json!({
        "_aws": {"Timestamp": NOW * 1000, "CloudWatchMetrics": [{
            "Namespace": "Users", "Dimensions": [["operation"]], "Metrics": [{"Name": "Conflicts"}]
        }]},
        "operation": "updateUser", "Conflicts": 3
    });
    metrics.take_line(&line.to_string(), at(0));
    assert_eq!(state(&alarms, &metrics, "OwnAlarm").state, State::Alarm);
}

#[test]
fn what_cannot_be_evaluated_says_why() {
    let alarm = |changes: Value| {
        let mut properties = json!({
            "Namespace": "Users", "MetricName": "M", "Statistic": "Sum", "Period": 60,
            "ComparisonOperator": "LessThanThreshold", "Threshold": 1, "EvaluationPeriods": 2
        });
        for (name, value) in changes.as_object().unwrap() {
            properties[name] = value.clone();
        }
        json!({"OwnAlarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}})
    };
    for (changes, reason) in [
        (json!({"Period": 10}), "a period of 10 s"),
        (json!({"Statistic": "IQM"}), "the statistic IQM"),
        (json!({"ComparisonOperator": "GreaterThanUpperThreshold"}), "the comparison Greater"),
        (json!({"TreatMissingData": "ignore"}), "TreatMissingData ignore"),
        (json!({"Namespace": "AWS/WAFV2"}), "the local stack has no such metric"),
        (
            json!({"Metrics": [{"Id": "a", "Expression": "SEARCH('x', 'Sum', 60)"}]}),
            "several periods",
        ),
        (json!({"Dimensions": [{"Name": "x", "Value": {"Ref": "Nobody"}}]}), "Nobody"),
    ] {
        let state = state(&alarms(&alarm(changes.clone())), &Metrics::default(), "OwnAlarm");
        assert_eq!(state.state, State::NotEvaluated, "{changes}");
        assert!(state.reason.contains(reason), "{changes}: {}", state.reason);
    }
}

#[test]
fn missing_data_means_what_the_alarm_says() {
    let alarm = |treatment: &str| {
        json!({"OwnAlarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": {
            "Namespace": "Users", "MetricName": "M", "Statistic": "Sum", "Period": 60,
            "ComparisonOperator": "LessThanThreshold", "Threshold": 1, "EvaluationPeriods": 2,
            "TreatMissingData": treatment
        }}})
    };
    for (treatment, expected) in
        [("breaching", State::Alarm), ("notBreaching", State::NoData), ("missing", State::NoData)]
    {
        let state = state(&alarms(&alarm(treatment)), &Metrics::default(), "OwnAlarm");
        assert_eq!(state.state, expected, "{treatment}");
    }
}
