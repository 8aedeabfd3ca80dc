//! A correlation id leads to every trace, item, event and log line of its call.

use serde_json::{Value, json};
use users_contract::RELAY;
use users_tests::control::Control;
use users_tests::{Api, id_of, telemetry};

/// The calls of AWS in a document, in order.
fn calls(document: &Value) -> Vec<&str> {
    let calls = document["subsegments"].as_array().into_iter().flatten();
    calls.filter_map(|call| call["aws"]["operation"].as_str()).collect()
}

#[tokio::test]
async fn a_correlation_id_finds_trace_audit_entry_and_event() {
    let control = Control::take_turn().await;
    let api = Api::connect();
    let after = control.last_event().await;
    let user = api.new_user().await;
    let id = id_of(&user);
    let correlation = format!("trace-{id}");
    let patch = api.update(id, &json!({"displayName": "Grace"}));
    let answer = patch.header("X-Correlation-Id", &correlation).send().await.expect_status(200);
    assert_eq!(answer.header("x-correlation-id"), correlation);

    let document = control.trace_of(&correlation).await;
    assert_eq!(document["annotations"]["operation"], "updateUser");
    assert_eq!(document["annotations"]["outcome"], "success");
    assert_eq!(calls(&document), ["GetItem", "TransactWriteItems"]);
    for call in document["subsegments"].as_array().unwrap() {
        assert_eq!(call["http"]["response"]["status"], 200, "{document}");
        assert!(call["start_time"].as_f64() >= document["start_time"].as_f64(), "{document}");
        assert!(call["end_time"].as_f64() <= document["end_time"].as_f64(), "{document}");
    }

    let history = api.history(id).await;
    assert_eq!(history[1]["correlationId"], correlation.as_str());
    let events = control.events_until(after, id, 2).await;
    let is_its = |event: &&Value| event["detail"]["correlationId"] == correlation.as_str();
    let event = events.iter().find(is_its).unwrap();

    // The relay continues the trace of the request, below the request's own segment.
    let relayed = control.trace_below(&document).await;
    assert_eq!(relayed["name"], RELAY.function);
    assert_eq!(relayed["trace_id"], document["trace_id"]);
    let expected = json!({
        "operation": RELAY.id,
        "outcome": "success",
        "correlation_id": correlation,
    });
    assert_eq!(relayed["annotations"], expected);
    assert_eq!(calls(&relayed), ["PutEvents"]);
    assert!(relayed["start_time"].as_f64() >= document["start_time"].as_f64(), "{relayed}");
    for document in [&document, &relayed] {
        assert_eq!(telemetry::document_problems(document), Vec::<String>::new(), "{document}");
    }
    // The console finds all of it by the id alone.
    let found = control.left_behind(&correlation, "updateUser").await;
    let of = |pointer: &str| found.pointer(pointer).unwrap_or(&Value::Null).clone();
    assert_eq!(of("/requests/0/correlationId"), correlation.as_str(), "{found}");
    assert_eq!(of("/requests/0/status"), 200, "{found}");
    assert_eq!(of("/events/0/detail/eventId"), event["detail"]["eventId"], "{found}");
    assert_eq!(of("/items/0/item/version"), 2, "{found}");
    assert_eq!(of("/items/1"), Value::Null, "{found}");
    let names: Vec<_> = found["traces"][0]["spans"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|span| span["name"].as_str().unwrap_or_default())
        .collect();
    let expected = [
        "PATCH /users/{userId}",
        "users-profile-update",
        "updateUser",
        "DynamoDB GetItem",
        "DynamoDB TransactWriteItems",
        "users-audit-publish",
        "EventBridge PutEvents",
    ];
    assert_eq!(names, expected, "{found}");
    // The link to the trace is only in the table.
    assert!(!event.to_string().contains("traceHeader"), "{event}");
    assert!(!history[1].to_string().contains("traceHeader"), "{}", history[1]);
    control.finish().await;
}
