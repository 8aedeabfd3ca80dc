//! `PUT /users/{userId}/status`: the status machine.

use serde_json::{Value, json};
use users_contract::ErrorCode;
use users_tests::{Api, id_of, sample, version_of};

const STATUSES: [&str; 3] = ["active", "disabled", "deleted"];

/// A user in a status, at version 1 or 2.
async fn user_in(api: &Api, status: &str) -> Value {
    if status == "active" { api.new_user().await } else { api.new_user_in_status(status).await }
}

#[tokio::test]
async fn each_of_the_nine_pairs_of_statuses_is_a_change_a_no_op_or_refused() {
    let api = Api::connect();
    for from in STATUSES {
        for to in STATUSES {
            let user = user_in(&api, from).await;
            let answer = api.set_status(id_of(&user), to).send().await;
            let entries = api.history(id_of(&user)).await.len() as u64;
            if from == to {
                assert_eq!(answer.expect_status(200).user(), user, "{from} to {to}");
                assert_eq!(entries, version_of(&user), "{from} to {to}");
            } else if from == "deleted" {
                answer.expect_problem(ErrorCode::InvalidStatusTransition);
                assert_eq!(api.profile(id_of(&user)).send().await.user(), user, "{from} to {to}");
                assert_eq!(entries, version_of(&user), "{from} to {to}");
            } else {
                let changed = answer.expect_status(200).user();
                assert_eq!(changed["status"], to, "{from} to {to}");
                assert_eq!(version_of(&changed), version_of(&user) + 1, "{from} to {to}");
                assert_eq!(entries, version_of(&changed), "{from} to {to}");
                let mut expected = user.clone();
                for field in ["status", "version", "updatedAt"] {
                    expected[field] = changed[field].clone();
                }
                assert_eq!(changed, expected, "{from} to {to}");
            }
        }
    }
}

#[tokio::test]
async fn a_reason_of_1_to_256_characters_is_kept_in_the_audit_entry() {
    let api = Api::connect();
    let rows = [
        ("one character", "x".to_owned(), "x".to_owned()),
        ("256 characters of 4 bytes", "😀".repeat(256), "😀".repeat(256)),
        ("256 characters once composed", "e\u{301}".repeat(256), "e\u{301}".repeat(256)),
        ("white space around it", " \u{3000}left us\u{a0}".to_owned(), "left us".to_owned()),
    ];
    for (what, given, kept) in rows {
        let user = api.new_user().await;
        let path = format!("/users/{}/status", id_of(&user));
        let body = json!({"status": "disabled", "reason": given});
        let changed = api.put(&path, &body).send().await.expect_status(200).user();
        assert_eq!(changed.get("reason"), None, "{what}");
        let history = api.history(id_of(&user)).await;
        assert_eq!(history[1]["reason"], kept.as_str(), "{what}");
    }
}

#[tokio::test]
async fn a_reason_that_breaks_a_rule_is_refused() {
    let api = Api::connect();
    let user = api.new_user().await;
    let path = format!("/users/{}/status", id_of(&user));
    for reason in
        ["", " \u{3000}", "a\u{0}", "a\n", "\tb", &"x".repeat(257), &"e\u{301}".repeat(257)]
    {
        let body = json!({"status": "disabled", "reason": reason});
        api.put(&path, &body).send().await.expect_invalid(&["/reason"]);
    }
    for reason in [json!(null), json!(1), json!([])] {
        let body = json!({"status": "disabled", "reason": reason});
        api.put(&path, &body).send().await.expect_problem(ErrorCode::InvalidRequest);
    }
}

#[tokio::test]
async fn a_status_that_does_not_exist_is_refused() {
    let api = Api::connect();
    let user = api.new_user().await;
    for status in ["", "Active", "ACTIVE", "enabled", " active", "active\n"] {
        api.set_status(id_of(&user), status).send().await.expect_invalid(&["/status"]);
    }
    let path = format!("/users/{}/status", id_of(&user));
    for body in [json!({}), json!({"status": null}), json!({"status": 1}), json!(["active"])] {
        api.put(&path, &body).send().await.expect_problem(ErrorCode::InvalidRequest);
    }
}

#[tokio::test]
async fn unknown_fields_are_refused_together_with_everything_else() {
    let api = Api::connect();
    let user = api.new_user().await;
    let path = format!("/users/{}/status", id_of(&user));
    let body = json!({"status": "gone", "reason": "", "comment": 1});
    api.put(&path, &body).send().await.expect_invalid(&["/status", "/reason", "/comment"]);
}

#[tokio::test]
async fn deleting_keeps_data_and_roles_and_every_other_write_is_refused() {
    let api = Api::connect();
    let user = api.new_user_with(&sample::full_registration()).await;
    let id = id_of(&user);
    let deleted = api.set_status(id, "deleted").send().await.expect_status(200).user();
    assert_eq!(deleted["roles"], user["roles"]);

    let deny = |answer: users_tests::Answer| answer.expect_problem(ErrorCode::UserDeleted);
    deny(api.update(id, &json!({"displayName": "x"})).send().await);
    deny(api.assign_role(id, "new-role").send().await);
    deny(api.assign_role(id, "admin").send().await);
    deny(api.remove_role(id, "admin").send().await);
    // Not even to its present status.
    deny(api.update(id, &json!({"email": user["email"]})).send().await);
    let lacking = api.remove_role(id, "other").send().await;
    lacking.expect_problem(ErrorCode::RoleNotAssigned);
    assert_eq!(api.profile(id).send().await.user(), deleted);
}

#[tokio::test]
async fn a_disabled_user_takes_every_other_change() {
    let api = Api::connect();
    let user = api.new_user_in_status("disabled").await;
    let [update, _, assign, _] = api.changes(id_of(&user));
    for request in [update, assign, api.remove_role(id_of(&user), "new")] {
        let changed = request.send().await.expect_status(200).user();
        assert_eq!(changed["status"], "disabled");
    }
}
