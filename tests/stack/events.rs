//! Every audit entry arrives on the bus, in the order of its user's versions, whatever the bus
//! does meanwhile.

use futures_util::future::join_all;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use users_contract::RELAY;
use users_tests::control::Control;
use users_tests::{Api, id_of};

/// A user with one entry of every action, six in all. Gives the id.
async fn user_with_history(api: &Api) -> String {
    let user = api.new_user_with(&json!({"displayName": "Ada", "roles": ["old"]})).await;
    let id = id_of(&user);
    let disable = json!({"status": "disabled", "reason": "left"});
    for request in [
        api.update(id, &json!({"displayName": "Ada King", "attributes": {"team": "engines"}})),
        api.assign_role(id, "new"),
        api.put(&format!("/users/{id}/status"), &disable),
        api.remove_role(id, "old"),
        api.set_status(id, "deleted"),
    ] {
        let _ = request.send().await.expect_status(200);
    }
    id.to_owned()
}

/// Fails unless the events are the user's audit entries: each at least once, the first times in the
/// order of versions, and every repetition equal to the first.
async fn check(api: &Api, user_id: &str, events: &[Value]) {
    let history = api.history(user_id).await;
    let mut firsts: Vec<&Value> = Vec::new();
    let mut seen: BTreeMap<&str, &Value> = BTreeMap::new();
    for event in events {
        assert_eq!(event["source"], RELAY.event_source);
        let id = event["detail"]["eventId"].as_str().unwrap();
        if let Some(first) = seen.insert(id, &event["detail"]) {
            assert_eq!(first, &event["detail"], "an event came twice and changed");
        } else {
            firsts.push(event);
        }
    }
    assert_eq!(firsts.len(), history.len(), "{user_id}: {events:?}");
    for (event, entry) in firsts.iter().zip(&history) {
        let mut detail = event["detail"].as_object().unwrap().clone();
        let schema_version = detail.remove("schemaVersion");
        assert!(schema_version.is_some_and(|version| !version.is_null()), "{event}");
        assert_eq!(&Value::Object(detail), entry);
    }
}

#[tokio::test]
async fn every_audit_entry_arrives_in_the_order_of_versions() {
    let control = Control::take_turn().await;
    let api = Api::connect();
    let after = control.last_event().await;
    let id = user_with_history(&api).await;
    let events = control.events_until(after, &id, 6).await;
    check(&api, &id, &events).await;
    control.finish().await;
}

#[tokio::test]
async fn a_write_that_changes_nothing_or_fails_sends_no_event() {
    let control = Control::take_turn().await;
    let api = Api::connect();
    let after = control.last_event().await;
    let user = api.new_user_with(&json!({"roles": ["admin"]})).await;
    let id = id_of(&user);
    let _ = api.assign_role(id, "admin").send().await.expect_status(200);
    let _ = api.set_status(id, "active").send().await.expect_status(200);
    let _ = api.update(id, &json!({"email": user["email"]})).send().await.expect_status(200);
    assert_eq!(api.remove_role(id, "absent").send().await.status(), 404);
    assert_eq!(api.update(id, &json!({"locale": ""})).send().await.status(), 400);
    // A change behind all of that: when its event is there, the others would be too.
    let _ = api.set_status(id, "disabled").send().await.expect_status(200);
    let events = control.events_until(after, id, 2).await;
    check(&api, id, &events).await;
    control.finish().await;
}

#[tokio::test]
async fn events_of_many_users_at_once_are_each_in_order() {
    let control = Control::take_turn().await;
    let api = Api::connect();
    let after = control.last_event().await;
    let ids = join_all((0..12).map(|_| user_with_history(&api))).await;
    for id in &ids {
        let events = control.events_until(after, id, 6).await;
        check(&api, id, &events).await;
    }
    control.finish().await;
}

/// Changes users while the bus has a fault, lets the relay fail a few times, and expects every
/// event once the bus works again.
async fn outlast(fault: &str) {
    let control = Control::take_turn().await;
    let api = Api::connect();
    let after = control.last_event().await;
    let dead_letters = control.dead_letters().await;
    // Some events before, some during, some after the fault.
    let earlier = user_with_history(&api).await;
    control.set_faults(&json!({"bus": fault})).await;
    let during = join_all((0..3).map(|_| user_with_history(&api))).await;
    control.relay_tries(3).await;
    control.clear_faults().await;
    let later = user_with_history(&api).await;
    for id in during.iter().chain([&earlier, &later]) {
        let events = control.events_until(after, id, 6).await;
        check(&api, id, &events).await;
    }
    assert_eq!(control.dead_letters().await, dead_letters, "the relay gave up too early");
    control.finish().await;
}

#[tokio::test]
async fn a_bus_that_refuses_everything_for_a_while_loses_nothing() {
    outlast("refuse-all").await;
}

#[tokio::test]
async fn a_bus_that_refuses_some_events_for_a_while_loses_nothing() {
    outlast("refuse-some").await;
}

#[tokio::test]
async fn a_bus_that_is_unavailable_for_a_while_loses_nothing() {
    outlast("unavailable").await;
}
