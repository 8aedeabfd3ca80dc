//! Email addresses, and the normalised form in which they are unique.

use std::fmt;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use unicode_normalization::UnicodeNormalization;
use users_contract::limits;

use crate::problem::Rule;
use crate::text::trimmed;

const INVALID: &str = "is not a valid email address";

/// An email address: shown as it was given, compared with others by its [`EmailKey`].
///
/// Equality and order are those of the address as given, so a change of spelling is a change.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Email {
    address: String,
    key: EmailKey,
}

impl Email {
    /// Removes white space at both ends and requires a dot-atom local part of at most 64 bytes
    /// (non-ASCII allowed, no quoting), `@`, and a domain name of at least two labels
    /// (international names allowed, no address literals); at most 254 bytes.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        let address = trimmed(text)?;
        if address.len() > limits::EMAIL_MAX_BYTES {
            return Err(format!("must have at most {} bytes", limits::EMAIL_MAX_BYTES).into());
        }
        // A dot-atom has no `@`, and neither has a domain name, so there can be only one.
        let (local_part, domain) = address.split_once('@').ok_or(INVALID)?;
        if local_part.len() > limits::EMAIL_LOCAL_PART_MAX_BYTES {
            return Err(format!(
                "must have at most {} bytes before the @",
                limits::EMAIL_LOCAL_PART_MAX_BYTES
            )
            .into());
        }
        let normalised: String = local_part.nfc().collect();
        if !is_dot_atom(&normalised) {
            return Err(INVALID.into());
        }
        let domain = ascii_domain(domain).ok_or(INVALID)?;
        let key = EmailKey(format!("{}@{domain}", fold(&normalised)));
        Ok(Self { address: address.to_owned(), key })
    }

    /// The address as it was given, without white space at the ends.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.address
    }

    /// The form in which the address is unique.
    #[must_use]
    pub fn key(&self) -> &EmailKey {
        &self.key
    }

    /// Restores a stored address, as given, and the text of its key, both unchecked.
    #[must_use]
    pub fn from_stored(address: String, key: String) -> Self {
        Self { address, key: EmailKey(key) }
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Email(***)")
    }
}

/// The normalised form of an email address: two addresses are the same address when their keys
/// are equal.
///
/// The local part is in NFC and case-folded (Unicode full case folding), the domain is in the
/// ASCII form of UTS 46 (non-transitional) of its NFC. Both begin with NFC, so spellings that Unicode
/// calls equivalent have one key.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct EmailKey(String);

impl EmailKey {
    /// The text of the key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Restores the stored text of a key, unchecked.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for EmailKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("EmailKey(***)")
    }
}

/// Folds the case of text in NFC. Folding can take NFC apart, so the result is composed again;
/// otherwise the key of a key could be another key.
fn fold(normalised: &str) -> String {
    caseless::default_case_fold_str(normalised).nfc().collect()
}

fn is_dot_atom(local_part: &str) -> bool {
    local_part.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atom_character))
}

/// `atext` of RFC 5322 with RFC 6532's additions, but for white space.
fn is_atom_character(character: char) -> bool {
    if character.is_ascii() {
        character.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(character)
    } else {
        // U+FFFD stands for lost bytes, and the gateway replaces the lost bytes of a query by it: an
        // address with it could be registered, and not be looked up.
        !character.is_whitespace() && character != char::REPLACEMENT_CHARACTER
    }
}

/// The domain in ASCII; `None` when it is not the name of a mail domain.
fn ascii_domain(domain: &str) -> Option<String> {
    if domain.contains(char::is_whitespace) {
        return None;
    }
    // UTS 46 replaces characters before it composes them, and so takes two equivalent spellings apart
    // where a mark becomes a letter (U+0345 an iota).
    let domain: String = domain.nfc().collect();
    let ascii = Uts46::new()
        .to_ascii(
            domain.as_bytes(),
            AsciiDenyList::STD3,
            Hyphens::CheckFirstLast,
            DnsLength::Verify,
        )
        .ok()?;
    let (_, last_label) = ascii.rsplit_once('.')?;
    // A name that ends in a number would be read as an IPv4 address.
    let is_number = last_label.bytes().all(|byte| byte.is_ascii_digit());
    (!is_number).then(|| ascii.into_owned())
}

#[cfg(test)]
mod tests;
