//! Preflight. The headers that every other answer has are checked for each of them.

use http::Method;
use std::collections::BTreeSet;
use users_contract::{OPERATIONS, header};
use users_tests::{Api, sample};

fn set(list: &str) -> BTreeSet<String> {
    list.split(',').map(|name| name.trim().to_ascii_lowercase()).collect()
}

#[tokio::test]
async fn every_path_answers_preflight_without_a_signature() {
    let api = Api::connect();
    let id = sample::unknown_user_id();
    for operation in OPERATIONS {
        let path = operation.path.replace("{userId}", &id).replace("{role}", "admin");
        let method = operation.method.as_str();
        let answer = api
            .request(Method::OPTIONS, &path)
            .unsigned()
            .header("Origin", "https://app.example.com")
            .header("Access-Control-Request-Method", method)
            .header("Access-Control-Request-Headers", "authorization,idempotency-key")
            .send()
            .await;
        assert!(matches!(answer.status(), 200 | 204), "{}", answer.describe());
        let methods = set(&answer.header("access-control-allow-methods"));
        for other in OPERATIONS.iter().filter(|other| other.path == operation.path) {
            let name = other.method.as_str().to_ascii_lowercase();
            assert!(methods.contains(&name), "{path}: {name} is not in {methods:?}");
        }
        for absent in ["put", "patch", "delete", "post", "get"] {
            let taken = OPERATIONS.iter().any(|other| {
                other.path == operation.path && other.method.as_str().eq_ignore_ascii_case(absent)
            });
            assert_eq!(methods.contains(absent), taken, "{path}: {absent} in {methods:?}");
        }
        assert_eq!(set(&answer.header("access-control-allow-headers")), set(header::ALLOWED));
    }
}

#[tokio::test]
async fn answers_to_a_browser_carry_the_origin() {
    let api = Api::connect();
    let request = api.get("/users").query("limit", "1").header("Origin", "https://app.example.com");
    let _ = request.send().await.expect_status(200);
}
