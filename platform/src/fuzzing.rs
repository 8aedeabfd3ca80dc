//! Fuzz targets: every decoder of external input, with properties that hold for any input.
//!
//! A target takes bytes, hands them to one decoder, and panics when a property is violated. Accepted
//! input is within the limits of the contract and survives being written and read again. Refused
//! input gets an error that says where and why without repeating the input. The limits are checked
//! here by code that the decoders do not share.
//!
//! `cargo fuzz` runs them without end (see `platform/fuzz/`); `tests.rs` runs a fixed set of cases.
//! Each target calls only its decoder, because libFuzzer scans the counters of all linked code after
//! every input. The module is compiled only for tests and the feature `fuzzing`, and is never
//! deployed.

mod bodies;
mod cursors;
mod details;
mod events;
mod headers;
mod items;
mod queries;
mod texts;

pub use bodies::{patch_body, register_body, role_body, status_body};
pub use cursors::cursor;
pub use events::{gateway_event, raw_request};
pub use headers::{correlation_id, idempotency_key, if_match, media_type, trace_header};
pub use items::{stored_record, stored_user, stream_record};
pub use queries::{audit_query, list_query};

#[cfg(test)]
mod tests;

/// A decoder's verdict on an input that violated no property.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Verdict {
    /// The input is decoded.
    Accepted,
    /// The input is refused.
    Refused,
}

impl Verdict {
    fn accepted(accepted: bool) -> Self {
        if accepted { Self::Accepted } else { Self::Refused }
    }
}
