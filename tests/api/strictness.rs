//! Query parameters that an operation does not take, and parameters that come twice.

use serde_json::{Value, json};
use users_contract::{OPERATIONS, RequestHeader};
use users_tests::{Api, Request, id_of, sample};

/// One request of each operation, valid as it stands.
fn requests(api: &Api, user: &Value) -> Vec<(&'static str, Request)> {
    let id = id_of(user);
    vec![
        ("registerUser", api.register(&sample::registration())),
        ("getUser", api.profile(id)),
        ("updateUser", api.update(id, &json!({"displayName": "Ada"}))),
        ("setStatus", api.set_status(id, "active")),
        ("assignRole", api.assign_role(id, "admin")),
        ("removeRole", api.remove_role(id, "admin")),
        ("listUsers", api.get("/users").query("role", &sample::role())),
        ("queryAudit", api.audit(id)),
    ]
}

#[tokio::test]
async fn every_operation_refuses_every_parameter_that_is_not_its_own() {
    let api = Api::connect();
    let user = api.new_user_with(&json!({"roles": ["admin"]})).await;
    let requests = requests(&api, &user);
    assert_eq!(requests.len(), OPERATIONS.len());
    for (id, request) in requests {
        let operation = OPERATIONS.iter().find(|operation| operation.id == id).unwrap();
        let own: Vec<_> = operation.query_parameters.iter().map(|row| row.name).collect();
        let foreign: Vec<_> =
            ["limit", "cursor", "from", "action", "status", "Limit", "x-amz", "q"]
                .into_iter()
                .filter(|name| !own.contains(name))
                .collect();
        let with_all = foreign.iter().fold(request, |request, name| request.query(name, "1"));
        let places: Vec<_> = foreign.iter().map(|name| format!("?{name}")).collect();
        let places: Vec<_> = places.iter().map(String::as_str).collect();
        with_all.send().await.expect_invalid(&places);
    }
}

#[tokio::test]
async fn a_parameter_that_comes_twice_is_refused_even_with_the_same_value() {
    let api = Api::connect();
    let user = api.new_user().await;
    let rows = [("limit", "5"), ("order", "asc"), ("status", "active"), ("role", "admin")];
    for (name, value) in rows {
        let request = api.get("/users").query(name, value).query(name, value);
        request.send().await.expect_invalid(&[&format!("?{name}")]);
    }
    let time = "2026-01-01T00:00:00Z";
    for (name, value) in [("from", time), ("to", time), ("action", "user.registered")] {
        let request = api.audit(id_of(&user)).query(name, value).query(name, value);
        request.send().await.expect_invalid(&[&format!("?{name}")]);
    }
    let request = api.get("/users").query("limit", "5").query("limit", "6").query("limit", "7");
    request.query("other", "1").send().await.expect_invalid(&["?limit", "?other"]);
}

#[tokio::test]
async fn a_parameter_without_a_value_is_refused() {
    let api = Api::connect();
    let user = api.new_user().await;
    for name in ["limit", "order", "status", "role", "email"] {
        let answer = api.get("/users").raw_query(&format!("{name}=")).send().await;
        answer.expect_invalid(&[&format!("?{name}")]);
    }
    for name in ["limit", "order", "from", "to", "action"] {
        let answer = api.audit(id_of(&user)).raw_query(&format!("{name}=")).send().await;
        answer.expect_invalid(&[&format!("?{name}")]);
    }
}

#[tokio::test]
async fn headers_that_an_operation_does_not_act_on_are_ignored() {
    let api = Api::connect();
    let user = api.new_user_with(&json!({"roles": ["admin"]})).await;
    for (id, request) in requests(&api, &user) {
        let operation = OPERATIONS.iter().find(|operation| operation.id == id).unwrap();
        let mut request = request;
        for (header, name) in [
            (RequestHeader::IdempotencyKey, "Idempotency-Key"),
            (RequestHeader::IfMatch, "If-Match"),
            (RequestHeader::IfNoneMatch, "If-None-Match"),
        ] {
            if !operation.takes(header) {
                request = request.header(name, "not \"valid");
            }
        }
        let answer = request.send().await;
        assert_eq!(answer.status(), operation.success.status, "{}", answer.describe());
    }
}
