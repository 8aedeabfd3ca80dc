//! `GET /users/{userId}`.

use users_contract::ErrorCode;
use users_tests::{Api, id_of, sample};

#[tokio::test]
async fn a_profile_comes_with_the_tag_of_its_version() {
    let api = Api::connect();
    let user = api.new_user_with(&sample::full_registration()).await;
    let answer = api.profile(id_of(&user)).send().await.expect_status(200);
    assert_eq!(answer.user(), user);
    assert_eq!(answer.header("etag"), "\"1\"");
}

#[tokio::test]
async fn a_profile_is_as_the_last_change_left_it() {
    let api = Api::connect();
    let user = api.new_user().await;
    let role = sample::role();
    let changed = api.assign_role(id_of(&user), &role).send().await.expect_status(200).user();
    assert_eq!(api.profile(id_of(&user)).send().await.user(), changed);
}

#[tokio::test]
async fn a_deleted_user_can_be_read_with_all_its_data() {
    let api = Api::connect();
    let user = api.new_user_with(&sample::full_registration()).await;
    let deleted = api.set_status(id_of(&user), "deleted").send().await.expect_status(200).user();
    let read = api.profile(id_of(&user)).send().await.expect_status(200).user();
    assert_eq!(read, deleted);
    for field in ["email", "displayName", "phoneNumber", "attributes", "roles", "createdAt"] {
        assert_eq!(read[field], user[field], "{field}");
    }
}

#[tokio::test]
async fn an_id_that_names_nobody_is_not_found() {
    let api = Api::connect();
    let user = api.new_user().await;
    let id = id_of(&user);
    let rows = [
        ("unknown", sample::unknown_user_id()),
        ("lower case", id.to_lowercase()),
        ("a letter too many", format!("{id}0")),
        ("a letter too few", id[..25].to_owned()),
        ("a letter that Crockford's alphabet lacks", format!("{}U", &id[..25])),
        ("a first letter beyond 128 bits", format!("8{}", &id[1..])),
        ("no ULID at all", "ada".to_owned()),
        ("white space around it", format!("%20{id}%20")),
        ("a key of the table", format!("USER%23{id}")),
    ];
    for (what, id) in rows {
        let answer = api.profile(&id).send().await;
        assert_eq!(answer.status(), 404, "{what}: {}", answer.describe());
        answer.expect_problem(ErrorCode::UserNotFound);
    }
}

#[tokio::test]
async fn a_caller_who_has_the_version_already_gets_304_without_a_body() {
    let api = Api::connect();
    let user = api.new_user().await;
    for tags in ["\"1\"", "W/\"1\"", "*", "\"7\", \"1\"", "\"7\",W/\"1\" , \"x\"", ",\"1\","] {
        let read = api.profile(id_of(&user)).header("If-None-Match", tags).send().await;
        let answer = read.expect_status(304);
        assert_eq!(answer.header("etag"), "\"1\"", "{tags}");
        assert!(answer.response.body.is_empty(), "{tags}");
    }
    let lines =
        api.profile(id_of(&user)).header("If-None-Match", "\"7\"").header("If-None-Match", "\"1\"");
    let _ = lines.send().await.expect_status(304);
}

#[tokio::test]
async fn a_caller_who_has_another_version_gets_the_profile() {
    let api = Api::connect();
    let user = api.new_user().await;
    for tags in ["\"2\"", "\"11\"", "W/\"2\"", "\"01\"", "\"\"", "\"a\", \"2\""] {
        let read = api.profile(id_of(&user)).header("If-None-Match", tags).send().await;
        assert_eq!(read.expect_status(200).user(), user, "{tags}");
    }
}
