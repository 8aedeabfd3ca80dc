//! Audit entries: one for each version, whatever changed it.

use serde_json::{Map, Value, json};
use users_contract::ErrorCode;
use users_tests::{Api, id_of, sample, version_of};

/// The changes of an entry by field, each without its name.
#[track_caller]
fn changes(entry: &Value) -> Value {
    let mut by_field = Map::new();
    for change in entry["changes"].as_array().unwrap() {
        let mut change = change.as_object().unwrap().clone();
        let field = change.remove("field").unwrap();
        let before = by_field.insert(field.as_str().unwrap().to_owned(), Value::Object(change));
        assert_eq!(before, None, "{field} is there twice: {entry}");
    }
    Value::Object(by_field)
}

/// The last entry of a user, after comparing its common members with the user.
async fn last_entry(api: &Api, user: &Value, action: &str) -> Value {
    let history = api.history(id_of(user)).await;
    assert_eq!(history.len() as u64, version_of(user), "one entry for each version");
    let entry = history.last().unwrap().clone();
    assert_eq!(entry["action"], action);
    assert_eq!(entry["userId"], user["userId"]);
    assert_eq!(entry["version"], user["version"]);
    assert_eq!(entry["at"], user["updatedAt"]);
    entry
}

#[tokio::test]
async fn a_registration_lists_every_field_that_was_set() {
    let api = Api::connect();
    let body = sample::full_registration();
    let user = api.new_user_with(&body).await;
    let entry = last_entry(&api, &user, "user.registered").await;
    let expected = json!({
        "email": {"new": body["email"]},
        "displayName": {"new": "Ada Lovelace"},
        "givenName": {"new": "Ada"},
        "familyName": {"new": "Lovelace"},
        "phoneNumber": {"new": "+441234567890"},
        "locale": {"new": "en-GB"},
        "attributes.team": {"new": "analytics"},
        "attributes.cost.centre": {"new": "7"},
        "roles": {"new": ["admin", "billing:read"]},
        "status": {"new": "active"},
    });
    assert_eq!(changes(&entry), expected);
    assert_eq!(entry.get("reason"), None);
}

#[tokio::test]
async fn a_bare_registration_lists_address_and_status() {
    let api = Api::connect();
    let user = api.new_user().await;
    let entry = last_entry(&api, &user, "user.registered").await;
    let expected = json!({"email": {"new": user["email"]}, "status": {"new": "active"}});
    assert_eq!(changes(&entry), expected);
}

#[tokio::test]
async fn an_update_lists_what_differs_and_nothing_else() {
    let api = Api::connect();
    let user = api.new_user_with(&sample::full_registration()).await;
    let email = sample::email();
    let patch = json!({
        "email": email, "displayName": "Ada King", "givenName": "Ada", "phoneNumber": null,
        "attributes": {"team": "engines", "cost.centre": null, "floor": "3", "absent": null}
    });
    let changed = api.update(id_of(&user), &patch).send().await.expect_status(200).user();
    let entry = last_entry(&api, &changed, "user.profile-updated").await;
    let expected = json!({
        "email": {"old": user["email"], "new": email},
        "displayName": {"old": "Ada Lovelace", "new": "Ada King"},
        "phoneNumber": {"old": "+441234567890"},
        "attributes.team": {"old": "analytics", "new": "engines"},
        "attributes.cost.centre": {"old": "7"},
        "attributes.floor": {"new": "3"},
    });
    assert_eq!(changes(&entry), expected);
}

#[tokio::test]
async fn removing_all_attributes_lists_each_of_them() {
    let api = Api::connect();
    let user = api.new_user_with(&json!({"attributes": {"a": "1", "b": "2"}})).await;
    let patch = json!({"attributes": null});
    let changed = api.update(id_of(&user), &patch).send().await.expect_status(200).user();
    let entry = last_entry(&api, &changed, "user.profile-updated").await;
    let expected = json!({"attributes.a": {"old": "1"}, "attributes.b": {"old": "2"}});
    assert_eq!(changes(&entry), expected);
}

#[tokio::test]
async fn a_change_of_status_lists_both_and_the_reason() {
    let api = Api::connect();
    let user = api.new_user().await;
    let path = format!("/users/{}/status", id_of(&user));
    let body = json!({"status": "disabled", "reason": "left the company"});
    let changed = api.put(&path, &body).send().await.expect_status(200).user();
    let entry = last_entry(&api, &changed, "user.status-changed").await;
    assert_eq!(changes(&entry), json!({"status": {"old": "active", "new": "disabled"}}));
    assert_eq!(entry["reason"], "left the company");

    let deleted = api.set_status(id_of(&user), "deleted").send().await.expect_status(200).user();
    let entry = last_entry(&api, &deleted, "user.status-changed").await;
    assert_eq!(changes(&entry), json!({"status": {"old": "disabled", "new": "deleted"}}));
    assert_eq!(entry.get("reason"), None);
}

#[tokio::test]
async fn a_role_is_listed_alone_when_it_is_given_or_taken() {
    let api = Api::connect();
    let user = api.new_user_with(&json!({"roles": ["a", "b"]})).await;
    let given = api.assign_role(id_of(&user), "c").send().await.expect_status(200).user();
    let entry = last_entry(&api, &given, "user.role-assigned").await;
    assert_eq!(changes(&entry), json!({"roles": {"new": "c"}}));
    let taken = api.remove_role(id_of(&user), "a").send().await.expect_status(200).user();
    let entry = last_entry(&api, &taken, "user.role-removed").await;
    assert_eq!(changes(&entry), json!({"roles": {"old": "a"}}));
}

#[tokio::test]
async fn a_user_agent_is_kept_to_512_characters() {
    let api = Api::connect();
    for length in [1, 511, 512, 513, 4096] {
        let agent = "x".repeat(length);
        let request = api.register(&sample::registration()).header("User-Agent", &agent);
        let user = request.send().await.user();
        let kept = &api.history(id_of(&user)).await[0]["actor"]["userAgent"];
        assert_eq!(kept, &agent[..length.min(512)]);
    }
}

#[tokio::test]
async fn an_entry_says_who_did_it_from_where_and_in_which_call() {
    let api = Api::connect();
    let request = api.register(&sample::registration()).header("User-Agent", "audit-test/1.0");
    let user = request.header("X-Correlation-Id", "call-1").send().await.user();
    let other = api.as_other().assign_role(id_of(&user), "admin");
    let other = other.header("User-Agent", "other-test/2.0").send().await.expect_status(200);

    let history = api.history(id_of(&user)).await;
    let (first, second) = (&history[0], &history[1]);
    assert_eq!(first["correlationId"], "call-1");
    assert_eq!(second["correlationId"], other.header("x-correlation-id"));
    assert_eq!(first["actor"]["userAgent"], "audit-test/1.0");
    assert_eq!(second["actor"]["userAgent"], "other-test/2.0");
    for entry in [first, second] {
        let actor = &entry["actor"];
        let account = actor["accountId"].as_str().unwrap();
        let arn = actor["arn"].as_str().unwrap();
        assert!(arn.starts_with("arn:aws") && arn.contains(account), "{arn} {account}");
        let source: Result<std::net::IpAddr, _> = actor["sourceIp"].as_str().unwrap().parse();
        assert!(source.is_ok(), "{actor}");
    }
    assert_ne!(first["actor"]["arn"], second["actor"]["arn"]);
}

#[tokio::test]
async fn every_kind_of_change_has_its_entry_in_the_order_of_versions() {
    let api = Api::connect();
    let user = api.new_user().await;
    let id = id_of(&user);
    let mut states = vec![user.clone()];
    for request in [
        api.update(id, &json!({"locale": "en"})),
        api.assign_role(id, "admin"),
        api.set_status(id, "disabled"),
        api.remove_role(id, "admin"),
        api.set_status(id, "active"),
        api.set_status(id, "deleted"),
    ] {
        states.push(request.send().await.expect_status(200).user());
    }
    let history = api.history(id).await;
    assert_eq!(history.len(), states.len());
    for (entry, state) in history.iter().zip(&states) {
        assert_eq!((&entry["version"], &entry["at"]), (&state["version"], &state["updatedAt"]));
    }
    let ids: Vec<_> = history.iter().map(|entry| entry["eventId"].as_str().unwrap()).collect();
    assert!(ids.is_sorted_by(|one, two| one < two), "{ids:?}");
    let times: Vec<_> = history.iter().map(|entry| entry["at"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|one, two| one < two), "{times:?}");
}

#[tokio::test]
async fn a_failed_write_leaves_no_entry() {
    let api = Api::connect();
    let (user, taken) = (api.new_user().await, api.new_user().await);
    let id = id_of(&user);
    for request in [
        api.update(id, &json!({"email": taken["email"]})),
        api.update(id, &json!({"locale": ""})),
        api.update(id, &json!({"locale": "en"})).if_version(9),
        api.remove_role(id, "absent"),
        api.set_status(id, "gone"),
    ] {
        assert!(request.send().await.status() >= 400);
    }
    assert_eq!(api.history(id).await.len(), 1);
}

#[tokio::test]
async fn the_history_of_a_user_who_does_not_exist_is_not_found() {
    let api = Api::connect();
    for id in [sample::unknown_user_id(), "ada".to_owned()] {
        api.audit(&id).send().await.expect_problem(ErrorCode::UserNotFound);
        let request = api.audit(&id).query("action", "user.role-removed").query("order", "asc");
        request.send().await.expect_problem(ErrorCode::UserNotFound);
    }
}
