//! The user, its status and its version.

use std::collections::BTreeSet;
use std::fmt;

use users_contract::{Field, FieldName};

use crate::{Attributes, Email, ProfileText, ProfileTexts, Role, Timestamp, UserId};

/// A user at one version.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// The id of the user, which never changes.
    pub user_id: UserId,
    /// Unique among users that are not deleted.
    pub email: Email,
    /// The optional texts of the profile that are set.
    pub texts: ProfileTexts,
    /// Free text by key, at most 32 entries.
    pub attributes: Attributes,
    /// The status.
    pub status: Status,
    /// At most 50.
    pub roles: BTreeSet<Role>,
    /// 1 at registration, one more at every change.
    pub version: Version,
    /// When version 1 was made.
    pub created_at: Timestamp,
    /// When this version was made.
    pub updated_at: Timestamp,
}

impl User {
    /// The size of everything that callers can fill, in bytes of UTF-8: the names and values of the
    /// profile's fields that are set (the email address counts twice, since its key is stored too),
    /// the keys and values of the attributes, and the roles.
    ///
    /// Status, version, id and times are left out: they are small, and a user who is at the limit
    /// can still be disabled or deleted.
    #[must_use]
    pub fn stored_bytes(&self) -> usize {
        let profile: usize = self
            .text_fields()
            .filter_map(|(field, value)| value.map(|value| field.len() + value.len()))
            .sum();
        let attributes: usize = self
            .attributes
            .iter()
            .map(|(key, value)| key.as_str().len() + value.as_str().len())
            .sum();
        let roles: usize = self.roles.iter().map(|role| role.as_str().len()).sum();
        profile
            + self.email.key().as_str().len()
            + "attributes".len()
            + attributes
            + "roles".len()
            + roles
    }

    /// The email address and the optional texts with their names, in the order of the contract.
    pub(crate) fn text_fields(&self) -> impl Iterator<Item = (&'static str, Option<&str>)> {
        let email = (Field::of(FieldName::Email).json, Some(self.email.as_str()));
        let texts = Field::texts()
            .map(|(field, _)| (field.json, self.texts.get(&field.name).map(ProfileText::as_str)));
        std::iter::once(email).chain(texts)
    }
}

/// The status of a user.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Status {
    /// The normal status.
    Active,
    /// Disabled; may become active again.
    Disabled,
    /// Deleted for good: the user keeps its data, releases its email address and never changes again.
    Deleted,
}

impl Status {
    /// Every status, in the order of the contract.
    pub const ALL: &'static [Self] = &[Self::Active, Self::Disabled, Self::Deleted];

    /// The status as it stands in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Deleted => "deleted",
        }
    }

    /// Reads the form that [`Self::as_str`] gives, exactly.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|status| status.as_str() == text)
    }

    /// Whether a user with this status may get the status `next`. Staying is always possible.
    #[must_use]
    pub fn can_become(self, next: Self) -> bool {
        match (self, next) {
            (Self::Active | Self::Disabled, Self::Active | Self::Disabled | Self::Deleted)
            | (Self::Deleted, Self::Deleted) => true,
            (Self::Deleted, Self::Active | Self::Disabled) => false,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Counts the changes of a user, from 1.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Version(u64);

impl Version {
    /// The version at registration: 1.
    #[must_use]
    pub fn first() -> Self {
        Self(1)
    }

    /// Restores a stored number, unchecked.
    #[must_use]
    pub fn from_stored(number: u64) -> Self {
        Self(number)
    }

    /// The version after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }

    /// The entity tag: the number in quotes.
    #[must_use]
    pub fn etag(self) -> String {
        format!("\"{}\"", self.0)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::{Status, Version};
    use users_contract::schema;

    #[test]
    fn statuses_are_those_of_the_contract() {
        let names: Vec<_> = Status::ALL.iter().map(|status| status.as_str()).collect();
        assert_eq!(names, schema::STATUSES);
        for status in Status::ALL {
            assert_eq!(Status::parse(status.as_str()), Some(*status));
        }
        for text in ["", "Active", "active ", "gone"] {
            assert_eq!(Status::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn only_the_deleted_are_stuck() {
        for from in Status::ALL {
            for to in Status::ALL {
                let expected = *from != Status::Deleted || *to == Status::Deleted;
                assert_eq!(from.can_become(*to), expected, "{from} to {to}");
            }
        }
    }

    #[test]
    fn a_version_is_its_entity_tag_in_quotes() {
        assert_eq!(Version::first().etag(), "\"1\"");
        assert_eq!(Version::first().next().next().etag(), "\"3\"");
        assert_eq!(Version::from_stored(u64::MAX).next().get(), u64::MAX);
    }
}
