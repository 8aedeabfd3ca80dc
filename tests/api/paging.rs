//! Walks over pages: every page is full, no walk ends early, and each user is met exactly once.

use futures_util::{StreamExt, stream};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use users_contract::limits;
use users_tests::walk::{expect_listed, users_of_role, walk};
use users_tests::{Api, id_of, sample};

/// Registers users with a role, several at a time, and gives their ids in the order of ids.
async fn register(api: &Api, role: &str, count: usize) -> Vec<String> {
    let users = stream::iter(0..count).map(|_| {
        let fields = json!({"roles": [role]});
        async move { api.new_user_with(&fields).await }
    });
    let users: Vec<Value> = users.buffer_unordered(4).collect().await;
    let mut ids: Vec<String> = users.iter().map(|user| id_of(user).to_owned()).collect();
    ids.sort_unstable();
    wait_for(api, role, &ids).await;
    ids
}

/// Waits until the index lists the users of a role, at most a hundred.
async fn wait_for(api: &Api, role: &str, ids: &[String]) {
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let request = api.get("/users").query("role", role).query("order", "asc");
    let _ = expect_listed(&request.query("limit", "100"), &ids).await;
}

#[tokio::test]
async fn every_page_size_meets_everybody_in_order_exactly_once() {
    let api = Api::connect();
    let role = sample::role();
    let ids = register(&api, &role, 13).await;
    let reversed: Vec<_> = ids.iter().rev().cloned().collect();
    for limit in [1, 2, 3, 4, 5, 12, 13, 14, 100] {
        let request = api.get("/users").query("role", &role);
        let walked = walk(&request.clone().query("order", "asc"), limit).await;
        assert_eq!(walked.user_ids(), ids, "asc, limit {limit}");
        assert_eq!(walked.page_sizes.len(), ids.len().div_ceil(limit), "limit {limit}");
        let walked = walk(&request.clone().query("order", "desc"), limit).await;
        assert_eq!(walked.user_ids(), reversed, "desc, limit {limit}");
        assert_eq!(walk(&request, limit).await.user_ids(), reversed, "default, limit {limit}");
    }
}

#[tokio::test]
async fn a_page_has_25_items_by_default() {
    let api = Api::connect();
    let role = sample::role();
    let _ = register(&api, &role, 26).await;
    let page = api.get("/users").query("role", &role).send().await;
    assert_eq!(page.items().len(), 25);
    let cursor = page.next_cursor().unwrap();
    let last = api.get("/users").query("role", &role).query("cursor", &cursor).send().await;
    assert_eq!((last.items().len(), last.next_cursor()), (1, None));
}

#[tokio::test]
async fn the_page_size_may_change_from_page_to_page() {
    let api = Api::connect();
    let role = sample::role();
    let ids = register(&api, &role, 10).await;
    let request = api.get("/users").query("role", &role).query("order", "asc");
    let mut met = Vec::new();
    let mut cursor: Option<String> = None;
    for limit in ["1", "4", "2", "3"] {
        let mut page = request.clone().query("limit", limit);
        if let Some(cursor) = &cursor {
            page = page.query("cursor", cursor);
        }
        let page = page.send().await;
        met.extend(page.user_ids());
        cursor = page.next_cursor();
    }
    assert_eq!((met, cursor), (ids, None));
}

#[tokio::test]
async fn a_cursor_can_be_used_again() {
    let api = Api::connect();
    let role = sample::role();
    let _ = register(&api, &role, 5).await;
    let request = api.get("/users").query("role", &role).query("limit", "2");
    let cursor = request.send().await.next_cursor().unwrap();
    let request = request.query("cursor", &cursor);
    assert_eq!(request.send().await.json(), request.send().await.json());
}

#[tokio::test]
async fn users_who_register_during_a_walk_disturb_nobody() {
    let api = Api::connect();
    let role = sample::role();
    let ids = register(&api, &role, 9).await;
    for order in ["asc", "desc"] {
        let request = api.get("/users").query("role", &role).query("order", order);
        let request = request.query("limit", "2");
        let mut met: Vec<String> = Vec::new();
        let mut page = request.send().await;
        loop {
            met.extend(page.user_ids());
            let Some(cursor) = page.next_cursor() else { break };
            let _ = api.new_user_with(&json!({"roles": [role]})).await;
            page = request.clone().query("cursor", &cursor).send().await;
            // In ascending order, new users keep extending the walk; stop after enough pages.
            if met.len() > 30 {
                break;
            }
        }
        let distinct: BTreeSet<_> = met.iter().collect();
        assert_eq!(distinct.len(), met.len(), "{order}: somebody was met twice: {met:?}");
        for id in &ids {
            assert!(distinct.contains(id), "{order}: {id} was not met");
        }
    }
}

#[tokio::test]
async fn users_who_change_or_leave_during_a_walk_disturb_nobody_else() {
    let api = Api::connect();
    let role = sample::role();
    let ids = register(&api, &role, 12).await;
    let request = api.get("/users").query("role", &role).query("order", "asc");
    let request = request.query("limit", "3");
    let first = request.send().await;
    // The cursor stands at a user who leaves, next to one who leaves, and one who changes.
    let _ = api.remove_role(&ids[2], &role).send().await.expect_status(200);
    let _ = api.remove_role(&ids[3], &role).send().await.expect_status(200);
    let _ = api.update(&ids[4], &json!({"locale": "en"})).send().await.expect_status(200);
    let _ = api.set_status(&ids[5], "disabled").send().await.expect_status(200);
    let mut met = first.user_ids();
    assert_eq!(met, ids[..3]);
    let mut cursor = first.next_cursor();
    while let Some(at) = cursor {
        let page = request.clone().query("cursor", &at).send().await;
        met.extend(page.user_ids());
        cursor = page.next_cursor();
    }
    for (index, id) in ids.iter().enumerate() {
        let times = met.iter().filter(|other| *other == id).count();
        match index {
            // The user may still be met if the index lags.
            3 => assert!(times <= 1, "{id} was met {times} times"),
            _ => assert_eq!(times, 1, "user {index} was met {times} times"),
        }
    }
}

#[tokio::test]
async fn a_filter_by_status_keeps_the_pages_of_a_role_full() {
    let api = Api::connect();
    let role = sample::role();
    let ids = register(&api, &role, 12).await;
    for id in ids.iter().step_by(3) {
        let _ = api.set_status(id, "disabled").send().await.expect_status(200);
    }
    let disabled: Vec<&str> = ids.iter().step_by(3).map(String::as_str).collect();
    let request = api.get("/users").query("role", &role).query("order", "asc");
    let request = request.query("status", "disabled");
    let _ = expect_listed(&request, &disabled).await;
    for limit in [1, 2, 3, 4] {
        assert_eq!(walk(&request, limit).await.user_ids(), disabled, "limit {limit}");
    }
}

#[tokio::test]
async fn a_page_ends_early_rather_than_pass_4_mib() {
    let api = Api::connect();
    let role = sample::role();
    let value = "\u{3b1}\u{313}\u{300}\u{345}".repeat(512);
    let attributes: Map<_, _> = (0..15).map(|index| (format!("k{index}"), json!(value))).collect();
    let fields = json!({"roles": [role], "attributes": attributes});
    let users: Vec<Value> =
        stream::iter(0..80).map(|_| api.new_user_with(&fields)).buffer_unordered(4).collect().await;
    let expected: BTreeSet<String> = users.iter().map(|user| id_of(user).to_owned()).collect();
    let request = api.get("/users").query("role", &role).query("limit", "100");

    let mut met = Vec::new();
    let mut sizes = Vec::new();
    let mut page = request.send().await;
    loop {
        let bytes = page.response.body.len();
        assert!(bytes <= limits::PAGE_MAX_BYTES, "a page has {bytes} bytes");
        met.extend(page.user_ids());
        sizes.push((page.items().len(), bytes));
        let Some(cursor) = page.next_cursor() else { break };
        let item = users[0].to_string().len();
        assert!(bytes + item + 1 > limits::PAGE_MAX_BYTES, "a page could be fuller: {sizes:?}");
        page = request.clone().query("cursor", &cursor).send().await;
    }
    assert!(sizes.len() > 1, "80 users of 60 KiB do not fit on one page: {sizes:?}");
    assert_eq!(met.len(), 80, "{sizes:?}");
    assert_eq!(met.into_iter().collect::<BTreeSet<_>>(), expected);
}

#[tokio::test]
async fn a_walk_ends_for_a_role_with_one_user() {
    let api = Api::connect();
    let role = sample::role();
    let ids = register(&api, &role, 1).await;
    for limit in [1, 100] {
        let walked = users_of_role(&api, &role, limit).await;
        assert_eq!((walked.user_ids(), walked.page_sizes), (ids.clone(), vec![1]));
    }
}
