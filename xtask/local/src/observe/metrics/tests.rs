use super::{MINUTES, MetricKey, Metrics, Statistic};
use jiff::Timestamp;
use serde_json::json;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn key(dimensions: &[(&str, &str)]) -> MetricKey {
    MetricKey::new("Users", "Latency", dimensions)
}

fn sum(metrics: &Metrics, key: &MetricKey, end: i64, minutes: i64) -> Option<f64> {
    let window = metrics.find(key)?.window(at(end), minutes)?;
    Some(window.statistic(Statistic::Sum))
}

#[test]
fn a_window_is_the_minute_of_its_end_and_those_before() {
    let metrics = Metrics::default();
    let series = metrics.series(key(&[]));
    // In no order, as lines may come.
    for (second, value) in [(125, 4.0), (0, 1.0), (60, 2.0), (119, 2.0), (130, 4.0)] {
        series.add(at(second), value, 1);
    }
    for (end, minutes, expected) in [
        (179, 1, Some(8.0)),
        (120, 1, Some(8.0)),
        (119, 1, Some(4.0)),
        (150, 3, Some(13.0)),
        (59, 5, Some(1.0)),
        (600, 5, None),
    ] {
        assert_eq!(sum(&metrics, &key(&[]), end, minutes), expected, "{end} {minutes}");
    }
    for minute in 10..200 {
        series.add(at(minute * 60), 1.0, 1);
    }
    assert_eq!(sum(&metrics, &key(&[]), 199 * 60, 1000), Some(MINUTES as f64));
}

#[test]
fn statistics_are_those_of_all_values() {
    let metrics = Metrics::default();
    let series = metrics.series(key(&[]));
    for value in 1..=1000 {
        series.add(at(i64::from(value) / 10), f64::from(value), 1);
    }
    let window = series.window(at(100), 2).unwrap();
    for (text, expected) in [
        ("Sum", 500_500.0),
        ("Average", 500.5),
        ("Minimum", 1.0),
        ("Maximum", 1000.0),
        ("SampleCount", 1000.0),
        ("p100", 1000.0),
    ] {
        let found = window.statistic(Statistic::parse(text).unwrap());
        assert!((found - expected).abs() < 1e-6, "{text}: {found}");
    }
    for (text, expected) in [("p50", 500.0), ("p99", 990.0), ("p99.9", 999.0)] {
        let found = window.statistic(Statistic::parse(text).unwrap());
        assert!((found / expected - 1.0).abs() < 0.01, "{text}: {found}");
    }
    assert_eq!(window.count(), 1000);
    for text in ["", "p", "p0", "p101", "tm99", "sum"] {
        assert_eq!(Statistic::parse(text), None, "{text}");
    }
}

#[test]
fn zero_has_a_percentile_too() {
    let metrics = Metrics::default();
    let series = metrics.series(key(&[]));
    series.add(at(0), 0.0, 3);
    series.add(at(0), 5.0, 1);
    let window = series.window(at(0), 1).unwrap();
    assert_eq!(window.statistic(Statistic::Percentile(75.0)), 0.0);
    assert_eq!(window.statistic(Statistic::Percentile(99.0)), 5.0);
}

#[test]
fn a_line_of_metrics_counts_for_each_set_of_dimensions() {
    let metrics = Metrics::default();
    let line = json!({
        "_aws": {
            "Timestamp": 60_000,
            "CloudWatchMetrics": [{
                "Namespace": "Users",
                "Dimensions": [["operation"], ["operation", "outcome"], ["absent"]],
                "Metrics": [{"Name": "Latency", "Unit": "Milliseconds"}, {"Name": "Missing"}]
            }]
        },
        "operation": "getUser", "outcome": "success", "Latency": 12.5, "other": 1
    });
    metrics.take_line(&line.to_string(), at(900));
    for dimensions in
        [&[("operation", "getUser")][..], &[("operation", "getUser"), ("outcome", "success")]]
    {
        assert_eq!(sum(&metrics, &key(dimensions), 60, 1), Some(12.5), "{dimensions:?}");
    }
    assert!(metrics.find(&key(&[])).is_none());
    assert!(
        metrics.find(&MetricKey::new("Users", "Missing", &[("operation", "getUser")])).is_none()
    );
}

#[test]
fn values_come_alone_in_lists_and_with_counts() {
    for (value, expected) in [
        (json!(2), Some(2.0)),
        (json!([1, 2.5]), Some(3.5)),
        (json!({"Values": [1, 10], "Counts": [3, 2]}), Some(23.0)),
        (json!({"Values": [4]}), Some(4.0)),
        (json!({"Values": [4], "Counts": []}), None),
        (json!("2"), None),
        (json!(null), None),
    ] {
        let metrics = Metrics::default();
        let line = json!({
            "_aws": {"CloudWatchMetrics": [{"Namespace": "Users", "Metrics": [{"Name": "Latency"}]}]},
            "Latency": value
        });
        metrics.take_line(&line.to_string(), at(0));
        assert_eq!(sum(&metrics, &key(&[]), 0, 1), expected, "{value}");
    }
}

#[test]
fn any_other_line_has_no_metrics() {
    let metrics = Metrics::default();
    for line in ["", "\"_aws\"", r#"{"_aws":{}}"#, r#"{"message":"\"_aws\""}"#, r#"{"_aws":1}"#] {
        metrics.take_line(line, at(0));
    }
    assert!(metrics.lock().is_empty());
}
