//! Fuzz targets: every decoder of what comes from outside, with what must hold for any input.
//!
//! A target takes bytes, hands them to one decoder, and panics when a promise is broken: what was
//! accepted is within the limits of the contract and survives being written and read again, what
//! was refused says where and why without repeating what was sent. The limits are checked here by
//! other code than that of the decoders.
//!
//! `cargo fuzz` runs them without an end (see `fuzz/` beside `src/`), and `tests.rs` a bounded
//! number of cases that are the same each time. Each is a function of its own that calls nothing but
//! its decoder, since libFuzzer looks through the counters of all code that is linked after every
//! input. The module is only there for the feature `fuzzing` and for
//! tests; nothing that is deployed has it.

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

/// A decoder's verdict on an input that broke no promise.
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
