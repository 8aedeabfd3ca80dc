//! `PATCH /users/{userId}`: JSON Merge Patch.

use serde_json::{Map, Value, json};
use users_contract::ErrorCode;
use users_tests::{Api, id_of, sample};

#[tokio::test]
async fn every_field_can_be_set() {
    let api = Api::connect();
    let user = api.new_user().await;
    let mut patch = sample::full_registration();
    patch.as_object_mut().unwrap().remove("roles");
    let answer = api.update(id_of(&user), &patch).send().await.expect_status(200);
    let changed = answer.user();
    for (field, value) in patch.as_object().unwrap() {
        assert_eq!(&changed[field], value, "{field}");
    }
    assert_eq!(changed["version"], 2);
    assert_eq!(answer.header("etag"), "\"2\"");
    assert_eq!(changed["createdAt"], user["createdAt"]);
    assert!(changed["updatedAt"].as_str() > user["updatedAt"].as_str());
    assert!(answer.response.header("location").is_none());
}

#[tokio::test]
async fn null_clears_an_optional_field_and_the_rest_stays() {
    let api = Api::connect();
    for field in ["displayName", "givenName", "familyName", "phoneNumber", "locale", "attributes"] {
        let user = api.new_user_with(&sample::full_registration()).await;
        let mut patch = Map::new();
        patch.insert(field.to_owned(), Value::Null);
        let changed = api.update(id_of(&user), &Value::Object(patch)).send().await;
        let changed = changed.expect_status(200).user();
        let mut expected = user.clone();
        expected.as_object_mut().unwrap().remove(field);
        expected["version"] = json!(2);
        expected["updatedAt"] = changed["updatedAt"].clone();
        assert_eq!(changed, expected, "{field}");
    }
}

#[tokio::test]
async fn attributes_are_merged_key_by_key() {
    let api = Api::connect();
    let user =
        api.new_user_with(&json!({"attributes": {"keep": "1", "change": "1", "drop": "1"}})).await;
    let patch = json!({"attributes": {"change": "2", "drop": null, "add": "2", "missing": null}});
    let changed = api.update(id_of(&user), &patch).send().await.expect_status(200).user();
    assert_eq!(changed["attributes"], json!({"keep": "1", "change": "2", "add": "2"}));

    let patch = json!({"attributes": {"keep": null, "change": null, "add": null}});
    let emptied = api.update(id_of(&user), &patch).send().await.expect_status(200).user();
    assert_eq!(emptied.get("attributes"), None);
}

#[tokio::test]
async fn a_patch_that_changes_nothing_leaves_no_trace() {
    let api = Api::connect();
    let user = api.new_user_with(&sample::full_registration()).await;
    let rows = [
        ("the same value", json!({"displayName": user["displayName"]})),
        ("the same value with white space around it", json!({"displayName": " Ada Lovelace "})),
        ("the same address", json!({"email": user["email"]})),
        ("no attribute to merge", json!({"attributes": {}})),
        ("the same attribute", json!({"attributes": {"team": "analytics"}})),
        ("an attribute that is not there", json!({"attributes": {"absent": null}})),
    ];
    for (what, patch) in rows {
        let answer = api.update(id_of(&user), &patch).send().await.expect_status(200);
        assert_eq!(answer.user(), user, "{what}");
        assert_eq!(answer.header("etag"), "\"1\"", "{what}");
    }
    assert_eq!(api.history(id_of(&user)).await.len(), 1);
    let bare = api.new_user().await;
    for patch in [json!({"locale": null}), json!({"attributes": null})] {
        assert_eq!(api.update(id_of(&bare), &patch).send().await.user(), bare, "{patch}");
    }
}

#[tokio::test]
async fn an_empty_patch_is_refused() {
    let api = Api::connect();
    let user = api.new_user().await;
    api.update(id_of(&user), &json!({})).send().await.expect_invalid(&[""]);
}

#[tokio::test]
async fn the_address_cannot_be_cleared() {
    let api = Api::connect();
    let user = api.new_user().await;
    let answer = api.update(id_of(&user), &json!({"email": null})).send().await;
    answer.expect_problem(ErrorCode::InvalidRequest);
}

#[tokio::test]
async fn immutable_and_unknown_fields_are_refused_each_with_its_pointer() {
    let api = Api::connect();
    let user = api.new_user().await;
    let patch = json!({
        "userId": user["userId"], "status": "active", "roles": [], "version": 1,
        "createdAt": user["createdAt"], "updatedAt": user["updatedAt"], "nick": null,
        "displayName": "\u{0}", "attributes": {"1": null, "ok": "x"}
    });
    api.update(id_of(&user), &patch).send().await.expect_invalid(&[
        "/userId",
        "/status",
        "/roles",
        "/version",
        "/createdAt",
        "/updatedAt",
        "/nick",
        "/displayName",
        "/attributes/1",
    ]);
    assert_eq!(api.profile(id_of(&user)).send().await.user(), user);
}

#[tokio::test]
async fn fields_obey_the_rules_of_registration() {
    let api = Api::connect();
    let user = api.new_user().await;
    for (field, value) in [
        ("displayName", json!("x".repeat(129))),
        ("givenName", json!(" ")),
        ("familyName", json!("a\u{1}")),
        ("phoneNumber", json!("+1")),
        ("locale", json!("en_GB")),
    ] {
        let mut patch = Map::new();
        patch.insert(field.to_owned(), value);
        let answer = api.update(id_of(&user), &Value::Object(patch)).send().await;
        answer.expect_invalid(&[&format!("/{field}")]);
    }
    let patch = json!({"attributes": {"a": "x".repeat(513), "b c": "d"}});
    let answer = api.update(id_of(&user), &patch).send().await;
    answer.expect_invalid(&["/attributes/a", "/attributes/b c"]);
}

#[tokio::test]
async fn the_merged_user_keeps_to_32_attributes() {
    let api = Api::connect();
    let attributes = |range: std::ops::Range<u32>| {
        Value::Object(range.map(|index| (format!("k{index}"), json!("v"))).collect())
    };
    let user = api.new_user_with(&json!({"attributes": attributes(0..32)})).await;
    let one_more = json!({"attributes": {"one": "more"}});
    let answer = api.update(id_of(&user), &one_more).send().await;
    answer.expect_invalid(&["/attributes"]);
    // One for another is no more than there were.
    let swap = json!({"attributes": {"one": "more", "k0": null}});
    let swapped = api.update(id_of(&user), &swap).send().await.expect_status(200).user();
    assert_eq!(swapped["attributes"].as_object().unwrap().len(), 32);
    let all = json!({"attributes": attributes(40..73)});
    api.update(id_of(&user), &all).send().await.expect_problem(ErrorCode::InvalidRequest);
}

#[tokio::test]
async fn a_user_whose_stored_form_would_pass_100_kib_is_refused() {
    let api = Api::connect();
    // Eight bytes that compose to one character: the longest value has 4096 bytes.
    let value = "\u{3b1}\u{313}\u{300}\u{345}".repeat(512);
    let attributes = |from: u32, to: u32| {
        let entries = (from..to).map(|index| (format!("k{index}"), json!(value)));
        json!({"attributes": Value::Object(entries.collect())})
    };
    let user = api.new_user_with(&attributes(0, 14)).await;
    let more = api.update(id_of(&user), &attributes(14, 24)).send().await.expect_status(200).user();
    let answer = api.update(id_of(&user), &attributes(24, 27)).send().await;
    answer.expect_problem(ErrorCode::InvalidRequest);
    assert_eq!(api.profile(id_of(&user)).send().await.user(), more);
}

#[tokio::test]
async fn a_merge_patch_may_be_declared_as_one() {
    let api = Api::connect();
    let user = api.new_user().await;
    let path = format!("/users/{}", id_of(&user));
    let request = api
        .request(http::Method::PATCH, &path)
        .header("content-type", "application/merge-patch+json")
        .body(r#"{"displayName":"Ada"}"#);
    assert_eq!(request.send().await.expect_status(200).user()["displayName"], "Ada");
}

#[tokio::test]
async fn an_address_of_somebody_else_is_refused() {
    let api = Api::connect();
    let (one, two) = (api.new_user().await, api.new_user().await);
    let answer = api.update(id_of(&two), &json!({"email": one["email"]})).send().await;
    answer.expect_problem(ErrorCode::EmailAlreadyRegistered);
    assert_eq!(api.profile(id_of(&two)).send().await.user(), two);
}
