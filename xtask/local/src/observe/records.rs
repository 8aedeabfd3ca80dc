//! Requests of the gateway, and invocations of functions.

use serde::Serialize;

/// An answered request, without possible personal data: neither its path, nor the query, nor headers
/// except the correlation id.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    /// The time of arrival, milliseconds since 1970.
    pub(crate) time: i64,
    pub(crate) method: String,
    /// The path of its resource, such as `/users/{userId}`; `None` when there is no resource.
    pub(crate) resource: Option<String>,
    pub(crate) status: u16,
    pub(crate) duration_ms: f64,
    /// The correlation id of the answer.
    pub(crate) correlation_id: Option<String>,
    /// The caller's own, when the answer has another: the gateway answered by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sent_correlation_id: Option<String>,
    /// The gateway's own id of the request.
    pub(crate) request_id: String,
    pub(crate) trace_id: String,
    /// The id of the gateway's segment, the root of the trace.
    pub(crate) segment_id: String,
    /// The invoked function.
    pub(crate) function: Option<String>,
}

impl Request {
    /// Whether it has a correlation id.
    pub(crate) fn has_correlation_id(&self, id: &str) -> bool {
        self.correlation_id.as_deref() == Some(id)
            || self.sent_correlation_id.as_deref() == Some(id)
    }
}

/// An ended invocation, as Lambda sees it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Invocation {
    pub(crate) function: String,
    pub(crate) trace_id: String,
    /// The id of Lambda's segment, the parent of the function's own.
    pub(crate) segment_id: String,
    /// The segment of the caller.
    pub(crate) parent_id: Option<String>,
    /// The start, milliseconds since 1970, with fractions.
    pub(crate) start: f64,
    pub(crate) duration_ms: f64,
    /// Whether it was a cold start.
    pub(crate) cold: bool,
    /// The failure, if there is no result.
    pub(crate) error: Option<String>,
}
