//! The body of `PUT /users/{userId}/status`.

use super::decode::Decode;
use super::members::{Problems, UNKNOWN};
use crate::body::Json;
use crate::{Document, Reason, Status, Violation};

/// The body of a change of status.
#[derive(Clone, Debug, PartialEq)]
pub struct SetStatus {
    /// The status to get.
    pub status: Status,
    /// Why, for the audit entry.
    pub reason: Option<Reason>,
}

impl Decode for SetStatus {
    fn decode(document: &Document) -> Result<Self, Vec<Violation>> {
        let mut problems = Problems::default();
        let mut has_status = false;
        let (mut status, mut reason) = (None, None);
        for (name, pointer, value) in problems.body_members(document) {
            match name {
                "status" => {
                    has_status = true;
                    status = problems.text(&pointer, value, |text| {
                        Status::parse(text)
                            .ok_or_else(|| "must be active, disabled or deleted".into())
                    });
                }
                "reason" => reason = problems.text(&pointer, value, Reason::parse),
                _ => problems.add(&pointer, UNKNOWN),
            }
        }
        if !has_status && matches!(document.root(), Json::Object(_)) {
            problems.add("/status", "is required");
        }
        problems.finish(status.map(|status| Self { status, reason }))
    }
}
