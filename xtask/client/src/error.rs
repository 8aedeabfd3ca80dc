//! What can go wrong before an answer is there. An answer with an error status is an answer.

use std::time::Duration;

/// Why a call brought no answer. The text names the method and the path's template at most, never
/// what was sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The base URL cannot be used.
    #[error("the base URL {rule}")]
    BaseUrl {
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// The machine's root certificates cannot be read, so no server can be trusted.
    #[error("the root certificates of this machine cannot be read; is ca-certificates installed?")]
    RootCertificates(#[source] std::io::Error),
    /// The method, path, query or a header has characters that HTTP does not allow.
    #[error("the request is not valid HTTP; is its path percent-encoded?")]
    Request(#[source] http::Error),
    /// The signature cannot be made.
    #[error("the request cannot be signed")]
    Signing(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No connection, or one that was lost before the answer was complete.
    #[error("the connection was refused or lost before the answer was complete")]
    Connection(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No answer in time.
    #[error("no answer came within {} s", .0.as_secs())]
    Timeout(Duration),
}

impl ClientError {
    /// Whether the call may have reached the server, so that nobody knows whether it took effect.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        match self {
            Self::Connection(_) | Self::Timeout(_) => true,
            Self::BaseUrl { .. }
            | Self::RootCertificates(_)
            | Self::Request(_)
            | Self::Signing(_) => false,
        }
    }
}
