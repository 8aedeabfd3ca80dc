//! Fuzz targets: every decoder of what comes from outside, with what must hold for any input.
//!
//! A target takes bytes, hands them to one decoder, and panics when a promise is broken: what was
//! accepted is within the limits of the contract and survives being written and read again, what
//! was refused says where and why without repeating what was sent. The limits are checked here by
//! other code than that of the decoders.
//!
//! `cargo fuzz` runs them without an end (see `fuzz/` beside `src/`), and `tests.rs` a bounded
//! number of cases that are the same each time. The module is only there for the feature `fuzzing` and for
//! tests; nothing that is deployed has it.

mod bodies;
mod cursors;
mod details;
mod events;
mod headers;
mod items;
mod queries;
mod texts;

#[cfg(test)]
mod tests;

/// What a decoder said to an input that broke no promise.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Verdict {
    /// It is a value.
    Accepted,
    /// It is none.
    Refused,
}

impl Verdict {
    fn accepted(accepted: bool) -> Self {
        if accepted { Self::Accepted } else { Self::Refused }
    }
}

/// One decoder and its promises.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name: that of the fuzz target, of its seeds' folder and of its corpus.
    pub name: &'static str,
    /// Runs it; panics when a promise is broken.
    pub run: fn(&[u8]) -> Verdict,
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "audit_query", run: queries::audit_query },
    Target { name: "correlation_id", run: headers::correlation_id },
    Target { name: "cursor", run: cursors::cursor },
    Target { name: "gateway_event", run: events::gateway_event },
    Target { name: "idempotency_key", run: headers::idempotency_key },
    Target { name: "if_match", run: headers::if_match },
    Target { name: "list_query", run: queries::list_query },
    Target { name: "patch_body", run: bodies::patch },
    Target { name: "raw_request", run: events::raw_request },
    Target { name: "register_body", run: bodies::register },
    Target { name: "role_body", run: bodies::role },
    Target { name: "status_body", run: bodies::status },
    Target { name: "stored_record", run: items::stored_record },
    Target { name: "stored_user", run: items::stored_user },
    Target { name: "stream_record", run: items::stream_record },
    Target { name: "trace_header", run: headers::trace_header },
];

/// Runs the target of a name.
///
/// # Panics
///
/// When a promise is broken, or no target has the name.
pub fn run(name: &str, data: &[u8]) -> Verdict {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.expect("a target of this name").run)(data)
}
