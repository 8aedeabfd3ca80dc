//! The body of `POST /users`.

use std::collections::BTreeSet;

use users_contract::{Field, FieldKind, limits};

use super::decode::Decode;
use super::members::{Problems, UNKNOWN};
use crate::body::Json;
use crate::{
    AttributeKey, AttributeValue, Attributes, Document, Email, ProfileText, ProfileTexts, Role,
    Violation,
};

/// The body of a registration.
#[derive(Clone, Debug, PartialEq)]
pub struct RegisterUser {
    /// The address, unique among users that are not deleted.
    pub email: Email,
    /// The optional texts of the profile that are set.
    pub texts: ProfileTexts,
    /// Free text by key, at most 32 entries.
    pub attributes: Attributes,
    /// The roles to begin with, at most 50.
    pub roles: BTreeSet<Role>,
}

impl Decode for RegisterUser {
    fn decode(document: &Document) -> Result<Self, Vec<Violation>> {
        let mut problems = Problems::default();
        let mut has_email = false;
        let mut email = None;
        let mut texts = ProfileTexts::new();
        let mut attributes = Attributes::new();
        let mut roles = BTreeSet::new();

        for (name, pointer, value) in problems.body_members(document) {
            let Some(field) = Field::named(name) else {
                problems.add(&pointer, UNKNOWN);
                continue;
            };
            match field.kind {
                FieldKind::Email => {
                    has_email = true;
                    email = problems.text(&pointer, value, Email::parse);
                }
                FieldKind::Text(kind) => {
                    let text =
                        problems.text(&pointer, value, |text| ProfileText::parse(kind, text));
                    texts.extend(text.map(|text| (field.name, text)));
                }
                FieldKind::Attributes => {
                    attributes = read_attributes(&mut problems, &pointer, value);
                }
                FieldKind::Roles => roles = problems.roles(&pointer, value),
                FieldKind::Status => {
                    problems.add(&pointer, "cannot be chosen; a user is registered as active");
                }
                FieldKind::UserId | FieldKind::Version | FieldKind::Time => {
                    problems.add(&pointer, "cannot be chosen; the service sets it");
                }
            }
        }
        if !has_email && matches!(document.root(), Json::Object(_)) {
            problems.add("/email", "is required");
        }
        problems.finish(email.map(|email| Self { email, texts, attributes, roles }))
    }
}

fn read_attributes(problems: &mut Problems, pointer: &str, value: &Json) -> Attributes {
    let mut attributes = Attributes::new();
    let mut names = BTreeSet::new();
    for (name, pointer, value) in problems.members(pointer, value) {
        names.insert(name);
        let key = AttributeKey::parse(name).map_err(|rule| {
            problems.add(&pointer, format!("is not an attribute key: it {rule}"));
        });
        let value = problems.text(&pointer, value, AttributeValue::parse);
        if let (Ok(key), Some(value)) = (key, value) {
            attributes.insert(key, value);
        }
    }
    if names.len() > limits::ATTRIBUTES_MAX {
        problems.add(pointer, format!("must have at most {} entries", limits::ATTRIBUTES_MAX));
    }
    attributes
}
