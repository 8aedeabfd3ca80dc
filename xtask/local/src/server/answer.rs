//! Answers of the server.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use serde_json::{Value, json};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// A complete answer.
pub(crate) type Answer = Response<Full<Bytes>>;

/// The reply of a handler.
#[derive(Debug)]
pub(crate) enum Reply {
    /// An answer.
    Answer(Answer),
    /// No answer, by an injected fault.
    HangUp(HangUp),
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer)
    }
}

impl From<HangUp> for Reply {
    fn from(hang_up: HangUp) -> Self {
        Self::HangUp(hang_up)
    }
}

/// The end of a connection without an answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum HangUp {
    /// An orderly close.
    Close,
    /// A reset.
    Reset,
}

impl fmt::Display for HangUp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the connection is to end without an answer")
    }
}

impl std::error::Error for HangUp {}

/// Makes the answer to a refused head from its beginning.
pub(crate) type RefuseHead = Arc<dyn Fn(&[u8], StatusCode, SocketAddr) -> Answer + Send + Sync>;

/// An answer with a body of some content type.
pub(crate) fn answer(status: StatusCode, content_type: &'static str, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

/// The answer to a forbidden caller. It ends the connection, so the rest of the connection's bytes
/// are ignored. A browser hides it from pages of other origins as a whole.
pub(crate) fn forbidden(text: &str) -> Answer {
    let mut answer = json(StatusCode::FORBIDDEN, &json!({"message": "Forbidden", "hint": text}));
    for (name, value) in [
        (header::CONNECTION, "close"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}

/// An answer with a JSON body.
pub(crate) fn json(status: StatusCode, body: &Value) -> Answer {
    answer(status, "application/json", Bytes::from(body.to_string()))
}
