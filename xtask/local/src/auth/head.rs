//! The signed head of a request, and the reasons for refusing it.

use http::HeaderMap;
use http::request::Parts;
use std::fmt;

/// The head of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SignedHead<'a> {
    pub(crate) method: &'a str,
    /// The path as sent, percent-encoded, with the API stage.
    pub(crate) path: &'a str,
    /// The query as sent, without the question mark.
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
}

impl<'a> SignedHead<'a> {
    /// The head of a request that the server received.
    pub(crate) fn of(parts: &'a Parts) -> Self {
        Self {
            method: parts.method.as_str(),
            path: parts.uri.path(),
            query: parts.uri.query().unwrap_or_default(),
            headers: &parts.headers,
        }
    }
}

/// Why a request is refused. The texts do not help a forger.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Refusal {
    /// It carries no signature at all.
    Missing,
    /// Its signature is invalid; the text says why.
    Invalid(String),
    /// The signature does not match. The hint, for the terminal only, names a known mistake of the
    /// signer.
    Mismatch { hint: Option<&'static str> },
    /// It has expired; the text says when.
    Expired(String),
}

impl Refusal {
    /// The line for the terminal.
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
