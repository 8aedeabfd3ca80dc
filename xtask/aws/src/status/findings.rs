//! The findings of `status`, which all parts add to.

use aws_sdk_cloudformation::primitives::DateTime;
use serde::Serialize;

/// Problems, gaps and notes, one sentence each.
#[derive(Debug, Default, Serialize)]
pub(super) struct Findings {
    /// Faults of the stage.
    pub(super) problems: Vec<String>,
    /// Parts that could not be examined, with the reason.
    pub(super) unknown: Vec<String>,
    /// Facts worth knowing.
    pub(super) notes: Vec<String>,
}

/// A time of AWS in RFC 3339, without fractions of seconds.
pub(super) fn time(time: &DateTime) -> Option<String> {
    jiff::Timestamp::from_second(time.secs()).ok().map(|time| time.to_string())
}
