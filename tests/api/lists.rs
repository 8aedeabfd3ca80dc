//! `GET /users`: filters, and refused queries.

use serde_json::{Value, json};
use std::time::{Duration, Instant};
use users_tests::walk::{LAG, expect_listed};
use users_tests::{Api, id_of, sample};

/// A user with a role, in a status.
async fn user(api: &Api, role: &str, status: &str) -> Value {
    let user = api.new_user_with(&json!({"roles": [role]})).await;
    if status == "active" {
        return user;
    }
    api.set_status(id_of(&user), status).send().await.expect_status(200).user()
}

#[tokio::test]
async fn a_role_lists_active_and_disabled_users_newest_first() {
    let api = Api::connect();
    let role = sample::role();
    let active = user(&api, &role, "active").await;
    let disabled = next_user(&api, &role, "disabled", &active).await;
    let deleted = next_user(&api, &role, "deleted", &disabled).await;
    let last = next_user(&api, &role, "active", &deleted).await;
    let request = api.get("/users").query("role", &role);
    let ids = [id_of(&last), id_of(&disabled), id_of(&active)];
    let answer = expect_listed(&request, &ids).await;
    assert_eq!(answer.items(), [last, disabled, active]);
    assert_eq!(answer.next_cursor(), None);
}

/// A user who was registered in a later millisecond than another, so that their order is promised.
async fn next_user(api: &Api, role: &str, status: &str, earlier: &Value) -> Value {
    loop {
        let user = user(api, role, status).await;
        if user["createdAt"] != earlier["createdAt"] {
            return user;
        }
        let _ = api.remove_role(id_of(&user), role).send().await;
    }
}

#[tokio::test]
async fn a_status_narrows_a_role_down_to_it() {
    let api = Api::connect();
    let role = sample::role();
    for status in ["active", "disabled", "deleted"] {
        let only = user(&api, &role, status).await;
        let request = api.get("/users").query("role", &role).query("status", status);
        assert_eq!(expect_listed(&request, &[id_of(&only)]).await.items(), [only], "{status}");
    }
}

#[tokio::test]
async fn a_status_lists_its_users_and_no_others() {
    let api = Api::connect();
    for status in ["active", "disabled", "deleted"] {
        let mine = user(&api, &sample::role(), status).await;
        for order in ["desc", "asc"] {
            let request = api.get("/users").query("status", status).query("order", order);
            let answer = request.query("limit", "100").send().await;
            for item in answer.items() {
                assert_eq!(item["status"], status);
            }
        }
        let found = find(&api, Some(status), &mine).await;
        assert_eq!(found, [mine], "{status}");
    }
}

#[tokio::test]
async fn without_a_filter_active_and_disabled_users_are_listed_and_deleted_ones_are_not() {
    let api = Api::connect();
    for (status, listed) in [("active", true), ("disabled", true), ("deleted", false)] {
        let mine = user(&api, &sample::role(), status).await;
        // The status list comes first: once it shows the user, the index is up to date.
        assert_eq!(find(&api, Some(status), &mine).await.len(), 1);
        let found = find(&api, None, &mine).await;
        assert_eq!(found, if listed { vec![mine] } else { vec![] }, "{status}");
    }
}

/// Walks from the newest user back past the time of one user, and gives where it was met. With a
/// status, which the user must have, again until it is met, since the index may lag.
async fn find(api: &Api, status: Option<&str>, user: &Value) -> Vec<Value> {
    let begun = Instant::now();
    loop {
        let mut met = Vec::new();
        let mut request = api.get("/users").query("limit", "100");
        if let Some(status) = status {
            request = request.query("status", status);
        }
        let mut page = request.send().await;
        loop {
            let items = page.items();
            met.extend(items.iter().filter(|item| item["userId"] == user["userId"]).cloned());
            let past = items
                .last()
                .is_none_or(|last| last["createdAt"].as_str() < user["createdAt"].as_str());
            match page.next_cursor() {
                Some(cursor) if !past => {
                    page = request.clone().query("cursor", &cursor).send().await;
                }
                _ => break,
            }
        }
        if !met.is_empty() || status.is_none() {
            return met;
        }
        assert!(begun.elapsed() < LAG, "{user} is not listed as {status:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_role_that_nobody_has_lists_nobody() {
    let api = Api::connect();
    let answer = api.get("/users").query("role", &sample::role()).send().await;
    assert_eq!(answer.json(), json!({"items": []}));
}

#[tokio::test]
async fn a_user_is_listed_as_it_is_now() {
    let api = Api::connect();
    let role = sample::role();
    let user = user(&api, &role, "active").await;
    let request = api.get("/users").query("role", &role);
    let _ = expect_listed(&request, &[id_of(&user)]).await;
    let mut patch = sample::full_registration();
    patch.as_object_mut().unwrap().remove("roles");
    let changed = api.update(id_of(&user), &patch).send().await.expect_status(200).user();
    let listed = expect_listed(&request, &[id_of(&user)]).await.items();
    assert_eq!(listed, [changed]);
}

#[tokio::test]
async fn a_role_that_was_taken_is_listed_no_more() {
    let api = Api::connect();
    let role = sample::role();
    let user = user(&api, &role, "active").await;
    let request = api.get("/users").query("role", &role);
    let _ = expect_listed(&request, &[id_of(&user)]).await;
    let _ = api.remove_role(id_of(&user), &role).send().await.expect_status(200);
    let _ = expect_listed(&request, &[]).await;
    let _ = api.assign_role(id_of(&user), &role).send().await.expect_status(200);
    let _ = expect_listed(&request, &[id_of(&user)]).await;
}

#[tokio::test]
async fn the_order_is_ascending_or_descending_by_registration() {
    let api = Api::connect();
    let role = sample::role();
    let first = user(&api, &role, "active").await;
    let second = next_user(&api, &role, "active", &first).await;
    let ids = [id_of(&first), id_of(&second)];
    let list = api.get("/users").query("role", &role);
    let _ = expect_listed(&list.clone().query("order", "asc"), &ids).await;
    let ids = [id_of(&second), id_of(&first)];
    let _ = expect_listed(&list.query("order", "desc"), &ids).await;
}

#[tokio::test]
async fn an_address_is_looked_up_exactly() {
    let api = Api::connect();
    let user = api.new_user().await;
    let email = user["email"].as_str().unwrap();
    for spelling in [email.to_owned(), email.to_uppercase(), format!("  {email}\u{3000}")] {
        let answer = api.get("/users").query("email", &spelling).query("limit", "1").send().await;
        assert_eq!(answer.json(), json!({"items": [user]}), "{spelling}");
    }
    for other in [sample::email(), format!("x{email}"), format!("{email}.org")] {
        let answer = api.get("/users").query("email", &other).send().await;
        assert_eq!(answer.json(), json!({"items": []}), "{other}");
    }
}

#[tokio::test]
async fn an_address_finds_disabled_users_and_no_deleted_ones() {
    let api = Api::connect();
    let disabled = api.new_user_in_status("disabled").await;
    let find = |user: &Value| api.get("/users").query("email", user["email"].as_str().unwrap());
    assert_eq!(find(&disabled).send().await.items(), std::slice::from_ref(&disabled));
    let deleted = api.new_user_in_status("deleted").await;
    assert_eq!(find(&deleted).send().await.items(), Vec::<Value>::new());
}

#[tokio::test]
async fn an_impossible_address_is_refused() {
    let api = Api::connect();
    for email in ["nobody", "a@b", "a b@example.com", "@example.com", "a@example.com\n"] {
        api.get("/users").query("email", email).send().await.expect_invalid(&["?email"]);
    }
}

#[tokio::test]
async fn an_address_stands_alone_with_the_limit() {
    let api = Api::connect();
    let request = || api.get("/users").query("email", &sample::email()).query("limit", "5");
    for (name, value) in [("status", "active"), ("role", "admin"), ("order", "asc")] {
        request().query(name, value).send().await.expect_invalid(&[&format!("?{name}")]);
    }
    let answer = request().query("status", "active").query("role", "admin").query("order", "asc");
    answer.send().await.expect_invalid(&["?status", "?role", "?order"]);
}

#[tokio::test]
async fn the_limit_is_never_clamped() {
    let api = Api::connect();
    for limit in [
        "0",
        "101",
        "-1",
        "+5",
        "5.0",
        "1e1",
        "abc",
        " 5",
        "5 ",
        "0x5",
        "٥",
        "99999999999999999999",
    ] {
        api.get("/users").query("limit", limit).send().await.expect_invalid(&["?limit"]);
    }
    for limit in ["1", "100"] {
        let _ = api.get("/users").query("limit", limit).send().await.expect_status(200);
    }
}

#[tokio::test]
async fn filters_that_break_a_rule_are_refused_all_at_once() {
    let api = Api::connect();
    for status in ["Active", "all", "active,disabled", " active"] {
        api.get("/users").query("status", status).send().await.expect_invalid(&["?status"]);
    }
    for role in ["Admin", "1a", "a b", "a/b", &"r".repeat(65)] {
        api.get("/users").query("role", role).send().await.expect_invalid(&["?role"]);
    }
    for order in ["ASC", "up", "desc "] {
        api.get("/users").query("order", order).send().await.expect_invalid(&["?order"]);
    }
    let request = api.get("/users").query("limit", "0").query("status", "x").query("role", "X");
    let request = request.query("order", "x").query("page", "2");
    request.send().await.expect_invalid(&["?limit", "?status", "?role", "?order", "?page"]);
}
