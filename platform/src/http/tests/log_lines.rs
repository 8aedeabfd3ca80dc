//! The log line of each invocation.

use super::registered;
use crate::http::handler::{GetUser, RegisterUser, UpdateUser};
use crate::telemetry::collected;
use crate::testing::{Call, Fault, World};
use serde_json::{Value, json};
use std::sync::Mutex;

/// Takes the lines written since the last call.
pub(super) fn lines(collected: &Mutex<Vec<u8>>) -> Vec<Value> {
    let bytes = std::mem::take(&mut *collected.lock().expect("nobody panics here"));
    let text = String::from_utf8(bytes).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// The one line of one invocation.
#[track_caller]
fn line(collected: &Mutex<Vec<u8>>) -> Value {
    let mut lines = lines(collected);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    lines.remove(0)
}

#[tokio::test]
async fn a_line_has_the_usual_names_and_what_the_call_cost() {
    let world = World::new().await;
    let (collected, _guard) = collected();
    let call = Call::new()
        .json(&json!({"email": "ada@example.com"}))
        .header("X-Correlation-Id", "order-4711")
        .key("k1");
    let user_id = world.call::<RegisterUser>(&call).await.user_id();
    let written = line(&collected);
    let mut names: Vec<_> = written.as_object().expect("an object").keys().cloned().collect();
    names.sort();
    assert_eq!(
        names,
        [
            "caller_account",
            "cold_start",
            "correlation_id",
            "duration_ms",
            "dynamodb_attempts",
            "dynamodb_calls",
            "function_name",
            "function_request_id",
            "level",
            "message",
            "operation",
            "outcome",
            "read_units",
            "replayed",
            "retries",
            "service",
            "status",
            "timestamp",
            "write_units",
            "xray_trace_id",
        ]
    );
    assert_eq!(written["level"], "INFO");
    assert_eq!(written["service"], "users");
    assert_eq!(written["operation"], "registerUser");
    assert_eq!(written["correlation_id"], "order-4711");
    assert_eq!(written["caller_account"], "123456789012");
    assert_eq!((&written["status"], &written["outcome"]), (&json!(201), &json!("success")));
    assert_eq!(written["dynamodb_calls"], 1);
    assert_eq!(written["dynamodb_attempts"], 1);
    // User, guard, audit entry and record, each twice as dear as alone: at least eight.
    assert!(written["write_units"].as_f64() >= Some(8.0), "{written}");
    assert_eq!(written["read_units"], 0.0);

    world.call::<GetUser>(&Call::new().user(&user_id)).await;
    let read = line(&collected);
    assert_eq!(read["dynamodb_calls"], 1);
    assert!(read["read_units"].as_f64() > Some(0.0), "{read}");
    assert_eq!(read["write_units"], 0.0);

    let replayed = world.call::<RegisterUser>(&call).await;
    assert_eq!(replayed.status, 201);
    assert_eq!(line(&collected)["replayed"], true);
}

#[tokio::test]
async fn attempts_of_the_sdk_are_counted_apart_from_calls() {
    let world = World::new().await;
    let user_id = registered(&world, "ada@example.com").await;
    let (collected, _guard) = collected();
    world.faults.plan("GetItem", throttled());
    let answer = world.call::<GetUser>(&Call::new().user(&user_id)).await;
    assert_eq!(answer.status, 200);
    let read = line(&collected);
    assert_eq!((&read["dynamodb_calls"], &read["dynamodb_attempts"]), (&json!(1), &json!(2)));
}

pub(super) fn throttled() -> Fault {
    Fault::error(400, "ThrottlingException")
}

#[tokio::test]
async fn a_sampled_invocation_also_logs_each_call() {
    let world = World::with_telemetry(|telemetry| telemetry.with_debug_share(1.0)).await;
    let user_id = registered(&world, "ada@example.com").await;
    let (collected, _guard) = collected();
    let patch = Call::new().user(&user_id).json(&json!({"locale": "en-GB"}));
    let patch = patch.header("X-Correlation-Id", "order-4711");
    assert_eq!(world.call::<UpdateUser>(&patch).await.status, 200);
    let lines = lines(&collected);
    let logged: Vec<_> =
        lines.iter().map(|line| (line["level"].as_str(), line["aws_operation"].as_str())).collect();
    let [debug, info] = [Some("DEBUG"), Some("INFO")];
    let expected = [(debug, Some("GetItem")), (debug, Some("TransactWriteItems")), (info, None)];
    assert_eq!(logged, expected);
    for line in &lines {
        assert_eq!(line["correlation_id"], "order-4711");
    }
    let (read, write) = (&lines[0], &lines[1]);
    assert_eq!((&read["attempts"], &read["status"]), (&json!(1), &json!(200)));
    assert!(read["duration_ms"].as_f64() > Some(0.0), "{read}");
    assert!(read["read_units"].as_f64() > Some(0.0), "{read}");
    assert!(write["write_units"].as_f64() > Some(0.0), "{write}");
}
