//! Requests that the gateway answered.

use serde::Serialize;

/// A request and its answer, without anything that could be personal: neither the path as it came,
/// nor the query, nor headers but the correlation id.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    /// When it came, milliseconds since 1970.
    pub(crate) time: i64,
    pub(crate) method: String,
    /// The pattern of its path, such as `/users/{userId}`; none when no resource has that path.
    pub(crate) resource: Option<String>,
    pub(crate) status: u16,
    pub(crate) duration_ms: f64,
    /// The one of the answer.
    pub(crate) correlation_id: Option<String>,
    /// The one that the caller sent, when the answer has another: the gateway answered by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sent_correlation_id: Option<String>,
    /// The gateway's own id of the request.
    pub(crate) request_id: String,
    pub(crate) trace_id: String,
    /// The id of the gateway's segment, below which all others are.
    pub(crate) segment_id: String,
    /// The function that it was for.
    pub(crate) function: Option<String>,
}

impl Request {
    /// Whether it is found by a correlation id.
    pub(crate) fn has_correlation_id(&self, id: &str) -> bool {
        self.correlation_id.as_deref() == Some(id)
            || self.sent_correlation_id.as_deref() == Some(id)
    }
}
