//! One call to `PutEvents`: which entries may be in it together.

use super::Outgoing;
use std::collections::HashSet;
use users_contract::RELAY;
use users_domain::UserId;

/// Most entries that EventBridge takes in a call.
const CALL_MAX_ENTRIES: usize = 10;
/// Most bytes to put into a call with other entries. EventBridge takes more (see below), but not
/// everywhere and always: it was 256 KB until January 2026.
const CALL_MAX_BYTES: usize = 240 * 1024;
/// Size from which EventBridge takes an entry in no case: a call must be smaller than 1 MB.
pub(super) const ENTRY_MAX_BYTES: usize = 1024 * 1024;

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

/// Bytes that an entry counts, as EventBridge documents it: 14 for the time, and the texts.
pub(super) fn size(outgoing: &Outgoing) -> usize {
    14 + RELAY.event_source.len()
        + outgoing.entry.action.detail_type().len()
        + outgoing.detail.len()
}
