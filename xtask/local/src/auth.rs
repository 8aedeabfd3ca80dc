//! Who calls: verifies AWS Signature Version 4, in the header or as a presigned query.
//!
//! The signature is verified by signing the request again with the principal's secret and
//! comparing in constant time, so that canonicalisation is that of the AWS SDK and not of ours.

mod claim;
mod policy;

pub use policy::Principal;

use self::claim::{Claim, Placement};
use crate::names::hex;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use http::HeaderMap;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};
use subtle::ConstantTimeEq;

/// The service that calls of a REST API are signed for.
const SERVICE: &str = "execute-api";
/// How far a signature's time may be off, in seconds.
const MAX_SKEW_SECONDS: i64 = 15 * 60;
/// The longest that a presigned call may be valid for, in seconds: seven days.
const MAX_EXPIRES_SECONDS: i64 = 7 * 24 * 60 * 60;

/// A request as it is judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SignedRequest<'a> {
    pub(crate) method: &'a str,
    /// The path as it came, percent-encoded, API stage included.
    pub(crate) path: &'a str,
    /// The query as it came, without the question mark.
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
}

/// Why a request is refused, with words that do not help a forger.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Refusal {
    /// It carries no signature at all.
    Missing,
    /// Its signature does not hold; the text says why.
    Invalid(String),
    /// It was valid once; the text says until when.
    Expired(String),
}

/// Verifies signatures of known principals for one region.
#[derive(Debug)]
pub(crate) struct Verifier {
    region: String,
    principals: BTreeMap<String, Principal>,
}

impl Verifier {
    /// A verifier of these principals.
    pub(crate) fn new(region: &str, principals: Vec<Principal>) -> Self {
        Self {
            region: region.to_owned(),
            principals: principals
                .into_iter()
                .map(|principal| (principal.id.clone(), principal))
                .collect(),
        }
    }

    /// The principal that signed a request.
    pub(crate) fn verify(
        &self,
        request: SignedRequest<'_>,
        now: Timestamp,
    ) -> Result<&Principal, Refusal> {
        let claim = Claim::of(request)?;
        let invalid = |text: &str| Err(Refusal::Invalid(text.to_owned()));
        if claim.service != SERVICE {
            return Err(Refusal::Invalid(format!(
                "Credential should be scoped to correct service: '{SERVICE}'."
            )));
        }
        if claim.region != self.region {
            return Err(Refusal::Invalid(format!(
                "Credential should be scoped to a valid region: '{}'.",
                self.region
            )));
        }
        if !claim.date_time.starts_with(&claim.date) {
            return invalid(
                "Date in Credential scope does not match YYYYMMDD from the signing time.",
            );
        }
        self.judge_time(&claim, now)?;
        judge_signed_headers(&claim, request)?;
        judge_content_hash(request)?;
        let Some(principal) = self.principals.get(&claim.access_key) else {
            return invalid("The security token included in the request is invalid.");
        };
        let expected = expected_signature(&claim, request, &self.region, &principal.secret)?;
        if bool::from(expected.as_bytes().ct_eq(claim.signature.as_bytes())) {
            Ok(principal)
        } else {
            invalid(
                "The request signature we calculated does not match the signature you provided. \
                 Check your AWS Secret Access Key and signing method. Consult the service \
                 documentation for details.",
            )
        }
    }

    fn judge_time(&self, claim: &Claim, now: Timestamp) -> Result<(), Refusal> {
        let seconds = now.as_second() - claim.time.as_second();
        if seconds < -MAX_SKEW_SECONDS {
            return Err(Refusal::Invalid(format!(
                "Signature not yet current: {} is more than 15 minutes ahead.",
                claim.date_time
            )));
        }
        match claim.placement {
            Placement::Header if seconds > MAX_SKEW_SECONDS => Err(Refusal::Invalid(format!(
                "Signature expired: {} is more than 15 minutes ago.",
                claim.date_time
            ))),
            Placement::Query { expires } if !(1..=MAX_EXPIRES_SECONDS).contains(&expires) => {
                Err(Refusal::Invalid(format!(
                    "X-Amz-Expires must be between 1 and {MAX_EXPIRES_SECONDS} seconds."
                )))
            }
            Placement::Query { expires } if seconds > expires => Err(Refusal::Expired(format!(
                "Signature expired: {} was valid for {expires} seconds.",
                claim.date_time
            ))),
            Placement::Header | Placement::Query { .. } => Ok(()),
        }
    }
}

/// What a forwarder could change must be covered by the signature.
fn judge_signed_headers(claim: &Claim, request: SignedRequest<'_>) -> Result<(), Refusal> {
    let is_signed = |name: &str| claim.signed_headers.iter().any(|signed| signed == name);
    let mut required = vec!["host"];
    required.extend(request.headers.keys().map(http::HeaderName::as_str).filter(|name| {
        // A presigned call is opened by programs that add headers of their own.
        name.starts_with("x-amz-") && matches!(claim.placement, Placement::Header)
    }));
    for name in required {
        if !is_signed(name) {
            return Err(Refusal::Invalid(format!("'{name}' must be a 'SignedHeader'.")));
        }
    }
    for name in &claim.signed_headers {
        if !request.headers.contains_key(name) {
            return Err(Refusal::Invalid(format!(
                "The signed header '{name}' is not in the request."
            )));
        }
    }
    Ok(())
}

/// The signature covers the hash of the body that came; a header that claims another is a lie.
fn judge_content_hash(request: SignedRequest<'_>) -> Result<(), Refusal> {
    match request.headers.get("x-amz-content-sha256") {
        Some(claimed) if claimed.as_bytes() != body_hash(request.body).as_bytes() => {
            Err(Refusal::Invalid(
                "The value of x-amz-content-sha256 is not the hash of the body.".to_owned(),
            ))
        }
        _ => Ok(()),
    }
}

fn body_hash(body: &[u8]) -> String {
    hex(&Sha256::digest(body))
}

fn expected_signature(
    claim: &Claim,
    request: SignedRequest<'_>,
    region: &str,
    secret: &str,
) -> Result<String, Refusal> {
    let unusable =
        |_| Refusal::Invalid("A signed header has characters that cannot be signed.".to_owned());
    // Exactly the headers that were signed; the rest may change on the way.
    let mut headers = Vec::new();
    for name in &claim.signed_headers {
        for value in request.headers.get_all(name) {
            let value = value.to_str().map_err(|_| {
                Refusal::Invalid(format!("The signed header '{name}' is not plain text."))
            })?;
            // The signer writes this one itself, from the time.
            if name != "x-amz-date" {
                headers.push((name.as_str(), value));
            }
        }
    }
    let mut settings = SigningSettings::default();
    settings.excluded_headers = None;
    let query = match claim.placement {
        Placement::Header => request.query.to_owned(),
        Placement::Query { expires } => {
            settings.signature_location = SignatureLocation::QueryParams;
            settings.expires_in = Some(Duration::from_secs(expires.unsigned_abs()));
            claim::without_signature(request.query)
        }
    };
    let uri = if query.is_empty() {
        request.path.to_owned()
    } else {
        format!("{}?{query}", request.path)
    };
    // Session tokens are not issued here; one that was signed is a header or parameter like others.
    let identity: Identity =
        Credentials::new(&claim.access_key, secret, None, None, "local-stack").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(SERVICE)
        .time(SystemTime::from(claim.time))
        .settings(settings)
        .build()
        .map_err(|_| Refusal::Invalid("The request cannot be signed.".to_owned()))?
        .into();
    let signable = SignableRequest::new(
        request.method,
        uri,
        headers.into_iter(),
        SignableBody::Precomputed(body_hash(request.body)),
    )
    .map_err(unusable)?;
    let (_, signature) = sign(signable, &params).map_err(unusable)?.into_parts();
    Ok(signature)
}

#[cfg(test)]
mod tests;
