//! The entries to be sent, and the rule for which of them may share a call to `PutEvents`.

use super::dead_letters::Subject;
use crate::telemetry::TraceHeader;
use std::collections::HashSet;
use users_contract::RELAY;
use users_domain::{AuditEntry, CorrelationId, UserId};

/// Most entries that EventBridge takes in a call.
const CALL_MAX_ENTRIES: usize = 10;
/// Most bytes of a call with several entries. EventBridge takes more (see below), but its limit was
/// 256 KB until January 2026 and may still be so in places.
const CALL_MAX_BYTES: usize = 240 * 1024;
/// The size from which EventBridge never takes an entry: a call must be smaller than 1 MB.
pub(super) const ENTRY_MAX_BYTES: usize = 1024 * 1024;

/// An entry to be sent.
pub(super) struct Outgoing {
    pub(super) subject: Subject,
    pub(super) entry: AuditEntry,
    pub(super) detail: String,
    pub(super) cause: Option<TraceCause>,
}

/// The request that made a change, if its trace is kept, and the relay's segment in that trace.
pub(super) struct TraceCause {
    /// The tracing header that the request left.
    pub(super) header: String,
    pub(super) correlation_id: CorrelationId,
    /// The id of the relay's segment.
    pub(super) span_id: String,
}

impl TraceCause {
    /// The tracing header that goes with the event.
    pub(super) fn child_header(&self) -> String {
        TraceHeader::parse(Some(&self.header)).child_header(&self.span_id)
    }
}

/// The entries of one call to `PutEvents`.
#[derive(Default)]
pub(super) struct Call {
    pub(super) entries: Vec<Outgoing>,
    users: HashSet<UserId>,
    bytes: usize,
}

impl Call {
    pub(super) fn has_room_for(&self, outgoing: &Outgoing) -> bool {
        self.entries.is_empty()
            || (self.entries.len() < CALL_MAX_ENTRIES
                && self.bytes + size(outgoing) <= CALL_MAX_BYTES
                && !self.users.contains(&outgoing.entry.user_id))
    }

    pub(super) fn add(&mut self, outgoing: Outgoing) {
        self.users.insert(outgoing.entry.user_id);
        self.bytes += size(&outgoing);
        self.entries.push(outgoing);
    }
}

/// The bytes that an entry counts for, as EventBridge documents it: 14 for the time, and the texts.
pub(super) fn size(outgoing: &Outgoing) -> usize {
    14 + RELAY.event_source.len()
        + outgoing.entry.action.detail_type().len()
        + outgoing.detail.len()
}
