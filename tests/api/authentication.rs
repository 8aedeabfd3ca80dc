//! Who may call: SigV4 in the header or the query, and the caller's policies.

use http::{HeaderValue, Method, Uri};
use serde_json::json;
use std::time::Duration;
use users_client::Signing;
use users_contract::ErrorCode;
use users_tests::{Api, id_of, sample};

const MINUTE: i64 = 60;

#[track_caller]
fn refuse(answer: &users_tests::Answer) {
    answer.expect_problem(ErrorCode::NotAuthenticated);
}

fn presigned(seconds: u64) -> Signing {
    Signing::Query { expires_in: Duration::from_secs(seconds) }
}

#[tokio::test]
async fn an_unsigned_call_is_refused_by_every_operation() {
    let api = Api::connect();
    let user = api.new_user().await;
    for request in api.operations(id_of(&user)) {
        refuse(&request.unsigned().send().await);
    }
    assert_eq!(api.profile(id_of(&user)).send().await.user(), user);
}

#[tokio::test]
async fn a_call_with_a_wrong_secret_is_refused_by_every_operation() {
    let api = Api::connect();
    let user = api.new_user().await;
    let caller = users_tests::Settings::get().caller.access_key_id().to_owned();
    for request in api.operations(id_of(&user)) {
        refuse(&request.credentials(&caller, "not-the-secret").send().await);
    }
    assert_eq!(api.profile(id_of(&user)).send().await.user(), user);
}

#[tokio::test]
async fn an_unknown_caller_is_refused() {
    let api = Api::connect();
    refuse(&api.get("/users").credentials("AKIDNOBODY", "secret").send().await);
}

#[tokio::test]
async fn an_authorization_without_a_signature_is_refused() {
    let api = Api::connect();
    for value in [
        "Bearer abc",
        "Basic dGVzdDp0ZXN0",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=test",
        "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/execute-api/aws4_request, \
         SignedHeaders=host, Signature=00",
    ] {
        let request = api.get("/users").unsigned().header("Authorization", value);
        refuse(&request.send().await);
    }
}

#[tokio::test]
async fn a_clock_may_be_wrong_by_less_than_5_minutes() {
    let api = Api::connect();
    for minutes in [-4, 4] {
        let request = api.get("/users").query("limit", "1").clock_off_by(minutes * MINUTE);
        let _ = request.send().await.expect_status(200);
    }
    for minutes in [-6, 6, -14, 14, -24 * 60] {
        let request = api.get("/users").query("limit", "1").clock_off_by(minutes * MINUTE);
        refuse(&request.send().await);
    }
}

#[tokio::test]
async fn a_signature_for_another_region_or_service_is_refused() {
    let api = Api::connect();
    refuse(&api.get("/users").region("eu-north-9").send().await);
    refuse(&api.get("/users").service("lambda").send().await);
}

#[tokio::test]
async fn a_call_that_was_altered_after_it_was_signed_is_refused() {
    let api = Api::connect();
    let (one, two) = (api.new_user().await, api.new_user().await);
    let body = api.update(id_of(&one), &json!({"displayName": "Ada"})).if_version(1);

    let altered = body.clone().tamper(|request| {
        *request.body_mut() = br#"{"displayName":"Eve"}"#.to_vec();
    });
    refuse(&altered.send().await);

    let path = format!("{}/users/{}", api.url_path(), id_of(&two));
    let altered = body.clone().tamper(move |request| {
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = Some(path.parse().unwrap());
        *request.uri_mut() = Uri::from_parts(parts).unwrap();
    });
    // The answer's `instance` is the path that arrived, so it is compared by hand.
    let answer = altered.send_unchecked().await;
    assert_eq!(answer.status.as_u16(), 403);

    let altered = body.clone().tamper(|request| {
        request.headers_mut().insert("if-match", HeaderValue::from_static("*"));
    });
    refuse(&altered.send().await);

    let altered = body.tamper(|request| *request.method_mut() = Method::DELETE);
    assert_eq!(altered.send_unchecked().await.status.as_u16(), 403);

    let altered = api.get("/users").query("limit", "1").tamper(|request| {
        let uri = request.uri().to_string().replace("limit=1", "limit=2");
        *request.uri_mut() = uri.parse().unwrap();
    });
    refuse(&altered.send().await);

    for user in [one, two] {
        assert_eq!(api.profile(id_of(&user)).send().await.user(), user);
    }
}

#[tokio::test]
async fn a_call_may_carry_the_hash_of_its_body() {
    let api = Api::connect();
    let request = api.register(&sample::registration()).signing(Signing::HeaderWithBodyHash);
    let _ = request.send().await.expect_status(201);
    let request = api.get("/users").query("limit", "1").signing(Signing::HeaderWithBodyHash);
    let _ = request.send().await.expect_status(200);
}

#[tokio::test]
async fn paths_and_queries_with_escapes_can_be_signed() {
    let api = Api::connect();
    let email = format!("j\u{f6}rg+a&b=c~{}@example.com", sample::unique());
    let user = api.new_user_with(&json!({"email": email, "roles": ["a:b"]})).await;
    for signing in [Signing::Header, Signing::HeaderWithBodyHash, presigned(60)] {
        let request = api.get("/users").query("limit", "5").query("email", &email);
        assert_eq!(request.signing(signing).send().await.user_ids(), [id_of(&user)]);
        let request = api.remove_role(id_of(&user), "x%3Ay").signing(signing);
        request.send().await.expect_problem(ErrorCode::RoleNotAssigned);
    }
}

#[tokio::test]
async fn a_presigned_call_goes_through_and_its_parameters_are_not_counted_as_unknown() {
    let api = Api::connect();
    let user = api.new_user().await;
    let read = api.profile(id_of(&user)).signing(presigned(60)).send().await;
    assert_eq!(read.expect_status(200).user(), user);
    let list = api.get("/users").query("limit", "1").signing(presigned(604_800));
    let _ = list.send().await.expect_status(200);
    let unknown = api.profile(id_of(&user)).query("x", "1").signing(presigned(60));
    unknown.send().await.expect_invalid(&["?x"]);
    let write = api.update(id_of(&user), &json!({"locale": "en"})).signing(presigned(60));
    let _ = write.send().await.expect_status(200);
}

#[tokio::test]
async fn a_presigned_call_is_refused_once_it_has_expired() {
    let api = Api::connect();
    let user = api.new_user().await;
    let request = api.profile(id_of(&user)).signing(presigned(60));
    refuse(&request.clone().clock_off_by(-2 * MINUTE).send().await);
    let _ = request.clock_off_by(-MINUTE / 2).send().await.expect_status(200);
    // The expiry of a presigned call counts, not its age.
    let request = api.profile(id_of(&user)).signing(presigned(3600));
    let _ = request.clone().clock_off_by(-30 * MINUTE).send().await.expect_status(200);
    let _ = request.clone().clock_off_by(4 * MINUTE).send().await.expect_status(200);
    for minutes in [6, 14, 30] {
        refuse(&request.clone().clock_off_by(minutes * MINUTE).send().await);
    }
}

#[tokio::test]
async fn an_ambiguous_signature_is_refused() {
    let api = Api::connect();
    let signed = api.get("/users").query("limit", "1");
    for (name, value) in [
        ("authorization", "AWS4-HMAC-SHA256 Credential=x, SignedHeaders=host, Signature=0"),
        ("x-amz-date", "20260101T000000Z"),
        ("x-amz-security-token", "unsigned"),
    ] {
        let doubled = signed.clone().tamper(move |request| {
            request.headers_mut().append(name, HeaderValue::from_static(value));
        });
        refuse(&doubled.send().await);
    }
    for more in
        ["Extra=1", "Signature=0", "Credential=x/20260101/us-east-1/execute-api/aws4_request"]
    {
        let longer = signed.clone().tamper(move |request| {
            let text = request.headers()["authorization"].to_str().unwrap();
            let text = format!("{text}, {more}").parse().unwrap();
            request.headers_mut().insert("authorization", text);
        });
        refuse(&longer.send().await);
    }
    for also in ["", "X-Amz-Date=20260101T000000Z", "X-Amz-Expires=604800"] {
        let twice = signed.clone().signing(presigned(60)).tamper(move |request| {
            let uri = request.uri().to_string();
            let query = request.uri().query().unwrap_or_default();
            let also = if also.is_empty() { query } else { also };
            *request.uri_mut() = format!("{uri}&{also}").parse().unwrap();
        });
        refuse(&twice.send().await);
    }
}

#[tokio::test]
async fn a_presigned_call_that_was_altered_is_refused() {
    let api = Api::connect();
    for (from, to) in [
        ("limit=1", "limit=2"),
        ("X-Amz-Expires=60", "X-Amz-Expires=600"),
        ("X-Amz-Signature=", "X-Amz-Signature=0"),
    ] {
        let request = api.get("/users").query("limit", "1").signing(presigned(60));
        let altered = request.tamper(move |request| {
            let uri = request.uri().to_string();
            assert!(uri.contains(from), "{from} is not in the address");
            *request.uri_mut() = uri.replace(from, to).parse().unwrap();
        });
        refuse(&altered.send().await);
    }
}

#[tokio::test]
async fn a_signed_caller_without_permission_is_denied_and_changes_nothing() {
    let api = Api::connect();
    let reader = api.as_reader();
    let user = api.new_user_with(&json!({"roles": ["admin"]})).await;
    let [register, read, update, status, assign, remove, list, audit] =
        reader.operations(id_of(&user));
    for allowed in [read, list, audit] {
        let _ = allowed.send().await.expect_status(200);
    }
    for denied in [register, update, status, assign, remove] {
        denied.send().await.expect_problem(ErrorCode::AccessDenied);
    }
    assert_eq!(api.profile(id_of(&user)).send().await.user(), user);
}

#[tokio::test]
async fn a_wrong_signature_comes_before_every_other_error() {
    let api = Api::connect();
    let request = api.request(Method::POST, "/users").header("content-type", "text/plain");
    refuse(&request.body("{broken").unsigned().send().await);
    let request = api.request(Method::POST, "/users").json_text("{broken").unsigned();
    refuse(&request.send().await);
}
