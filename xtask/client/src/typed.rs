//! Parses the parts of a call that a person types. Clear intentions are completed; everything else
//! is refused before anything is sent, with a message that says how to write it.

use http::{HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::str::FromStr;

/// The characters to encode in a path: all except RFC 3986 `pchar` and the slash.
const PATH: &AsciiSet = &UNRESERVED
    .remove(b'/')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// The characters to encode in a query: SigV4 requires all except RFC 3986 `unreserved`.
pub(crate) const UNRESERVED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Parameters of a presigned query.
const OF_SIGNATURE_IN_QUERY: &[&str] = &[
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-signedheaders",
];

/// Headers that signing adds.
const OF_SIGNATURE: &[&str] =
    &["authorization", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"];

/// Headers about one connection, which the transport sets.
const OF_CONNECTION: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Why text cannot be part of a call.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TypedError {
    /// A path without a leading slash.
    #[error("the path must begin with `/`, like /users")]
    NoSlash,
    /// A character that a URL cannot hold and that is probably a mistake.
    #[error("the {part} has {name}; if it is meant, write {instead}")]
    Character {
        /// `path` or `query`.
        part: &'static str,
        /// The character in words.
        name: String,
        /// Its percent-encoding.
        instead: String,
    },
    /// Percent-encoding that is incomplete.
    #[error("the {part} has a `%` without two hexadecimal digits after it; write %25 for a `%`")]
    Percent {
        /// `path` or `query`.
        part: &'static str,
    },
    /// Bytes that are not UTF-8, which the SDK's signer cannot sign.
    #[error("the query has percent-encoded bytes that are not UTF-8; encode the text as UTF-8")]
    NotUtf8,
    /// A parameter that a signature would add.
    #[error("the query parameter {0} belongs to a signature, which signing adds")]
    SignatureParameter(String),
    /// A header without a colon.
    #[error("a header is `NAME: VALUE`, like `If-Match: \"3\"`")]
    NoColon,
    /// A header without a name.
    #[error("the header has no name before its colon; it is `NAME: VALUE`")]
    NoName,
    /// A name that HTTP does not allow.
    #[error("the header name `{0}` is not possible; names have ASCII letters, digits and hyphens")]
    Name(String),
    /// A header of the transport.
    #[error("the header {0} belongs to the connection, which sets it")]
    Connection(String),
    /// A header of the signature.
    #[error("the header {0} belongs to the signature, and signing adds it")]
    Signature(String),
    /// A value that cannot be signed and sent.
    #[error("the value of {header} has {name}; a signed header holds only visible ASCII")]
    Value {
        /// The header.
        header: String,
        /// The character in words.
        name: String,
    },
}

/// The path of a call relative to the API stage, and its query, percent-encoded.
///
/// Existing percent-encoding is kept, and missing encoding is added: letters beyond ASCII become
/// UTF-8, and a `+` in the query becomes `%2B`, because in an email address it means a plus.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Target {
    /// The path.
    pub path: String,
    /// The pairs of the query.
    pub query: Vec<String>,
}

impl FromStr for Target {
    type Err = TypedError;

    fn from_str(text: &str) -> Result<Self, TypedError> {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        if !path.starts_with('/') {
            return Err(TypedError::NoSlash);
        }
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        Ok(Self {
            path: encode(path, "path", PATH)?,
            query: pairs.map(pair).collect::<Result<_, _>>()?,
        })
    }
}

fn pair(text: &str) -> Result<String, TypedError> {
    let encode = |text| encode(text, "query", UNRESERVED);
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (encode(name)?, Some(encode(value)?)),
        None => (encode(text)?, None),
    };
    let decoded = percent_decode_str(&name).decode_utf8_lossy();
    if OF_SIGNATURE_IN_QUERY.iter().any(|own| decoded.eq_ignore_ascii_case(own)) {
        return Err(TypedError::SignatureParameter(decoded.into_owned()));
    }
    let pair = value.map_or_else(|| name.clone(), |value| format!("{name}={value}"));
    match percent_decode_str(&pair).decode_utf8() {
        Ok(_) => Ok(pair),
        Err(_) => Err(TypedError::NotUtf8),
    }
}

fn encode(text: &str, part: &'static str, set: &'static AsciiSet) -> Result<String, TypedError> {
    // Only the percent sign needs to be kept; the digits after it are never encoded.
    let mut encoded = String::with_capacity(text.len());
    for (at, character) in text.char_indices() {
        let escape = utf8_percent_encode(&text[at..at + character.len_utf8()], set);
        match character {
            '%' => {
                let digits = text.as_bytes().get(at + 1..at + 3).unwrap_or_default();
                if digits.len() < 2 || !digits.iter().all(u8::is_ascii_hexdigit) {
                    return Err(TypedError::Percent { part });
                }
                encoded.push('%');
            }
            ' ' | '#' | '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => {
                let instead = escape.to_string();
                return Err(TypedError::Character { part, name: in_words(character), instead });
            }
            _ => encoded.extend(escape),
        }
    }
    Ok(encoded)
}

/// A header as a person types it, `NAME: VALUE`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Header {
    /// The name.
    pub name: HeaderName,
    /// The value, which is visible ASCII.
    pub value: HeaderValue,
}

impl FromStr for Header {
    type Err = TypedError;

    fn from_str(text: &str) -> Result<Self, TypedError> {
        let (name, value) = text.split_once(':').ok_or(TypedError::NoColon)?;
        Self::new(name.trim_matches([' ', '\t']), value)
    }
}

impl Header {
    /// A header of this name.
    ///
    /// # Errors
    /// When the transport or the signature sets a header of this name, or the value cannot be
    /// signed.
    pub fn new(name: &str, value: &str) -> Result<Self, TypedError> {
        if name.is_empty() {
            return Err(TypedError::NoName);
        }
        let parsed = name.parse::<HeaderName>().map_err(|_| TypedError::Name(name.to_owned()))?;
        if OF_CONNECTION.contains(&parsed.as_str()) {
            return Err(TypedError::Connection(name.to_owned()));
        }
        if OF_SIGNATURE.contains(&parsed.as_str()) {
            return Err(TypedError::Signature(name.to_owned()));
        }
        let value = value.trim_matches([' ', '\t']);
        let cannot_be_sent = |character: &char| !matches!(character, '\t' | ' '..='~');
        let refused = |name_of| TypedError::Value { header: name.to_owned(), name: name_of };
        if let Some(character) = value.chars().find(cannot_be_sent) {
            return Err(refused(in_words(character)));
        }
        let value =
            value.parse().map_err(|_| refused("a character that HTTP forbids".to_owned()))?;
        Ok(Self { name: parsed, value })
    }
}

fn in_words(character: char) -> String {
    match character {
        ' ' => "a space".to_owned(),
        _ if character.is_control() => {
            format!("the control character {}", character.escape_unicode())
        }
        _ => format!("`{character}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Header, Target, TypedError};
    use rstest::rstest;

    #[rstest]
    #[case::a_plus_of_an_address(
        "/users?email=ada+news@example.com",
        "/users?email=ada%2Bnews%40example.com"
    )]
    #[case::what_is_encoded_already(
        "/users?email=ada%2Bnews%40x.io",
        "/users?email=ada%2Bnews%40x.io"
    )]
    #[case::a_space_that_is_encoded("/users?externalId=a%20b", "/users?externalId=a%20b")]
    #[case::a_plus_in_a_name("/users?a+b=c+d", "/users?a%2Bb=c%2Bd")]
    #[case::a_plus_in_a_path("/users/a+b", "/users/a+b")]
    #[case::letters(
        "/users?email=jürgen@bücher.example",
        "/users?email=j%C3%BCrgen%40b%C3%BCcher.example"
    )]
    #[case::a_letter_in_a_path("/users/Zoë", "/users/Zo%C3%AB")]
    #[case::another_script(
        "/users?email=用户@例子.广告",
        "/users?email=%E7%94%A8%E6%88%B7%40%E4%BE%8B%E5%AD%90.%E5%B9%BF%E5%91%8A"
    )]
    #[case::an_emoji("/users?role=👩", "/users?role=%F0%9F%91%A9")]
    #[case::a_space_beyond_ascii("/users/a\u{a0}b", "/users/a%C2%A0b")]
    #[case::a_colon_and_a_slash_in_a_query(
        "/users?createdFrom=2026-11-22T10:00:00+01:00&x=a/b",
        "/users?createdFrom=2026-11-22T10%3A00%3A00%2B01%3A00&x=a%2Fb"
    )]
    #[case::a_second_question_mark("/users?a=b?c", "/users?a=b%3Fc")]
    #[case::a_second_equals_sign("/users?cursor=YQ==", "/users?cursor=YQ%3D%3D")]
    #[case::quotes_and_braces(
        r#"/users/{userId}"|\^`<>[]"#,
        "/users/%7BuserId%7D%22%7C%5C%5E%60%3C%3E%5B%5D"
    )]
    #[case::a_role("/users/1/roles/billing:read", "/users/1/roles/billing:read")]
    #[case::empty_pairs("/users?&&limit=1&", "/users?limit=1")]
    #[case::a_parameter_without_a_value("/users?limit&=x", "/users?limit&=x")]
    #[case::dots_and_slashes("//users/../users/", "//users/../users/")]
    fn a_target_is_completed(#[case] typed: &str, #[case] sent: &str) {
        let target: Target = typed.parse().unwrap();
        let query = target.query.join("&");
        assert_eq!([target.path, query].join("?").trim_end_matches('?'), sent);
    }

    #[rstest]
    #[case::no_slash("users", "must begin with `/`")]
    #[case::nothing("", "must begin with `/`")]
    #[case::a_query_alone("?limit=1", "must begin with `/`")]
    #[case::an_address("http://localhost/users", "must begin with `/`")]
    #[case::a_space("/users/a b", "the path has a space; if it is meant, write %20")]
    #[case::a_space_in_a_query(
        "/users?email=a b",
        "the query has a space; if it is meant, write %20"
    )]
    #[case::a_line_break(
        "/users\n",
        r"the path has the control character \u{a}; if it is meant, write %0A"
    )]
    #[case::a_control_character(
        "/users?a=\u{9b}",
        r"the query has the control character \u{9b}; if it is meant, write %C2%9B"
    )]
    #[case::a_fragment("/users#1", "the path has `#`; if it is meant, write %23")]
    #[case::a_percent_sign("/users?a=100%", "the query has a `%` without two hexadecimal digits")]
    #[case::one_digit("/users/%2", "the path has a `%` without two hexadecimal digits")]
    #[case::no_digits("/users/50%off", "the path has a `%` without two hexadecimal digits")]
    #[case::a_letter_as_digit("/users/%é0", "the path has a `%` without two hexadecimal digits")]
    #[case::bytes_that_are_not_utf8("/users?email=%FF", "the query has percent-encoded bytes")]
    #[case::half_a_character("/users?a%E2%82=1", "the query has percent-encoded bytes")]
    #[case::a_presigned_query("/users?X-Amz-Signature=1", "X-Amz-Signature belongs to a signature")]
    #[case::another_spelling("/users?limit=1&x-amz%2Ddate", "x-amz-date belongs to a signature")]
    fn an_invalid_target_is_refused_with_advice(#[case] typed: &str, #[case] expected: &str) {
        let error = typed.parse::<Target>().unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[rstest]
    #[case("If-Match: \"3\"", "if-match", "\"3\"")]
    #[case("X-Correlation-Id:checkout-42", "x-correlation-id", "checkout-42")]
    #[case(" Accept :\ta,  b ", "accept", "a,  b")]
    #[case("X-Empty:", "x-empty", "")]
    #[case("X-Amz-Note: it's", "x-amz-note", "it's")]
    #[case("User-Agent: a:b", "user-agent", "a:b")]
    fn a_header_is_split_and_trimmed(#[case] typed: &str, #[case] name: &str, #[case] value: &str) {
        let header: Header = typed.parse().unwrap();
        assert_eq!((header.name.as_str(), header.value.to_str().unwrap()), (name, value));
    }

    #[rstest]
    #[case::no_colon("If-Match", "a header is `NAME: VALUE`")]
    #[case::nothing("", "a header is `NAME: VALUE`")]
    #[case::no_name(": 1", "no name before its colon")]
    #[case::only_a_colon(":", "no name before its colon")]
    #[case::a_pseudo_header(":path: /users", "no name before its colon")]
    #[case::a_space_in_the_name("If Match: 1", "`If Match` is not possible")]
    #[case::a_letter_in_the_name("Größe: 1", "`Größe` is not possible")]
    #[case::a_letter("X-Correlation-Id: é", "the value of X-Correlation-Id has `é`")]
    #[case::a_byte_order_mark("If-Match: \u{feff}1", "the value of If-Match has `\u{feff}`")]
    #[case::a_line_break("X-A: 1\r\nX-B: 2", r"the value of X-A has the control character \u{d}")]
    #[case::zero("X-A: \0", r"the value of X-A has the control character \u{0}")]
    #[case::delete("X-A: \u{7f}", r"the value of X-A has the control character \u{7f}")]
    #[case::length("Content-Length: 5", "Content-Length belongs to the connection")]
    #[case::host("host: example.com", "host belongs to the connection")]
    #[case::chunks("Transfer-Encoding: chunked", "Transfer-Encoding belongs to the connection")]
    #[case::connection("CONNECTION: close", "CONNECTION belongs to the connection")]
    #[case::expect("Expect: 100-continue", "Expect belongs to the connection")]
    #[case::upgrade("Upgrade: h2c", "Upgrade belongs to the connection")]
    #[case::trailers("TE: trailers", "TE belongs to the connection")]
    #[case::authorization("Authorization: Bearer x", "Authorization belongs to the signature")]
    #[case::date("X-Amz-Date: 20261122T100000Z", "X-Amz-Date belongs to the signature")]
    #[case::token("x-amz-security-token: x", "x-amz-security-token belongs to the signature")]
    #[case::hash("X-Amz-Content-SHA256: x", "X-Amz-Content-SHA256 belongs to the signature")]
    fn an_invalid_header_is_refused_with_advice(#[case] typed: &str, #[case] expected: &str) {
        let error = typed.parse::<Header>().unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn a_name_of_any_length_is_checked() {
        let long = format!("{}: 1", "x".repeat(100_000));
        assert!(matches!(long.parse::<Header>(), Err(TypedError::Name(_))));
    }
}
