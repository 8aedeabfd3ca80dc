//! What a request says about its signature.

use super::{Refusal, SignedRequest};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use percent_encoding::percent_decode_str;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Query parameters that the signer adds, and that a verifier takes off before it signs again.
/// The session token is not among them: it is signed like any other parameter.
const SIGNATURE_PARAMETERS: &[&str] = &[
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
];

/// Where the signature stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Placement {
    /// In `Authorization`.
    Header,
    /// In the query, valid for so many seconds.
    Query { expires: i64 },
}

/// A signature and what it claims to cover.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) placement: Placement,
    pub(super) access_key: String,
    /// The date of the scope, `YYYYMMDD`.
    pub(super) date: String,
    pub(super) region: String,
    pub(super) service: String,
    /// The time of signing as it was written, `YYYYMMDDTHHMMSSZ`.
    pub(super) date_time: String,
    pub(super) time: Timestamp,
    pub(super) signed_headers: Vec<String>,
    pub(super) signature: String,
}

impl Claim {
    /// Reads the claim of a request.
    pub(super) fn of(request: SignedRequest<'_>) -> Result<Self, Refusal> {
        let in_query = parameter(request.query, "X-Amz-Signature").is_some()
            || parameter(request.query, "X-Amz-Algorithm").is_some();
        match request.headers.get(http::header::AUTHORIZATION) {
            Some(_) if in_query => Err(invalid(
                "A request is signed in the Authorization header or in the query, not both.",
            )),
            Some(authorization) => Self::of_header(request, authorization.as_bytes()),
            None if in_query => Self::of_query(request),
            None => Err(Refusal::Missing),
        }
    }

    fn of_header(request: SignedRequest<'_>, authorization: &[u8]) -> Result<Self, Refusal> {
        let authorization = std::str::from_utf8(authorization)
            .map_err(|_| invalid("The Authorization header is not plain text."))?;
        let fields = authorization
            .trim_start()
            .strip_prefix(ALGORITHM)
            .ok_or_else(|| invalid("The Authorization header must begin with AWS4-HMAC-SHA256."))?;
        let field = |name: &str| {
            fields
                .split(',')
                .find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='))
                .ok_or_else(|| {
                    Refusal::Invalid(format!("The Authorization header needs '{name}'."))
                })
        };
        let date_time = request
            .headers
            .get("x-amz-date")
            .and_then(|value| value.to_str().ok())
            .ok_or_else(|| invalid("The Authorization header needs an X-Amz-Date header."))?;
        Self::assemble(
            Placement::Header,
            field("Credential")?,
            date_time,
            field("SignedHeaders")?,
            field("Signature")?,
        )
    }

    fn of_query(request: SignedRequest<'_>) -> Result<Self, Refusal> {
        let needed = |name: &str| {
            parameter(request.query, name)
                .ok_or_else(|| Refusal::Invalid(format!("A presigned request needs '{name}'.")))
        };
        if needed("X-Amz-Algorithm")? != ALGORITHM {
            return Err(invalid("X-Amz-Algorithm must be AWS4-HMAC-SHA256."));
        }
        let expires = needed("X-Amz-Expires")?
            .parse()
            .map_err(|_| invalid("X-Amz-Expires must be a whole number of seconds."))?;
        Self::assemble(
            Placement::Query { expires },
            &needed("X-Amz-Credential")?,
            &needed("X-Amz-Date")?,
            &needed("X-Amz-SignedHeaders")?,
            &needed("X-Amz-Signature")?,
        )
    }

    fn assemble(
        placement: Placement,
        credential: &str,
        date_time: &str,
        signed_headers: &str,
        signature: &str,
    ) -> Result<Self, Refusal> {
        // From the right, since an access key id could hold a slash.
        let mut parts = credential.rsplitn(5, '/');
        let (Some("aws4_request"), Some(service), Some(region), Some(date), Some(access_key)) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(invalid("Credential must be KEY/YYYYMMDD/region/service/aws4_request."));
        };
        let time = DateTime::strptime("%Y%m%dT%H%M%SZ", date_time)
            .and_then(|time| time.to_zoned(TimeZone::UTC))
            .map_err(|_| invalid("X-Amz-Date must be in the form YYYYMMDDTHHMMSSZ."))?
            .timestamp();
        if date.len() != 8 {
            return Err(invalid("The date of the Credential scope must be YYYYMMDD."));
        }
        Ok(Self {
            placement,
            access_key: access_key.to_owned(),
            date: date.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
            date_time: date_time.to_owned(),
            time,
            signed_headers: signed_headers.split(';').map(str::to_ascii_lowercase).collect(),
            signature: signature.to_owned(),
        })
    }
}

/// The query without what the signer added to it.
pub(super) fn without_signature(query: &str) -> String {
    query
        .split('&')
        .filter(|pair| !SIGNATURE_PARAMETERS.contains(&decoded(name_of(pair)).as_str()))
        .collect::<Vec<_>>()
        .join("&")
}

fn parameter(query: &str, name: &str) -> Option<String> {
    query
        .split('&')
        .find(|pair| decoded(name_of(pair)) == name)
        .map(|pair| decoded(pair.split_once('=').map_or("", |(_, value)| value)))
}

fn name_of(pair: &str) -> &str {
    pair.split_once('=').map_or(pair, |(name, _)| name)
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn invalid(text: &str) -> Refusal {
    Refusal::Invalid(text.to_owned())
}
