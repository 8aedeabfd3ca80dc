//! Functions that die in the middle of a call.

use serde_json::{Value, json};
use users_contract::{Operation, OperationName};
use users_tests::control::Control;
use users_tests::{Answer, Api, Request, id_of, sample, version_of};

/// How long the database holds a call or an answer, in milliseconds: less than the service waits
/// for it.
const HOLD: u64 = 1500;

/// The operations of [`Api::changes`].
const CHANGES: [OperationName; 4] = [
    OperationName::UpdateUser,
    OperationName::SetStatus,
    OperationName::AssignRole,
    OperationName::RemoveRole,
];

fn function(name: OperationName) -> &'static str {
    Operation::of(name).function
}

/// Sends a request and kills the function that works on it during its nth call of the database,
/// which carries the call out a moment later all the same.
async fn send_and_kill(
    control: &Control,
    function: &str,
    request: &Request,
    nth_call: u64,
) -> Answer {
    control.place(function, nth_call, "kill-then-apply").await;
    let answer = request.send().await;
    assert_eq!(control.placed_fired(function).await, 1, "{}", answer.describe());
    control.clear_faults().await;
    answer
}

#[tokio::test]
async fn a_registration_whose_function_dies_is_done_once_by_the_retry() {
    let control = Control::take_turn().await;
    let api = Api::connect();
    let request = api.register(&sample::full_registration()).key(&sample::key());
    let register = function(OperationName::RegisterUser);
    let answer = send_and_kill(&control, register, &request, 1).await;
    assert!(answer.status() >= 500, "{}", answer.describe());

    // The database may still carry out the dead function's call after the retry.
    let registered = request.send_retrying().await.expect_status(201);
    control.pending_calls_done().await;
    request.send().await.expect_replay_of(&registered);
    let user = registered.user();
    assert_eq!(api.history(id_of(&user)).await.len(), 1);
    let found = api.get("/users").query("email", user["email"].as_str().unwrap()).send().await;
    assert_eq!(found.items(), [user]);
    control.finish().await;
}

#[tokio::test]
async fn a_change_whose_function_dies_is_done_once_by_the_retry() {
    let control = Control::take_turn().await;
    let api = Api::connect();
    let user = api.new_user_with(&json!({"roles": ["old"]})).await;
    let id = id_of(&user);
    for (version, (name, request)) in (2..).zip(CHANGES.into_iter().zip(api.changes(id))) {
        let request = request.key(&sample::key());
        // The first call reads the user, the second one writes.
        let answer = send_and_kill(&control, function(name), &request, 2).await;
        assert!(answer.status() >= 500, "{}", answer.describe());
        let changed = request.send_retrying().await.expect_status(200);
        assert_eq!(version_of(&changed.user()), version, "{}", changed.describe());
        control.pending_calls_done().await;
        request.send().await.expect_replay_of(&changed);
        assert_eq!(api.history(id).await.len() as u64, version);
    }
    control.finish().await;
}

/// Sends a request, waits until its event shows that it took effect, and kills the function before
/// it gets DynamoDB's response.
async fn send_and_kill_after(
    control: &Control,
    function: &str,
    request: &Request,
    is_effect: impl Fn(&Value) -> bool,
) -> Answer {
    let after = control.last_event().await;
    control.set_faults(&json!({"dynamodb": {"replyDelayMs": HOLD}})).await;
    let kill = async {
        let _ = control.event(after, |event| is_effect(&event["detail"])).await;
        control.kill(function).await;
    };
    let (answer, ()) = tokio::join!(request.send(), kill);
    control.clear_faults().await;
    answer
}

#[tokio::test]
async fn a_registration_that_was_done_when_its_function_died_is_replayed_to_the_retry() {
    let control = Control::take_turn().await;
    let api = Api::connect();
    let body = sample::registration();
    let request = api.register(&body).key(&sample::key());
    let is_registered = |entry: &Value| {
        let changes = entry["changes"].as_array().into_iter().flatten();
        changes.into_iter().any(|change| change["new"] == body["email"])
    };
    let register = function(OperationName::RegisterUser);
    let answer = send_and_kill_after(&control, register, &request, is_registered).await;
    assert!(answer.status() >= 500, "{}", answer.describe());

    let again = request.send().await.expect_status(201);
    assert!(again.is_replayed(), "{}", again.describe());
    assert_eq!(api.profile(id_of(&again.user())).send().await.user(), again.user());
    assert_eq!(api.history(id_of(&again.user())).await.len(), 1);
    control.finish().await;
}

#[tokio::test]
async fn a_change_that_was_done_when_its_function_died_is_replayed_to_the_retry() {
    let control = Control::take_turn().await;
    let api = Api::connect();
    let user = api.new_user_with(&json!({"roles": ["old"]})).await;
    let id = id_of(&user);
    for (version, (name, request)) in (2_u64..).zip(CHANGES.into_iter().zip(api.changes(id))) {
        let request = request.key(&sample::key());
        let is_changed = |entry: &Value| entry["userId"] == id && entry["version"] == version;
        let answer = send_and_kill_after(&control, function(name), &request, is_changed).await;
        assert!(answer.status() >= 500, "{}", answer.describe());
        let again = request.send().await.expect_status(200);
        assert!(again.is_replayed(), "{}", again.describe());
        assert_eq!(version_of(&again.user()), version);
        assert_eq!(api.history(id).await.len() as u64, version);
    }
    control.finish().await;
}

#[tokio::test]
async fn twins_that_overtake_each_other_take_effect_once() {
    let control = Control::take_turn().await;
    let api = Api::connect();
    let user = api.new_user().await;
    let request = api.update(id_of(&user), &json!({"displayName": "Ada"})).key(&sample::key());
    // The first one is slow; the second one comes and goes meanwhile.
    let update = function(OperationName::UpdateUser);
    control.set_faults(&json!({"dynamodb": {"delayMs": HOLD}})).await;
    control.place(update, 1, "none").await;
    let quick = async {
        control.placed_called(update).await;
        control.clear_faults().await;
        request.send_retrying().await
    };
    let (slow, quick) = tokio::join!(request.send_retrying(), quick);
    let (slow, quick) = (slow.expect_status(200), quick.expect_status(200));
    slow.expect_same_success(&quick);
    assert!(slow.is_replayed() != quick.is_replayed(), "{}", slow.describe());
    assert_eq!(api.history(id_of(&user)).await.len(), 2);
    control.finish().await;
}
