//! `Content-Type`, and how large a body may be.

use serde_json::json;
use users_contract::ErrorCode;
use users_tests::{Api, Request, id_of, sample};

/// The four operations that read a body, each with one it would take but without its media type.
fn requests(api: &Api, id: &str) -> [Request; 4] {
    let post = http::Method::POST;
    let patch = http::Method::PATCH;
    let put = http::Method::PUT;
    [
        api.request(post.clone(), "/users").body(sample::registration().to_string()),
        api.request(patch, &format!("/users/{id}")).body(r#"{"displayName":"Ada"}"#),
        api.request(put, &format!("/users/{id}/status")).body(r#"{"status":"disabled"}"#),
        api.request(post, &format!("/users/{id}/roles")).body(r#"{"role":"admin"}"#),
    ]
}

#[tokio::test]
async fn json_is_taken_with_or_without_its_charset_in_any_spelling() {
    let api = Api::connect();
    for media_type in [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        "application/json ; charset=\"utf-8\"",
    ] {
        let user = api.new_user().await;
        for request in requests(&api, id_of(&user)) {
            let answer = request.header("content-type", media_type).send().await;
            assert!(answer.status() < 300, "{media_type}: {}", answer.describe());
        }
    }
}

#[tokio::test]
async fn every_other_media_type_is_unsupported() {
    let api = Api::connect();
    let user = api.new_user().await;
    for media_type in [
        "text/plain",
        "application/xml",
        "application/x-www-form-urlencoded",
        "application/jsonx",
        "application/json-patch+json",
        "application/vnd.api+json",
        "text/json",
        "application",
        "application/json; charset=latin1",
        "application/json; charset=utf-16",
        "application/json; charset=iso-8859-1",
    ] {
        for request in requests(&api, id_of(&user)) {
            let answer = request.header("content-type", media_type).send().await;
            assert_eq!(answer.status(), 415, "{media_type}: {}", answer.describe());
            answer.expect_problem(ErrorCode::UnsupportedMediaType);
        }
    }
    assert_eq!(api.profile(id_of(&user)).send().await.user(), user);
}

#[tokio::test]
async fn a_body_without_a_media_type_is_unsupported() {
    let api = Api::connect();
    let user = api.new_user().await;
    for request in requests(&api, id_of(&user)) {
        request.send().await.expect_problem(ErrorCode::UnsupportedMediaType);
    }
}

#[tokio::test]
async fn only_the_update_takes_a_merge_patch() {
    let api = Api::connect();
    let user = api.new_user().await;
    let [register, update, status, role] = requests(&api, id_of(&user));
    let merge_patch = "application/merge-patch+json";
    for request in [register, status, role] {
        let answer = request.header("content-type", merge_patch).send().await;
        answer.expect_problem(ErrorCode::UnsupportedMediaType);
    }
    for media_type in [merge_patch, "application/merge-patch+json; charset=utf-8"] {
        let request = update.clone().header("content-type", media_type);
        let _ = request.send().await.expect_status(200);
    }
    let latin = update.header("content-type", "application/merge-patch+json; charset=latin1");
    latin.send().await.expect_problem(ErrorCode::UnsupportedMediaType);
}

/// A registration of exactly so many bytes: white space fills it up.
fn registration_of(bytes: usize) -> String {
    let body = sample::registration().to_string();
    format!("{}{body}", " ".repeat(bytes - body.len()))
}

#[tokio::test]
async fn a_body_of_64_kib_is_taken_and_one_byte_more_is_not() {
    let api = Api::connect();
    let post = || api.request(http::Method::POST, "/users");
    let _ = post().json_text(registration_of(65_536)).send().await.expect_status(201);
    let answer = post().json_text(registration_of(65_537)).send().await;
    answer.expect_problem(ErrorCode::PayloadTooLarge);
    let answer = post().json_text(registration_of(1_000_000)).send().await;
    answer.expect_problem(ErrorCode::PayloadTooLarge);
}

#[tokio::test]
async fn bytes_are_counted_not_characters() {
    let api = Api::connect();
    // 22 000 characters of three bytes each.
    let body = json!({"email": sample::email(), "unknown": "€".repeat(22_000)});
    let answer = api.register(&body).send().await;
    answer.expect_problem(ErrorCode::PayloadTooLarge);
}
