//! A request with a key takes effect at most once, and its success is seen by every retry.

use super::{broken_invariants, registered};
use crate::http::handler::{AssignRole, RegisterUser, SetStatus, UpdateUser};
use crate::testing::{Call, Fault, World};
use serde_json::json;
use tokio::time::Instant;

#[tokio::test]
async fn a_repeated_registration_is_replayed() {
    let world = World::new().await;
    let body = json!({"email": "ada@example.com"});
    let call = Call::new().json(&body).key("k-1");
    let first = world.call::<RegisterUser>(&call).await;
    world.clock.turn(60_000);
    let quoted = Call::new()
        .bytes(b" { \"email\" : \"ada@example.com\" } ")
        .header("Content-Type", "application/json")
        .key("\"k-1\"");
    let again = world.call::<RegisterUser>(&quoted).await;
    assert_eq!((again.status, &again.text), (201, &first.text));
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(again.header("etag"), Some("\"1\""));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(first.header("idempotent-replayed"), None);
    let other = Call::new().json(&json!({"email": "bob@example.com"})).key("k-1");
    let reused = world.call::<RegisterUser>(&other).await;
    assert_eq!((reused.status, reused.code().as_str()), (422, "idempotency-key-reused"));
}

#[tokio::test]
async fn keys_are_the_callers_own() {
    let world = World::new().await;
    let call = |email: &str| Call::new().json(&json!({"email": email})).key("k-1");
    let role = |call: Call, session| call.caller(session);
    let one = role(call("a@x.io"), "arn:aws:sts::123456789012:assumed-role/checkout/i-1");
    let same = role(call("a@x.io"), "arn:aws:sts::123456789012:assumed-role/checkout/i-2");
    let other = role(call("b@x.io"), "arn:aws:sts::123456789012:assumed-role/billing/i-1");
    let first = world.call::<RegisterUser>(&one).await;
    assert_eq!(world.call::<RegisterUser>(&same).await.text, first.text);
    assert_eq!(world.call::<RegisterUser>(&other).await.header("idempotent-replayed"), None);
}

#[tokio::test]
async fn a_recorded_success_wins_over_every_later_error() {
    let world = World::new().await;
    let user = registered(&world, "ada@example.com").await;
    let patch = Call::new()
        .user(&user)
        .json(&json!({"email": "ada@x.io"}))
        .header("If-Match", "\"1\"")
        .key("k");
    let first = world.call::<UpdateUser>(&patch).await;
    assert_eq!(first.status, 200);
    let moved = world.call::<UpdateUser>(&patch).await;
    assert_eq!((moved.status, &moved.text), (200, &first.text), "not 412");
    let without = Call::new().user(&user).json(&json!({"email": "ada@x.io"})).key("k");
    assert_eq!(world.call::<UpdateUser>(&without).await.status, 422, "If-Match is part of it");
    let delete = Call::new().user(&user).json(&json!({"status": "deleted"}));
    assert_eq!(world.call::<SetStatus>(&delete).await.status, 200);
    let deleted = world.call::<UpdateUser>(&patch).await;
    assert_eq!((deleted.status, &deleted.text), (200, &first.text), "not 409");
}

#[tokio::test]
async fn a_success_that_changed_nothing_is_recorded_too() {
    let world = World::new().await;
    let user = registered(&world, "ada@example.com").await;
    let assign = Call::new().user(&user).json(&json!({"role": "admin"}));
    world.call::<AssignRole>(&assign).await;
    let keyed = assign.key("k");
    let first = world.call::<AssignRole>(&keyed).await;
    assert_eq!((first.status, first.header("idempotent-replayed")), (200, None));
    let other = Call::new().user(&user).json(&json!({"role": "ops"}));
    world.call::<AssignRole>(&other).await;
    let again = world.call::<AssignRole>(&keyed).await;
    assert_eq!((&again.text, again.header("idempotent-replayed")), (&first.text, Some("true")));
}

#[tokio::test]
async fn errors_are_decided_afresh() {
    let world = World::new().await;
    let user = registered(&world, "ada@example.com").await;
    let call = Call::new().json(&json!({"email": "ada@example.com"})).key("k");
    assert_eq!(world.call::<RegisterUser>(&call).await.status, 409);
    let delete = Call::new().user(&user).json(&json!({"status": "deleted"}));
    world.call::<SetStatus>(&delete).await;
    assert_eq!(world.call::<RegisterUser>(&call).await.status, 201);
}

#[tokio::test]
async fn a_key_expires_by_its_stored_time() {
    let world = World::new().await;
    let call = |email: &str| Call::new().json(&json!({"email": email})).key("k");
    world.call::<RegisterUser>(&call("a@x.io")).await;
    world.clock.turn(24 * 3600 * 1000);
    assert_eq!(world.call::<RegisterUser>(&call("b@x.io")).await.status, 422, "kept for 24 hours");
    world.clock.turn(2000);
    assert_eq!(world.call::<RegisterUser>(&call("b@x.io")).await.status, 201, "not yet deleted");
}

#[tokio::test]
async fn a_lost_answer_is_not_a_second_effect() {
    let world = World::new().await;
    let call = Call::new().json(&json!({"email": "ada@example.com"})).key("k");
    world.faults.plan("TransactWriteItems", Fault::LoseAnswer);
    let answer = world.call::<RegisterUser>(&call).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(world.faults.calls(), ["TransactWriteItems", "TransactWriteItems"]);
    assert_eq!(world.items("users").len(), 3, "a profile, a guard and an audit entry");

    let call = Call::new().json(&json!({"email": "bob@example.com"})).key("l");
    for _ in 0..3 {
        world.faults.plan("TransactWriteItems", Fault::LoseAnswer);
    }
    let answer = world.call::<RegisterUser>(&call).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    let again = world.call::<RegisterUser>(&call).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (201, Some("true")));
    assert_eq!(broken_invariants(&world), Vec::<String>::new());
}

#[tokio::test]
async fn a_twin_that_is_still_being_decided_is_a_conflict() {
    let world = World::new().await;
    let call = Call::new().json(&json!({"email": "ada@example.com"})).key("k");
    let twin = Fault::conflict(&[false, false, false, true]);
    world.faults.plan("TransactWriteItems", twin.clone());
    let answer = world.call_until::<RegisterUser>(&call, Instant::now()).await;
    assert_eq!((answer.status, answer.code().as_str()), (409, "request-in-progress"));
    assert_eq!(answer.header("retry-after"), Some("1"));
    world.faults.plan("TransactWriteItems", twin);
    assert_eq!(world.call::<RegisterUser>(&call).await.status, 201, "a moment later it is free");
}
