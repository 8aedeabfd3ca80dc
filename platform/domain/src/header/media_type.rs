//! The declaration of a body: `Content-Type` (RFC 9110, section 8.3) and `Content-Encoding`.
//!
//! Hand-written, since `mime` refuses quoted pairs and white space before a semicolon, and does not
//! unescape.

use super::white_space::{skip_white_space, trim_white_space};

/// The parts of a media type that decide how a body is read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MediaType {
    /// Type and subtype in lower case, `application/json`.
    essence: String,
    /// The values of every parameter `charset`, unescaped.
    charsets: Vec<Vec<u8>>,
}

impl MediaType {
    /// Reads the value of a `Content-Type` header; `None` when it is malformed.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (kind, rest) = token(trim_white_space(value))?;
        let (subtype, mut rest) = token(rest.strip_prefix(b"/")?)?;
        let mut charsets = Vec::new();
        loop {
            rest = skip_white_space(rest);
            if rest.is_empty() {
                let essence = format!("{kind}/{subtype}").to_ascii_lowercase();
                return Some(Self { essence, charsets });
            }
            rest = skip_white_space(rest.strip_prefix(b";")?);
            // A semicolon may have no parameter after it.
            if let Some((name, after)) = token(rest) {
                let (value, after) = parameter_value(after.strip_prefix(b"=")?)?;
                if name.eq_ignore_ascii_case("charset") {
                    charsets.push(value);
                }
                rest = after;
            }
        }
    }

    /// Whether the body is of one of these types, each in lower case.
    #[must_use]
    pub fn is_one_of(&self, essences: &[&str]) -> bool {
        essences.contains(&self.essence.as_str())
    }

    /// Whether the body is declared to be UTF-8, or in no charset at all.
    #[must_use]
    pub fn is_utf8(&self) -> bool {
        let utf8 = |name: &Vec<u8>| {
            name.eq_ignore_ascii_case(b"utf-8") || name.eq_ignore_ascii_case(b"utf8")
        };
        self.charsets.iter().all(utf8)
    }
}

/// Whether the values of all `Content-Encoding` headers say that the body is as it was written:
/// there is no such header, or it names `identity` and nothing else.
#[must_use]
pub fn is_unencoded(content_encodings: &[&[u8]]) -> bool {
    content_encodings.iter().all(|value| {
        value
            .split(|&byte| byte == b',')
            .all(|coding| trim_white_space(coding).eq_ignore_ascii_case(b"identity"))
    })
}

/// The token that a text begins with, and what follows it.
fn token(text: &[u8]) -> Option<(&str, &[u8])> {
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let end = text.iter().position(|byte| !is_token(byte)).unwrap_or(text.len());
    let (token, rest) = text.split_at(end);
    let token = std::str::from_utf8(token).ok()?;
    (!token.is_empty()).then_some((token, rest))
}

/// The token or the quoted string that a text begins with, unescaped, and what follows it.
fn parameter_value(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let Some(mut rest) = text.strip_prefix(b"\"") else {
        return token(text).map(|(token, rest)| (token.as_bytes().to_vec(), rest));
    };
    let mut content = Vec::new();
    loop {
        let (&byte, after) = rest.split_first()?;
        let (byte, after) = match byte {
            b'"' => return Some((content, after)),
            b'\\' => after.split_first().map(|(&escaped, after)| (escaped, after))?,
            _ => (byte, after),
        };
        if byte != b'\t' && byte.is_ascii_control() {
            return None;
        }
        content.push(byte);
        rest = after;
    }
}
