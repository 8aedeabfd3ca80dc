//! Query parameters that an operation does not take, and parameters that come twice.

use serde_json::json;
use std::time::Duration;
use users_client::Signing;
use users_contract::{ErrorCode, OPERATIONS, RequestHeader};
use users_tests::{Api, id_of, sample};

#[tokio::test]
async fn every_operation_refuses_every_parameter_that_is_not_its_own() {
    let api = Api::connect();
    let user = api.new_user_with(&json!({"roles": ["old"]})).await;
    for (operation, request) in OPERATIONS.iter().zip(api.operations(id_of(&user))) {
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

/// Parameters that look like those of a signature, on calls that are signed in their header.
#[tokio::test]
async fn parameters_of_a_signature_are_unknown_to_a_call_that_is_signed_in_its_header() {
    let api = Api::connect();
    let user = api.new_user_with(&json!({"roles": ["old"]})).await;
    for name in [
        "X-Amz-Note",
        "X-Amz-",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-Credential",
        "X-Amz-SignedHeaders",
        "X-Amz-Security-Token",
        "x-amz-signature",
        "X-AMZ-DATE",
    ] {
        for request in api.operations(id_of(&user)) {
            request.query(name, "1").send().await.expect_invalid(&[&format!("?{name}")]);
        }
    }
    assert_eq!(api.profile(id_of(&user)).send().await.user(), user);
}

#[tokio::test]
async fn only_the_seven_parameters_of_a_signature_are_known_to_a_presigned_call() {
    let api = Api::connect();
    let user = api.new_user_with(&json!({"roles": ["old"]})).await;
    let presigned = Signing::Query { expires_in: Duration::from_secs(60) };
    for name in ["X-Amz-Note", "X-Amz-", "X-Amz-Target", "x-amz-date", "X-Amz-Signature2"] {
        for request in api.operations(id_of(&user)) {
            let answer = request.query(name, "1").signing(presigned).send().await;
            answer.expect_invalid(&[&format!("?{name}")]);
        }
    }
    for (operation, request) in OPERATIONS.iter().zip(api.operations(id_of(&user))) {
        let answer = request.signing(presigned).send().await;
        assert_eq!(answer.status(), operation.success.status, "{}", answer.describe());
    }
}

#[tokio::test]
async fn a_query_that_is_not_utf8_is_refused_in_every_parameter_and_name() {
    let api = Api::connect();
    let user = api.new_user().await;
    // The replacement by a gateway of bytes that are not UTF-8. The signer of the SDK takes a query for text
    // and cannot sign such bytes themselves.
    for bytes in [
        "%EF%BF%BD",
        "a%EF%BF%BD",
        "%EF%BF%BD5",
        "ada%EF%BF%BD%EF%BF%BD@example.com",
        "ada@ex%EF%BF%BDample.com",
        "%20%EF%BF%BD%20",
    ] {
        for operation in OPERATIONS {
            for parameter in operation.query_parameters {
                let path = operation.path.replace("{userId}", id_of(&user));
                let query = format!("{}={bytes}", parameter.name);
                let answer = api.get(&path).raw_query(&query).send().await;
                assert_eq!(answer.status(), 400, "{query}: {}", answer.describe());
                answer.expect_invalid(&[&format!("?{}", parameter.name)]);
            }
        }
        for request in api.operations(id_of(&user)) {
            let answer = request.raw_query(&format!("x{bytes}=1")).send().await;
            answer.expect_problem(ErrorCode::InvalidRequest);
        }
    }
}

#[tokio::test]
async fn percent_encoding_is_taken_off_once_and_a_plus_is_a_space() {
    let api = Api::connect();
    let unique = sample::unique();
    let email = format!("a+b%41{unique}@example.com");
    let user = api.new_user_with(&json!({"email": email})).await;
    for query in [
        format!("email=a%2Bb%2541{unique}%40example.com"),
        format!("email=a%2bb%2541{unique}@example.com"),
        format!("%65mail=%61%2Bb%2541{unique}@example.com"),
        format!("email=+a%2Bb%2541{unique}@example.com+"),
        format!("email=%20%E3%80%80a%2Bb%2541{unique}@example.com%C2%A0"),
    ] {
        let answer = api.get("/users").raw_query(&query).send().await;
        assert_eq!(answer.user_ids(), [id_of(&user)], "{query}");
    }
    for query in [format!("email=a%2BbA{unique}@example.com"), format!("email=ab%41{unique}@x.io")]
    {
        let answer = api.get("/users").raw_query(&query).send().await;
        assert!(answer.user_ids().is_empty(), "{query}");
    }
    let answer = api.get("/users").raw_query(&format!("email=a+b%2541{unique}@example.com"));
    answer.send().await.expect_invalid(&["?email"]);
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
    let user = api.new_user_with(&json!({"roles": ["old"]})).await;
    for (operation, request) in OPERATIONS.iter().zip(api.operations(id_of(&user))) {
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
