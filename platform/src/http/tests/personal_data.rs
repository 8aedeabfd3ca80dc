//! Logs, metrics, traces and errors hold no personal data: marked values are sent through every
//! input and searched for in every output.

use super::log_lines::{lines, throttled};
use crate::http::Rejection;
use crate::http::handler::{
    AssignRole, GetUser, ListUsers, QueryAudit, RegisterUser, RemoveRole, SetStatus, UpdateUser,
};
use crate::http::{App, Handler, Request, Response};
use crate::relay::tests::{relay_with, stream_of};
use crate::telemetry::{collected, reporting_panics_of_this_thread};
use crate::testing::{Answered, Call, Fault, World, scripted};
use futures_util::FutureExt;
use lambda_http::lambda_runtime::Context;
use serde_json::{Value, json};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use tokio::time::Instant;
use users_contract::{OPERATIONS, OperationName, RELAY};

/// Marks that stand for personal data.
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
    "mark-bus",
    // The faulty database's answer.
    "ada@example.com",
];

const HEADER: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";

#[track_caller]
fn expect_unmarked(what: &str, output: &Value) {
    let text = output.to_string();
    for mark in MARKS {
        assert!(!text.contains(mark), "{mark} is in {what}: {text}");
    }
}

/// An error as the caller gets it, without the parts of the request that the contract repeats: its
/// path, and the names of wrong members and parameters.
fn of_error(answer: &Answered) -> Value {
    let mut problem = answer.json();
    problem["instance"] = Value::Null;
    for error in problem["errors"].as_array_mut().into_iter().flatten() {
        error["pointer"] = Value::Null;
        error["parameter"] = Value::Null;
    }
    problem
}

/// Calls of all operations, each in success and failure, as they were answered.
async fn everything(world: &World) -> Vec<Answered> {
    let call = || Call::new().trace(HEADER).header("User-Agent", "mark-agent");
    let body = json!({
        "email": "mark-mail@example.com",
        "displayName": "mark-name",
        "phoneNumber": "+15550100123",
        "attributes": {"mark-attribute": "mark-value"},
        "roles": ["admin"],
    });
    let register = call().json(&body).key("mark-key");
    let first = world.call::<RegisterUser>(&register).await;
    let user_id = first.user_id();
    let user = || call().user(&user_id);
    let mut answers = vec![first];
    let mut seen = |answer: Answered| answers.push(answer);

    seen(world.call::<RegisterUser>(&register).await);
    seen(world.call::<RegisterUser>(&call().json(&body)).await);
    let twin = json!({"email": "mark-twin@example.com", "mark-unknown": "mark-value"});
    seen(world.call::<RegisterUser>(&call().json(&twin)).await);
    let other = json!({"email": "mark-twin@example.com"});
    seen(world.call::<RegisterUser>(&call().json(&other).key("mark-key")).await);
    seen(world.call::<RegisterUser>(&call().bytes(b"{mark-name").key("mark-key")).await);
    let broken = json!({"email": "mark-mail", "locale": "mark value", "phoneNumber": "mark-value"});
    seen(world.call::<RegisterUser>(&call().json(&broken)).await);
    seen(world.call::<GetUser>(&user()).await);
    seen(world.call::<GetUser>(&user().query("mark-unknown", "mark-value")).await);
    seen(world.call::<GetUser>(&call().user("mark-mail@example.com")).await);
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
    seen(world.call::<ListUsers>(&call().query("email", "mark-mail@example.com")).await);
    seen(world.call::<ListUsers>(&call().query("cursor", "mark-value")).await);
    seen(world.call::<QueryAudit>(&user()).await);
    seen(world.call::<QueryAudit>(&user().query("from", "mark-value")).await);
    // Failures that the caller did not cause: an outage, conflicts, an internal error.
    for _ in 0..3 {
        world.faults.plan("TransactWriteItems", throttled());
    }
    let change = user().json(&json!({"displayName": "mark-twin"})).key("mark-key-2");
    seen(world.call::<UpdateUser>(&change).await);
    world.faults.plan("TransactWriteItems", Fault::conflict(&[true]));
    seen(world.call::<UpdateUser>(&change).await);
    world.faults.plan("GetItem", Fault::error(400, "ValidationException"));
    seen(world.call::<GetUser>(&user()).await);
    answers
}

#[tokio::test]
async fn no_operation_reports_personal_data_whether_it_succeeds_or_fails() {
    // With the debug lines, too.
    let world = World::with_telemetry(|telemetry| telemetry.with_debug_share(1.0)).await;
    let (collected, _guard) = collected();
    let answers = everything(&world).await;

    for status in [200, 201, 400, 404, 409, 422, 500, 503] {
        assert!(answers.iter().any(|answer| answer.status == status), "no answer is {status}");
    }
    assert!(answers.iter().any(|answer| answer.header("idempotent-replayed").is_some()));
    for answer in answers.iter().filter(|answer| answer.status >= 400) {
        expect_unmarked("an error", &of_error(answer));
    }
    let lines = lines(&collected);
    let of_level = |level: &str| lines.iter().filter(|line| line["level"] == level).count();
    assert_eq!(of_level("INFO") + of_level("WARN") + of_level("ERROR"), answers.len());
    assert!(of_level("DEBUG") > answers.len() / 2, "the calls of AWS are logged");
    assert!(lines.iter().any(|line| line["level"] == "WARN" && line["cause"].is_string()));
    assert!(lines.iter().any(|line| line["level"] == "ERROR" && line["cause"].is_string()));
    let (metrics, documents) = (world.telemetry.metrics(), world.telemetry.documents());
    assert!(metrics.len() >= answers.len() && documents.len() == answers.len());
    for operation in OPERATIONS {
        assert!(metrics.iter().any(|line| line["Operation"] == operation.id), "{}", operation.id);
        assert!(documents.iter().any(|it| it["name"] == operation.id), "{}", operation.id);
    }
    expect_unmarked("the log", &json!(lines));
    expect_unmarked("the metrics", &json!(metrics));
    expect_unmarked("the traces", &json!(documents));
}

#[tokio::test]
async fn the_relay_reports_no_personal_data_whether_events_are_taken_refused_or_unreadable() {
    let world = World::new().await;
    everything(&world).await;
    world.telemetry.metrics();
    world.telemetry.documents();
    let (collected, _guard) = collected();
    let mut context = Context::default();
    context.xray_trace_id = Some(HEADER.to_owned());
    let taken = json!({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}).to_string();
    let refused = json!({"FailedEntryCount": 1, "Entries": [
        {"ErrorCode": "InternalFailure", "ErrorMessage": "mark-bus mark-mail@example.com"}
    ]});
    let broken = json!({"__type": "ValidationException", "message": "mark-bus"}).to_string();
    let letters = Arc::new(Mutex::new(Vec::new()));
    let relay = |status, answer: String| {
        let letters = Arc::clone(&letters);
        let queue = scripted(move |body| {
            letters.lock().expect("no panic").push(body.to_owned());
            (200, json!({"MessageId": "1"}).to_string())
        });
        relay_with(scripted(move |_| (status, answer.clone())), queue, &world.telemetry)
    };
    let event = stream_of(&world);
    let records = event.records.len();
    for (status, answer) in [(200, taken.clone()), (200, refused.to_string()), (400, broken)] {
        let relay = relay(status, answer);
        relay.publish(stream_of(&world), &context).await;
    }
    // A record that the service never writes: a list in place of a text.
    let mut event = event;
    let mut image = event.records[0].change.new_image.clone().into_inner();
    let wrong = serde_dynamo::AttributeValue::Ss(vec!["mark-mail@example.com".to_owned()]);
    image.insert("at".to_owned(), wrong);
    event.records[0].change.new_image = image.into();
    let relay = relay(200, taken);
    assert!(relay.publish(event, &context).await.batch_item_failures.is_empty());

    let lines = lines(&collected);
    let letters = letters.lock().expect("no panic").clone();
    // All records of the call that was invalid, and the one that cannot be read.
    assert_eq!(letters.len(), records + 1);
    assert_eq!(lines.iter().filter(|line| line["reason"].is_string()).count(), letters.len());
    assert_eq!(lines.len() - letters.len(), 4, "{lines:#?}");
    // A batch fails only for entries that a retry may deliver.
    assert_eq!(lines.iter().filter(|line| line["cause"].is_string()).count(), 1);
    let (metrics, documents) = (world.telemetry.metrics(), world.telemetry.documents());
    assert!(metrics.iter().any(|line| line["Operation"] == RELAY.id));
    assert!(documents.iter().any(|document| document["name"] == RELAY.function));
    expect_unmarked("the log", &json!(lines));
    expect_unmarked("the dead letters", &json!(letters));
    expect_unmarked("the metrics", &json!(metrics));
    expect_unmarked("the traces", &json!(documents));
}

/// A handler that panics with a message that quotes the request.
struct Crash;

impl Handler for Crash {
    const OPERATION: OperationName = OperationName::UpdateUser;

    async fn handle(_: &App, request: &Request, _: Instant) -> Result<Response, Rejection> {
        panic!("no place for {}", String::from_utf8_lossy(request.body()))
    }
}

#[tokio::test]
async fn a_panic_reports_its_place_and_nothing_else() {
    let world = World::new().await;
    let (collected, _guard) = collected();
    let _reporting = reporting_panics_of_this_thread();
    let call = Call::new().json(&json!({"displayName": "mark-name"})).key("mark-key").trace(HEADER);
    let crashed = AssertUnwindSafe(world.call::<Crash>(&call)).catch_unwind().await;
    assert!(crashed.is_err());
    let lines = lines(&collected);
    let [line] = &lines[..] else { panic!("one line: {lines:#?}") };
    assert_eq!((&line["level"], &line["message"]), (&json!("ERROR"), &json!("panicked")));
    assert!(
        line["place"].as_str().is_some_and(|place| place.contains("personal_data.rs")),
        "{line}"
    );
    expect_unmarked("the log", line);
    expect_unmarked("the metrics", &json!(world.telemetry.metrics()));
    expect_unmarked("the traces", &json!(world.telemetry.documents()));
}

#[test]
fn marks_are_found() {
    let leaking =
        Mutex::new(json!({"cause": "mark-mail@example.com is taken"}).to_string().into_bytes());
    let logged = json!(lines(&leaking));
    assert!(std::panic::catch_unwind(|| expect_unmarked("the log", &logged)).is_err());
}
