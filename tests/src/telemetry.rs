//! Compares the functions' output with the formats that CloudWatch and X-Ray publish.
//!
//! The schemas below `schemas/` state the published rules in our own words; `.ci/telemetry` holds
//! the same lines and documents to AWS's own schema and to readers that others wrote.

use jsonschema::Validator;
use serde_json::Value;
use std::sync::LazyLock;

static METRICS: LazyLock<Validator> =
    LazyLock::new(|| validator(include_str!("../schemas/emf.json")));
static DOCUMENTS: LazyLock<Validator> =
    LazyLock::new(|| validator(include_str!("../schemas/xray-segment.json")));

fn validator(schema: &str) -> Validator {
    let schema = serde_json::from_str(schema)
        .unwrap_or_else(|error| panic!("a schema is not JSON: {error}"));
    Validator::new(&schema).unwrap_or_else(|error| panic!("a schema is invalid: {error}"))
}

fn problems(validator: &Validator, value: &Value) -> Vec<String> {
    let errors = validator.iter_errors(value);
    errors.map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// The ways in which a line of metrics breaks the embedded metric format.
#[must_use]
pub fn metric_problems(line: &Value) -> Vec<String> {
    let mut problems = problems(&METRICS, line);
    let directives = line["_aws"]["CloudWatchMetrics"].as_array().into_iter().flatten();
    for directive in directives {
        let sets = directive["Dimensions"].as_array().into_iter().flatten();
        for key in sets.filter_map(Value::as_array).flatten().filter_map(Value::as_str) {
            // A dimension's value has at most 1024 characters, of which none is a control.
            let fits = |value: &str| (1..=1024).contains(&value.len()) && value.is_ascii();
            if !line[key].as_str().is_some_and(fits) {
                problems.push(format!("the dimension {key} has no value"));
            }
        }
        let metrics = directive["Metrics"].as_array().into_iter().flatten();
        for name in metrics.filter_map(|metric| metric["Name"].as_str()) {
            if !line[name].is_number() {
                problems.push(format!("the metric {name} has no number"));
            }
        }
    }
    problems
}

/// The ways in which a document breaks X-Ray's format.
#[must_use]
pub fn document_problems(document: &Value) -> Vec<String> {
    let mut problems = problems(&DOCUMENTS, document);
    let subsegments = document["subsegments"].as_array().into_iter().flatten();
    for segment in subsegments.chain([document]) {
        if segment["end_time"].as_f64() < segment["start_time"].as_f64() {
            problems.push(format!("{} ends before it starts", segment["name"]));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::{document_problems, metric_problems};
    use serde_json::{Value, json};

    fn line() -> Value {
        json!({
            "_aws": {
                "Timestamp": 1_795_341_600_000_u64,
                "CloudWatchMetrics": [{
                    "Namespace": "Users",
                    "Dimensions": [["Stack"]],
                    "Metrics": [{"Name": "UsersRegistered", "Unit": "Count"}],
                }],
            },
            "Stack": "users-dev",
            "UsersRegistered": 1.0,
        })
    }

    fn document() -> Value {
        json!({
            "name": "getUser",
            "id": "70de5b6f19ff9a0a",
            "trace_id": "1-581cf771-a006649127e371903a2de979",
            "parent_id": "53995c3f42cd8ad8",
            "type": "subsegment",
            "start_time": 1_478_293_361.271,
            "end_time": 1_478_293_361.449,
            "annotations": {"operation": "getUser"},
            "subsegments": [{
                "name": "DynamoDB",
                "id": "53995c3f42cd8ad9",
                "start_time": 1_478_293_361.3,
                "end_time": 1_478_293_361.4,
                "namespace": "aws",
                "aws": {"operation": "GetItem", "retries": 0},
                "http": {"response": {"status": 200}},
            }],
        })
    }

    #[test]
    fn valid_telemetry_has_no_problems() {
        assert_eq!(metric_problems(&line()), Vec::<String>::new());
        assert_eq!(document_problems(&document()), Vec::<String>::new());
    }

    #[test]
    fn problems_of_a_line_are_reported() {
        for (pointer, value) in [
            ("/_aws/Timestamp", json!("today")),
            ("/_aws/CloudWatchMetrics", json!([])),
            ("/_aws/CloudWatchMetrics/0/Namespace", json!("")),
            ("/_aws/CloudWatchMetrics/0/Dimensions", json!([["Stack", "Operation"]])),
            ("/_aws/CloudWatchMetrics/0/Dimensions", json!(["Stack"])),
            ("/_aws/CloudWatchMetrics/0/Metrics/0/Name", json!("UsersForgotten")),
            ("/_aws/CloudWatchMetrics/0/Metrics/0/Unit", json!("Users")),
            ("/Stack", json!(7)),
            ("/UsersRegistered", json!("1")),
        ] {
            let mut line = line();
            *line.pointer_mut(pointer).unwrap() = value;
            assert!(!metric_problems(&line).is_empty(), "{pointer}");
        }
    }

    #[test]
    fn problems_of_a_document_are_reported() {
        for (pointer, value) in [
            ("/name", json!("what?")),
            ("/id", json!("1")),
            ("/trace_id", json!("1-2-3")),
            ("/type", json!("segment")),
            ("/end_time", json!(0)),
            ("/annotations", json!({"user-id": "1"})),
            ("/annotations", json!({"operation": ["getUser"]})),
            ("/subsegments/0/id", json!(null)),
            ("/subsegments/0/namespace", json!("other")),
            ("/subsegments/0/http/response/status", json!("200")),
            ("/subsegments/0/end_time", json!(1)),
        ] {
            let mut document = document();
            *document.pointer_mut(pointer).unwrap() = value;
            assert!(!document_problems(&document).is_empty(), "{pointer}");
        }
    }
}
