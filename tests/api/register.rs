//! `POST /users`.

use serde_json::{Value, json};
use users_contract::ErrorCode;
use users_tests::{Api, id_of, sample};

#[tokio::test]
async fn a_user_with_every_field_is_registered() {
    let api = Api::connect();
    let body = sample::full_registration();
    let answer = api.register(&body).send().await.expect_status(201);
    let user = answer.user();
    for field in
        ["email", "displayName", "givenName", "familyName", "phoneNumber", "locale", "attributes"]
    {
        assert_eq!(user[field], body[field], "{field}");
    }
    assert_eq!(user["roles"], json!(["admin", "billing:read"]));
    assert_eq!(user["status"], "active");
    assert_eq!(user["version"], 1);
    assert_eq!(user["createdAt"], user["updatedAt"]);
    assert_eq!(answer.header("etag"), "\"1\"");
    assert_eq!(answer.header("location"), format!("{}/users/{}", api.base_path(), id_of(&user)));
}

#[tokio::test]
async fn a_user_with_an_email_address_only_has_no_optional_field() {
    let api = Api::connect();
    let user = api.new_user().await;
    let members: Vec<&String> = user.as_object().unwrap().keys().collect();
    let expected = ["createdAt", "email", "roles", "status", "updatedAt", "userId", "version"];
    let mut members = members.into_iter().map(String::as_str).collect::<Vec<_>>();
    members.sort_unstable();
    assert_eq!(members, expected);
    assert_eq!(user["roles"], json!([]));
}

#[tokio::test]
async fn a_registered_user_can_be_read_at_its_location_and_found_by_its_address_at_once() {
    let api = Api::connect();
    let answer = api.register(&sample::full_registration()).send().await.expect_status(201);
    let location = answer.header("location");
    let below_stage = location.strip_prefix(api.base_path()).unwrap();
    let read = api.get(below_stage).send().await.expect_status(200).user();
    assert_eq!(read, answer.user());
    let email = read["email"].as_str().unwrap().to_owned();
    assert_eq!(api.get("/users").query("email", &email).send().await.items(), [read]);
}

#[tokio::test]
async fn ids_are_ulids_that_grow_with_registration_time() {
    let api = Api::connect();
    let first = api.new_user().await;
    let mut second = api.new_user().await;
    // Two users of one millisecond are in no promised order.
    while second["createdAt"] == first["createdAt"] {
        second = api.new_user().await;
    }
    assert!(id_of(&first) < id_of(&second));
}

#[tokio::test]
async fn an_address_that_is_taken_is_refused_and_registers_nobody() {
    let api = Api::connect();
    let role = sample::role();
    let user = api.new_user().await;
    let answer = api.register(&json!({"email": user["email"], "roles": [role]})).send().await;
    let problem = answer.expect_problem(ErrorCode::EmailAlreadyRegistered);
    assert!(problem.get("errors").is_none());
    let found = api.get("/users").query("email", user["email"].as_str().unwrap()).send().await;
    assert_eq!(found.items(), std::slice::from_ref(&user));
    assert_eq!(api.history(id_of(&user)).await.len(), 1);
}

#[tokio::test]
async fn a_body_that_lacks_the_address_is_refused_by_the_gateway_in_its_own_words() {
    let api = Api::connect();
    for body in [json!({}), json!({"displayName": "Ada"})] {
        let problem = api.register(&body).send().await.expect_problem(ErrorCode::InvalidRequest);
        assert!(problem.get("errors").is_none(), "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains("email"), "{problem}");
    }
}

#[tokio::test]
async fn a_body_that_is_no_object_is_refused() {
    let api = Api::connect();
    for body in [json!([]), json!("email"), json!(1), json!(null), json!(true)] {
        api.register(&body).send().await.expect_problem(ErrorCode::InvalidRequest);
    }
}

#[tokio::test]
async fn fields_that_nobody_may_set_or_that_do_not_exist_are_refused_each_with_its_pointer() {
    let api = Api::connect();
    let body = sample::with(
        &sample::registration(),
        &json!({
            "userId": sample::unknown_user_id(), "status": "active", "version": 1,
            "createdAt": "2026-01-01T00:00:00.000Z", "updatedAt": "2026-01-01T00:00:00.000Z",
            "DisplayName": "Ada", "nickname": "A", "a/b": 1, "": null
        }),
    );
    api.register(&body).send().await.expect_invalid(&[
        "/userId",
        "/status",
        "/version",
        "/createdAt",
        "/updatedAt",
        "/DisplayName",
        "/nickname",
        "/a~1b",
        "/",
    ]);
}

#[tokio::test]
async fn all_problems_are_reported_at_once() {
    let api = Api::connect();
    let body = json!({
        "email": "nobody", "displayName": "", "givenName": "x".repeat(129), "phoneNumber": "1",
        "locale": "?", "attributes": {"1": "a", "b": "c\u{0}"}, "roles": ["A", "a", "a"],
        "shoeSize": 43
    });
    let answer = api.register(&body).query("dryRun", "true").send().await;
    answer.expect_invalid(&[
        "/email",
        "/displayName",
        "/givenName",
        "/phoneNumber",
        "/locale",
        "/attributes/1",
        "/attributes/b",
        "/roles/0",
        "/roles/2",
        "/shoeSize",
        "?dryRun",
    ]);
}

#[tokio::test]
async fn a_refused_registration_leaves_the_address_free() {
    let api = Api::connect();
    let email = sample::email();
    let body = json!({"email": email, "displayName": ""});
    api.register(&body).send().await.expect_invalid(&["/displayName"]);
    assert_eq!(api.get("/users").query("email", &email).send().await.items(), Vec::<Value>::new());
    let _ = api.register(&json!({"email": email})).send().await.expect_status(201);
}
