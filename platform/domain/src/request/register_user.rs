//! The body of `POST /users`.

use std::collections::BTreeSet;

use users_contract::limits;

use super::Decode;
use super::members::{Problems, refusal};
use crate::body::Json;
use crate::{
    AttributeKey, AttributeValue, Attributes, Document, Email, Locale, Name, PhoneNumber, Role,
    Violation,
};

/// The body of a registration.
#[derive(Clone, Debug, PartialEq)]
pub struct RegisterUser {
    /// The address, unique among users that are not deleted.
    pub email: Email,
    /// The name to show.
    pub display_name: Option<Name>,
    /// The given name.
    pub given_name: Option<Name>,
    /// The family name.
    pub family_name: Option<Name>,
    /// The phone number.
    pub phone_number: Option<PhoneNumber>,
    /// The preferred language.
    pub locale: Option<Locale>,
    /// Free text by key, at most 32 entries.
    pub attributes: Attributes,
    /// The roles to begin with, at most 50.
    pub roles: BTreeSet<Role>,
}

impl RegisterUser {
    /// Reads a registration from its body.
    ///
    /// # Errors
    ///
    /// Every rule that the body breaks, in the order of the pointers.
    pub fn decode(document: &Document) -> Result<Self, Vec<Violation>> {
        let mut problems = Problems::default();
        let mut has_email = false;
        let (mut email, mut display_name, mut given_name) = (None, None, None);
        let (mut family_name, mut phone_number, mut locale) = (None, None, None);
        let mut attributes = Attributes::new();
        let mut roles = BTreeSet::new();

        for (name, pointer, value) in problems.body_members(document) {
            match name {
                "email" => {
                    has_email = true;
                    email = problems.text(&pointer, value, Email::parse);
                }
                "displayName" => display_name = problems.text(&pointer, value, Name::parse),
                "givenName" => given_name = problems.text(&pointer, value, Name::parse),
                "familyName" => family_name = problems.text(&pointer, value, Name::parse),
                "phoneNumber" => phone_number = problems.text(&pointer, value, PhoneNumber::parse),
                "locale" => locale = problems.text(&pointer, value, Locale::parse),
                "attributes" => attributes = read_attributes(&mut problems, &pointer, value),
                "roles" => roles = problems.roles(&pointer, value),
                _ => problems.add(&pointer, refusal(name, elsewhere)),
            }
        }
        if !has_email && matches!(document.root(), Json::Object(_)) {
            problems.add("/email", "is required");
        }
        problems.finish(email.map(|email| Self {
            email,
            display_name,
            given_name,
            family_name,
            phone_number,
            locale,
            attributes,
            roles,
        }))
    }
}

impl Decode for RegisterUser {
    fn decode(document: &Document) -> Result<Self, Vec<Violation>> {
        Self::decode(document)
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

fn elsewhere(name: &str) -> Option<&'static str> {
    match name {
        "userId" | "version" | "createdAt" | "updatedAt" => {
            Some("cannot be chosen; the service sets it")
        }
        "status" => Some("cannot be chosen; a user is registered as active"),
        _ => None,
    }
}
