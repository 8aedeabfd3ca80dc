//! SigV4 for API Gateway: service `execute-api`, the path encoded a second time, a session token
//! only if the credentials have one.

use crate::ClientError;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, SignableBody, SignableRequest, SignatureLocation, SigningParams,
    SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use bytes::Bytes;
use http::Request;
use std::time::{Duration, SystemTime};

/// The kind of a call's signature.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Signing {
    /// No signature.
    None,
    /// In the `Authorization` header.
    Header,
    /// In the `Authorization` header, with the hash of the body in `X-Amz-Content-Sha256`.
    HeaderWithBodyHash,
    /// In the query (presigned).
    Query {
        /// The validity of the signed URL, in whole seconds.
        expires_in: Duration,
    },
}

/// The inputs of a signature besides the request.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    pub(crate) credentials: Credentials,
    pub(crate) region: String,
    pub(crate) service: String,
    pub(crate) time: SystemTime,
}

/// Signs a request in place. Headers whose values are not UTF-8 stay unsigned, which SigV4 allows
/// for all except `host` and `x-amz-*`.
pub(crate) fn apply(
    request: &mut Request<Bytes>,
    signing: Signing,
    scope: &Scope,
) -> Result<(), ClientError> {
    let mut settings = SigningSettings::default();
    match signing {
        Signing::None => return Ok(()),
        Signing::Header => {}
        Signing::HeaderWithBodyHash => {
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        Signing::Query { expires_in } => {
            settings.signature_location = SignatureLocation::QueryParams;
            settings.expires_in = Some(expires_in);
        }
    }
    // The signer puts them into headers, and panics if they are invalid there.
    let credentials = &scope.credentials;
    let token = credentials.session_token().unwrap_or_default();
    let in_headers = [credentials.access_key_id(), token, &scope.region, &scope.service];
    if in_headers.iter().any(|text| text.chars().any(char::is_control)) {
        let rule = "access key, session token, Region and service must not have control characters";
        return Err(ClientError::Signing(rule.into()));
    }
    let identity: Identity = credentials.clone().into();
    let parameters: SigningParams<'_> = v4::SigningParams::builder()
        .identity(&identity)
        .region(&scope.region)
        .name(&scope.service)
        .time(scope.time)
        .settings(settings)
        .build()
        .map_err(|error| ClientError::Signing(Box::new(error)))?
        .into();
    let uri = request.uri().to_string();
    let headers = request.headers().iter().filter_map(|(name, value)| {
        Some((name.as_str(), std::str::from_utf8(value.as_ref()).ok()?))
    });
    let instructions = SignableRequest::new(
        request.method().as_str(),
        uri,
        headers,
        SignableBody::Bytes(request.body()),
    )
    .and_then(|signable| sign(signable, &parameters))
    .map_err(|error| ClientError::Signing(Box::new(error)))?
    .into_parts()
    .0;
    instructions.apply_to_request_http1x(request);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Scope, Signing, apply};
    use crate::ClientError;
    use aws_credential_types::Credentials;
    use aws_sigv4::sign::v4;
    use bytes::Bytes;
    use http::Request;
    use sha2::{Digest, Sha256};
    use std::time::{Duration, SystemTime};

    /// The example of the AWS General Reference: 30 August 2015, 12:36 UTC.
    fn scope() -> Scope {
        Scope {
            credentials: Credentials::from_keys(
                "AKIDEXAMPLE",
                "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                None,
            ),
            region: "us-east-1".to_owned(),
            service: "service".to_owned(),
            time: SystemTime::UNIX_EPOCH + Duration::from_secs(1_440_938_160),
        }
    }

    fn request(uri: &str) -> Request<Bytes> {
        Request::builder()
            .uri(uri)
            .header("host", "example.amazonaws.com")
            .body(Bytes::new())
            .unwrap()
    }

    fn authorization(request: &Request<Bytes>) -> &str {
        request.headers()["authorization"].to_str().unwrap()
    }

    #[test]
    fn the_published_vector_get_vanilla_is_reproduced() {
        let mut request = request("https://example.amazonaws.com/");
        apply(&mut request, Signing::Header, &scope()).unwrap();
        assert_eq!(
            authorization(&request),
            "AWS4-HMAC-SHA256 \
             Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, \
             Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
        );
        assert_eq!(request.headers()["x-amz-date"], "20150830T123600Z");
    }

    #[test]
    fn the_published_vector_with_a_sorted_query_is_reproduced() {
        let mut request = request("https://example.amazonaws.com/?Param2=value2&Param1=value1");
        apply(&mut request, Signing::Header, &scope()).unwrap();
        assert!(
            authorization(&request).ends_with(
                "Signature=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"
            ),
            "{}",
            authorization(&request)
        );
    }

    #[test]
    fn an_encoded_path_is_encoded_a_second_time() {
        let mut request = request("https://example.amazonaws.com/a%3Ab");
        apply(&mut request, Signing::Header, &scope()).unwrap();

        // The signature by SigV4's definition, with the twice encoded path written out.
        let hash = |text: &str| {
            Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        let canonical = format!(
            "GET\n/a%253Ab\n\nhost:example.amazonaws.com\nx-amz-date:20150830T123600Z\n\n\
             host;x-amz-date\n{}",
            hash("")
        );
        let to_sign = format!(
            "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/service/aws4_request\n{}",
            hash(&canonical)
        );
        let scope = scope();
        let secret = scope.credentials.secret_access_key();
        let key = v4::generate_signing_key(secret, scope.time, "us-east-1", "service");
        let signature = v4::calculate_signature(key, to_sign.as_bytes());
        assert!(authorization(&request).ends_with(&format!("Signature={signature}")));
    }

    #[test]
    fn a_presigned_query_has_all_parts_and_no_authorization() {
        let mut request = request("https://example.amazonaws.com/users?limit=1");
        let signing = Signing::Query { expires_in: Duration::from_secs(60) };
        apply(&mut request, signing, &scope()).unwrap();
        assert!(!request.headers().contains_key("authorization"));
        let query = request.uri().query().unwrap();
        for part in [
            "limit=1",
            "X-Amz-Algorithm=AWS4-HMAC-SHA256",
            "X-Amz-Date=20150830T123600Z",
            "X-Amz-Expires=60",
            "X-Amz-SignedHeaders=host",
            "X-Amz-Signature=",
        ] {
            assert!(query.contains(part), "{part} is missing from {query}");
        }
        assert!(!query.contains("X-Amz-Security-Token"));
    }

    #[test]
    fn a_session_token_of_the_credentials_is_sent() {
        let mut request = request("https://example.amazonaws.com/");
        let credentials = Credentials::from_keys("id", "secret", Some("token".to_owned()));
        apply(&mut request, Signing::Header, &Scope { credentials, ..scope() }).unwrap();
        assert_eq!(request.headers()["x-amz-security-token"], "token");
        assert!(authorization(&request).contains("x-amz-security-token"));
    }

    #[test]
    fn control_characters_in_credentials_or_scope_are_refused() {
        let keys = |id, token: Option<&str>| {
            Credentials::from_keys(id, "secret", token.map(str::to_owned))
        };
        for scope in [
            Scope { region: "eu-west-1\n".to_owned(), ..scope() },
            Scope { region: "\u{7f}".to_owned(), ..scope() },
            Scope { service: "a\0".to_owned(), ..scope() },
            Scope { credentials: keys("id\r\n", None), ..scope() },
            Scope { credentials: keys("id", Some("token\n")), ..scope() },
        ] {
            let mut request = request("https://example.amazonaws.com/");
            let error = apply(&mut request, Signing::Header, &scope).unwrap_err();
            assert!(matches!(error, ClientError::Signing(_)), "{error:?}");
        }
    }

    #[test]
    fn the_hash_of_the_body_is_sent_on_demand() {
        let mut request = request("https://example.amazonaws.com/");
        apply(&mut request, Signing::HeaderWithBodyHash, &scope()).unwrap();
        assert_eq!(
            request.headers()["x-amz-content-sha256"],
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
