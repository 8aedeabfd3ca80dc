//! The syntax of idempotency keys.

use serde_json::json;
use users_tests::{Api, Request, id_of, sample};

/// A write of its own for each key.
async fn write(api: &Api) -> Request {
    let user = api.new_user().await;
    api.update(id_of(&user), &json!({"displayName": "Ada"}))
}

/// Every visible ASCII character, with something unique.
fn every_sign() -> String {
    let signs: String = (0x21..=0x7e_u8).map(char::from).collect();
    format!("{}{signs}", sample::unique())
}

#[tokio::test]
async fn a_key_has_1_to_255_visible_ascii_characters() {
    let api = Api::connect();
    let longest = "k".repeat(255);
    for key in ["k", "1", "!", "~", "a,b;c=d", "k\"q", longest.as_str(), &every_sign()] {
        let request = write(&api).await.key(key);
        let first = request.send().await.expect_status(200);
        request.send().await.expect_replay_of(&first);
    }
}

#[tokio::test]
async fn a_key_means_the_same_bare_and_quoted() {
    let api = Api::connect();
    let longest = "k".repeat(255);
    for (bare, quoted) in [
        ("key-1", "\"key-1\""),
        ("a\\b", "\"a\\\\b\""),
        ("a\"b", "\"a\\\"b\""),
        (longest.as_str(), &format!("\"{longest}\"")),
    ] {
        let request = write(&api).await;
        let first = request.clone().key(bare).send().await.expect_status(200);
        request.clone().key(quoted).send().await.expect_replay_of(&first);
        let request = write(&api).await;
        let first = request.clone().key(quoted).send().await.expect_status(200);
        request.clone().key(bare).send().await.expect_replay_of(&first);
    }
}

#[tokio::test]
async fn keys_that_differ_in_case_are_two_keys() {
    let api = Api::connect();
    let request = write(&api).await;
    let first = request.clone().key("key").send().await.expect_status(200);
    let second = request.clone().key("KEY").send().await.expect_status(200);
    assert!(!first.is_replayed() && !second.is_replayed());
}

#[tokio::test]
async fn an_invalid_key_is_refused_by_all_five_writes() {
    let api = Api::connect();
    let user = api.new_user_with(&json!({"roles": ["admin"]})).await;
    let id = id_of(&user);
    let writes = [
        api.register(&sample::registration()),
        api.update(id, &json!({"displayName": "Ada"})),
        api.set_status(id, "disabled"),
        api.assign_role(id, "new"),
        api.remove_role(id, "admin"),
    ];
    for key in [
        "a b",
        "\"a b\"",
        "\"\"",
        "\"unclosed",
        "\"",
        "\"a\"b",
        "\"a\\b\"",
        "\"a\";q=1",
        &"k".repeat(256),
        &format!("\"{}\"", "k".repeat(256)),
    ] {
        for write in &writes {
            let answer = write.clone().key(key).send().await;
            assert_eq!(answer.status(), 400, "{key}: {}", answer.describe());
            answer.expect_invalid(&["header:idempotency-key"]);
        }
    }
    for write in &writes {
        let answer = write.clone().key("one").key("two").send().await;
        answer.expect_invalid(&["header:idempotency-key"]);
        let answer = write.clone().key("one").key("one").send().await;
        answer.expect_invalid(&["header:idempotency-key"]);
    }
    assert_eq!(api.profile(id).send().await.user(), user);
}
