//! The fields of a user: one row per field, from which schemas, decoding, storage and lists of
//! changes are made.

/// Names a field in code, in the order in which a user's JSON shows them.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum FieldName {
    /// `userId`
    UserId,
    /// `email`
    Email,
    /// `displayName`
    DisplayName,
    /// `givenName`
    GivenName,
    /// `familyName`
    FamilyName,
    /// `phoneNumber`
    PhoneNumber,
    /// `locale`
    Locale,
    /// `attributes`
    Attributes,
    /// `status`
    Status,
    /// `roles`
    Roles,
    /// `version`
    Version,
    /// `createdAt`
    CreatedAt,
    /// `updatedAt`
    UpdatedAt,
}

/// What a field holds. The kind decides its schema, its rule, and who sets it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FieldKind {
    /// A ULID, set by the service.
    UserId,
    /// The email address, required and unique among users that are not deleted.
    Email,
    /// An optional text of the profile, which a patch sets and clears.
    Text(TextKind),
    /// Optional texts by key, which a patch merges.
    Attributes,
    /// The status, which has an operation of its own.
    Status,
    /// The roles, which a registration may set; later they have operations of their own.
    Roles,
    /// The version, set by the service.
    Version,
    /// A time, set by the service.
    Time,
}

/// The rule of an optional text. White space at both ends is removed before it applies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TextKind {
    /// 1 to [`NAME_MAX_CHARS`](crate::limits::NAME_MAX_CHARS) characters.
    Name,
    /// E.164.
    PhoneNumber,
    /// BCP 47, at most [`LOCALE_MAX_CHARS`](crate::limits::LOCALE_MAX_CHARS) characters.
    Locale,
}

/// One row of the table of fields.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Field {
    /// Its name in code.
    pub name: FieldName,
    /// Its name in JSON, in stored items and in lists of changes.
    pub json: &'static str,
    /// What it holds.
    pub kind: FieldKind,
    /// What it is: a phrase without a full stop. The OpenAPI document adds the kind's rule.
    pub description: &'static str,
    /// A valid value of an email address or text, for the OpenAPI document and tests; else empty.
    pub example: &'static str,
}

impl Field {
    /// The row of a field.
    #[must_use]
    pub fn of(name: FieldName) -> &'static Self {
        // The order of the table is the order of the enum; a test checks it.
        &FIELDS[name as usize]
    }

    /// The row of the field with this name in JSON.
    #[must_use]
    pub fn named(json: &str) -> Option<&'static Self> {
        FIELDS.iter().find(|field| field.json == json)
    }

    /// The optional texts of the profile with their rules, in order.
    pub fn texts() -> impl Iterator<Item = (&'static Self, TextKind)> {
        FIELDS.iter().filter_map(|field| match field.kind {
            FieldKind::Text(kind) => Some((field, kind)),
            FieldKind::UserId
            | FieldKind::Email
            | FieldKind::Attributes
            | FieldKind::Status
            | FieldKind::Roles
            | FieldKind::Version
            | FieldKind::Time => None,
        })
    }

    /// Whether a user may lack it.
    #[must_use]
    pub fn is_optional(&self) -> bool {
        matches!(self.kind, FieldKind::Text(_) | FieldKind::Attributes)
    }

    /// Whether a patch can change it.
    #[must_use]
    pub fn is_in_patch(&self) -> bool {
        self.is_optional() || self.kind == FieldKind::Email
    }

    /// Whether a registration can set it.
    #[must_use]
    pub fn is_in_registration(&self) -> bool {
        self.is_in_patch() || self.kind == FieldKind::Roles
    }
}

const fn text(
    name: FieldName,
    json: &'static str,
    kind: TextKind,
    description: &'static str,
    example: &'static str,
) -> Field {
    Field { name, json, kind: FieldKind::Text(kind), description, example }
}

const fn other(
    name: FieldName,
    json: &'static str,
    kind: FieldKind,
    description: &'static str,
) -> Field {
    Field { name, json, kind, description, example: "" }
}

/// The fields, in the order of [`FieldName`].
pub const FIELDS: &[Field] = &[
    other(FieldName::UserId, "userId", FieldKind::UserId, "The user's id"),
    Field {
        name: FieldName::Email,
        json: "email",
        kind: FieldKind::Email,
        description: "An email address",
        example: "Ada@example.com",
    },
    text(FieldName::DisplayName, "displayName", TextKind::Name, "Name to show", "Ada Lovelace"),
    text(FieldName::GivenName, "givenName", TextKind::Name, "Given name", "Ada"),
    text(FieldName::FamilyName, "familyName", TextKind::Name, "Family name", "Lovelace"),
    text(
        FieldName::PhoneNumber,
        "phoneNumber",
        TextKind::PhoneNumber,
        "A phone number in E.164 format",
        "+441234567890",
    ),
    text(FieldName::Locale, "locale", TextKind::Locale, "A language tag (BCP 47)", "en-GB"),
    other(FieldName::Attributes, "attributes", FieldKind::Attributes, "Free text by key"),
    other(FieldName::Status, "status", FieldKind::Status, "The status"),
    other(FieldName::Roles, "roles", FieldKind::Roles, "The user's roles"),
    other(FieldName::Version, "version", FieldKind::Version, "The version"),
    other(FieldName::CreatedAt, "createdAt", FieldKind::Time, "When the user was registered"),
    other(FieldName::UpdatedAt, "updatedAt", FieldKind::Time, "When the user was last changed"),
];

#[cfg(test)]
mod tests {
    use super::{FIELDS, Field};
    use std::collections::BTreeSet;

    #[test]
    fn every_name_finds_its_own_row() {
        for field in FIELDS {
            assert_eq!(Field::of(field.name), field);
            assert_eq!(Field::named(field.json), Some(field));
        }
        let names: BTreeSet<_> = FIELDS.iter().map(|field| field.name).collect();
        assert_eq!(names.len(), FIELDS.len());
    }
}
