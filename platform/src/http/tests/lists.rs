//! Lists and histories: complete, in order, without repetition, page by page.

use super::registered;
use crate::config::Shards;
use crate::http::Handler;
use crate::http::handler::{
    AssignRole, ListUsers, QueryAudit, RegisterUser, RemoveRole, SetStatus, UpdateUser,
};
use crate::testing::{Call, World};
use serde_json::{Value, json};
use std::num::NonZeroU8;

/// Walks a list to its end and checks the promises about every page.
async fn walk<H: Handler>(world: &World, call: &Call, limit: usize) -> Vec<Value> {
    let mut all = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let mut page = call.clone().query("limit", &limit.to_string());
        if let Some(cursor) = &cursor {
            page = page.query("cursor", cursor);
        }
        let answer = world.call::<H>(&page).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let mut body = answer.json();
        let items = std::mem::take(body["items"].as_array_mut().expect("items"));
        assert!(!items.is_empty() || cursor.is_none(), "an empty page behind another");
        let full = items.len() == limit;
        all.extend(items);
        match body["nextCursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return all,
        }
        assert!(full, "a page that is not the last is full");
    }
}

fn ids(items: &[Value]) -> Vec<String> {
    items.iter().filter_map(|item| item["userId"].as_str().map(str::to_owned)).collect()
}

/// 60 users; every third has the role `ops`, every fifth is disabled, every seventh deleted.
async fn populated(world: World) -> (World, Vec<String>) {
    let mut users = Vec::new();
    for index in 0..60 {
        world.clock.turn(index % 2);
        let roles = if index % 3 == 0 { json!(["ops"]) } else { json!([]) };
        let body = json!({"email": format!("user{index}@example.com"), "roles": roles});
        users.push(world.call::<RegisterUser>(&Call::new().json(&body)).await.user_id());
    }
    for (index, user) in users.iter().enumerate() {
        for (every, status) in [(5, "disabled"), (7, "deleted")] {
            if index % every == 0 {
                let call = Call::new().user(user).json(&json!({"status": status}));
                assert_eq!(world.call::<SetStatus>(&call).await.status, 200);
            }
        }
    }
    (world, users)
}

#[tokio::test]
async fn every_list_is_complete_and_in_order_at_every_page_size() {
    assert_lists(World::new().await, &[1, 2, 3, 7, 25, 100]).await;
}

#[tokio::test]
async fn lists_are_complete_however_the_users_are_spread() {
    for (written, read) in [(1, 1), (2, 4), (4, 4)] {
        let [written, read] = [written, read].map(|it| NonZeroU8::new(it).unwrap());
        let shards = Shards { written, read, old_form: false };
        assert_lists(World::with_shards(shards).await, &[7]).await;
    }
}

/// Puts an item back into the form that profiles had before there was an index by status.
fn to_old_form(world: &World, item: &Value, shard: &str) {
    let mut item = item.clone();
    item.as_object_mut().expect("an item").remove("statusPk");
    let status = item["status"]["S"].as_str().expect("a status").to_owned();
    item["directoryPk"] = json!({"S": format!("STATUS#{status}#{shard}")});
    put(world, &item);
}

fn put(world: &World, item: &Value) {
    let request = serde_json::from_value(json!({"TableName": "users", "Item": item}));
    world.database.put_item(request.expect("a request")).expect("an item that can be put");
}

fn profiles(world: &World) -> Vec<Value> {
    let mut items = world.items("users");
    items.retain(|item| item["sk"]["S"] == "PROFILE");
    items
}

#[tokio::test]
async fn lists_are_complete_while_users_are_brought_over_from_the_old_form() {
    let shards = Shards { old_form: true, ..Shards::default() };
    for every in [1, 2, 3] {
        let world = World::with_shards(shards).await;
        let (world, users) = populated(world).await;
        for (index, item) in profiles(&world).iter().enumerate() {
            let shard = item["statusPk"]["S"].as_str().and_then(|key| key.rsplit('#').next());
            if index % every == 0 {
                to_old_form(&world, item, shard.expect("a shard"));
            }
        }
        assert_walks(&world, &users, &[7, 100]).await;
        // The first half of the migration: named by both indexes, and still listed once.
        for item in profiles(&world) {
            let mut item = item;
            let status = item["status"]["S"].as_str().expect("a status").to_owned();
            item["statusPk"] = json!({"S": format!("STATUS#{status}#0")});
            put(&world, &item);
        }
        assert_walks(&world, &users, &[7]).await;
    }
}

#[tokio::test]
async fn users_of_the_old_form_are_listed_while_the_index_by_status_is_being_made() {
    let shards = Shards { old_form: true, ..Shards::default() };
    let (world, users) = populated(World::with_shards(shards).await).await;
    for item in profiles(&world) {
        let shard = item["statusPk"]["S"].as_str().and_then(|key| key.rsplit('#').next());
        to_old_form(&world, &item, shard.expect("a shard"));
    }
    let request = serde_json::from_value(json!({
        "TableName": "users",
        "GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": "status"}}]
    }));
    world.database.update_table(request.expect("a request")).expect("an index to remove");
    assert_walks(&world, &users, &[7]).await;
}

#[tokio::test]
async fn any_change_brings_a_user_over_from_the_old_form() {
    let world = World::new().await;
    let user = registered(&world, "ada@example.com").await;
    let listed = async |status: &str| {
        let page = world.call::<ListUsers>(&Call::new().query("status", status)).await.json();
        ids(page["items"].as_array().expect("items")) == [user.clone()]
    };
    let changes: [(&str, Call); 4] = [
        ("active", Call::new().user(&user).json(&json!({"displayName": "Ada"}))),
        ("disabled", Call::new().user(&user).json(&json!({"status": "disabled"}))),
        ("active", Call::new().user(&user).json(&json!({"status": "active"}))),
        ("active", Call::new().user(&user).json(&json!({"role": "ops"}))),
    ];
    for (index, (status, call)) in changes.into_iter().enumerate() {
        let item = profiles(&world).remove(0);
        let before = item["status"]["S"].as_str().expect("a status").to_owned();
        to_old_form(&world, &item, "0");
        assert!(!listed(&before).await, "an item of the old form is in no list");
        let answer = match index {
            0 => world.call::<UpdateUser>(&call).await,
            1 | 2 => world.call::<SetStatus>(&call).await,
            _ => world.call::<AssignRole>(&call).await,
        };
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert!(listed(status).await, "change {index}");
    }
}

#[tokio::test]
async fn active_users_are_found_however_many_others_are_disabled() {
    for (disabled, order) in
        [(0, "desc"), (10, "desc"), (30, "asc"), (45, "desc"), (59, "asc"), (60, "desc")]
    {
        let world = World::new().await;
        let mut users = Vec::new();
        for index in 0..60 {
            world.clock.turn(1);
            users.push(registered(&world, &format!("u{index}@example.com")).await);
        }
        // The newest and the oldest of them, so that pages begin with those that do not count.
        let off = |index: usize| match index.is_multiple_of(2) {
            true => index / 2 >= 30usize.saturating_sub(disabled),
            false => index / 2 < disabled.saturating_sub(30),
        };
        let mut expected = Vec::new();
        for (index, user) in users.iter().enumerate() {
            if off(index) {
                let call = Call::new().user(user).json(&json!({"status": "disabled"}));
                assert_eq!(world.call::<SetStatus>(&call).await.status, 200);
            } else {
                expected.push(user.clone());
            }
        }
        assert_eq!(expected.len(), 60 - disabled);
        if order == "desc" {
            expected.reverse();
        }
        for limit in [1, 4, 7, 25] {
            let call = Call::new().query("status", "active").query("order", order);
            let found = ids(&walk::<ListUsers>(&world, &call, limit).await);
            assert_eq!(found, expected, "{disabled} {order} {limit}");
        }
    }
}

/// Walks over every kind of list with pages of these sizes.
async fn assert_lists(world: World, limits: &[usize]) {
    let (world, users) = populated(world).await;
    assert_walks(&world, &users, limits).await;
}

/// The same, over users that are there already.
async fn assert_walks(world: &World, users: &[String], limits: &[usize]) {
    let deleted = |index: &usize| index.is_multiple_of(7);
    let disabled = |index: &usize| index.is_multiple_of(5) && !index.is_multiple_of(7);
    let ops = |index: &usize| index.is_multiple_of(3);
    let pick = |wanted: &dyn Fn(&usize) -> bool| -> Vec<String> {
        let mut picked: Vec<_> = (0..60).filter(wanted).map(|index| users[index].clone()).collect();
        picked.sort();
        picked
    };
    type Case = (Vec<(&'static str, &'static str)>, Vec<String>);
    let cases: Vec<Case> = vec![
        (vec![], pick(&|index| !deleted(index))),
        (vec![("status", "active")], pick(&|index| !deleted(index) && !disabled(index))),
        (vec![("status", "disabled")], pick(&disabled)),
        (vec![("status", "deleted")], pick(&deleted)),
        (vec![("role", "ops")], pick(&|index| ops(index) && !deleted(index))),
        (vec![("role", "ops"), ("status", "deleted")], pick(&|index| ops(index) && deleted(index))),
        (vec![("role", "nobody")], vec![]),
    ];
    for (filters, expected) in cases {
        for order in ["asc", "desc"] {
            let mut expected = expected.clone();
            if order == "desc" {
                expected.reverse();
            }
            let call =
                filters.iter().fold(Call::new().query("order", order), |call, (name, value)| {
                    call.query(name, value)
                });
            for &limit in limits {
                let found = ids(&walk::<ListUsers>(world, &call, limit).await);
                assert_eq!(found, expected, "{filters:?} {order} {limit}");
            }
        }
    }
}

#[tokio::test]
async fn lists_keep_to_their_round_trips() {
    let (world, _) = populated(World::new().await).await;
    for (query, expected) in [
        (vec![("limit", "5")], (2, 0)),
        (vec![("limit", "100")], (2, 0)),
        (vec![("status", "active"), ("limit", "5")], (2, 0)),
        (vec![("status", "disabled"), ("limit", "5")], (2, 1)),
        (vec![("status", "deleted"), ("limit", "100")], (2, 1)),
        (vec![("role", "ops"), ("limit", "100")], (2, 1)),
    ] {
        world.faults.clear();
        let call = query.iter().fold(Call::new(), |call, (name, value)| call.query(name, value));
        assert_eq!(world.call::<ListUsers>(&call).await.status, 200);
        let calls = world.faults.calls();
        let count = |name: &str| calls.iter().filter(|it| *it == name).count();
        assert_eq!((count("Query"), count("BatchGetItem")), expected, "{query:?}");
        assert_eq!(calls.len(), expected.0 + expected.1, "{query:?}");
    }
    world.faults.clear();
    world.call::<ListUsers>(&Call::new().query("email", "USER1@example.com")).await;
    assert_eq!(world.faults.calls(), ["GetItem", "GetItem"]);
}

#[tokio::test]
async fn an_address_finds_its_live_owner() {
    let world = World::new().await;
    let user = registered(&world, "Ada@Example.com").await;
    let call = Call::new().query("email", "ada@EXAMPLE.com").query("limit", "1");
    let found = world.call::<ListUsers>(&call).await.json();
    assert_eq!(ids(found["items"].as_array().expect("items")), std::slice::from_ref(&user));
    assert_eq!(found.get("nextCursor"), None);
    let delete = Call::new().user(&user).json(&json!({"status": "deleted"}));
    world.call::<SetStatus>(&delete).await;
    assert_eq!(world.call::<ListUsers>(&call).await.json(), json!({"items": []}));
}

#[tokio::test]
async fn a_cursor_belongs_to_its_list() {
    let (world, users) = populated(World::new().await).await;
    let first = world.call::<ListUsers>(&Call::new().query("limit", "2")).await.json();
    let cursor = first["nextCursor"].as_str().expect("a next page");
    for (name, value) in [("status", "active"), ("role", "ops"), ("order", "asc")] {
        let call = Call::new().query("cursor", cursor).query(name, value);
        let answer = world.call::<ListUsers>(&call).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "invalid-cursor"), "{name}");
    }
    let audit = Call::new().user(&users[0]).query("cursor", cursor);
    assert_eq!(world.call::<QueryAudit>(&audit).await.code(), "invalid-cursor");
    let other_limit = Call::new().query("cursor", cursor).query("limit", "9");
    assert_eq!(world.call::<ListUsers>(&other_limit).await.status, 200);
}

#[tokio::test]
async fn a_page_ends_before_it_passes_4_mib() {
    let world = World::new().await;
    // 32 × 512 characters of three bytes: 48 KiB, which 100 users make more than a page of.
    let attributes: Value =
        (0..32).map(|index| (format!("k{index}"), json!("각".repeat(512)))).collect();
    for index in 0..100 {
        let body = json!({"email": format!("u{index}@example.com"), "attributes": attributes});
        let answer = world.call::<RegisterUser>(&Call::new().json(&body)).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
    }
    let first = world.call::<ListUsers>(&Call::new().query("limit", "100")).await;
    assert!(first.text.len() <= 4 * 1024 * 1024, "{}", first.text.len());
    let first = first.json();
    let count = first["items"].as_array().map(Vec::len).unwrap_or_default();
    assert!(count < 100, "the page is cut");
    let cursor = first["nextCursor"].as_str().expect("more users");
    let rest = Call::new().query("limit", "100").query("cursor", cursor);
    let rest = world.call::<ListUsers>(&rest).await.json();
    assert_eq!(count + rest["items"].as_array().map(Vec::len).unwrap_or_default(), 100);
}

#[tokio::test]
async fn a_history_is_complete_in_order_and_filtered() {
    let world = World::new().await;
    let user = registered(&world, "ada@example.com").await;
    for index in 0..12 {
        world.clock.turn(10);
        let role = Call::new().user(&user).json(&json!({"role": format!("r{index}")}));
        assert_eq!(world.call::<AssignRole>(&role).await.status, 200);
    }
    let remove = Call::new().user(&user).role("r3");
    assert_eq!(world.call::<RemoveRole>(&remove).await.status, 200);
    let versions = |items: &[Value]| -> Vec<u64> {
        items.iter().filter_map(|item| item["version"].as_u64()).collect()
    };
    let newest_first: Vec<_> = (1..=14).rev().collect();
    for limit in [1, 5, 13, 14, 100] {
        let all = walk::<QueryAudit>(&world, &Call::new().user(&user), limit).await;
        assert_eq!(versions(&all), newest_first, "{limit}");
        let assigned = Call::new().user(&user).query("action", "user.role-assigned");
        let assigned = walk::<QueryAudit>(&world, &assigned.query("order", "asc"), limit).await;
        assert_eq!(versions(&assigned), (2..=13).collect::<Vec<_>>(), "{limit}");
    }
    let all = walk::<QueryAudit>(&world, &Call::new().user(&user), 100).await;
    let at = |version: usize| all[14 - version]["at"].as_str().expect("a time").to_owned();
    let range = Call::new().user(&user).query("from", &at(3)).query("to", &at(6));
    assert_eq!(versions(&walk::<QueryAudit>(&world, &range, 2).await), [5, 4, 3]);
    assert_eq!(all[0]["changes"], json!([{"field": "roles", "old": "r3"}]), "the removed role");
}

#[tokio::test]
async fn the_history_of_an_unknown_user_is_not_found_and_an_empty_range_is_empty() {
    let world = World::new().await;
    let nobody = Call::new().user("01JD8Z6T3Y5V0Q4C9K2M7N8P1R");
    assert_eq!(world.call::<QueryAudit>(&nobody).await.code(), "user-not-found");
    assert_eq!(
        world.call::<QueryAudit>(&Call::new().user("nobody")).await.code(),
        "user-not-found"
    );
    let user = registered(&world, "ada@example.com").await;
    world.faults.clear();
    let early = Call::new().user(&user).query("to", "2001-01-01T00:00:00Z");
    assert_eq!(world.call::<QueryAudit>(&early).await.json(), json!({"items": []}));
    assert_eq!(world.faults.calls(), ["Query", "GetItem"], "an empty page asks for the user");
}
