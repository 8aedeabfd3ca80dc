//! `If-Match` on the four writes to a user that exists.

use serde_json::{Value, json};
use users_contract::ErrorCode;
use users_tests::{Api, Request, id_of};

/// The four writes, each of which would change this user, who has the role `old`.
fn changes(api: &Api, user: &Value) -> [Request; 4] {
    let id = id_of(user);
    [
        api.update(id, &json!({"displayName": "changed"})),
        api.set_status(id, "disabled"),
        api.assign_role(id, "new"),
        api.remove_role(id, "old"),
    ]
}

/// Three writes that would change nothing of this user, who has the role `old`.
fn no_ops(api: &Api, user: &Value) -> [Request; 3] {
    let id = id_of(user);
    [
        api.update(id, &json!({"email": user["email"]})),
        api.set_status(id, "active"),
        api.assign_role(id, "old"),
    ]
}

async fn new_user(api: &Api) -> Value {
    api.new_user_with(&json!({"roles": ["old"]})).await
}

#[tokio::test]
async fn a_write_to_the_version_that_the_caller_has_goes_through() {
    let api = Api::connect();
    for tags in ["\"1\"", "*", "\"7\", \"1\"", "\"x\",\"1\"", ", \"1\" ,", "W/\"7\", \"1\""] {
        for index in 0..4 {
            let user = new_user(&api).await;
            let request = changes(&api, &user)[index].clone().header("If-Match", tags);
            assert_eq!(request.send().await.expect_status(200).user()["version"], 2, "{tags}");
        }
    }
}

#[tokio::test]
async fn several_header_lines_are_one_list() {
    let api = Api::connect();
    let user = new_user(&api).await;
    let request = api.update(id_of(&user), &json!({"locale": "en"}));
    let request = request.header("If-Match", "\"7\"").header("If-Match", "\"1\"");
    let _ = request.send().await.expect_status(200);
}

#[tokio::test]
async fn a_write_to_another_version_is_refused_and_changes_nothing() {
    let api = Api::connect();
    let user = new_user(&api).await;
    for tags in ["\"2\"", "\"0\"", "\"\"", "\"01\"", "\"2\", \"3\"", "\"abc\""] {
        for request in changes(&api, &user) {
            let answer = request.header("If-Match", tags).send().await;
            answer.expect_problem(ErrorCode::VersionMismatch);
        }
    }
    assert_eq!(api.profile(id_of(&user)).send().await.user(), user);
    assert_eq!(api.history(id_of(&user)).await.len(), 1);
}

#[tokio::test]
async fn a_weak_tag_never_matches() {
    let api = Api::connect();
    let user = new_user(&api).await;
    for request in changes(&api, &user) {
        let answer = request.header("If-Match", "W/\"1\"").send().await;
        answer.expect_problem(ErrorCode::VersionMismatch);
    }
}

#[tokio::test]
async fn a_malformed_header_is_refused() {
    let api = Api::connect();
    let user = new_user(&api).await;
    for tags in [
        "1",
        "\"1",
        "1\"",
        "w/\"1\"",
        "W/1",
        "\"1\" \"2\"",
        "*, \"1\"",
        "**",
        "\"a b\"",
        ",",
        "'1'",
    ] {
        for request in changes(&api, &user) {
            let answer = request.header("If-Match", tags).send().await;
            assert_eq!(answer.status(), 400, "{tags}: {}", answer.describe());
            answer.expect_invalid(&["header:if-match"]);
        }
    }
}

#[tokio::test]
async fn a_precondition_is_judged_before_a_no_op_is_recognised() {
    let api = Api::connect();
    let user = new_user(&api).await;
    for request in no_ops(&api, &user) {
        let answer = request.clone().if_version(2).send().await;
        answer.expect_problem(ErrorCode::VersionMismatch);
        assert_eq!(request.if_version(1).send().await.expect_status(200).user(), user);
    }
}

#[tokio::test]
async fn the_tag_of_each_answer_admits_the_next_write() {
    let api = Api::connect();
    let user = new_user(&api).await;
    let mut tag = "\"1\"".to_owned();
    for request in changes(&api, &user) {
        let answer = request.header("If-Match", &tag).send().await.expect_status(200);
        let stale = api.update(id_of(&user), &json!({"locale": "fr"})).header("If-Match", &tag);
        stale.send().await.expect_problem(ErrorCode::VersionMismatch);
        tag = answer.header("etag");
    }
    assert_eq!(tag, "\"5\"");
}

#[tokio::test]
async fn a_star_asks_for_a_user_who_exists() {
    let api = Api::connect();
    let nobody = users_tests::sample::unknown_user_id();
    let request = api.set_status(&nobody, "disabled").header("If-Match", "*");
    request.send().await.expect_problem(ErrorCode::UserNotFound);
}

#[tokio::test]
async fn one_of_two_writers_with_the_same_version_wins() {
    let api = Api::connect();
    let user = new_user(&api).await;
    let patch = |name| api.update(id_of(&user), &json!({"displayName": name})).if_version(1);
    let (one, two) = tokio::join!(patch("one").send(), patch("two").send());
    let mut statuses = [one.status(), two.status()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412], "{}\n{}", one.describe(), two.describe());
}
