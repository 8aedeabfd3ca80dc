//! Failures without a response. A response with an error status is not a failure here.

use std::time::Duration;

/// Why a call got no response. The text never quotes the request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The base URL is invalid.
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
    /// The connection was refused, or lost before the response was complete.
    #[error("the connection was refused or lost before the response was complete")]
    Connection(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No response arrived in time.
    #[error("no response arrived within {} s", .0.as_secs())]
    Timeout(Duration),
}

impl ClientError {
    /// Whether the call may have reached the server, so that its effect is unknown.
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
