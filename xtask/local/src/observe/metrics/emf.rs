//! CloudWatch's embedded metric format: a log line in JSON that says which of its members are
//! metrics.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use super::MetricKey;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A metric, the time of its values, and each value with how often it was measured.
pub(super) type Sample = (MetricKey, Timestamp, Vec<(f64, u64)>);

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "_aws")]
    metadata: Metadata,
    #[serde(flatten)]
    members: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    timestamp: Option<i64>,
    cloud_watch_metrics: Vec<Directive>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Directive {
    namespace: String,
    #[serde(default)]
    dimensions: Vec<Vec<String>>,
    metrics: Vec<Definition>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Definition {
    name: String,
}

/// The metrics of a line; none when it is something else.
pub(super) fn read(line: &str, now: Timestamp) -> Vec<Sample> {
    // Nearly all lines end here, without being parsed.
    if !line.contains("\"_aws\"") {
        return Vec::new();
    }
    let Ok(document) = serde_json::from_str::<Document>(line) else { return Vec::new() };
    let Document { metadata, members } = document;
    let time = metadata.timestamp.and_then(|time| Timestamp::from_millisecond(time).ok());
    let mut samples = Vec::new();
    for directive in metadata.cloud_watch_metrics {
        // Without a set of dimensions a metric has none.
        let sets = match directive.dimensions.is_empty() {
            true => vec![Vec::new()],
            false => directive.dimensions,
        };
        for set in &sets {
            let Some(dimensions) = dimensions(set, &members) else { continue };
            for metric in &directive.metrics {
                let Some(values) = members.get(&metric.name).and_then(values) else { continue };
                let key = MetricKey {
                    namespace: directive.namespace.clone(),
                    name: metric.name.clone(),
                    dimensions: dimensions.clone(),
                };
                samples.push((key, time.unwrap_or(now), values));
            }
        }
    }
    samples
}

/// The values of a set of dimensions; none when one is missing.
fn dimensions(set: &[String], members: &Map<String, Value>) -> Option<BTreeMap<String, String>> {
    set.iter().map(|name| Some((name.clone(), members.get(name)?.as_str()?.to_owned()))).collect()
}

/// A number, several, or several with how often each was measured.
fn values(member: &Value) -> Option<Vec<(f64, u64)>> {
    match member {
        Value::Number(_) => Some(vec![(member.as_f64()?, 1)]),
        Value::Array(values) => values.iter().map(|value| Some((value.as_f64()?, 1))).collect(),
        Value::Object(distribution) => {
            let values = distribution.get("Values")?.as_array()?;
            let counts = distribution.get("Counts").and_then(Value::as_array);
            let count = |at: usize| match counts {
                None => Some(1),
                Some(counts) => Some(counts.get(at)?.as_f64()? as u64),
            };
            let values = values.iter().enumerate();
            values.map(|(at, value)| Some((value.as_f64()?, count(at)?))).collect()
        }
        Value::Null | Value::Bool(_) | Value::String(_) => None,
    }
}
