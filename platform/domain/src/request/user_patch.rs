//! The body of `PATCH /users/{userId}`.

use std::collections::BTreeMap;

use users_contract::{Field, FieldKind, FieldName};

use super::decode::Decode;
use super::members::{Problems, UNKNOWN};
use crate::body::Json;
use crate::{AttributeKey, AttributeValue, Document, Email, ProfileText, Violation};

const STATUS_ELSEWHERE: &str = "cannot be changed here; use PUT /users/{userId}/status";
const ROLES_ELSEWHERE: &str = "cannot be changed here; use POST /users/{userId}/roles and \
                               DELETE /users/{userId}/roles/{role}";

/// The body of an update: a JSON Merge Patch (RFC 7396).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UserPatch {
    /// The address, which cannot be cleared.
    pub email: Option<Email>,
    /// The optional texts that are touched: `None` clears one.
    pub texts: BTreeMap<FieldName, Option<ProfileText>>,
    /// The attributes.
    pub attributes: Option<AttributesPatch>,
}

/// The patch of the attributes.
#[derive(Clone, Debug, PartialEq)]
pub enum AttributesPatch {
    /// Removes all.
    Clear,
    /// Sets the entries with a value and removes those without one.
    Merge(BTreeMap<AttributeKey, Option<AttributeValue>>),
}

impl Decode for UserPatch {
    fn decode(document: &Document) -> Result<Self, Vec<Violation>> {
        let mut problems = Problems::default();
        let mut patch = Self::default();
        for (name, pointer, value) in problems.body_members(document) {
            let Some(field) = Field::named(name) else {
                problems.add(&pointer, UNKNOWN);
                continue;
            };
            match field.kind {
                FieldKind::Email => patch.email = problems.text(&pointer, value, Email::parse),
                FieldKind::Text(kind) => {
                    let text = problems
                        .nullable_text(&pointer, value, |text| ProfileText::parse(kind, text));
                    patch.texts.extend(text.map(|text| (field.name, text)));
                }
                FieldKind::Attributes => {
                    patch.attributes = Some(read_attributes(&mut problems, &pointer, value));
                }
                FieldKind::Status => problems.add(&pointer, STATUS_ELSEWHERE),
                FieldKind::Roles => problems.add(&pointer, ROLES_ELSEWHERE),
                FieldKind::UserId | FieldKind::Version | FieldKind::Time => {
                    problems.add(&pointer, "cannot be changed");
                }
            }
        }
        if matches!(document.root(), Json::Object(members) if members.is_empty()) {
            problems.add("", "must have at least one member");
        }
        problems.finish(Some(patch))
    }
}

fn read_attributes(problems: &mut Problems, pointer: &str, value: &Json) -> AttributesPatch {
    if *value == Json::Null {
        return AttributesPatch::Clear;
    }
    let mut entries = BTreeMap::new();
    for (name, pointer, value) in problems.members(pointer, value) {
        let key = AttributeKey::parse(name).map_err(|rule| {
            problems.add(&pointer, format!("is not an attribute key: it {rule}"));
        });
        let value = problems.nullable_text(&pointer, value, AttributeValue::parse);
        if let (Ok(key), Some(value)) = (key, value) {
            entries.insert(key, value);
        }
    }
    AttributesPatch::Merge(entries)
}
