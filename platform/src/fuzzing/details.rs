//! Every text that a refusal may contain. The texts on the list contain nothing from the request,
//! so an unlisted text is a leak, or a new text that belongs here.

use std::collections::HashSet;
use std::sync::LazyLock;
use users_contract::limits;
use users_domain::{Action, Status, Violation};

/// The texts, numbers aside.
static KNOWN: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let list = |words: Vec<&str>| format!("must be one of {}", words.join(", "));
    let mut known: Vec<String> = FIXED.iter().map(|text| (*text).to_owned()).collect();
    known.extend([
        list(Status::ALL.iter().map(|it| it.as_str()).collect()),
        list(Action::ALL.iter().map(|it| it.as_str()).collect()),
        format!("must match {}", limits::ROLE_PATTERN),
        format!("is not an attribute key: it must match {}", limits::ATTRIBUTE_KEY_PATTERN),
    ]);
    known.extend(PARSER.iter().map(|text| format!("is not valid JSON: {text} at line 0 column 0")));
    known.iter().map(|text| without_numbers(text)).collect()
});

const FIXED: &[&str] = &[
    "begins with a quote but is not a well-formed string of structured fields",
    "cannot be changed",
    "cannot be changed here; use POST /users/{userId}/roles and DELETE /users/{userId}/roles/{role}",
    "cannot be changed here; use PUT /users/{userId}/status",
    "cannot be chosen; a user is registered as active",
    "cannot be chosen; the service sets it",
    "cannot be combined with email",
    "has more repeated members than are listed",
    "is not a BCP 47 language tag",
    "is not a known field",
    "is not a known parameter",
    "is not a valid email address",
    "is not an E.164 phone number",
    "is not an attribute key: it must not contain control characters",
    "is not valid UTF-8 at byte 0",
    "is required",
    "must be a list of entity tags in quotes, or *",
    "must be a string",
    "must be a string or null",
    "must be active, disabled or deleted",
    "must be an RFC 3339 date-time with an offset, as in 2026-11-22T10:00:00Z",
    "must be an array of strings",
    "must be an object",
    "must be asc or desc",
    "must be before to",
    "must be between 1 and 100",
    "must be given only once",
    "must have 1 to 128 characters",
    "must have 1 to 255 visible ASCII characters and no space",
    "must be UTF-8, and without U+FFFD",
    "must have at least one member",
    "must have at most 128 characters",
    "must have at most 254 bytes",
    "must have at most 50 elements",
    "must have at most 512 characters",
    "must have at most 32 entries",
    "must have at most 64 bytes before the @",
    "must not be empty",
    "must not be empty; send a JSON object",
    "must not be null",
    "must not begin with a byte order mark",
    "must not contain control characters",
    "must not nest deeper than 64 levels",
    "must not repeat an earlier element",
];

/// The messages of `serde_json` for text that is not JSON.
const PARSER: &[&str] = &[
    "EOF while parsing a list",
    "EOF while parsing a string",
    "EOF while parsing a value",
    "EOF while parsing an object",
    "control character (\\u0000-\\u001F) found while parsing a string",
    "expected `,` or `]`",
    "expected `,` or `}`",
    "expected `:`",
    "expected ident",
    "expected value",
    "invalid escape",
    "invalid number",
    "invalid unicode code point",
    "key must be a string",
    "lone leading surrogate in hex escape",
    "number out of range",
    "trailing characters",
    "trailing comma",
    "unexpected end of hex escape",
];

/// Holds a refusal to its promises: in order, each once, each with a known text and a place whose
/// `Debug` form names nothing that the caller chose.
pub(super) fn check(violations: &[Violation]) {
    assert!(!violations.is_empty(), "refused without a reason");
    assert!(violations.windows(2).all(|pair| pair[0] < pair[1]), "not in order, or one twice");
    for violation in violations {
        check_text(&violation.detail);
        let shown = format!("{:?}", violation.place);
        // The contract's names are ASCII without `@`; addresses and people's names need not be.
        assert!(shown.is_ascii() && !shown.contains('@'), "a place shows what the caller chose");
    }
}

/// Holds one text to the list.
pub(super) fn check_text(detail: &str) {
    let known = KNOWN.contains(&without_numbers(detail));
    assert!(known, "a text that is not on the list: {detail:?}");
}

/// The text with each run of digits as one `#`.
fn without_numbers(text: &str) -> String {
    let mut shortened = String::with_capacity(text.len());
    for character in text.chars() {
        let character = if character.is_ascii_digit() { '#' } else { character };
        if character != '#' || !shortened.ends_with('#') {
            shortened.push(character);
        }
    }
    shortened
}
