//! Paths and methods that no operation has.

use http::Method;
use std::collections::{BTreeMap, BTreeSet};
use users_contract::{ErrorCode, OPERATIONS};
use users_tests::{Api, id_of};

const METHODS: [Method; 5] =
    [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// The paths of the operations for one user, each with its methods.
fn paths(user_id: &str) -> BTreeMap<String, BTreeSet<&'static str>> {
    let mut paths = BTreeMap::<_, BTreeSet<_>>::new();
    for operation in OPERATIONS {
        let path = operation.path.replace("{userId}", user_id).replace("{role}", "admin");
        paths.entry(path).or_default().insert(operation.method.as_str());
    }
    paths
}

fn unknown_paths(user_id: &str) -> [String; 10] {
    [
        "/".into(),
        "/nope".into(),
        "/nope/deeper/still".into(),
        "/Users".into(),
        "/users.json".into(),
        format!("/users/{user_id}/nope"),
        format!("/users/{user_id}/nope/deeper"),
        format!("/users/{user_id}/status/now"),
        format!("/users/{user_id}/audit/first"),
        format!("/users/{user_id}/roles/admin/more"),
    ]
}

#[tokio::test]
async fn a_signed_call_of_an_unknown_path_is_not_found_with_any_method() {
    let api = Api::connect();
    let user = api.new_user().await;
    for path in unknown_paths(id_of(&user)) {
        for method in METHODS {
            let answer = api.request(method, &path).send().await;
            assert_eq!(answer.status(), 404, "{}", answer.describe());
            answer.expect_problem(ErrorCode::RouteNotFound);
        }
    }
}

#[tokio::test]
async fn an_empty_segment_is_an_unknown_path() {
    let api = Api::connect();
    let user = api.new_user().await;
    let id = id_of(&user);
    for path in [
        "/users//".to_owned(),
        "//x".into(),
        "//users".into(),
        format!("/users//{id}"),
        format!("/users/{id}//"),
        format!("/users/{id}//audit"),
        format!("/users/{id}/roles//"),
        "/users%2F".into(),
    ] {
        for method in METHODS {
            let answer = api.request(method, &path).send().await;
            answer.expect_problem(ErrorCode::RouteNotFound);
        }
        let answer = api.get(&path).unsigned().send().await;
        answer.expect_problem(ErrorCode::NotAuthenticated);
    }
}

#[tokio::test]
async fn an_unsigned_call_of_an_unknown_path_is_not_authenticated() {
    let api = Api::connect();
    let user = api.new_user().await;
    for path in unknown_paths(id_of(&user)) {
        let answer = api.get(&path).unsigned().send().await;
        answer.expect_problem(ErrorCode::NotAuthenticated);
    }
}

#[tokio::test]
async fn a_known_path_with_another_method_says_which_it_takes() {
    let api = Api::connect();
    let user = api.new_user().await;
    for (path, allowed) in paths(id_of(&user)) {
        for method in METHODS.iter().filter(|method| !allowed.contains(method.as_str())) {
            let answer = api.request(method.clone(), &path).send().await;
            answer.expect_problem(ErrorCode::MethodNotAllowed);
            let header = answer.header("allow");
            let mut named: BTreeSet<_> = header.split(',').map(str::trim).collect();
            // Preflight is always answered, and may be named.
            named.remove("OPTIONS");
            assert_eq!(named, allowed, "{method} {path}");
        }
    }
    assert_eq!(api.profile(id_of(&user)).send().await.user(), user);
}

#[tokio::test]
async fn a_wrong_method_comes_before_body_and_media_type() {
    let api = Api::connect();
    let request = api.request(Method::PUT, "/users").header("content-type", "application/json");
    request.body("{broken").send().await.expect_problem(ErrorCode::MethodNotAllowed);
    let request = api.request(Method::PUT, "/users").header("content-type", "text/plain");
    request.body("hello").send().await.expect_problem(ErrorCode::MethodNotAllowed);
}

#[tokio::test]
async fn head_is_a_method_that_no_path_takes() {
    let api = Api::connect();
    let user = api.new_user().await;
    for (path, _) in paths(id_of(&user)) {
        let answer = api.request(Method::HEAD, &path).send().await.expect_status(405);
        assert!(answer.response.body.is_empty(), "{path}");
    }
}

#[tokio::test]
async fn an_unsigned_call_with_another_method_is_not_authenticated() {
    let api = Api::connect();
    let user = api.new_user().await;
    for (path, allowed) in paths(id_of(&user)) {
        for method in METHODS.iter().filter(|method| !allowed.contains(method.as_str())) {
            let answer = api.request(method.clone(), &path).unsigned().send().await;
            answer.expect_problem(ErrorCode::NotAuthenticated);
        }
    }
}
