//! The claim of a request: its signature and the scope. An ambiguous claim is refused, because a
//! proxy might interpret it differently.

use super::head::{Refusal, SignedHead};
use http::{HeaderMap, HeaderName};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use percent_encoding::percent_decode_str;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// The fields of an `Authorization` header, in the order of [`Claim::of_header`].
const FIELDS: [&str; 3] = ["Credential", "SignedHeaders", "Signature"];
/// The parameters of a presigned query. Each occurs exactly once.
const PARAMETERS: [&str; 6] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
];
const TOKEN_PARAMETER: &str = "X-Amz-Security-Token";

/// The place of the signature.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Placement {
    /// In `Authorization`.
    Header,
    /// In the query, valid for a number of seconds.
    Query { expires: i64 },
}

/// A signature with its claimed scope and headers.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) placement: Placement,
    pub(super) access_key: String,
    /// The date of the scope, `YYYYMMDD`.
    pub(super) date: String,
    pub(super) region: String,
    pub(super) service: String,
    /// The time of signing as sent, `YYYYMMDDTHHMMSSZ`.
    pub(super) date_time: String,
    pub(super) time: Timestamp,
    /// In lower case and sorted, each once.
    pub(super) signed_headers: Vec<String>,
    pub(super) signature: String,
}

impl Claim {
    /// Reads the claim of a request.
    pub(super) fn of(head: SignedHead<'_>) -> Result<Self, Refusal> {
        for name in ["authorization", "host", "x-amz-content-sha256", "x-amz-date"] {
            if head.headers.get_all(name).iter().nth(1).is_some() {
                return refuse(format!("There is more than one '{name}' header; send one."));
            }
        }
        let in_query = [PARAMETERS[5], PARAMETERS[0]]
            .iter()
            .any(|name| !parameters(head.query, name).is_empty());
        match head.headers.get(http::header::AUTHORIZATION) {
            Some(_) if in_query => {
                refuse("A request is signed in the Authorization header or in the query, not both.")
            }
            Some(authorization) => Self::of_header(head.headers, authorization.as_bytes()),
            None if in_query => Self::of_query(head),
            None => Err(Refusal::Missing),
        }
    }

    fn of_header(headers: &HeaderMap, authorization: &[u8]) -> Result<Self, Refusal> {
        let fields = std::str::from_utf8(authorization)
            .ok()
            .and_then(|text| text.trim().strip_prefix(ALGORITHM))
            .and_then(|fields| fields.strip_prefix(' '))
            .ok_or_else(|| invalid("The Authorization header must begin with AWS4-HMAC-SHA256."))?;
        let mut found = [None; 3];
        for field in fields.split(',') {
            let (name, value) = field.trim().split_once('=').unwrap_or((field.trim(), ""));
            let Some(place) = FIELDS.iter().position(|known| *known == name) else {
                return refuse(
                    "The Authorization header has a field besides 'Credential', 'SignedHeaders' \
                     and 'Signature'.",
                );
            };
            if found[place].replace(value).is_some() {
                return refuse(format!("The Authorization header has '{name}' more than once."));
            }
        }
        let needed = |place: usize| {
            found[place].ok_or_else(|| {
                Refusal::Invalid(format!("The Authorization header needs '{}'.", FIELDS[place]))
            })
        };
        let (credential, signed_headers, signature) = (needed(0)?, needed(1)?, needed(2)?);
        let date_time = headers
            .get("x-amz-date")
            .and_then(|value| value.to_str().ok())
            .ok_or_else(|| invalid("The Authorization header needs an X-Amz-Date header."))?;
        Self::assemble(Placement::Header, credential, date_time, signed_headers, signature)
    }

    fn of_query(head: SignedHead<'_>) -> Result<Self, Refusal> {
        if head.headers.contains_key(HeaderName::from_static("x-amz-date")) {
            return refuse("A presigned request has its X-Amz-Date in the query, not in a header.");
        }
        if parameters(head.query, TOKEN_PARAMETER).len() > 1 {
            return refuse(format!("A presigned request has '{TOKEN_PARAMETER}' more than once."));
        }
        let mut values = Vec::with_capacity(PARAMETERS.len());
        for name in PARAMETERS {
            match parameters(head.query, name).as_slice() {
                [one] => values.push(one.clone()),
                [] => return refuse(format!("A presigned request needs '{name}'.")),
                _ => return refuse(format!("A presigned request has '{name}' more than once.")),
            }
        }
        let [algorithm, credential, date_time, expires, signed_headers, signature] =
            values.as_slice()
        else {
            return refuse("A presigned request is not complete.");
        };
        if algorithm != ALGORITHM {
            return refuse("X-Amz-Algorithm must be AWS4-HMAC-SHA256.");
        }
        let expires = Some(expires)
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| invalid("X-Amz-Expires must be a whole number of seconds."))?;
        Self::assemble(
            Placement::Query { expires },
            credential,
            date_time,
            signed_headers,
            signature,
        )
    }

    fn assemble(
        placement: Placement,
        credential: &str,
        date_time: &str,
        signed_headers: &str,
        signature: &str,
    ) -> Result<Self, Refusal> {
        let parts: Vec<_> = credential.split('/').collect();
        let [access_key, date, region, service, "aws4_request"] = parts.as_slice() else {
            return refuse("Credential must be KEY/YYYYMMDD/region/service/aws4_request.");
        };
        let time = Some(date_time)
            .filter(|text| text.len() == "YYYYMMDDTHHMMSSZ".len())
            .and_then(|text| DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok())
            .and_then(|time| time.to_zoned(TimeZone::UTC).ok())
            .ok_or_else(|| invalid("X-Amz-Date must be in the form YYYYMMDDTHHMMSSZ."))?
            .timestamp();
        if date.len() != 8 {
            return refuse("The date of the Credential scope must be YYYYMMDD.");
        }
        let mut names: Vec<_> = signed_headers.split(';').map(str::to_ascii_lowercase).collect();
        names.sort_unstable();
        let listed = names.len();
        names.dedup();
        if names.len() != listed {
            return refuse("SignedHeaders names a header more than once.");
        }
        Ok(Self {
            placement,
            access_key: (*access_key).to_owned(),
            date: (*date).to_owned(),
            region: (*region).to_owned(),
            service: (*service).to_owned(),
            date_time: date_time.to_owned(),
            time,
            signed_headers: names,
            signature: signature.to_owned(),
        })
    }
}

/// The name of a pair of a query, decoded.
pub(super) fn name_of(pair: &str) -> String {
    decoded(pair.split_once('=').map_or(pair, |(name, _)| name))
}

/// All values of a parameter, decoded.
fn parameters(query: &str, name: &str) -> Vec<String> {
    query
        .split('&')
        .filter(|pair| name_of(pair) == name)
        .map(|pair| decoded(pair.split_once('=').map_or("", |(_, value)| value)))
        .collect()
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn invalid(text: &str) -> Refusal {
    Refusal::Invalid(text.to_owned())
}

fn refuse<T>(text: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::Invalid(text.into()))
}
