//! Text that follows the contract's rules: the texts of profiles, reasons, attributes and roles.
//!
//! A value is kept as given, except for white space at both ends where its rule removes it.
//! Lengths are counted in Unicode scalar values after NFC, so that two spellings of one text are
//! equally long. Personal values have a `Debug` form without the value and no `Display`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use oxilangtag::LanguageTag;
use unicode_normalization::UnicodeNormalization;
use users_contract::{FieldName, TextKind, limits};

use crate::problem::Rule;

/// The optional texts of a profile that are set, by field.
pub type ProfileTexts = BTreeMap<FieldName, ProfileText>;

/// A user's attributes by key.
pub type Attributes = BTreeMap<AttributeKey, AttributeValue>;

macro_rules! text {
    ($(#[$attribute:meta])* $name:ident) => {
        $(#[$attribute])*
        #[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(String);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Restores a stored text, unchecked: it was checked when it came in.
            #[must_use]
            pub fn from_stored(text: String) -> Self {
                Self(text)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

macro_rules! personal_text {
    ($(#[$attribute:meta])* $name:ident) => {
        text! { $(#[$attribute])* $name }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(concat!(stringify!($name), "(***)"))
            }
        }
    };
}

personal_text! {
    /// An optional text of a profile: a name, a phone number or a locale, by its field's kind.
    ProfileText
}

impl ProfileText {
    /// Removes white space at both ends, then applies the rule of the kind.
    pub fn parse(kind: TextKind, text: &str) -> Result<Self, Rule> {
        let text = trimmed(text)?;
        match kind {
            TextKind::Name => require_length(text, 1, limits::NAME_MAX_CHARS)?,
            TextKind::PhoneNumber => require_phone_number(text)?,
            TextKind::Locale => require_language_tag(text)?,
        }
        Ok(Self(text.to_owned()))
    }
}

personal_text! {
    /// Why a user's status was changed.
    Reason
}

impl Reason {
    /// Removes white space at both ends and requires 1 to 256 characters.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        let text = trimmed(text)?;
        require_length(text, 1, limits::REASON_MAX_CHARS)?;
        Ok(Self(text.to_owned()))
    }
}

personal_text! {
    /// The key of an attribute.
    AttributeKey
}

impl AttributeKey {
    /// Requires a letter and at most 63 more letters, digits, `_`, `.` or `-`, all ASCII.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        refuse_control(text)?;
        let valid = text.len() <= 64
            && text.starts_with(|first: char| first.is_ascii_alphabetic())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(must_match(limits::ATTRIBUTE_KEY_PATTERN))
        }
    }
}

personal_text! {
    /// The value of an attribute.
    AttributeValue
}

impl AttributeValue {
    /// Requires at most 512 characters; white space at the ends belongs to the value.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        refuse_control(text)?;
        require_length(text, 0, limits::ATTRIBUTE_VALUE_MAX_CHARS)?;
        Ok(Self(text.to_owned()))
    }
}

text! {
    /// A role. Roles are names of the application, not personal data.
    #[derive(Debug)]
    Role
}

impl Role {
    /// Requires a lower-case letter and at most 63 more lower-case letters, digits, `:`, `_`, `.` or
    /// `-`, all ASCII.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        refuse_control(text)?;
        let valid = text.len() <= 64
            && text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || b":_.-".contains(&byte)
            });
        if valid { Ok(Self(text.to_owned())) } else { Err(must_match(limits::ROLE_PATTERN)) }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Refuses control characters (Unicode `Cc`) anywhere, also where trimming would hide them.
pub(crate) fn refuse_control(text: &str) -> Result<(), Rule> {
    if text.contains(char::is_control) {
        return Err("must not contain control characters".into());
    }
    Ok(())
}

/// Refuses control characters, then removes white space (Unicode `White_Space`) at both ends.
pub(crate) fn trimmed(text: &str) -> Result<&str, Rule> {
    refuse_control(text)?;
    Ok(text.trim())
}

fn require_length(text: &str, min: usize, max: usize) -> Result<(), Rule> {
    // Counting stops early, so that a very long text costs no more than one that is just too long.
    let length = text.nfc().take(max + 1).count();
    if (min..=max).contains(&length) {
        return Ok(());
    }
    Err(match min {
        0 => format!("must have at most {max} characters"),
        _ => format!("must have {min} to {max} characters"),
    }
    .into())
}

/// Requires `+`, a digit other than zero and 1 to 14 more digits.
fn require_phone_number(text: &str) -> Result<(), Rule> {
    let digits = text.strip_prefix('+').unwrap_or_default().as_bytes();
    let valid = (2..=15).contains(&digits.len())
        && digits.iter().all(u8::is_ascii_digit)
        && digits.first() != Some(&b'0');
    if valid { Ok(()) } else { Err("is not an E.164 phone number".into()) }
}

/// Requires a tag of at most 128 characters that is valid as far as can be checked without the
/// registry of subtags: well-formed, and no variant or extension twice.
fn require_language_tag(text: &str) -> Result<(), Rule> {
    require_length(text, 0, limits::LOCALE_MAX_CHARS)?;
    let valid = LanguageTag::parse(text).is_ok_and(|tag| {
        all_distinct(tag.variant_subtags().map(str::to_ascii_lowercase))
            && all_distinct(
                tag.extension_subtags().map(|(singleton, _)| singleton.to_ascii_lowercase()),
            )
    });
    if valid { Ok(()) } else { Err("is not a BCP 47 language tag".into()) }
}

fn must_match(pattern: &str) -> Rule {
    format!("must match {pattern}").into()
}

fn all_distinct<T: Ord>(mut items: impl Iterator<Item = T>) -> bool {
    let mut seen = BTreeSet::new();
    items.all(|item| seen.insert(item))
}

#[cfg(test)]
mod tests;
