//! Documents as X-Ray describes them.

use super::{Kind, Span, TraceHeader};
use crate::clock::{Entropy, SystemEntropy};
use crate::telemetry::calls::Call;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use users_domain::Timestamp;

const HEADER: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";

/// A document of an invocation that took 40 ms, with one call of 10 ms in the middle.
fn document_of(kind: Kind<'_>, status: Option<u16>, call_status: Option<u16>) -> Value {
    let now = Instant::now();
    let begun = now.checked_sub(Duration::from_millis(40)).expect("a clock that has run");
    let call = Call {
        service: "DynamoDB".to_owned(),
        operation: "GetItem".to_owned(),
        begun: begun + Duration::from_millis(20),
        took: Duration::from_millis(10),
        attempts: 2,
        status: call_status,
        request_id: Some("request-1".to_owned()),
        read_units: 0.5,
        write_units: 0.0,
    };
    let span = Span {
        kind,
        id: "70de5b6f19ff9a0a",
        header: TraceHeader::parse(Some(HEADER)),
        operation: "getUser",
        outcome: "success",
        status,
        correlation_id: Some("order-4711"),
        begun,
        calls: &[call],
    };
    let wall = Timestamp::from_millis(1_795_341_600_000);
    serde_json::to_value(span.document(wall, now)).expect("a document")
}

fn document(status: Option<u16>, call_status: Option<u16>) -> Value {
    document_of(Kind::Subsegment, status, call_status)
}

fn near(value: &Value, expected: f64) -> bool {
    value.as_f64().is_some_and(|value| (value - expected).abs() < 0.000_01)
}

#[test]
fn a_document_is_a_child_of_lambdas_segment_and_holds_the_calls() {
    let document = document(Some(200), Some(200));
    assert_eq!(document["trace_id"], "1-5759e988-bd862e3fe1be46a994272793");
    assert_eq!(document["parent_id"], "53995c3f42cd8ad8");
    assert_eq!(document["type"], "subsegment");
    assert_eq!(
        (&document["id"], &document["name"]),
        (&json!("70de5b6f19ff9a0a"), &json!("getUser"))
    );
    assert_eq!(
        document["annotations"],
        json!({"operation": "getUser", "outcome": "success", "correlation_id": "order-4711"})
    );
    assert!(near(&document["start_time"], 1_795_341_599.96), "{document}");
    assert!(near(&document["end_time"], 1_795_341_600.0), "{document}");
    let call = &document["subsegments"][0];
    assert_eq!((&call["name"], &call["namespace"]), (&json!("DynamoDB"), &json!("aws")));
    assert_eq!(
        call["aws"],
        json!({"operation": "GetItem", "retries": 1, "request_id": "request-1"})
    );
    assert_eq!(call["http"]["response"]["status"], 200);
    assert!(near(&call["start_time"], 1_795_341_599.98), "{document}");
    assert!(near(&call["end_time"], 1_795_341_599.99), "{document}");
    for id in [&document["id"], &call["id"]] {
        let id = id.as_str().expect("text");
        assert!(id.len() == 16 && id.bytes().all(|it| it.is_ascii_hexdigit()), "{id}");
    }
    assert_ne!(document["id"], call["id"]);
    for flag in ["error", "fault", "throttle"] {
        assert_eq!((&document[flag], &call[flag]), (&Value::Null, &Value::Null));
    }
}

#[test]
fn a_segment_in_the_trace_of_a_request_names_the_function() {
    let kind = Kind::Segment { name: "users-audit-publish" };
    let document = document_of(kind, None, Some(200));
    assert_eq!(document["name"], "users-audit-publish");
    assert_eq!(document["origin"], "AWS::Lambda::Function");
    assert_eq!(document["type"], Value::Null);
    assert_eq!(document["trace_id"], "1-5759e988-bd862e3fe1be46a994272793");
    assert_eq!(document["parent_id"], "53995c3f42cd8ad8");
}

#[test]
fn a_child_header_names_the_document_as_parent() {
    let child = TraceHeader::parse(Some(HEADER)).child_header("70de5b6f19ff9a0a");
    assert_eq!(child, "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=70de5b6f19ff9a0a;Sampled=1");
}

#[test]
fn failures_are_marked_as_error_throttle_or_fault() {
    for (status, flags) in [
        (Some(404), ["error", "error"]),
        (Some(429), ["throttle", "error"]),
        (Some(503), ["fault", "fault"]),
    ] {
        let document = document(status, Some(200));
        assert!(flags.iter().all(|flag| document[flag] == true), "{document}");
        assert_eq!(document["subsegments"][0]["fault"], Value::Null);
    }
    assert_eq!(document(Some(503), None)["subsegments"][0]["fault"], true);
    assert_eq!(document(Some(409), Some(400))["subsegments"][0]["error"], true);
}

#[test]
fn a_tracing_header_is_read_in_any_order_and_with_missing_parts() {
    let parsed = TraceHeader::parse(Some(HEADER));
    assert_eq!(parsed.root, "1-5759e988-bd862e3fe1be46a994272793");
    assert!(parsed.sampled && parsed.parent == "53995c3f42cd8ad8");
    let other = TraceHeader::parse(Some("Self=1-0-0; Sampled=0; Root=1-a-b"));
    assert_eq!((other.root, other.sampled), ("1-a-b", false));
    for nothing in [None, Some(""), Some("Root"), Some(";;=")] {
        assert_eq!(TraceHeader::parse(nothing), TraceHeader::default(), "{nothing:?}");
    }
}

#[test]
fn ids_differ() {
    assert_ne!(super::span_id(&SystemEntropy), super::span_id(&SystemEntropy));
    #[derive(Debug)]
    struct Low;
    impl Entropy for Low {
        fn bits(&self) -> u128 {
            7
        }
    }
    assert_eq!(super::span_id(&Low), "0000000000000007");
}
