//! Who calls: verifies AWS Signature Version 4, in the header or as a presigned query, for the API
//! and for the AWS services that functions call.
//!
//! A request is judged in two steps. [`Verifier::admit`] looks at the head alone: the claim, its
//! scope, its time, and whether anybody has the key. Only then is the body worth reading, and
//! [`Admitted::verify`] compares the signature, in constant time.

mod canonical;
mod claim;
mod endpoint;
mod keyring;
mod policy;

pub(crate) use endpoint::signed_call;
pub(crate) use keyring::Keyring;
pub use policy::Principal;
pub(crate) use policy::Principals;

use self::canonical::{Variant, signature};
use self::claim::{Claim, Placement};
use crate::names::hex;
use http::request::Parts;
use http::{HeaderMap, HeaderName};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// How far a signature's time may be off, in seconds.
const MAX_SKEW_SECONDS: i64 = 5 * 60;
/// The longest that a presigned call may be valid for, in seconds: seven days.
const MAX_EXPIRES_SECONDS: i64 = 7 * 24 * 60 * 60;

/// The head of a request as it is judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SignedHead<'a> {
    pub(crate) method: &'a str,
    /// The path as it came, percent-encoded, API stage included.
    pub(crate) path: &'a str,
    /// The query as it came, without the question mark.
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
}

impl<'a> SignedHead<'a> {
    /// The head of a request as the server read it.
    pub(crate) fn of(parts: &'a Parts) -> Self {
        Self {
            method: parts.method.as_str(),
            path: parts.uri.path(),
            query: parts.uri.query().unwrap_or_default(),
            headers: &parts.headers,
        }
    }
}

/// Why a request is refused, with words that do not help a forger.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Refusal {
    /// It carries no signature at all.
    Missing,
    /// Its signature does not hold; the text says why.
    Invalid(String),
    /// The signature is another one. The hint, for the terminal only, names what the caller signed
    /// instead, where that can be found out.
    Mismatch { hint: Option<&'static str> },
    /// It was valid once; the text says until when.
    Expired(String),
}

impl Refusal {
    /// What the terminal says.
    pub(crate) fn note(&self) -> String {
        match self {
            Self::Mismatch { hint: Some(hint) } => format!("{self} ({hint})"),
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => formatter.write_str("Missing Authentication Token"),
            Self::Invalid(text) | Self::Expired(text) => formatter.write_str(text),
            Self::Mismatch { .. } => formatter.write_str(
                "The request signature we calculated does not match the signature you provided. \
                 Check your AWS Secret Access Key and signing method. Consult the service \
                 documentation for details.",
            ),
        }
    }
}

/// Where secrets are looked up.
pub(crate) trait Secrets: fmt::Debug + Send + Sync {
    /// The secret of an access key, if anybody has it.
    fn of(&self, access_key: &str) -> Option<String>;
}

/// Verifies signatures for one service of one region.
#[derive(Clone, Debug)]
pub(crate) struct Verifier {
    service: &'static str,
    region: String,
    secrets: Arc<dyn Secrets>,
}

/// A request whose head is in order: its key exists, and its body is worth reading.
#[derive(Debug)]
pub(crate) struct Admitted {
    claim: Claim,
    secret: String,
}

impl Verifier {
    /// A verifier of calls of a service, such as `execute-api` or `dynamodb`.
    pub(crate) fn new(service: &'static str, region: &str, secrets: Arc<dyn Secrets>) -> Self {
        Self { service, region: region.to_owned(), secrets }
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
        match self.secrets.of(&claim.access_key) {
            Some(secret) => Ok(Admitted { claim, secret }),
            None => invalid("The security token included in the request is invalid."),
        }
    }
}

impl Admitted {
    /// The access key that has signed the request.
    ///
    /// # Errors
    /// When the signature is not that of this head and body.
    pub(crate) fn verify(self, head: SignedHead<'_>, body: &[u8]) -> Result<String, Refusal> {
        let hash = hex(&Sha256::digest(body));
        // The signature covers the hash of the body that came; a header that claims another lies.
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

/// What a forwarder could change must be covered by the signature.
fn judge_signed_headers(claim: &Claim, head: SignedHead<'_>) -> Result<(), Refusal> {
    let is_signed = |name: &str| claim.signed_headers.iter().any(|signed| signed == name);
    let mut required = vec!["host"];
    required.extend(head.headers.keys().map(HeaderName::as_str).filter(|name| {
        // A presigned call is opened by programs that add headers of their own.
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

#[cfg(test)]
mod tests;
