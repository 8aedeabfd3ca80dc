//! Tests of signatures: requests as botocore, curl and the AWS SDK for Rust sign them.

use super::{Principal, Refusal, SignedRequest, Verifier};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::{Timestamp, ToSpan};
use rstest::rstest;
use std::time::SystemTime;

const BODY: &str = r#"{"email":"ada@example.com"}"#;
const SCOPE: &str = "test/20261122/us-east-1/execute-api/aws4_request";

/// A request that can be changed before it is verified.
#[derive(Clone)]
struct Sample {
    method: &'static str,
    path: String,
    query: String,
    headers: HeaderMap,
    body: &'static str,
    signed_at: Timestamp,
}

impl Sample {
    fn new(
        method: &'static str,
        target: &str,
        headers: &[(&str, &str)],
        body: &'static str,
    ) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut sample = Self {
            method,
            path: path.to_owned(),
            query: query.to_owned(),
            headers: HeaderMap::new(),
            body,
            signed_at: "2026-11-22T10:00:00Z".parse().unwrap(),
        };
        sample.set("host", "127.0.0.1:4510");
        for (name, value) in headers {
            sample.set(name, value);
        }
        sample
    }

    fn set(&mut self, name: &str, value: &str) {
        self.headers
            .insert(HeaderName::try_from(name).unwrap(), HeaderValue::from_str(value).unwrap());
    }

    fn verify_after(&self, seconds: i64) -> Result<String, Refusal> {
        let verifier = Verifier::new("us-east-1", vec![Principal::new("test", "test")]);
        let request = SignedRequest {
            method: self.method,
            path: &self.path,
            query: &self.query,
            headers: &self.headers,
            body: self.body.as_bytes(),
        };
        let principal = verifier.verify(request, self.signed_at + seconds.seconds())?;
        Ok(principal.arn("000000000000"))
    }

    fn refusal(&self) -> String {
        match self.verify_after(1) {
            Err(Refusal::Invalid(text)) => text,
            other => panic!("expected an invalid signature, not {other:?}"),
        }
    }
}

fn authorization(signed_headers: &str, signature: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders={signed_headers}, \
         Signature={signature}"
    )
}

fn botocore_post() -> Sample {
    let authorization = authorization(
        "content-type;host;x-amz-date",
        "4ef9065682d5fbfa87b1b637b4c2a9aff0cf9384c442eec11ae24409581445da",
    );
    let headers = [
        ("content-type", "application/json"),
        ("x-amz-date", "20261122T100000Z"),
        ("authorization", &authorization),
    ];
    Sample::new("POST", "/prod/users", &headers, BODY)
}

fn botocore_get(target: &str, signature: &str) -> Sample {
    let authorization = authorization("host;x-amz-date", signature);
    let headers = [("x-amz-date", "20261122T100000Z"), ("authorization", &authorization)];
    Sample::new("GET", target, &headers, "")
}

fn botocore_delete() -> Sample {
    let mut sample = botocore_get(
        "/prod/users/01JD/roles/billing%3Aread%20%C3%A9",
        "f639e8b561a3db301a3c22106e6f365b81f117ef30f2302e338e70b982c44733",
    );
    sample.method = "DELETE";
    sample
}

fn botocore_session_token() -> Sample {
    let authorization = authorization(
        "host;x-amz-date;x-amz-security-token",
        "6fbb6331b91f8a8c6017820f81cbdb73cd4568608663da4d0b4caeb87290758d",
    );
    let headers = [
        ("x-amz-date", "20261122T100000Z"),
        ("x-amz-security-token", "sess"),
        ("authorization", &authorization),
    ];
    Sample::new("GET", "/prod/users", &headers, "")
}

fn botocore_presigned() -> Sample {
    let target = "/prod/users?limit=2&email=a%2Bb%40example.com&X-Amz-Algorithm=AWS4-HMAC-SHA256\
        &X-Amz-Credential=test%2F20261122%2Fus-east-1%2Fexecute-api%2Faws4_request\
        &X-Amz-Date=20261122T100000Z&X-Amz-Expires=300&X-Amz-SignedHeaders=host\
        &X-Amz-Signature=6f163d644fbcef3c5da4dd62ff3380c8dc1e4d447f4f3e0950000a6b93fb7f7e";
    Sample::new("GET", target, &[], "")
}

fn botocore_presigned_with_token() -> Sample {
    let target = "/prod/users?X-Amz-Algorithm=AWS4-HMAC-SHA256\
        &X-Amz-Credential=test%2F20261122%2Fus-east-1%2Fexecute-api%2Faws4_request\
        &X-Amz-Date=20261122T100000Z&X-Amz-Expires=300&X-Amz-SignedHeaders=host\
        &X-Amz-Security-Token=sess%2F%2B%3D\
        &X-Amz-Signature=e07abb7c4ce5acd948a650f1e43a5f7e51e6e7759f3f16b98c1b09049c57e6e8";
    Sample::new("GET", target, &[], "")
}

fn curl(
    headers: &[(&str, &str)],
    method: &'static str,
    target: &str,
    body: &'static str,
) -> Sample {
    let mut sample = Sample::new(method, target, headers, body);
    sample.set("host", "127.0.0.1:4999");
    sample.set("x-amz-date", "20261123T023331Z");
    sample.set("user-agent", "curl/7.88.1");
    sample.set("accept", "*/*");
    sample.signed_at = "2026-11-23T02:33:31Z".parse().unwrap();
    sample
}

fn curl_post() -> Sample {
    let authorization = "AWS4-HMAC-SHA256 \
        Credential=test/20261123/us-east-1/execute-api/aws4_request, \
        SignedHeaders=content-type;host;x-amz-date, \
        Signature=c920d4bdd91c82acd232e10e4ffb80d1bb40b2f7d4fb5d1719bcda42d3e3bb4b";
    let headers = [("content-type", "application/json"), ("authorization", authorization)];
    curl(&headers, "POST", "/prod/users", BODY)
}

fn curl_get() -> Sample {
    let authorization = "AWS4-HMAC-SHA256 \
        Credential=test/20261123/us-east-1/execute-api/aws4_request, \
        SignedHeaders=host;x-amz-date, \
        Signature=be1cdfa89f08f73df803334cd10d4ad07213803cfd36db856be32afc3c1fc0a2";
    curl(&[("authorization", authorization)], "GET", "/prod/users?limit=2&status=active", "")
}

/// A request signed by the AWS SDK's signer, with the header of the body's hash or without.
fn sdk(checksum: PayloadChecksumKind) -> Sample {
    let mut sample = Sample::new(
        "PATCH",
        "/prod/users/01JD?x=%20&a=b%2Fc&a=a",
        &[("content-type", "application/json"), ("x-amz-meta", "  folded   white space ")],
        BODY,
    );
    let identity = Credentials::new("test", "test", None, None, "test").into();
    let mut settings = SigningSettings::default();
    settings.payload_checksum_kind = checksum;
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name("execute-api")
        .time(SystemTime::from(sample.signed_at))
        .settings(settings)
        .build()
        .unwrap()
        .into();
    let headers: Vec<_> = sample
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect();
    let request = SignableRequest::new(
        sample.method,
        format!("http://127.0.0.1:4510{}?{}", sample.path, sample.query),
        headers.into_iter(),
        SignableBody::Bytes(BODY.as_bytes()),
    )
    .unwrap();
    let (instructions, _) = sign(request, &params).unwrap().into_parts();
    for (name, value) in instructions.headers() {
        sample.set(name, value);
    }
    sample
}

#[rstest]
#[case::botocore(botocore_post())]
#[case::botocore_encoded_path(botocore_delete())]
#[case::botocore_query(botocore_get(
    "/prod/users?role=billing%3Aread&email=a%2Bb%40example.com&cursor=",
    "b86bce539066f04f049d7866b065edddffcecfba71649701e730281f46ba5edc"
))]
#[case::botocore_session_token(botocore_session_token())]
#[case::botocore_presigned(botocore_presigned())]
#[case::botocore_presigned_with_token(botocore_presigned_with_token())]
#[case::curl_body(curl_post())]
#[case::curl_query(curl_get())]
#[case::sdk(sdk(PayloadChecksumKind::NoHeader))]
#[case::sdk_with_hash(sdk(PayloadChecksumKind::XAmzSha256))]
fn what_clients_sign_is_accepted(#[case] sample: Sample) {
    assert_eq!(sample.verify_after(5).unwrap(), "arn:aws:iam::000000000000:user/test");
}

#[rstest]
#[case::method(|sample: &mut Sample| sample.method = "PUT")]
#[case::path(|sample: &mut Sample| sample.path.push('x'))]
#[case::query(|sample: &mut Sample| sample.query = "limit=1".to_owned())]
#[case::signed_header(|sample: &mut Sample| sample.set("content-type", "text/plain"))]
#[case::host(|sample: &mut Sample| sample.set("host", "elsewhere"))]
#[case::body(|sample: &mut Sample| sample.body = "{}")]
fn a_changed_request_is_refused(#[case] change: fn(&mut Sample)) {
    let mut sample = botocore_post();
    change(&mut sample);
    assert!(sample.refusal().contains("does not match"), "{}", sample.refusal());
}

#[test]
fn an_unsigned_header_may_change() {
    let mut sample = botocore_post();
    sample.set("user-agent", "another");
    sample.verify_after(0).unwrap();
}

#[rstest]
#[case::unsigned_amz_header(
    |sample: &mut Sample| sample.set("x-amz-security-token", "x"), "must be a 'SignedHeader'"
)]
#[case::hash_of_another_body(
    |sample: &mut Sample| { *sample = sdk(PayloadChecksumKind::XAmzSha256); sample.body = "{}"; },
    "not the hash of the body"
)]
#[case::unsigned_payload(
    |sample: &mut Sample| {
        *sample = sdk(PayloadChecksumKind::XAmzSha256);
        sample.set("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    },
    "not the hash of the body"
)]
#[case::no_date(|sample: &mut Sample| { sample.headers.remove("x-amz-date"); }, "X-Amz-Date")]
#[case::odd_date(|sample: &mut Sample| sample.set("x-amz-date", "yesterday"), "YYYYMMDDTHHMMSSZ")]
#[case::date_of_another_day(
    |sample: &mut Sample| sample.set("x-amz-date", "20261121T235900Z"), "Date in Credential scope"
)]
#[case::other_scheme(
    |sample: &mut Sample| sample.set("authorization", "Bearer x"), "AWS4-HMAC-SHA256"
)]
#[case::no_signature(
    |sample: &mut Sample| {
        let text = format!("AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders=host");
        sample.set("authorization", &text);
    },
    "'Signature'"
)]
#[case::host_not_signed(
    |sample: &mut Sample| sample.set("authorization", &authorization("x-amz-date", "0")),
    "'host' must be a 'SignedHeader'"
)]
#[case::header_that_is_not_there(
    |sample: &mut Sample| {
        sample.set("authorization", &authorization("host;x-amz-date;x-gone", "0"));
    },
    "'x-gone' is not in the request"
)]
#[case::both_places(
    |sample: &mut Sample| sample.query = botocore_presigned().query, "not both"
)]
fn a_broken_signature_is_refused_with_why(#[case] change: fn(&mut Sample), #[case] words: &str) {
    let mut sample = botocore_post();
    change(&mut sample);
    assert!(sample.refusal().contains(words), "{}", sample.refusal());
}

#[rstest]
#[case::region("us-east-1", "eu-west-1", "valid region: 'us-east-1'")]
#[case::service("execute-api", "s3", "correct service: 'execute-api'")]
#[case::unknown_key("test/2026", "nobody/2026", "security token included")]
fn a_scope_must_fit(#[case] from: &str, #[case] to: &str, #[case] words: &str) {
    let mut sample = botocore_post();
    let changed = sample.headers["authorization"].to_str().unwrap().replace(from, to);
    sample.set("authorization", &changed);
    assert!(sample.refusal().contains(words), "{}", sample.refusal());
}

#[rstest]
#[case::early(-900, true)]
#[case::too_early(-901, false)]
#[case::late(900, true)]
#[case::too_late(901, false)]
fn a_header_holds_for_fifteen_minutes(#[case] seconds: i64, #[case] holds: bool) {
    assert_eq!(botocore_post().verify_after(seconds).is_ok(), holds);
}

#[test]
fn a_presigned_request_holds_as_long_as_it_says() {
    botocore_presigned().verify_after(300).unwrap();
    let refusal = botocore_presigned().verify_after(301).unwrap_err();
    assert!(matches!(refusal, Refusal::Expired(_)), "{refusal:?}");
    let mut longer = botocore_presigned();
    longer.query = longer.query.replace("X-Amz-Expires=300", "X-Amz-Expires=604801");
    assert!(longer.refusal().contains("604800"), "{}", longer.refusal());
    let mut forged = botocore_presigned();
    forged.query = forged.query.replace("limit=2", "limit=3");
    assert!(forged.refusal().contains("does not match"), "{}", forged.refusal());
}

#[test]
fn an_unsigned_request_has_no_token() {
    let unsigned = Sample::new("GET", "/prod/users?limit=1", &[], "");
    assert_eq!(unsigned.verify_after(0), Err(Refusal::Missing));
}
