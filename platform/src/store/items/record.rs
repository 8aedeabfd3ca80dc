//! Recorded successes as they are stored.

use crate::idempotency::{Answer, Fingerprint, Record, RecordId};
use serde::{Deserialize, Serialize};

/// A recorded success as it is stored.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RecordItem {
    id: String,
    fingerprint: String,
    status: u16,
    body: String,
    etag: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    expires_at: i64,
}

impl RecordItem {
    pub(crate) fn from_record(record: &Record) -> Self {
        Self {
            id: record.id.as_str().to_owned(),
            fingerprint: record.fingerprint.as_str().to_owned(),
            status: record.answer.status,
            body: record.answer.body.clone(),
            etag: record.answer.etag.clone(),
            location: record.answer.location.clone(),
            expires_at: record.expires_at,
        }
    }

    /// `id` is the name the record was found by.
    pub(crate) fn into_record(self, id: RecordId) -> Record {
        Record {
            id,
            fingerprint: Fingerprint::from_stored(self.fingerprint),
            answer: Answer {
                status: self.status,
                body: self.body,
                etag: self.etag,
                location: self.location,
            },
            expires_at: self.expires_at,
        }
    }
}
