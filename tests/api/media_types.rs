//! `Content-Type`, `Content-Encoding`, and how large a body may be.

use http::Method;
use serde_json::json;
use users_contract::{ErrorCode, OPERATIONS};
use users_tests::{Api, Request, id_of, sample};

/// The four operations that read a body, each with one it would take but without its media type.
fn requests(api: &Api, id: &str) -> [Request; 4] {
    let (post, patch, put) = (Method::POST, Method::PATCH, Method::PUT);
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
        "application/json; charset=utf8",
        "application/json;CHARSET=\"Utf8\";",
        "application/json; charset=\"u\\tf-8\"",
        "application/json; charset=utf-8; charset=\"UTF-8\"",
    ] {
        let user = api.new_user().await;
        for request in requests(&api, id_of(&user)) {
            let answer = request.header("content-type", media_type).send().await;
            assert!(answer.status() < 300, "{media_type}: {}", answer.describe());
        }
    }
}

#[tokio::test]
async fn parameters_other_than_the_charset_do_not_matter() {
    let api = Api::connect();
    for media_type in [
        "application/json; profile=\"urn:a;charset=latin1\"",
        "application/json; profile=\"a\\\"; charset=latin1; q=\\\"b\"",
        "application/json; profile=\"\\\\\"; charset=utf-8",
        "application/json; profile=\"\"",
        "application/json; odata.metadata=minimal; IEEE754Compatible=true",
        "application/json; x-charset=latin1",
        "application/json;;; version=1 ;",
        "application/json; boundary=\"a, b/c=d\"; charset=utf-8",
    ] {
        let user = api.new_user().await;
        for request in requests(&api, id_of(&user)) {
            let answer = request.header("content-type", media_type).send().await;
            assert!(answer.status() < 300, "{media_type}: {}", answer.describe());
        }
    }
}

#[tokio::test]
async fn a_media_type_that_is_malformed_or_names_another_charset_is_unsupported() {
    let api = Api::connect();
    let user = api.new_user().await;
    for media_type in [
        "application/json; charset=\"latin1\"",
        "application/json; charset=utf-8; charset=latin1",
        "application/json; charset=latin1; charset=utf-8",
        "application/json; profile=\"a\"; charset=latin1",
        "application/json; profile=\"\\\\\"; charset=latin1",
        "application/json; charset=\"\"",
        "application/json; charset=",
        "application/json; charset",
        "application/json; charset =utf-8",
        "application/json; profile=\"a",
        "application/json; profile=\"a\\\"",
        "application/json; profile=\"a\"b",
        "application/json charset=utf-8",
        "application/json, application/json",
        "application/json/x",
        "application/",
        "*/*",
        ";",
    ] {
        for request in requests(&api, id_of(&user)) {
            let answer = request.header("content-type", media_type).send().await;
            assert_eq!(answer.status(), 415, "{media_type}: {}", answer.describe());
            answer.expect_problem(ErrorCode::UnsupportedMediaType);
        }
    }
    for request in requests(&api, id_of(&user)) {
        let twice = request
            .header("content-type", "application/json")
            .header("content-type", "application/json");
        twice.send().await.expect_problem(ErrorCode::UnsupportedMediaType);
    }
    assert_eq!(api.profile(id_of(&user)).send().await.user(), user);
}

#[tokio::test]
async fn a_body_that_is_encoded_is_unsupported() {
    let api = Api::connect();
    let user = api.new_user().await;
    let json = |request: &Request| request.clone().header("content-type", "application/json");
    for coding in [
        "gzip",
        "br",
        "zstd",
        "deflate",
        "compress",
        "x-gzip",
        "identity, gzip",
        "gzip, identity",
        "aws-chunked",
        "identity;q=1",
        "none",
        "",
    ] {
        for request in requests(&api, id_of(&user)) {
            let answer = json(&request).header("content-encoding", coding).send().await;
            assert_eq!(answer.status(), 415, "{coding}: {}", answer.describe());
            answer.expect_problem(ErrorCode::UnsupportedMediaType);
        }
    }
    for request in requests(&api, id_of(&user)) {
        let lines = json(&request)
            .header("content-encoding", "identity")
            .header("content-encoding", "gzip");
        lines.send().await.expect_problem(ErrorCode::UnsupportedMediaType);
    }
    assert_eq!(api.profile(id_of(&user)).send().await.user(), user);
}

#[tokio::test]
async fn a_body_that_is_said_not_to_be_encoded_is_taken() {
    let api = Api::connect();
    for coding in ["identity", "Identity", "IDENTITY", "identity, identity", "identity ,identity"] {
        let user = api.new_user().await;
        for request in requests(&api, id_of(&user)) {
            let request = request.header("content-type", "application/json");
            let answer = request.header("content-encoding", coding).send().await;
            assert!(answer.status() < 300, "{coding}: {}", answer.describe());
        }
    }
}

const UNUSUAL: &[&str] = &[
    "application/json-patch+json",
    "application/vnd.api+json",
    "application/graphql",
    "text/csv",
    "image/png",
    "multipart/form-data; boundary=x",
    "application/json; charset=latin1",
    "application/x-www-form-urlencoded",
    "no media type",
    "\"",
    "*/*",
    "",
];

#[tokio::test]
async fn a_type_and_a_coding_are_ignored_where_no_body_is_taken() {
    let api = Api::connect();
    let user = api.new_user_with(&json!({"roles": ["admin"]})).await;
    let id = id_of(&user);
    for media_type in UNUSUAL {
        for body in ["", "{broken", "{\"statusCode\": 200}"] {
            let with = |request: Request| {
                request
                    .header("content-type", media_type)
                    .header("content-encoding", "gzip")
                    .body(body)
            };
            for operation in OPERATIONS.iter().filter(|operation| operation.request.is_none()) {
                let path = operation.path.replace("{userId}", id).replace("{role}", "absent");
                let method = operation.method.as_str().parse().unwrap();
                let answer = with(api.request(method, &path)).send().await;
                let expected = if operation.id == "removeRole" { 404 } else { 200 };
                assert_eq!(answer.status(), expected, "{media_type}: {}", answer.describe());
            }
            for (method, path, code) in [
                (Method::PUT, "/users", ErrorCode::MethodNotAllowed),
                (Method::PATCH, "/users", ErrorCode::MethodNotAllowed),
                (Method::POST, "/users/x", ErrorCode::MethodNotAllowed),
                (Method::GET, "/nope", ErrorCode::RouteNotFound),
                (Method::POST, "/", ErrorCode::RouteNotFound),
                (Method::DELETE, "/users/x/nope", ErrorCode::RouteNotFound),
            ] {
                let answer = with(api.request(method, path)).send().await;
                assert_eq!(answer.status(), code.status(), "{media_type}: {}", answer.describe());
                answer.expect_problem(code);
            }
            for path in ["/users", "/users/x", "/users/x/roles", "/users/x/audit"] {
                let preflight = with(api.request(Method::OPTIONS, path)).unsigned().send().await;
                assert_eq!(preflight.status(), 204, "{media_type}: {}", preflight.describe());
            }
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
    let post = || api.request(Method::POST, "/users");
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
