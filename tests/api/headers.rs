//! `X-Correlation-Id`. The other headers are checked for every answer.

use serde_json::json;
use users_contract::{ErrorCode, limits};
use users_tests::{Api, id_of, sample};

#[tokio::test]
async fn a_correlation_id_of_the_caller_is_taken_over() {
    let api = Api::connect();
    let longest = "x".repeat(64);
    for id in ["a", "checkout-42", "AZaz09._-", longest.as_str()] {
        let request = api.register(&sample::registration()).header("X-Correlation-Id", id);
        let answer = request.send().await.expect_status(201);
        assert_eq!(answer.header("x-correlation-id"), id);
        assert_eq!(api.history(id_of(&answer.user())).await[0]["correlationId"], id);
    }
}

#[tokio::test]
async fn a_correlation_id_of_the_caller_is_taken_over_by_errors() {
    let api = Api::connect();
    let id = format!("trace-{}", sample::unique());
    let lost = api.profile(&sample::unknown_user_id()).header("X-Correlation-Id", &id);
    let problem = lost.send().await.expect_problem(ErrorCode::UserNotFound);
    assert_eq!(problem["correlationId"], id.as_str());
    let invalid = api.get("/users").query("limit", "0").header("X-Correlation-Id", &id);
    let problem = invalid.send().await.expect_problem(ErrorCode::InvalidRequest);
    assert_eq!(problem["correlationId"], id.as_str());
}

/// Whether a text is a ULID in canonical form.
fn is_ulid(text: &str) -> bool {
    let alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    text.len() == 26 && text.starts_with(|first| ('0'..='7').contains(&first)) && {
        text.chars().all(|letter| alphabet.contains(letter))
    }
}

#[tokio::test]
async fn a_correlation_id_that_is_missing_or_breaks_the_pattern_is_replaced_by_a_ulid() {
    let api = Api::connect();
    let too_long = "x".repeat(limits::CORRELATION_ID_MAX_BYTES + 1);
    for sent in [None, Some("a b"), Some("a/b"), Some("a:b"), Some("\"a\""), Some(&too_long)] {
        let request = api.get("/users").query("limit", "1");
        let request = match sent {
            Some(sent) => request.header("X-Correlation-Id", sent),
            None => request,
        };
        let made = request.send().await.expect_status(200).header("x-correlation-id");
        assert!(is_ulid(&made), "{sent:?} became {made}");
        let again = request.send().await.header("x-correlation-id");
        assert_ne!(made, again, "{sent:?}");
    }
}

#[tokio::test]
async fn an_answer_of_the_gateway_itself_has_an_id_too() {
    let api = Api::connect();
    let one = api.get("/nope").send().await.header("x-correlation-id");
    let two = api.get("/users").unsigned().send().await.header("x-correlation-id");
    let three = api.register(&json!([])).send().await.header("x-correlation-id");
    assert!(one != two && two != three, "{one} {two} {three}");
}
