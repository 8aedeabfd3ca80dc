//! The contract's rules for texts, written a second time and as plainly as possible.

use std::collections::BTreeSet;
use unicode_normalization::UnicodeNormalization;
use users_contract::{Field, FieldKind, FieldName, TextKind, limits};
use users_domain::{AttributeKey, AttributeValue, Email, ProfileText, Reason, Role, Rule};

/// A text with white space off both ends, no control character and so many characters after NFC.
fn is_trimmed_text(text: &str, characters: std::ops::RangeInclusive<usize>) -> bool {
    text.trim() == text
        && !text.chars().any(char::is_control)
        && characters.contains(&text.nfc().count())
}

/// A parsed text parses again as itself, and white space around it changes nothing.
fn assert_normal<T: PartialEq>(
    value: &T,
    text: &str,
    trims: bool,
    parse: impl Fn(&str) -> Result<T, Rule>,
) {
    assert!(parse(text).is_ok_and(|again| again == *value), "another value the second time");
    if trims {
        let padded = parse(&format!(" \u{2003}{text}\u{a0} "));
        assert!(padded.is_ok_and(|again| again == *value), "white space counted");
    }
}

pub(super) fn check_text(field: FieldName, text: &ProfileText) {
    let FieldKind::Text(kind) = Field::of(field).kind else { panic!("{field:?} is no text") };
    match kind {
        TextKind::Name => check_name(text.as_str()),
        TextKind::PhoneNumber => check_phone_number(text.as_str()),
        TextKind::Locale => check_locale(text.as_str()),
    }
    assert_normal(text, text.as_str(), true, |text| ProfileText::parse(kind, text));
}

fn check_name(name: &str) {
    assert!(is_trimmed_text(name, 1..=limits::NAME_MAX_CHARS), "a name's limits");
}

pub(super) fn check_reason(reason: &Reason) {
    assert!(is_trimmed_text(reason.as_str(), 1..=limits::REASON_MAX_CHARS), "a reason's limits");
    assert_normal(reason, reason.as_str(), true, Reason::parse);
}

fn check_phone_number(number: &str) {
    let digits = number.strip_prefix('+').unwrap_or_default();
    assert!(
        (2..=15).contains(&digits.len())
            && digits.chars().all(|digit| digit.is_ascii_digit())
            && !digits.starts_with('0'),
        "E.164"
    );
}

fn check_locale(locale: &str) {
    assert!(locale.len() <= limits::LOCALE_MAX_CHARS, "a locale's length");
    assert!(
        locale.split('-').all(|subtag| {
            (1..=8).contains(&subtag.len()) && subtag.chars().all(|it| it.is_ascii_alphanumeric())
        }),
        "BCP 47"
    );
}

pub(super) fn check_attribute(key: &AttributeKey, value: &AttributeValue) {
    let mut letters = key.as_str().chars();
    assert!(
        letters.next().is_some_and(|first| first.is_ascii_alphabetic())
            && letters.all(|it| it.is_ascii_alphanumeric() || matches!(it, '_' | '.' | '-'))
            && key.as_str().len() <= 64,
        "an attribute's key"
    );
    assert!(
        !value.as_str().chars().any(char::is_control)
            && value.as_str().nfc().count() <= limits::ATTRIBUTE_VALUE_MAX_CHARS,
        "an attribute's value"
    );
    assert_normal(key, key.as_str(), false, AttributeKey::parse);
    assert_normal(value, value.as_str(), false, AttributeValue::parse);
}

pub(super) fn check_role(role: &Role) {
    let mut letters = role.as_str().chars();
    assert!(
        letters.next().is_some_and(|first| first.is_ascii_lowercase())
            && letters.all(|it| {
                it.is_ascii_lowercase()
                    || it.is_ascii_digit()
                    || matches!(it, ':' | '_' | '.' | '-')
            })
            && role.as_str().len() <= 64,
        "a role"
    );
    assert_normal(role, role.as_str(), false, Role::parse);
}

pub(super) fn check_roles(roles: &BTreeSet<Role>) {
    assert!(roles.len() <= limits::ROLES_MAX, "the number of roles");
    roles.iter().for_each(check_role);
}

pub(super) fn check_email(email: &Email) {
    let address = email.as_str();
    assert!(address.len() <= limits::EMAIL_MAX_BYTES, "an address's length");
    assert!(
        !address.chars().any(|it| it.is_whitespace() || it.is_control()),
        "white space in an address"
    );
    let (local_part, domain) = address.split_once('@').expect("an address has an @");
    assert!(!domain.contains('@') && !domain.contains('['), "a domain name");
    assert!(
        (1..=limits::EMAIL_LOCAL_PART_MAX_BYTES).contains(&local_part.len())
            && !local_part.contains('"')
            && local_part.split('.').all(|atom| !atom.is_empty()),
        "a dot-atom"
    );

    let key = email.key().as_str();
    let (_, ascii) = key.split_once('@').expect("a key has an @");
    let labels: Vec<_> = ascii.split('.').collect();
    assert!(
        labels.len() >= 2
            && ascii.len() <= 253
            && labels.iter().all(|label| {
                (1..=63).contains(&label.len())
                    && label
                        .bytes()
                        .all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-')
            }),
        "a domain name of two labels or more in its ASCII form"
    );
    assert_normal(email, address, true, Email::parse);
    // The key may be longer than an address can be, since folding case can lengthen a text.
    if let Ok(of_key) = Email::parse(key) {
        assert_eq!(of_key.key().as_str(), key, "the key of a key");
    }
    // Spellings that Unicode calls equivalent are one address, unless they are too long.
    let taken_apart: String = address.nfd().collect();
    if let Ok(other) = Email::parse(&taken_apart) {
        assert_eq!(other.key().as_str(), key, "an equivalent spelling");
    }
    let upper: String = address.chars().map(|it| it.to_ascii_uppercase()).collect();
    let other = Email::parse(&upper).expect("upper case is an address as well");
    assert_eq!(other.key().as_str(), key, "case counted");
}
