//! `DELETE /users/{userId}/roles/{role}`.

use serde_json::json;
use users_contract::ErrorCode;
use users_tests::{Api, id_of, sample};

#[tokio::test]
async fn a_role_is_taken() {
    let api = Api::connect();
    let user = api.new_user_with(&json!({"roles": ["a", "b", "c"]})).await;
    let answer = api.remove_role(id_of(&user), "b").send().await.expect_status(200);
    let changed = answer.user();
    assert_eq!(changed["roles"], json!(["a", "c"]));
    assert_eq!(changed["version"], 2);
    assert_eq!(answer.header("etag"), "\"2\"");
}

#[tokio::test]
async fn the_last_role_leaves_an_empty_list() {
    let api = Api::connect();
    let user = api.new_user_with(&json!({"roles": ["a"]})).await;
    let changed = api.remove_role(id_of(&user), "a").send().await.expect_status(200).user();
    assert_eq!(changed["roles"], json!([]));
}

#[tokio::test]
async fn a_role_with_every_sign_can_be_named_escaped_or_not() {
    let api = Api::connect();
    for spelling in ["a09:_.-", "a09%3A_.-", "%6109%3a%5F%2E%2D"] {
        let user = api.new_user_with(&json!({"roles": ["a09:_.-"]})).await;
        let changed = api.remove_role(id_of(&user), spelling).send().await;
        assert_eq!(changed.expect_status(200).user()["roles"], json!([]), "{spelling}");
    }
}

#[tokio::test]
async fn percent_encoding_is_taken_off_once() {
    let api = Api::connect();
    let user = api.new_user_with(&json!({"roles": ["billing:read", "a.b"]})).await;
    for twice in
        ["billing%253Aread", "billing%25253Aread", "a%252Eb", "%2562illing:read", "a%25%32Eb"]
    {
        let answer = api.remove_role(id_of(&user), twice).send().await;
        answer.expect_problem(ErrorCode::RoleNotAssigned);
    }
    let encoded: String = id_of(&user).bytes().map(|byte| format!("%25{byte:02X}")).collect();
    api.profile(&encoded).send().await.expect_problem(ErrorCode::UserNotFound);
    assert_eq!(api.profile(id_of(&user)).send().await.user(), user);
}

#[tokio::test]
async fn a_role_that_the_user_does_not_have_is_not_assigned() {
    let api = Api::connect();
    let user = api.new_user_with(&json!({"roles": ["admin"]})).await;
    let too_long = "r".repeat(65);
    for role in ["other", "Admin", "admi", "1a", "a%20b", "%C3%A4", too_long.as_str()] {
        let answer = api.remove_role(id_of(&user), role).send().await;
        answer.expect_problem(ErrorCode::RoleNotAssigned);
    }
    assert_eq!(api.profile(id_of(&user)).send().await.user(), user);
}

#[tokio::test]
async fn a_role_can_be_taken_only_once() {
    let api = Api::connect();
    let user = api.new_user_with(&json!({"roles": ["admin"]})).await;
    let _ = api.remove_role(id_of(&user), "admin").send().await.expect_status(200);
    let again = api.remove_role(id_of(&user), "admin").send().await;
    again.expect_problem(ErrorCode::RoleNotAssigned);
}

#[tokio::test]
async fn a_user_who_does_not_exist_is_not_found_whatever_the_role() {
    let api = Api::connect();
    for role in ["admin", "Admin"] {
        let answer = api.remove_role(&sample::unknown_user_id(), role).send().await;
        answer.expect_problem(ErrorCode::UserNotFound);
    }
}
