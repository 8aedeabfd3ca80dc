//! `POST /users/{userId}/roles`.

use serde_json::json;
use users_contract::ErrorCode;
use users_tests::{Api, id_of};

#[tokio::test]
async fn a_role_is_given_and_shown_in_its_place() {
    let api = Api::connect();
    let user = api.new_user_with(&json!({"roles": ["b", "d"]})).await;
    let answer = api.assign_role(id_of(&user), "c").send().await.expect_status(200);
    let changed = answer.user();
    assert_eq!(changed["roles"], json!(["b", "c", "d"]));
    assert_eq!(changed["version"], 2);
    assert_eq!(answer.header("etag"), "\"2\"");
    assert!(answer.response.header("location").is_none());
}

#[tokio::test]
async fn a_role_that_is_there_already_leaves_no_trace() {
    let api = Api::connect();
    let user = api.new_user_with(&json!({"roles": ["admin"]})).await;
    let answer = api.assign_role(id_of(&user), "admin").send().await.expect_status(200);
    assert_eq!(answer.user(), user);
    assert_eq!(api.history(id_of(&user)).await.len(), 1);
}

#[tokio::test]
async fn a_role_that_breaks_the_pattern_is_refused() {
    let api = Api::connect();
    let user = api.new_user().await;
    for role in ["", "Admin", "1a", " a", "a ", "a/b", "ä", "a\n", &"r".repeat(65)] {
        api.assign_role(id_of(&user), role).send().await.expect_invalid(&["/role"]);
    }
    let path = format!("/users/{}/roles", id_of(&user));
    for body in [json!({}), json!({"role": null}), json!({"role": ["a"]}), json!("a")] {
        api.post(&path, &body).send().await.expect_problem(ErrorCode::InvalidRequest);
    }
    let body = json!({"role": "A", "until": "tomorrow"});
    api.post(&path, &body).send().await.expect_invalid(&["/role", "/until"]);
}

#[tokio::test]
async fn the_longest_role_and_every_sign_are_taken() {
    let api = Api::connect();
    let user = api.new_user().await;
    let longest = "r".repeat(64);
    for role in ["a", "a09:_.-", longest.as_str()] {
        let changed = api.assign_role(id_of(&user), role).send().await.expect_status(200).user();
        assert!(changed["roles"].as_array().unwrap().contains(&json!(role)), "{role}");
    }
}

#[tokio::test]
async fn a_user_has_at_most_50_roles() {
    let api = Api::connect();
    let roles: Vec<_> = (10..59).map(|index| format!("r{index}")).collect();
    let user = api.new_user_with(&json!({"roles": roles})).await;
    let id = id_of(&user);
    let full = api.assign_role(id, "r59").send().await.expect_status(200).user();
    assert_eq!(full["roles"].as_array().unwrap().len(), 50);
    api.assign_role(id, "r60").send().await.expect_problem(ErrorCode::TooManyRoles);
    // One that is there already is no more than there were.
    assert_eq!(api.assign_role(id, "r10").send().await.expect_status(200).user(), full);
    let _ = api.remove_role(id, "r10").send().await.expect_status(200);
    let _ = api.assign_role(id, "r60").send().await.expect_status(200);
}
