//! Which error a request gets that deserves several: 413, 415, 400, then the record of its
//! idempotency key, 404, 412, and 409 or the limits of the merged user.

use serde_json::{Value, json};
use users_contract::ErrorCode;
use users_tests::{Api, id_of, sample};

/// Valid JSON over 64 KiB, whose members the gateway's models have nothing against.
fn large_body() -> String {
    json!({"email": "ada", "unknown": "x".repeat(70_000)}).to_string()
}

#[tokio::test]
async fn too_large_comes_before_the_media_type() {
    let api = Api::connect();
    let request = api.request(http::Method::POST, "/users").header("content-type", "text/plain");
    let answer = request.body(large_body()).send().await;
    answer.expect_problem(ErrorCode::PayloadTooLarge);
    let request = api.request(http::Method::POST, "/users").header("content-encoding", "gzip");
    let answer = request.json_text(large_body()).send().await;
    answer.expect_problem(ErrorCode::PayloadTooLarge);
}

#[tokio::test]
async fn too_large_comes_before_the_rules_of_the_request() {
    let api = Api::connect();
    let request = api.request(http::Method::POST, "/users").json_text(large_body());
    let answer = request.query("unknown", "1").header("Idempotency-Key", "").send().await;
    answer.expect_problem(ErrorCode::PayloadTooLarge);
}

#[tokio::test]
async fn the_media_type_comes_before_the_rules_of_the_request() {
    let api = Api::connect();
    let request = api.request(http::Method::POST, "/users").header("content-type", "text/plain");
    let answer = request.body("{broken").query("unknown", "1").send().await;
    answer.expect_problem(ErrorCode::UnsupportedMediaType);
    for (media_type, coding) in [
        ("application/json", "gzip"),
        ("application/json", "identity, br"),
        ("application/json; charset=latin1", "identity"),
        ("application/json; profile=\"a", "identity"),
    ] {
        let request = api.request(http::Method::POST, "/users").query("unknown", "1");
        let request =
            request.body(r#"{"email":"ada","unknown":1}"#).header("Idempotency-Key", "a b");
        let request = request.header("content-type", media_type).header("content-encoding", coding);
        request.send().await.expect_problem(ErrorCode::UnsupportedMediaType);
    }
    let request = api.update(&sample::unknown_user_id(), &json!({})).header("If-Match", "1");
    let answer = request.header("content-encoding", "gzip").send().await;
    answer.expect_problem(ErrorCode::UnsupportedMediaType);
}

#[tokio::test]
async fn the_rules_of_the_request_come_before_the_user() {
    let api = Api::connect();
    let id = sample::unknown_user_id();
    api.update(&id, &json!({"displayName": ""})).send().await.expect_invalid(&["/displayName"]);
    api.set_status(&id, "gone").send().await.expect_invalid(&["/status"]);
    api.assign_role(&id, "A").send().await.expect_invalid(&["/role"]);
    let request = api.remove_role(&id, "a").header("If-Match", "1");
    request.send().await.expect_invalid(&["header:if-match"]);
    api.audit(&id).query("limit", "0").send().await.expect_invalid(&["?limit"]);
    api.profile(&id).query("x", "1").send().await.expect_invalid(&["?x"]);
    let request = api.profile(&id).header("If-None-Match", "1");
    request.send().await.expect_invalid(&["header:if-none-match"]);
    let request = api.audit(&id).header("If-Match", "1").query("limit", "0");
    request.send().await.expect_invalid(&["header:if-match", "?limit"]);
    let answer = api.audit(&id).query("cursor", "x").if_version(1).send().await;
    answer.expect_problem(ErrorCode::InvalidCursor);
    api.profile("no-id").query("x", "1").send().await.expect_invalid(&["?x"]);
}

#[tokio::test]
async fn the_rules_of_the_request_come_before_a_recorded_success() {
    let api = Api::connect();
    let user = api.new_user().await;
    let request = api.update(id_of(&user), &json!({"displayName": "Ada"})).key(&sample::key());
    let _ = request.send().await.expect_status(200);
    let answer = request.query("unknown", "1").send().await;
    answer.expect_invalid(&["?unknown"]);
}

#[tokio::test]
async fn another_request_under_the_key_comes_before_the_version_and_the_state() {
    let api = Api::connect();
    let user = api.new_user().await;
    let (id, key) = (id_of(&user), sample::key());
    let _ =
        api.update(id, &json!({"displayName": "Ada"})).key(&key).send().await.expect_status(200);
    let _ = api.set_status(id, "deleted").send().await.expect_status(200);
    let other = api.update(id, &json!({"displayName": "Bob"})).key(&key).if_version(9).send().await;
    other.expect_problem(ErrorCode::IdempotencyKeyReused);
}

#[tokio::test]
async fn a_user_or_role_that_is_not_there_comes_before_the_version() {
    let api = Api::connect();
    let patch = json!({"displayName": "Ada"});
    let answer = api.update(&sample::unknown_user_id(), &patch).if_version(1).send().await;
    answer.expect_problem(ErrorCode::UserNotFound);
    let user = api.new_user().await;
    let answer = api.remove_role(id_of(&user), "absent").if_version(9).send().await;
    answer.expect_problem(ErrorCode::RoleNotAssigned);
}

#[tokio::test]
async fn the_version_comes_before_what_the_user_forbids() {
    let api = Api::connect();
    let deleted = api.new_user_with(&json!({"roles": ["admin"]})).await;
    let id = id_of(&deleted);
    let _ = api.set_status(id, "deleted").send().await.expect_status(200);
    for request in [
        api.update(id, &json!({"displayName": "Ada"})),
        api.set_status(id, "active"),
        api.assign_role(id, "new"),
        api.remove_role(id, "admin"),
    ] {
        request.if_version(1).send().await.expect_problem(ErrorCode::VersionMismatch);
    }

    let taken = api.new_user().await;
    let user = api.new_user().await;
    let patch = json!({"email": taken["email"]});
    let answer = api.update(id_of(&user), &patch).if_version(9).send().await;
    answer.expect_problem(ErrorCode::VersionMismatch);

    let roles: Vec<_> = (10..60).map(|index| format!("r{index}")).collect();
    let full = api.new_user_with(&json!({"roles": roles})).await;
    let answer = api.assign_role(id_of(&full), "one-more").if_version(9).send().await;
    answer.expect_problem(ErrorCode::VersionMismatch);
}

#[tokio::test]
async fn the_version_comes_before_the_limits_of_the_merged_user() {
    let api = Api::connect();
    let attributes = |count: u32| {
        Value::Object((0..count).map(|index| (format!("k{index}"), json!("v"))).collect())
    };
    let user = api.new_user_with(&json!({"attributes": attributes(32)})).await;
    let request = api.update(id_of(&user), &json!({"attributes": {"more": "v"}}));
    let answer = request.clone().if_version(9).send().await;
    answer.expect_problem(ErrorCode::VersionMismatch);
    request.if_version(1).send().await.expect_invalid(&["/attributes"]);
}

#[tokio::test]
async fn a_deleted_user_comes_before_the_limits_and_the_address() {
    let api = Api::connect();
    let taken = api.new_user().await;
    let deleted = api.new_user_in_status("deleted").await;
    let answer = api.update(id_of(&deleted), &json!({"email": taken["email"]})).send().await;
    answer.expect_problem(ErrorCode::UserDeleted);
}
