//! The body of `PATCH /users/{userId}`.

use std::collections::BTreeMap;

use super::Decode;
use super::members::{Problems, refusal};
use crate::body::Json;
use crate::{AttributeKey, AttributeValue, Document, Email, Locale, Name, PhoneNumber, Violation};

/// The body of an update: a JSON Merge Patch (RFC 7396). The outer `Option` is whether a field is
/// touched, the inner one whether it is set or cleared.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UserPatch {
    /// The address, which cannot be cleared.
    pub email: Option<Email>,
    /// The name to show.
    pub display_name: Option<Option<Name>>,
    /// The given name.
    pub given_name: Option<Option<Name>>,
    /// The family name.
    pub family_name: Option<Option<Name>>,
    /// The phone number.
    pub phone_number: Option<Option<PhoneNumber>>,
    /// The preferred language.
    pub locale: Option<Option<Locale>>,
    /// The attributes.
    pub attributes: Option<AttributesPatch>,
}

/// What a patch does to the attributes.
#[derive(Clone, Debug, PartialEq)]
pub enum AttributesPatch {
    /// Takes all away.
    Clear,
    /// Sets those with a value, and takes away those with none.
    Merge(BTreeMap<AttributeKey, Option<AttributeValue>>),
}

impl UserPatch {
    /// Reads a patch from its body.
    ///
    /// # Errors
    ///
    /// Every rule that the body breaks, in the order of the pointers.
    pub fn decode(document: &Document) -> Result<Self, Vec<Violation>> {
        let mut problems = Problems::default();
        let mut patch = Self::default();
        for (name, pointer, value) in problems.body_members(document) {
            match name {
                "email" => patch.email = problems.text(&pointer, value, Email::parse),
                "displayName" => {
                    patch.display_name = problems.nullable_text(&pointer, value, Name::parse);
                }
                "givenName" => {
                    patch.given_name = problems.nullable_text(&pointer, value, Name::parse);
                }
                "familyName" => {
                    patch.family_name = problems.nullable_text(&pointer, value, Name::parse);
                }
                "phoneNumber" => {
                    patch.phone_number =
                        problems.nullable_text(&pointer, value, PhoneNumber::parse);
                }
                "locale" => patch.locale = problems.nullable_text(&pointer, value, Locale::parse),
                "attributes" => {
                    patch.attributes = Some(read_attributes(&mut problems, &pointer, value));
                }
                _ => problems.add(&pointer, refusal(name, elsewhere)),
            }
        }
        if matches!(document.root(), Json::Object(members) if members.is_empty()) {
            problems.add("", "must have at least one member");
        }
        problems.finish(Some(patch))
    }
}

impl Decode for UserPatch {
    fn decode(document: &Document) -> Result<Self, Vec<Violation>> {
        Self::decode(document)
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

fn elsewhere(name: &str) -> Option<&'static str> {
    match name {
        "userId" | "version" | "createdAt" | "updatedAt" => Some("cannot be changed"),
        "status" => Some("cannot be changed here; use PUT /users/{userId}/status"),
        "roles" => Some(
            "cannot be changed here; use POST /users/{userId}/roles and \
             DELETE /users/{userId}/roles/{role}",
        ),
        _ => None,
    }
}
