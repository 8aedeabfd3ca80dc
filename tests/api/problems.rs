//! Problem documents. Their shape is checked for every error that any test meets.

use serde_json::json;
use users_contract::ErrorCode;
use users_tests::{Api, id_of};

#[tokio::test]
async fn an_error_names_the_path_that_the_caller_sees() {
    let api = Api::connect();
    let user = api.new_user().await;
    let path = format!("/users/{}/status", id_of(&user));
    let request = api.put(&path, &json!({"status": "x"})).query("a", "b");
    let problem = request.send().await.expect_problem(ErrorCode::InvalidRequest);
    assert_eq!(problem["instance"], format!("{}{path}", api.base_path()));
}

#[tokio::test]
async fn an_error_holds_no_value_that_was_sent() {
    let api = Api::connect();
    let user = api.new_user().await;
    let marker = "zq7marker";
    let requests = [
        api.register(&json!({
            "email": marker, "displayName": format!("{marker}\u{0}"), "phoneNumber": marker,
            "locale": format!("{marker}_{marker}"), "attributes": {"a": format!("{marker}\u{0}")}
        })),
        api.update(id_of(&user), &json!({"email": format!("{marker}@")})),
        api.get("/users").query("email", marker),
        api.get("/users").query("limit", marker).query("order", marker).query("cursor", marker),
        api.audit(id_of(&user)).query("from", marker).query("action", marker),
        api.update(id_of(&user), &json!({"locale": "en"})).header("If-Match", marker),
        api.update(id_of(&user), &json!({"locale": "en"}))
            .header("Idempotency-Key", format!("{marker} {marker}")),
        api.register(&json!({"email": marker.repeat(9000)})),
    ];
    for request in requests {
        let answer = request.send().await;
        assert!((400..500).contains(&answer.status()), "{}", answer.describe());
        let text = String::from_utf8_lossy(&answer.response.body).into_owned();
        assert!(!text.contains(marker), "{text}");
    }
    let taken = api.register(&json!({"email": user["email"]})).send().await;
    let text = taken.expect_problem(ErrorCode::EmailAlreadyRegistered).to_string();
    assert!(!text.contains(user["email"].as_str().unwrap()) && !text.contains(id_of(&user)));
}

#[tokio::test]
async fn all_problems_of_body_query_and_headers_come_together() {
    let api = Api::connect();
    let user = api.new_user().await;
    let request = api
        .update(id_of(&user), &json!({"displayName": "", "nickname": "x"}))
        .query("force", "true")
        .header("If-Match", "1")
        .header("Idempotency-Key", "a b");
    request.send().await.expect_invalid(&[
        "/displayName",
        "/nickname",
        "?force",
        "header:if-match",
        "header:idempotency-key",
    ]);
}
