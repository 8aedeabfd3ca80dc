//! The request headers that have a grammar: correlation id, idempotency key, preconditions, and the
//! declaration of the body.

mod media_type;
mod precondition;

mod white_space;

use std::fmt;

use ulid::Ulid;
use users_contract::{header, limits};

use crate::Violation;
use white_space::trim_white_space;

pub use media_type::{MediaType, is_unencoded};
pub use precondition::{EntityTag, Judgement, Precondition, Preconditions, parse_entity_tags};

/// The id of a call, in every log line, audit entry, event and error.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CorrelationId(String);

impl CorrelationId {
    /// Takes over an id from a request: 1 to 64 ASCII letters, digits, `.`, `_` or `-`. Any
    /// other value is ignored, and the service generates an id.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let valid = (1..=limits::CORRELATION_ID_MAX_BYTES).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        valid.then(|| Self(text.to_owned()))
    }

    /// An id that the service makes.
    #[must_use]
    pub fn from_ulid(ulid: Ulid) -> Self {
        Self(ulid.array_to_str(&mut [0; ulid::ULID_LEN]).to_owned())
    }

    /// Restores a stored text, unchecked.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CorrelationId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Makes a write safe to retry. Its `Debug` form leaves it out, since a caller may have built it
/// from personal data.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Reads the values of all `Idempotency-Key` headers of a request.
    ///
    /// A key is 1 to 255 visible ASCII characters, either bare or as a structured-field string
    /// (RFC 9651) in double quotes, which are the same key. A value that begins with a quote is
    /// always read as such a string.
    pub fn parse_all(values: &[&[u8]]) -> Result<Option<Self>, Violation> {
        let invalid = |rule: &'static str| Violation::at_header(header::IDEMPOTENCY_KEY, rule);
        let value = match values {
            [] => return Ok(None),
            [value] => trim_white_space(value),
            _ => return Err(invalid("must be given only once")),
        };
        let content = if value.starts_with(b"\"") {
            unquote(value).ok_or_else(|| {
                invalid("begins with a quote but is not a well-formed string of structured fields")
            })?
        } else {
            value.to_vec()
        };
        String::from_utf8(content)
            .ok()
            .filter(|key| {
                (1..=limits::IDEMPOTENCY_KEY_MAX_BYTES).contains(&key.len())
                    && key.bytes().all(|byte| byte.is_ascii_graphic())
            })
            .map(|key| Some(Self(key)))
            .ok_or_else(|| {
                let max = limits::IDEMPOTENCY_KEY_MAX_BYTES;
                Violation::at_header(
                    header::IDEMPOTENCY_KEY,
                    format!("must have 1 to {max} visible ASCII characters and no space"),
                )
            })
    }

    /// The key, without quotes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("IdempotencyKey(***)")
    }
}

/// The content of a structured-field string; `None` when the text is not one.
fn unquote(value: &[u8]) -> Option<Vec<u8>> {
    let inside = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let mut content = Vec::with_capacity(inside.len());
    let mut bytes = inside.iter().copied();
    while let Some(byte) = bytes.next() {
        content.push(match byte {
            b'\\' => bytes.next().filter(|escaped| matches!(escaped, b'"' | b'\\'))?,
            b'"' => return None,
            b' '..=b'~' => byte,
            _ => return None,
        });
    }
    Some(content)
}

#[cfg(test)]
mod tests;
