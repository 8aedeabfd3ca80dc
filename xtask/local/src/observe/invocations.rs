//! Invocations of functions, as Lambda sees them.

use serde::Serialize;

/// An invocation that is over.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Invocation {
    pub(crate) function: String,
    pub(crate) trace_id: String,
    /// The id of Lambda's segment, which the function gets as the parent of its own.
    pub(crate) segment_id: String,
    /// The segment that asked for it.
    pub(crate) parent_id: Option<String>,
    /// When it was asked for, milliseconds since 1970, with fractions.
    pub(crate) start: f64,
    pub(crate) duration_ms: f64,
    /// Whether a process was started for it.
    pub(crate) cold: bool,
    /// Why it has no result.
    pub(crate) error: Option<String>,
}
