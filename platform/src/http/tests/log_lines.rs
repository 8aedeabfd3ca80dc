//! What the log says of each invocation, and what it never says.

use super::registered;
use crate::http::handler::{
    AssignRole, GetUser, ListUsers, QueryAudit, RegisterUser, RemoveRole, SetStatus, UpdateUser,
};
use crate::telemetry::collected;
use crate::testing::{Answered, Call, Fault, World};
use serde_json::{Value, json};
use std::sync::Mutex;

/// The lines so far, and none of them again.
fn lines(collected: &Mutex<Vec<u8>>) -> Vec<Value> {
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
async fn tries_of_the_sdk_are_counted_apart_from_calls() {
    let world = World::new().await;
    let user_id = registered(&world, "ada@example.com").await;
    let (collected, _guard) = collected();
    world.faults.plan("GetItem", throttled());
    let answer = world.call::<GetUser>(&Call::new().user(&user_id)).await;
    assert_eq!(answer.status, 200);
    let read = line(&collected);
    assert_eq!((&read["dynamodb_calls"], &read["dynamodb_attempts"]), (&json!(1), &json!(2)));
}

fn throttled() -> Fault {
    Fault::error(400, "ThrottlingException")
}

/// Marks that stand for personal data, none of which may be found in a log.
const MARKS: &[&str] = &[
    "mark-mail",
    "mark-name",
    "+15550100",
    "mark-attribute",
    "mark-value",
    "mark-reason",
    "mark-key",
    "mark-patch",
    "mark-agent",
    "mark-unknown",
    "203.0.113.7",
    "mark-twin",
];

#[tokio::test]
async fn no_operation_logs_personal_data_whether_it_succeeds_or_fails() {
    let world = World::new().await;
    let (collected, _guard) = collected();
    let body = json!({
        "email": "mark-mail@example.com",
        "displayName": "mark-name",
        "phoneNumber": "+15550100123",
        "attributes": {"mark-attribute": "mark-value"},
        "roles": ["admin"],
    });
    let register = Call::new().json(&body).key("mark-key");
    let user_id = world.call::<RegisterUser>(&register).await.user_id();
    let user = || Call::new().user(&user_id);
    let mut statuses = Vec::new();
    let mut seen = |answer: Answered| statuses.push(answer.status);

    // Each succeeds, then fails in one way of its own.
    seen(world.call::<RegisterUser>(&Call::new().json(&body)).await);
    let twin = json!({"email": "mark-twin@example.com", "mark-unknown": "mark-value"});
    seen(world.call::<RegisterUser>(&Call::new().json(&twin)).await);
    seen(world.call::<RegisterUser>(&Call::new().bytes(b"{mark-name").key("mark-key")).await);
    seen(world.call::<GetUser>(&user()).await);
    seen(world.call::<GetUser>(&user().query("mark-unknown", "mark-value")).await);
    let patch = user().json(&json!({"displayName": "mark-patch"}));
    seen(world.call::<UpdateUser>(&patch).await);
    seen(world.call::<UpdateUser>(&patch.header("If-Match", "\"mark-value\"")).await);
    let status = user().json(&json!({"status": "disabled", "reason": "mark-reason"}));
    seen(world.call::<SetStatus>(&status).await);
    seen(world.call::<SetStatus>(&user().json(&json!({"status": "mark-value"}))).await);
    seen(world.call::<AssignRole>(&user().json(&json!({"role": "editor"}))).await);
    seen(world.call::<AssignRole>(&user().json(&json!({"role": "mark value"}))).await);
    seen(world.call::<RemoveRole>(&user().role("admin")).await);
    seen(world.call::<RemoveRole>(&user().role("mark-value")).await);
    seen(world.call::<ListUsers>(&Call::new().query("email", "mark-mail@example.com")).await);
    seen(world.call::<ListUsers>(&Call::new().query("cursor", "mark-value")).await);
    seen(world.call::<QueryAudit>(&user()).await);
    seen(world.call::<QueryAudit>(&user().query("from", "mark-value")).await);
    // And what is no fault of the caller's: an outage, and an error of ours.
    for _ in 0..3 {
        world.faults.plan("TransactWriteItems", throttled());
    }
    seen(world.call::<UpdateUser>(&user().json(&json!({"displayName": "mark-twin"}))).await);

    assert!(statuses.contains(&200) && statuses.contains(&400), "{statuses:?}");
    assert!(statuses.contains(&409) && statuses.contains(&503), "{statuses:?}");
    let lines = lines(&collected);
    assert_eq!(lines.len(), statuses.len() + 1, "one line for each invocation");
    assert!(lines.iter().any(|line| line["level"] == "WARN" && line["cause"].is_string()));
    let text = serde_json::to_string(&lines).expect("JSON");
    for mark in MARKS {
        assert!(!text.contains(mark), "{mark} is in the log: {text}");
    }
}
