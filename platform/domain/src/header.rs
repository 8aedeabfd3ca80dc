//! The request headers that have a grammar: correlation id, idempotency key and preconditions.

use std::fmt;

use ulid::Ulid;
use users_contract::{header, limits};

use crate::{Version, Violation};

/// Names one call in every log line, audit entry, event and error.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CorrelationId(String);

impl CorrelationId {
    /// Takes over an id from a request: 1 to 64 ASCII letters, digits, `.`, `_` or `-`. Anything
    /// else is none, and the service makes an id of its own.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let valid = (1..=limits::CORRELATION_ID_MAX_BYTES).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        valid.then(|| Self(text.to_owned()))
    }

    /// An id of the service's own.
    #[must_use]
    pub fn from_ulid(ulid: Ulid) -> Self {
        Self(ulid.array_to_str(&mut [0; ulid::ULID_LEN]).to_owned())
    }

    /// Takes back what this service stored. Nothing is checked here.
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

/// The content of a structured-field string, or none when it is not one.
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

/// The condition of `If-Match` or `If-None-Match`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Precondition {
    /// `*`: any version.
    Any,
    /// One of these entity tags; never empty.
    Tags(Vec<EntityTag>),
}

/// An entity tag (RFC 9110).
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct EntityTag {
    /// Whether it is marked weak with `W/`.
    pub weak: bool,
    /// What is between the quotes, each byte as the character with its number.
    pub opaque: String,
}

/// Reads the values of all headers named `header` of a request as one list of entity tags, or `*`.
pub fn parse_entity_tags(
    header: &'static str,
    values: &[&[u8]],
) -> Result<Option<Precondition>, Violation> {
    if values.is_empty() {
        return Ok(None);
    }
    // Several header lines are one list (RFC 9110, 5.3).
    let joined = values.join(&b","[..]);
    if trim_white_space(&joined) == b"*" {
        return Ok(Some(Precondition::Any));
    }
    match parse_tag_list(&joined) {
        Some(tags) if !tags.is_empty() => Ok(Some(Precondition::Tags(tags))),
        _ => Err(Violation::at_header(header, "must be a list of entity tags in quotes, or *")),
    }
}

fn parse_tag_list(mut rest: &[u8]) -> Option<Vec<EntityTag>> {
    let mut tags = Vec::new();
    loop {
        rest = skip_white_space(rest);
        let weak = rest.strip_prefix(b"W/");
        if let Some(quoted) = weak.unwrap_or(rest).strip_prefix(b"\"") {
            let end = quoted.iter().position(|&byte| byte == b'"')?;
            let (opaque, after) = quoted.split_at(end);
            if !opaque.iter().all(|&byte| matches!(byte, 0x21..=0x7E | 0x80..=0xFF)) {
                return None;
            }
            let opaque = opaque.iter().copied().map(char::from).collect();
            tags.push(EntityTag { weak: weak.is_some(), opaque });
            rest = skip_white_space(&after[1..]);
        }
        // An empty element is tolerated, anything else between two commas is not.
        match rest.split_first() {
            None => return Some(tags),
            Some((b',', after)) => rest = after,
            Some(_) => return None,
        }
    }
}

/// Takes off what HTTP counts as optional white space at both ends.
fn trim_white_space(bytes: &[u8]) -> &[u8] {
    let start = skip_white_space(bytes);
    let end = start.iter().rposition(|byte| !matches!(byte, b' ' | b'\t'));
    &start[..end.map_or(0, |last| last + 1)]
}

fn skip_white_space(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|byte| !matches!(byte, b' ' | b'\t'));
    &bytes[start.unwrap_or(bytes.len())..]
}

impl Precondition {
    /// Whether the version is meant, by strong comparison: a weak tag never is.
    #[must_use]
    pub fn matches_strongly(&self, version: Version) -> bool {
        self.any(|tag| !tag.weak && tag.is_of(version))
    }

    /// Whether the version is meant, by weak comparison: weakness does not count.
    #[must_use]
    pub fn matches_weakly(&self, version: Version) -> bool {
        self.any(|tag| tag.is_of(version))
    }

    /// One text for all spellings of the same condition: tags sorted, each once.
    #[must_use]
    pub fn canonical(&self) -> String {
        match self {
            Self::Any => "*".to_owned(),
            Self::Tags(tags) => {
                let mut tags: Vec<_> = tags.iter().collect();
                tags.sort();
                tags.dedup();
                let tags: Vec<_> = tags.into_iter().map(EntityTag::to_string).collect();
                tags.join(",")
            }
        }
    }

    fn any(&self, predicate: impl Fn(&EntityTag) -> bool) -> bool {
        match self {
            Self::Any => true,
            Self::Tags(tags) => tags.iter().any(predicate),
        }
    }
}

impl EntityTag {
    fn is_of(&self, version: Version) -> bool {
        self.opaque == version.get().to_string()
    }
}

impl fmt::Display for EntityTag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}\"{}\"", if self.weak { "W/" } else { "" }, self.opaque)
    }
}

#[cfg(test)]
mod tests;
