//! Idempotency keys: their scope, the fingerprint of a request, and the record of a success.
//!
//! There is no lock and no in-progress state. The record of a success is written in the same
//! transaction as the change, so there is never a moment at which one exists without the other.

use sha2::{Digest, Sha256};
use std::fmt;
use users_domain::{IdempotencyKey, Precondition, Preconditions, Timestamp};

/// The caller as the scope of a key: the IAM user or role. The session name of an assumed role is
/// left out, because a retry may come from another instance of the same service.
#[derive(Clone, Eq, PartialEq)]
pub struct Principal(String);

impl Principal {
    /// The principal behind an ARN as API Gateway reports it.
    #[must_use]
    pub fn from_arn(arn: &str) -> Self {
        // arn:aws:sts::123456789012:assumed-role/role-name/session-name
        let is_session = arn.split(':').nth(5).is_some_and(|it| it.starts_with("assumed-role/"));
        let principal = match arn.rsplit_once('/') {
            Some((role, _session)) if is_session && role.contains('/') => role,
            _ => arn,
        };
        Self(principal.to_owned())
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Principal(***)")
    }
}

/// The id of a record: a hash of caller, operation and key, so that callers never share a record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RecordId(String);

impl RecordId {
    /// The id for a principal, an operation with its path, and a key.
    #[must_use]
    pub fn new(principal: &Principal, operation: &str, path: &str, key: &IdempotencyKey) -> Self {
        Self(digest(&[&principal.0, operation, path, key.as_str()]))
    }

    /// The id as it is stored: 64 hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The fingerprint of a request: its body as canonical JSON, and its preconditions.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The fingerprint of a request.
    #[must_use]
    pub fn new(canonical_body: &str, preconditions: &Preconditions) -> Self {
        let [if_match, if_none_match] = [&preconditions.if_match, &preconditions.if_none_match]
            .map(|condition| condition.as_ref().map(Precondition::canonical).unwrap_or_default());
        // Without `If-None-Match` the fingerprint is that of records from before it counted.
        let parts = [canonical_body, &if_match, &if_none_match];
        Self(digest(if if_none_match.is_empty() { &parts[..2] } else { &parts }))
    }

    /// The fingerprint as it is stored: 64 hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn from_stored(text: String) -> Self {
        Self(text)
    }
}

/// SHA-256 over the parts, each after its length so that no two lists of parts look alike.
fn digest(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    format!("{:x}", hasher.finalize())
}

/// The answer to a write, as it is recorded.
#[derive(Clone, Eq, PartialEq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body, byte for byte.
    pub body: String,
    /// `ETag`.
    pub etag: String,
    /// `Location`.
    pub location: Option<String>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The body is a user.
        formatter.debug_struct("Answer").field("status", &self.status).finish_non_exhaustive()
    }
}

/// The idempotency of one request.
#[derive(Clone, Debug)]
pub struct Idempotency {
    /// Names its record.
    pub id: RecordId,
    /// Distinguishes it from other requests with the same key.
    pub fingerprint: Fingerprint,
}

/// A recorded success.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Record {
    /// Its name.
    pub id: RecordId,
    /// The request that succeeded.
    pub fingerprint: Fingerprint,
    /// The answer it got.
    pub answer: Answer,
    /// The end of its validity, in seconds since 1970.
    pub expires_at: i64,
}

impl Record {
    /// Whether the record is valid, by its own time: the table may delete it days later.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expires_at > now.as_millis().div_euclid(1000)
    }
}

#[cfg(test)]
mod tests {
    use super::{Fingerprint, Principal, RecordId};
    use users_domain::{IdempotencyKey, Preconditions};

    #[test]
    fn the_session_of_an_assumed_role_does_not_count() {
        let principal = |arn| Principal::from_arn(arn).0;
        assert_eq!(
            principal("arn:aws:sts::123456789012:assumed-role/checkout/i-0abc"),
            "arn:aws:sts::123456789012:assumed-role/checkout"
        );
        assert_eq!(
            principal("arn:aws:sts::123456789012:assumed-role/checkout"),
            "arn:aws:sts::123456789012:assumed-role/checkout"
        );
        assert_eq!(
            principal("arn:aws:iam::123456789012:user/team/ada"),
            "arn:aws:iam::123456789012:user/team/ada"
        );
        assert_eq!(
            principal("arn:aws:sts::123456789012:federated-user/ada"),
            "arn:aws:sts::123456789012:federated-user/ada"
        );
    }

    #[test]
    fn every_part_of_the_scope_counts() {
        let key = |text: &str| {
            IdempotencyKey::parse_all(&[text.as_bytes()]).ok().flatten().expect("a valid key")
        };
        let id = |arn, operation, path, text| {
            RecordId::new(&Principal::from_arn(arn), operation, path, &key(text))
        };
        let one = id("arn:a", "op", "/p", "k");
        assert_eq!(one, id("arn:a", "op", "/p", "k"));
        assert_ne!(one, id("arn:b", "op", "/p", "k"));
        assert_ne!(one, id("arn:a", "op2", "/p", "k"));
        assert_ne!(one, id("arn:a", "op", "/q", "k"));
        assert_ne!(one, id("arn:a", "op", "/p", "l"));
        assert_ne!(one, id("arn:a", "op/", "p", "k"), "parts do not run into each other");
    }

    #[test]
    fn the_preconditions_are_part_of_the_request() {
        let fingerprint = |body, if_match: &[&[u8]], if_none_match: &[&[u8]]| {
            let preconditions = Preconditions::parse(if_match, if_none_match);
            Fingerprint::new(body, &preconditions.expect("well-formed headers"))
        };
        let different = [
            fingerprint("{}", &[], &[]),
            fingerprint("{}", &[b"\"1\""], &[]),
            fingerprint("{}", &[], &[b"\"1\""]),
            fingerprint("{}", &[b"\"1\""], &[b"\"1\""]),
            fingerprint("{}", &[b"W/\"1\""], &[]),
            fingerprint("{}", &[b"*"], &[]),
            fingerprint("{}", &[], &[b"*"]),
            fingerprint("{}\"1\"", &[], &[]),
        ];
        for (index, one) in different.iter().enumerate() {
            assert!(different[index + 1..].iter().all(|other| one != other), "{index}");
        }
        let spelt = fingerprint("{}", &[b"\"2\"", b"\"1\" , \"2\""], &[]);
        assert_eq!(spelt, fingerprint("{}", &[b"\"1\",\"2\""], &[]), "the same condition");
        let before = Fingerprint(super::digest(&["{}", "\"1\""]));
        assert_eq!(before, fingerprint("{}", &[b"\"1\""], &[]), "a record of an older version");
    }
}
