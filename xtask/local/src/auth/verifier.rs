//! Verification of a signature: first the head, then the body.

use super::canonical::{Variant, signature};
use super::claim::{Claim, Placement};
use super::head::{Refusal, SignedHead};
use super::keyring::Keyring;
use crate::names::hex;
use http::HeaderName;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The largest clock skew of a signature, in seconds.
const MAX_SKEW_SECONDS: i64 = 5 * 60;
/// The longest validity of a presigned call, in seconds: seven days.
const MAX_EXPIRES_SECONDS: i64 = 7 * 24 * 60 * 60;

/// Verifies signatures for one service of one region.
#[derive(Clone, Debug)]
pub(crate) struct Verifier {
    service: &'static str,
    region: String,
    keys: Keyring,
}

/// A request whose head is valid and whose key is known, so that its body may be read.
#[derive(Debug)]
pub(crate) struct Admitted {
    claim: Claim,
    secret: String,
}

impl Verifier {
    /// A verifier of calls of a service, such as `execute-api` or `dynamodb`, by these keys.
    pub(crate) fn new(service: &'static str, region: &str, keys: Keyring) -> Self {
        Self { service, region: region.to_owned(), keys }
    }

    /// Judges everything about a signature but the signature itself.
    pub(crate) fn admit(&self, head: SignedHead<'_>, now: Timestamp) -> Result<Admitted, Refusal> {
        let claim = Claim::of(head)?;
        if claim.service != self.service {
            return Err(Refusal::Invalid(format!(
                "Credential should be scoped to correct service: '{}'.",
                self.service
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
        judge_time(&claim, now)?;
        judge_signed_headers(&claim, head)?;
        match self.keys.secret_of(&claim.access_key) {
            Some(secret) => Ok(Admitted { claim, secret }),
            None => invalid("The security token included in the request is invalid."),
        }
    }
}

impl Admitted {
    /// The access key of the signer.
    ///
    /// # Errors
    /// When the signature does not match this head and body.
    pub(crate) fn verify(self, head: SignedHead<'_>, body: &[u8]) -> Result<String, Refusal> {
        let hash = hex(&Sha256::digest(body));
        // The signature covers the hash of the received body; the header must not claim another.
        if let Some(claimed) = head.headers.get("x-amz-content-sha256")
            && claimed.as_bytes() != hash.as_bytes()
        {
            return invalid("The value of x-amz-content-sha256 is not the hash of the body.");
        }
        let given = self.claim.signature.as_bytes();
        let holds = |variant| {
            let expected = signature(&self.claim, head, &hash, &self.secret, variant);
            bool::from(expected.as_bytes().ct_eq(given))
        };
        if holds(Variant::Standard) {
            return Ok(self.claim.access_key);
        }
        let hint = Variant::MISTAKES.iter().find(|(variant, _)| holds(*variant));
        Err(Refusal::Mismatch { hint: hint.map(|(_, words)| *words) })
    }
}

fn judge_time(claim: &Claim, now: Timestamp) -> Result<(), Refusal> {
    let seconds = now.as_second() - claim.time.as_second();
    if seconds < -MAX_SKEW_SECONDS {
        return Err(Refusal::Invalid(format!(
            "Signature not yet current: {} is more than 5 minutes ahead.",
            claim.date_time
        )));
    }
    match claim.placement {
        Placement::Header if seconds > MAX_SKEW_SECONDS => Err(Refusal::Invalid(format!(
            "Signature expired: {} is more than 5 minutes ago.",
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

/// The signature must cover the headers that a forwarder could change.
fn judge_signed_headers(claim: &Claim, head: SignedHead<'_>) -> Result<(), Refusal> {
    let is_signed = |name: &str| claim.signed_headers.iter().any(|signed| signed == name);
    let mut required = vec!["host"];
    required.extend(head.headers.keys().map(HeaderName::as_str).filter(|name| {
        // Programs that open a presigned URL add headers of their own.
        name.starts_with("x-amz-") && matches!(claim.placement, Placement::Header)
    }));
    for name in required {
        if !is_signed(name) {
            return Err(Refusal::Invalid(format!("'{name}' must be a 'SignedHeader'.")));
        }
    }
    for name in &claim.signed_headers {
        if !head.headers.contains_key(name) {
            return Err(Refusal::Invalid(format!(
                "The signed header '{name}' is not in the request."
            )));
        }
    }
    Ok(())
}

fn invalid<T>(text: &str) -> Result<T, Refusal> {
    Err(Refusal::Invalid(text.to_owned()))
}
