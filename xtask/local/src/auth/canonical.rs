//! The canonical request of Signature Version 4, and its signature:
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>.
//!
//! The signer of the AWS SDK accepts only queries and headers in UTF-8. Requests here may have
//! others, so they are canonicalised as bytes. A test compares the result with the SDK's for
//! everything that the SDK can sign.

use super::claim::{Claim, Placement, name_of};
use super::head::SignedHead;
use crate::names::hex;
use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use sha2::{Digest, Sha256};
use std::time::SystemTime;

/// Everything but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The same for a path, whose slashes stay.
const RESERVED_IN_PATH: &AsciiSet = &RESERVED.remove(b'/');

/// A way to make the canonical request: the right one, or a known mistake of signers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Variant {
    Standard,
    /// The query as sent.
    QueryAsSent,
    /// The query encoded correctly, but not sorted.
    QueryUnsorted,
    /// The path as sent, which only S3 accepts.
    PathAsSent,
    /// The body declared as unsigned, which only S3 accepts.
    UnsignedPayload,
}

impl Variant {
    /// Known mistakes, which are tried when a signature is invalid, with their remedies.
    pub(super) const MISTAKES: &[(Self, &str)] = &[
        (
            Self::QueryUnsorted,
            "the query was not sorted when it was signed; curl before 8.x does so: sort the \
             parameters by name, or take a newer curl",
        ),
        (
            Self::QueryAsSent,
            "the query was signed as it was sent, neither sorted nor percent-encoded; curl before \
             8.x does so: sort the parameters by name and encode all but letters, digits and -._~",
        ),
        (
            Self::PathAsSent,
            "the path was signed as it was sent; every service but S3 wants it percent-encoded \
             once more",
        ),
        (
            Self::UnsignedPayload,
            "the body was signed as UNSIGNED-PAYLOAD; this service wants its hash",
        ),
    ];
}

/// The correct signature of a request.
pub(super) fn signature(
    claim: &Claim,
    head: SignedHead<'_>,
    body_hash: &str,
    secret: &str,
    variant: Variant,
) -> String {
    let request = canonical_request(claim, head, body_hash, variant);
    let text = format!(
        "AWS4-HMAC-SHA256\n{}\n{}/{}/{}/aws4_request\n{}",
        claim.date_time,
        claim.date,
        claim.region,
        claim.service,
        hex(&Sha256::digest(&request))
    );
    let time = SystemTime::from(claim.time);
    let key = generate_signing_key(secret, time, &claim.region, &claim.service);
    calculate_signature(key, text.as_bytes())
}

fn canonical_request(
    claim: &Claim,
    head: SignedHead<'_>,
    body_hash: &str,
    variant: Variant,
) -> Vec<u8> {
    let path = match variant {
        Variant::PathAsSent => head.path.to_owned(),
        _ => percent_encode(normalized(head.path).as_bytes(), RESERVED_IN_PATH).to_string(),
    };
    // A presigned query covers all of itself but the signature.
    let presigned = claim.placement != Placement::Header;
    let pairs = head
        .query
        .split('&')
        .filter(|pair| !(pair.is_empty() || presigned && name_of(pair) == "X-Amz-Signature"));
    let query = match variant {
        Variant::QueryAsSent => pairs.collect::<Vec<_>>().join("&"),
        _ => {
            let mut pairs: Vec<_> = pairs.map(encoded_pair).collect();
            if variant != Variant::QueryUnsorted {
                pairs.sort_unstable();
            }
            let pairs: Vec<_> =
                pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
            pairs.join("&")
        }
    };
    let body_hash = match variant {
        Variant::UnsignedPayload => "UNSIGNED-PAYLOAD",
        _ => body_hash,
    };
    let mut request = format!("{}\n{path}\n{query}\n", head.method).into_bytes();
    for name in &claim.signed_headers {
        request.extend(name.as_bytes());
        let mut separator = b':';
        for value in head.headers.get_all(name) {
            request.push(separator);
            request.extend(trimmed(value.as_bytes()));
            separator = b',';
        }
        request.push(b'\n');
    }
    request.extend(format!("\n{}\n{body_hash}", claim.signed_headers.join(";")).bytes());
    request
}

/// A pair of the query, decoded once and encoded for the canonical request. A plus sign is a space.
fn encoded_pair(pair: &str) -> (String, String) {
    let encoded = |text: &str| {
        let bytes: Vec<u8> = percent_decode_str(&text.replace('+', " ")).collect();
        percent_encode(&bytes, RESERVED).to_string()
    };
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    (encoded(name), encoded(value))
}

/// A path without empty segments and dots.
fn normalized(path: &str) -> String {
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            _ => segments.push(segment),
        }
    }
    let is_folder = matches!(path.rsplit('/').next(), Some("" | "." | ".."));
    let end = if is_folder && !segments.is_empty() { "/" } else { "" };
    format!("/{}{end}", segments.join("/"))
}

/// A header's value without white space around it, and with single spaces within.
fn trimmed(value: &[u8]) -> Vec<u8> {
    let words = value.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(&b' ')
}

#[cfg(test)]
mod tests {
    use super::{normalized, trimmed};
    use rstest::rstest;

    #[rstest]
    #[case("/prod/users", "/prod/users")]
    #[case("/prod/users/", "/prod/users/")]
    #[case("/prod//users//", "/prod/users/")]
    #[case("/prod/./users/../x/.", "/prod/x/")]
    #[case("/..", "/")]
    #[case("//", "/")]
    fn paths_are_normalized(#[case] path: &str, #[case] expected: &str) {
        assert_eq!(normalized(path), expected);
    }

    #[rstest]
    #[case(b"  a   b ", b"a b")]
    #[case(b"a,  b", b"a, b")]
    #[case(b"\xc3\xa9 \xff", b"\xc3\xa9 \xff")]
    #[case(b"", b"")]
    fn values_are_trimmed_as_bytes(#[case] value: &[u8], #[case] expected: &[u8]) {
        assert_eq!(trimmed(value), expected);
    }
}
