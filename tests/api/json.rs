//! Bodies that are JSON, and bodies that are not.

use serde_json::json;
use users_contract::ErrorCode;
use users_tests::{Answer, Api, id_of, sample};

async fn register(api: &Api, body: impl Into<Vec<u8>>) -> Answer {
    api.request(http::Method::POST, "/users").json_text(body).send().await
}

#[tokio::test]
async fn a_body_that_is_not_json_is_refused() {
    let api = Api::connect();
    let email = sample::email();
    let good = format!("{{\"email\":\"{email}\"}}");
    let mut latin1 = format!("{{\"email\":\"{email}\",\"displayName\":\"").into_bytes();
    latin1.extend_from_slice(b"J\xf6rg\"}");
    let mut overlong = format!("{{\"email\":\"{email}\",\"displayName\":\"").into_bytes();
    overlong.extend_from_slice(b"\xc0\x80\"}");
    let rows: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", Vec::new()),
        ("white space only", b"  ".to_vec()),
        ("a word", b"hello".to_vec()),
        ("half an object", b"{\"email\":".to_vec()),
        ("an unclosed text", b"{\"email\":\"a".to_vec()),
        ("something after the object", format!("{good} x").into()),
        ("two objects", format!("{good}{good}").into()),
        ("a comma at the end", format!("{{\"email\":\"{email}\",}}").into()),
        ("a comment", format!("{good}// yes").into()),
        ("single quotes", format!("{{'email':'{email}'}}").into()),
        ("names without quotes", format!("{{email:\"{email}\"}}").into()),
        ("NaN", format!("{{\"email\":\"{email}\",\"displayName\":NaN}}").into()),
        ("a byte order mark", format!("\u{feff}{good}").into()),
        ("UTF-16", good.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("Latin 1", latin1),
        ("an overlong form", overlong),
        ("a raw line feed in a text", format!("{{\"email\":\"{email}\n\"}}").into()),
        ("a bad escape", format!("{{\"email\":\"{email}\\x41\"}}").into()),
    ];
    for (what, body) in rows {
        let answer = register(&api, body).await;
        assert_eq!(answer.status(), 400, "{what}: {}", answer.describe());
        answer.expect_problem(ErrorCode::InvalidRequest);
    }
    assert!(api.get("/users").query("email", &email).send().await.items().is_empty());
}

#[tokio::test]
async fn a_lone_surrogate_is_refused() {
    let api = Api::connect();
    for escape in ["\\ud800", "\\udc00", "\\ud800x", "\\udc00\\ud800", "\\ud83d\\u0041"] {
        let email = sample::email();
        let body = format!("{{\"email\":\"{email}\",\"displayName\":\"{escape}\"}}");
        let answer = register(&api, body).await;
        assert_eq!(answer.status(), 400, "{escape}: {}", answer.describe());
        answer.expect_problem(ErrorCode::InvalidRequest);
        let body = format!("{{\"email\":\"{email}\",\"attributes\":{{\"{escape}\":\"a\"}}}}");
        register(&api, body).await.expect_problem(ErrorCode::InvalidRequest);
    }
}

#[tokio::test]
async fn a_member_that_comes_twice_is_refused_with_its_pointer() {
    let api = Api::connect();
    let email = sample::email();
    let body = format!("{{\"email\":\"{email}\",\"locale\":\"en\",\"email\":\"{email}\"}}");
    register(&api, body).await.expect_invalid(&["/email"]);
    let body = format!("{{\"email\":\"{email}\",\"attributes\":{{\"a\":\"1\",\"a\":\"1\"}}}}");
    register(&api, body).await.expect_invalid(&["/attributes/a"]);
    // The same name, spelt with an escape.
    let body = format!("{{\"email\":\"{email}\",\"locale\":\"en\",\"l\\u006fcale\":\"en\"}}");
    register(&api, body).await.expect_invalid(&["/locale"]);
    // It does not hide the other problems.
    let body = format!(
        "{{\"email\":\"{email}\",\"locale\":\"en\",\"locale\":\"en\",\"givenName\":\"\",\"x\":1}}"
    );
    register(&api, body).await.expect_invalid(&["/locale", "/givenName", "/x"]);
}

#[tokio::test]
async fn duplicate_members_are_refused_by_every_operation() {
    let api = Api::connect();
    let user = api.new_user().await;
    let id = id_of(&user);
    let rows = [
        (http::Method::PATCH, "", r#"{"locale":"en","locale":"fr"}"#, "/locale"),
        (http::Method::PUT, "/status", r#"{"status":"active","status":"deleted"}"#, "/status"),
        (http::Method::POST, "/roles", r#"{"role":"a","role":"b"}"#, "/role"),
    ];
    for (method, path, body, place) in rows {
        let request = api.request(method, &format!("/users/{id}{path}")).json_text(body);
        request.send().await.expect_invalid(&[place]);
    }
}

#[tokio::test]
async fn deep_nesting_is_refused_without_harm() {
    let api = Api::connect();
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        for depth in [100, 5_000] {
            let body = format!(
                "{{\"email\":\"{}\",\"x\":{}1{}}}",
                sample::email(),
                open.repeat(depth),
                close.repeat(depth)
            );
            register(&api, body).await.expect_problem(ErrorCode::InvalidRequest);
        }
    }
    register(&api, "[".repeat(60_000)).await.expect_problem(ErrorCode::InvalidRequest);
    let _ = api.new_user().await;
}

#[tokio::test]
async fn escapes_and_white_space_do_not_change_what_a_body_says() {
    let api = Api::connect();
    let email = sample::email();
    let body = format!(
        "\r\n\t {{ \"em\\u0061il\" : \"{}\" ,\n \"displayName\" : \"J\\u00f6rg \\ud83d\\ude00\" }} \n",
        email.replace('@', "\\u0040")
    );
    let user = register(&api, body).await.expect_status(201).user();
    assert_eq!((&user["email"], &user["displayName"]), (&json!(email), &json!("Jörg 😀")));
}
