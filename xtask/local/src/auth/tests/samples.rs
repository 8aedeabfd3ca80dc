//! Requests signed by botocore, curl, the AWS SDK for Rust, and by hand.

use crate::auth::{Principal, Principals, Refusal, SignedHead, Verifier};
use crate::names::hex;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::{Timestamp, ToSpan};
use sha2::{Digest, Sha256};
use std::time::SystemTime;

pub(super) const BODY: &str = r#"{"email":"ada@example.com"}"#;
pub(super) const SCOPE: &str = "test/20261122/us-east-1/execute-api/aws4_request";

/// A request that can be changed before it is verified.
#[derive(Clone)]
pub(super) struct Sample {
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: &'static str,
    pub(super) signed_at: Timestamp,
}

impl Sample {
    pub(super) fn new(
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

    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.headers
            .insert(HeaderName::try_from(name).unwrap(), HeaderValue::from_str(value).unwrap());
    }

    /// A header as bytes, one more of its name.
    pub(super) fn add(&mut self, name: &str, value: &[u8]) {
        self.headers
            .append(HeaderName::try_from(name).unwrap(), HeaderValue::from_bytes(value).unwrap());
    }

    pub(super) fn head(&self) -> SignedHead<'_> {
        SignedHead {
            method: self.method,
            path: &self.path,
            query: &self.query,
            headers: &self.headers,
        }
    }

    /// The signer, as verified this many seconds later.
    pub(super) fn verify_after(&self, seconds: i64) -> Result<String, Refusal> {
        let principals = Principals::new([Principal::new("test", "test")]).unwrap();
        let verifier = Verifier::new("execute-api", "us-east-1", principals.keys());
        let admitted = verifier.admit(self.head(), self.signed_at + seconds.seconds())?;
        admitted.verify(self.head(), self.body.as_bytes())
    }

    pub(super) fn refusal(&self) -> String {
        match self.verify_after(1) {
            Err(refusal @ (Refusal::Invalid(_) | Refusal::Mismatch { .. })) => refusal.note(),
            other => panic!("expected an invalid signature, not {other:?}"),
        }
    }

    /// Signs it by hand, with a canonical request of one's own.
    pub(super) fn signed_as(
        &mut self,
        path: &str,
        query: &str,
        headers: &[(&str, &[u8])],
        hash: &str,
    ) {
        self.set("x-amz-date", "20261122T100000Z");
        let mut names = Vec::new();
        let mut canonical = format!("{}\n{path}\n{query}\n", self.method).into_bytes();
        for (name, value) in headers {
            canonical.extend([name.as_bytes(), b":", value, b"\n"].concat());
            names.push(*name);
        }
        let names = names.join(";");
        canonical.extend(format!("\n{names}\n{hash}").bytes());
        let text = format!(
            "AWS4-HMAC-SHA256\n20261122T100000Z\n20261122/us-east-1/execute-api/aws4_request\n{}",
            hex(&Sha256::digest(canonical))
        );
        let time = SystemTime::from(self.signed_at);
        let key = v4::generate_signing_key("test", time, "us-east-1", "execute-api");
        let signature = v4::calculate_signature(key, text.as_bytes());
        self.set("authorization", &authorization(&names, &signature));
    }
}

pub(super) fn authorization(signed_headers: &str, signature: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders={signed_headers}, \
         Signature={signature}"
    )
}

pub(super) fn botocore_post() -> Sample {
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

pub(super) fn botocore_get(target: &str, signature: &str) -> Sample {
    let authorization = authorization("host;x-amz-date", signature);
    let headers = [("x-amz-date", "20261122T100000Z"), ("authorization", &authorization)];
    Sample::new("GET", target, &headers, "")
}

pub(super) fn botocore_delete() -> Sample {
    let mut sample = botocore_get(
        "/prod/users/01JD/roles/billing%3Aread%20%C3%A9",
        "f639e8b561a3db301a3c22106e6f365b81f117ef30f2302e338e70b982c44733",
    );
    sample.method = "DELETE";
    sample
}

pub(super) fn botocore_session_token() -> Sample {
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

pub(super) fn botocore_presigned() -> Sample {
    let target = "/prod/users?limit=2&email=a%2Bb%40example.com&X-Amz-Algorithm=AWS4-HMAC-SHA256\
        &X-Amz-Credential=test%2F20261122%2Fus-east-1%2Fexecute-api%2Faws4_request\
        &X-Amz-Date=20261122T100000Z&X-Amz-Expires=300&X-Amz-SignedHeaders=host\
        &X-Amz-Signature=6f163d644fbcef3c5da4dd62ff3380c8dc1e4d447f4f3e0950000a6b93fb7f7e";
    Sample::new("GET", target, &[], "")
}

pub(super) fn botocore_presigned_with_token() -> Sample {
    let target = "/prod/users?X-Amz-Algorithm=AWS4-HMAC-SHA256\
        &X-Amz-Credential=test%2F20261122%2Fus-east-1%2Fexecute-api%2Faws4_request\
        &X-Amz-Date=20261122T100000Z&X-Amz-Expires=300&X-Amz-SignedHeaders=host\
        &X-Amz-Security-Token=sess%2F%2B%3D\
        &X-Amz-Signature=e07abb7c4ce5acd948a650f1e43a5f7e51e6e7759f3f16b98c1b09049c57e6e8";
    Sample::new("GET", target, &[], "")
}

pub(super) fn curl(
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

pub(super) fn curl_post() -> Sample {
    let authorization = "AWS4-HMAC-SHA256 \
        Credential=test/20261123/us-east-1/execute-api/aws4_request, \
        SignedHeaders=content-type;host;x-amz-date, \
        Signature=c920d4bdd91c82acd232e10e4ffb80d1bb40b2f7d4fb5d1719bcda42d3e3bb4b";
    let headers = [("content-type", "application/json"), ("authorization", authorization)];
    curl(&headers, "POST", "/prod/users", BODY)
}

pub(super) fn curl_get() -> Sample {
    let authorization = "AWS4-HMAC-SHA256 \
        Credential=test/20261123/us-east-1/execute-api/aws4_request, \
        SignedHeaders=host;x-amz-date, \
        Signature=be1cdfa89f08f73df803334cd10d4ad07213803cfd36db856be32afc3c1fc0a2";
    curl(&[("authorization", authorization)], "GET", "/prod/users?limit=2&status=active", "")
}

/// A request signed by the AWS SDK's signer, with the header of the body's hash or without.
pub(super) fn sdk(checksum: PayloadChecksumKind) -> Sample {
    let mut sample = Sample::new(
        "PATCH",
        "/prod/users/01JD?x=%20&a=b%2Fc&a=a",
        &[("content-type", "application/json"), ("x-amz-meta", "  folded   white space ")],
        BODY,
    );
    sdk_signs(&mut sample, checksum);
    sample
}

pub(super) fn sdk_signs(sample: &mut Sample, checksum: PayloadChecksumKind) {
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
        .map(|(name, value)| (name.as_str(), std::str::from_utf8(value.as_bytes()).unwrap()))
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
}

pub(super) fn change_authorization(sample: &mut Sample, change: impl Fn(&str) -> String) {
    let changed = change(sample.headers["authorization"].to_str().unwrap());
    sample.set("authorization", &changed);
}
