//! The body of `POST /users/{userId}/roles`.

use super::decode::Decode;
use super::members::{Problems, UNKNOWN};
use crate::body::Json;
use crate::{Document, Role, Violation};

/// The body of an assignment of a role.
#[derive(Clone, Debug, PartialEq)]
pub struct AssignRole {
    /// The role to give.
    pub role: Role,
}

impl Decode for AssignRole {
    fn decode(document: &Document) -> Result<Self, Vec<Violation>> {
        let mut problems = Problems::default();
        let mut has_role = false;
        let mut role = None;
        for (name, pointer, value) in problems.body_members(document) {
            match name {
                "role" => {
                    has_role = true;
                    role = problems.text(&pointer, value, Role::parse);
                }
                _ => problems.add(&pointer, UNKNOWN),
            }
        }
        if !has_role && matches!(document.root(), Json::Object(_)) {
            problems.add("/role", "is required");
        }
        problems.finish(role.map(|role| Self { role }))
    }
}
