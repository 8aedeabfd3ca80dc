//! The service from event to answer, over a real DynamoDB engine, with faults where the network
//! would have them.

mod contention;
mod failures;
mod idempotency;
mod lists;
mod log_lines;
mod metrics;
mod personal_data;
mod properties;

use super::handler::{GetUser, RegisterUser, SetStatus, UpdateUser};
use crate::testing::{Call, World};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Registers a user and returns its id.
async fn registered(world: &World, email: &str) -> String {
    let answer = world.call::<RegisterUser>(&Call::new().json(&json!({"email": email}))).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.user_id()
}

/// Every broken invariant of the whole users table, in words.
fn broken_invariants(world: &World) -> Vec<String> {
    let text = |item: &Value, name: &str| item[name]["S"].as_str().unwrap_or_default().to_owned();
    let number = |item: &Value| item["version"]["N"].as_str().and_then(|it| it.parse::<u64>().ok());
    let items = world.items("users");
    let mut broken = Vec::new();
    let mut profiles = BTreeMap::new();
    let mut audit: BTreeMap<String, Vec<(String, Option<u64>)>> = BTreeMap::new();
    let mut roles: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut guards = BTreeMap::new();
    for item in &items {
        let (pk, sk) = (text(item, "pk"), text(item, "sk"));
        if sk == "PROFILE" {
            profiles.insert(pk, item);
        } else if let Some(event) = sk.strip_prefix("AUDIT#") {
            audit.entry(pk).or_default().push((event.to_owned(), number(item)));
        } else if let Some(role) = sk.strip_prefix("ROLE#") {
            roles.entry(pk).or_default().insert(role.to_owned());
        } else if let Some(email) = pk.strip_prefix("EMAIL#") {
            guards.insert(email.to_owned(), text(item, "userId"));
        } else {
            broken.push(format!("an unknown item {pk} {sk}"));
        }
    }
    for (pk, profile) in &profiles {
        let mut entries = audit.remove(pk).unwrap_or_default();
        entries.sort();
        let versions: Vec<_> = entries.iter().filter_map(|entry| entry.1).collect();
        let expected: Vec<_> = (1..=number(profile).unwrap_or_default()).collect();
        if versions != expected {
            broken.push(format!("{pk} has audit entries for {versions:?}, not {expected:?}"));
        }
        let named: BTreeSet<_> = profile["roles"]["L"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|role| role["S"].as_str().map(str::to_owned))
            .collect();
        if roles.remove(pk).unwrap_or_default() != named {
            broken.push(format!("{pk} has role items other than its roles"));
        }
        let live = text(profile, "status") != "deleted";
        let owner = guards.get(&text(profile, "emailKey"));
        let is_owner = owner == Some(&text(profile, "userId"));
        if live != is_owner {
            broken.push(format!("{pk} is live: {live}, and holds its address: {is_owner}"));
        }
    }
    for pk in audit.keys().chain(roles.keys()) {
        broken.push(format!("{pk} has items and no profile"));
    }
    let live = profiles.values().filter(|it| text(it, "status") != "deleted").count();
    if guards.len() != live {
        broken.push(format!("{} guards for {live} live users", guards.len()));
    }
    broken
}

#[tokio::test]
async fn a_user_is_registered_read_and_changed() {
    let world = World::new().await;
    let body = json!({
        "email": " Ada@Example.com ",
        "displayName": "Ada Lovelace",
        "attributes": {"team": "analytics"},
        "roles": ["billing:read", "admin"]
    });
    let answer = world.call::<RegisterUser>(&Call::new().json(&body)).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let user_id = answer.user_id();
    assert_eq!(
        answer.json(),
        json!({
            "userId": user_id,
            "email": "Ada@Example.com",
            "displayName": "Ada Lovelace",
            "attributes": {"team": "analytics"},
            "status": "active",
            "roles": ["admin", "billing:read"],
            "version": 1,
            "createdAt": "2026-11-22T10:00:00.000Z",
            "updatedAt": "2026-11-22T10:00:00.000Z"
        })
    );
    assert_eq!(answer.header("location"), Some(format!("/prod/users/{user_id}").as_str()));
    assert_eq!(answer.header("etag"), Some("\"1\""));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(world.faults.calls(), ["TransactWriteItems"], "one round trip");

    world.faults.clear();
    let read = world.call::<GetUser>(&Call::new().user(&user_id)).await;
    assert_eq!(read.json(), answer.json());
    assert_eq!(world.faults.calls(), ["GetItem"], "one round trip");
    let known = Call::new().user(&user_id).header("If-None-Match", "W/\"1\"");
    let unchanged = world.call::<GetUser>(&known).await;
    assert_eq!((unchanged.status, unchanged.text.as_str()), (304, ""));
    assert_eq!(unchanged.header("etag"), Some("\"1\""));

    world.faults.clear();
    let patch = Call::new().user(&user_id).json(&json!({"displayName": null, "email": "a@x.io"}));
    let patched = world.call::<UpdateUser>(&patch.header("If-Match", "\"1\"")).await;
    assert_eq!(patched.status, 200, "{}", patched.text);
    assert_eq!(patched.json()["email"], "a@x.io");
    assert_eq!(patched.json()["updatedAt"], "2026-11-22T10:00:00.001Z", "strictly later");
    assert_eq!(world.faults.calls(), ["GetItem", "TransactWriteItems"], "two round trips");
    assert_eq!(broken_invariants(&world), Vec::<String>::new());
}

#[tokio::test]
async fn a_released_address_can_be_registered_again() {
    let world = World::new().await;
    let first = registered(&world, "ada@example.com").await;
    let again = Call::new().json(&json!({"email": "ADA@EXAMPLE.COM"}));
    assert_eq!(world.call::<RegisterUser>(&again).await.code(), "email-already-registered");
    let delete = Call::new().user(&first).json(&json!({"status": "deleted", "reason": "left"}));
    assert_eq!(world.call::<SetStatus>(&delete).await.status, 200);
    assert_eq!(world.call::<RegisterUser>(&again).await.status, 201);
    assert_eq!(broken_invariants(&world), Vec::<String>::new());
}

#[tokio::test]
async fn problems_of_body_query_and_headers_are_reported_together() {
    let world = World::new().await;
    let call = Call::new()
        .json(&json!({"email": "nobody", "locale": 5}))
        .query("limit", "1")
        .key("not valid");
    let answer = world.call::<RegisterUser>(&call).await;
    assert_eq!(answer.status, 400);
    let problem = answer.json();
    assert_eq!(problem["detail"], "4 problems were found", "{}", answer.text);
    assert_eq!(problem["instance"], "/prod/users");
    assert!(!answer.text.contains("nobody"), "a problem quotes no value");
    let places: Vec<_> = problem["errors"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|error| {
            let place = ["pointer", "parameter", "header"].iter().find_map(|it| error[it].as_str());
            place.unwrap_or_default().to_owned()
        })
        .collect();
    assert_eq!(places, ["/email", "/locale", "limit", "Idempotency-Key"]);
}
