//! `If-Match` and `If-None-Match` on every operation of one user.

use serde_json::{Value, json};
use users_contract::{ErrorCode, OPERATIONS, RequestHeader};
use users_tests::{Api, Request, id_of, sample};

const MALFORMED: &[&str] = &[
    "1",
    "\"1",
    "1\"",
    "w/\"1\"",
    "W/1",
    "W/ \"1\"",
    "\"1\" \"2\"",
    "\"1\"; \"2\"",
    "*, \"1\"",
    "**",
    "\"a b\"",
    ",",
    "",
    "'1'",
];

/// Three writes that would change nothing of this user, who has the role `old`.
fn no_ops(api: &Api, user: &Value) -> [Request; 3] {
    let id = id_of(user);
    [
        api.update(id, &json!({"email": user["email"]})),
        api.set_status(id, "active"),
        api.assign_role(id, "old"),
    ]
}

/// The two reads of one user.
fn reads(api: &Api, id: &str) -> [Request; 2] {
    [api.profile(id), api.audit(id)]
}

async fn new_user(api: &Api) -> Value {
    api.new_user_with(&json!({"roles": ["old"]})).await
}

/// Nothing happened to a user since its registration.
async fn expect_unchanged(api: &Api, user: &Value) {
    assert_eq!(api.profile(id_of(user)).send().await.user(), *user);
    assert_eq!(api.history(id_of(user)).await.len(), 1);
}

#[test]
fn the_contract_lets_every_operation_of_one_user_take_them() {
    for operation in OPERATIONS {
        let of_one_user = operation.path.contains("{userId}");
        assert_eq!(operation.takes(RequestHeader::IfMatch), of_one_user, "{}", operation.id);
        assert_eq!(
            operation.takes(RequestHeader::IfNoneMatch),
            of_one_user && operation.id != "queryAudit",
            "{}",
            operation.id
        );
    }
}

#[tokio::test]
async fn a_write_to_the_version_that_the_caller_has_goes_through() {
    let api = Api::connect();
    for tags in ["\"1\"", "*", "\"7\", \"1\"", "\"x\",\"1\"", ", \"1\" ,", "W/\"7\", \"1\""] {
        for index in 0..4 {
            let user = new_user(&api).await;
            let request = api.changes(id_of(&user))[index].clone().header("If-Match", tags);
            assert_eq!(request.send().await.expect_status(200).user()["version"], 2, "{tags}");
        }
    }
}

#[tokio::test]
async fn a_read_at_the_version_that_the_caller_has_goes_through() {
    let api = Api::connect();
    let user = new_user(&api).await;
    for tags in ["\"1\"", "*", "\"7\", \"1\"", "\"x\",\"1\"", ", \"1\" ,", "W/\"7\", \"1\""] {
        for request in reads(&api, id_of(&user)) {
            let _ = request.header("If-Match", tags).send().await.expect_status(200);
        }
    }
}

#[tokio::test]
async fn several_header_lines_are_one_list() {
    let api = Api::connect();
    let user = new_user(&api).await;
    for request in reads(&api, id_of(&user)) {
        let request = request.header("If-Match", "\"7\"").header("If-Match", "\"1\"");
        let _ = request.send().await.expect_status(200);
    }
    let request = api.update(id_of(&user), &json!({"locale": "en"}));
    let known = request.clone().header("If-None-Match", "\"7\"").header("If-None-Match", "\"1\"");
    known.send().await.expect_problem(ErrorCode::VersionMismatch);
    let request = request.header("If-Match", "\"7\"").header("If-Match", "\"1\"");
    let _ = request.send().await.expect_status(200);
}

#[tokio::test]
async fn an_operation_at_another_version_is_refused_and_changes_nothing() {
    let api = Api::connect();
    let user = new_user(&api).await;
    for tags in ["\"2\"", "\"0\"", "\"\"", "\"01\"", "\"2\", \"3\"", "\"abc\"", "\"999\""] {
        for request in api.changes(id_of(&user)).into_iter().chain(reads(&api, id_of(&user))) {
            let answer = request.header("If-Match", tags).send().await;
            answer.expect_problem(ErrorCode::VersionMismatch);
        }
    }
    expect_unchanged(&api, &user).await;
}

#[tokio::test]
async fn a_weak_tag_never_matches_if_match() {
    let api = Api::connect();
    let user = new_user(&api).await;
    for request in api.changes(id_of(&user)).into_iter().chain(reads(&api, id_of(&user))) {
        let answer = request.header("If-Match", "W/\"1\"").send().await;
        answer.expect_problem(ErrorCode::VersionMismatch);
    }
}

#[tokio::test]
async fn a_write_to_a_version_that_the_caller_rules_out_is_refused_and_changes_nothing() {
    let api = Api::connect();
    let user = new_user(&api).await;
    for tags in ["\"1\"", "W/\"1\"", "*", "\"7\", \"1\"", "\"7\",W/\"1\" , \"x\"", ",\"1\","] {
        for request in api.changes(id_of(&user)) {
            let answer = request.header("If-None-Match", tags).send().await;
            answer.expect_problem(ErrorCode::VersionMismatch);
        }
    }
    expect_unchanged(&api, &user).await;
}

#[tokio::test]
async fn a_write_to_a_version_that_the_caller_does_not_rule_out_goes_through() {
    let api = Api::connect();
    for tags in ["\"2\"", "W/\"2\"", "\"11\"", "\"01\"", "\"\"", "\"a\", \"2\""] {
        for index in 0..4 {
            let user = new_user(&api).await;
            let request = api.changes(id_of(&user))[index].clone().header("If-None-Match", tags);
            assert_eq!(request.send().await.expect_status(200).user()["version"], 2, "{tags}");
        }
    }
}

#[tokio::test]
async fn if_match_is_judged_before_if_none_match() {
    let api = Api::connect();
    let user = new_user(&api).await;
    let with = |request: &Request, if_match: &str, if_none_match: &str| {
        request.clone().header("If-Match", if_match).header("If-None-Match", if_none_match)
    };
    let profile = api.profile(id_of(&user));
    for if_none_match in ["\"1\"", "*", "\"2\""] {
        let answer = with(&profile, "\"2\"", if_none_match).send().await;
        answer.expect_problem(ErrorCode::VersionMismatch);
    }
    let _ = with(&profile, "\"1\"", "\"1\"").send().await.expect_status(304);
    let _ = with(&profile, "*", "*").send().await.expect_status(304);
    let _ = with(&profile, "\"1\"", "\"2\"").send().await.expect_status(200);
    for request in api.changes(id_of(&user)) {
        for (if_match, if_none_match) in [("\"1\"", "\"1\""), ("*", "*"), ("\"2\"", "\"2\"")] {
            let answer = with(&request, if_match, if_none_match).send().await;
            answer.expect_problem(ErrorCode::VersionMismatch);
        }
    }
    let update = api.update(id_of(&user), &json!({"locale": "en"}));
    let _ = with(&update, "\"1\"", "\"2\"").send().await.expect_status(200);
}

#[tokio::test]
async fn a_malformed_header_is_refused() {
    let api = Api::connect();
    let user = new_user(&api).await;
    for tags in MALFORMED {
        for request in api.changes(id_of(&user)).into_iter().chain(reads(&api, id_of(&user))) {
            let answer = request.header("If-Match", tags).send().await;
            assert_eq!(answer.status(), 400, "{tags}: {}", answer.describe());
            answer.expect_invalid(&["header:if-match"]);
        }
        for request in api.changes(id_of(&user)).into_iter().chain([api.profile(id_of(&user))]) {
            let answer = request.clone().header("If-None-Match", tags).send().await;
            assert_eq!(answer.status(), 400, "{tags}: {}", answer.describe());
            answer.expect_invalid(&["header:if-none-match"]);
            let both = request.header("If-None-Match", tags).header("If-Match", "1").send().await;
            both.expect_invalid(&["header:if-match", "header:if-none-match"]);
        }
    }
    expect_unchanged(&api, &user).await;
}

#[tokio::test]
async fn the_audit_log_ignores_if_none_match() {
    let api = Api::connect();
    let user = new_user(&api).await;
    for tags in ["\"1\"", "W/\"1\"", "*", "\"2\"", "malformed", "\"1", ""] {
        let answer = api.audit(id_of(&user)).header("If-None-Match", tags).send().await;
        assert_eq!(answer.expect_status(200).items().len(), 1, "{tags}");
        let answer =
            api.audit(id_of(&user)).header("If-None-Match", tags).if_version(2).send().await;
        answer.expect_problem(ErrorCode::VersionMismatch);
    }
}

#[tokio::test]
async fn the_audit_log_judges_the_version_whatever_its_page_holds() {
    let api = Api::connect();
    let user = new_user(&api).await;
    let empty = api.audit(id_of(&user)).query("action", "user.role-removed");
    let later = api.audit(id_of(&user)).query("from", "2120-01-01T00:00:00Z");
    for request in [empty, later] {
        let none = request.clone().if_version(1).send().await.expect_status(200);
        assert_eq!(none.json(), json!({"items": []}));
        request.if_version(2).send().await.expect_problem(ErrorCode::VersionMismatch);
    }
    let _ = api.assign_role(id_of(&user), "new").send().await.expect_status(200);
    let request = api.audit(id_of(&user)).query("limit", "1");
    let first = request.clone().if_version(2).send().await.expect_status(200);
    let next = request.query("cursor", &first.next_cursor().unwrap());
    let _ = next.clone().if_version(2).send().await.expect_status(200);
    next.if_version(1).send().await.expect_problem(ErrorCode::VersionMismatch);
}

#[tokio::test]
async fn a_precondition_is_judged_before_a_no_op_is_recognised() {
    let api = Api::connect();
    let user = new_user(&api).await;
    for request in no_ops(&api, &user) {
        let answer = request.clone().if_version(2).send().await;
        answer.expect_problem(ErrorCode::VersionMismatch);
        let answer = request.clone().header("If-None-Match", "\"1\"").send().await;
        answer.expect_problem(ErrorCode::VersionMismatch);
        let answer = request.clone().header("If-None-Match", "\"2\"").send().await;
        assert_eq!(answer.expect_status(200).user(), user);
        assert_eq!(request.if_version(1).send().await.expect_status(200).user(), user);
    }
}

#[tokio::test]
async fn the_tag_of_each_answer_admits_the_next_write() {
    let api = Api::connect();
    let user = new_user(&api).await;
    let mut tag = "\"1\"".to_owned();
    for request in api.changes(id_of(&user)) {
        let answer = request.header("If-Match", &tag).send().await.expect_status(200);
        let stale = api.update(id_of(&user), &json!({"locale": "fr"})).header("If-Match", &tag);
        stale.send().await.expect_problem(ErrorCode::VersionMismatch);
        for read in reads(&api, id_of(&user)) {
            let stale = read.header("If-Match", &tag).send().await;
            stale.expect_problem(ErrorCode::VersionMismatch);
        }
        tag = answer.header("etag");
    }
    assert_eq!(tag, "\"5\"");
}

#[tokio::test]
async fn a_user_that_does_not_exist_comes_before_every_condition() {
    let api = Api::connect();
    let unknown = [sample::unknown_user_id(), "ada".to_owned()];
    let requests = |id: &String| api.changes(id).into_iter().chain(reads(&api, id));
    for request in unknown.iter().flat_map(requests) {
        request.send().await.expect_problem(ErrorCode::UserNotFound);
        for (name, tags) in
            [("If-Match", "*"), ("If-Match", "\"1\""), ("If-None-Match", "*"), ("If-Match", "\"\"")]
        {
            let answer = request.clone().header(name, tags).send().await;
            answer.expect_problem(ErrorCode::UserNotFound);
        }
    }
}

#[tokio::test]
async fn a_deleted_user_is_read_and_refused_by_its_version() {
    let api = Api::connect();
    let deleted = api.new_user_in_status("deleted").await;
    for request in reads(&api, id_of(&deleted)) {
        let _ = request.clone().if_version(2).send().await.expect_status(200);
        request.if_version(1).send().await.expect_problem(ErrorCode::VersionMismatch);
    }
    let update = api.update(id_of(&deleted), &json!({"locale": "en"}));
    let answer = update.clone().header("If-None-Match", "*").send().await;
    answer.expect_problem(ErrorCode::VersionMismatch);
    let answer = update.header("If-None-Match", "\"1\"").send().await;
    answer.expect_problem(ErrorCode::UserDeleted);
}

#[tokio::test]
async fn both_conditions_are_part_of_a_request_with_a_key() {
    let api = Api::connect();
    let user = new_user(&api).await;
    let key = sample::key();
    let update = api.update(id_of(&user), &json!({"locale": "en"})).key(&key);
    let request = update.clone().if_version(1).header("If-None-Match", "\"8\", \"9\"");
    let first = request.send().await.expect_status(200);
    // Neither the order of the tags nor the spaces between them make another request.
    let again = update.clone().if_version(1).header("If-None-Match", "\"9\",\"8\"").send().await;
    again.expect_replay_of(&first);
    for other in [
        update.clone(),
        update.clone().if_version(1),
        update.clone().header("If-None-Match", "\"8\", \"9\""),
        update.clone().if_version(1).header("If-None-Match", "\"8\""),
        update.clone().if_version(1).header("If-None-Match", "W/\"8\", \"9\""),
        update.clone().if_version(1).header("If-None-Match", "*"),
        update.clone().if_version(2).header("If-None-Match", "\"8\", \"9\""),
    ] {
        other.send().await.expect_problem(ErrorCode::IdempotencyKeyReused);
    }
}
