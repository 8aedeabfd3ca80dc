//! Every number and pattern of the contract, each with its unit.

/// Longest email address, in bytes (RFC 5321 with the path's brackets taken off).
pub const EMAIL_MAX_BYTES: usize = 254;
/// Longest local part of an email address, in bytes (RFC 5321).
pub const EMAIL_LOCAL_PART_MAX_BYTES: usize = 64;
/// Longest name, in Unicode scalar values after NFC and trimming.
pub const NAME_MAX_CHARS: usize = 128;
/// Longest reason for a change of status, in Unicode scalar values after NFC and trimming.
pub const REASON_MAX_CHARS: usize = 256;
/// Most attributes of a user.
pub const ATTRIBUTES_MAX: usize = 32;
/// Longest attribute value, in Unicode scalar values after NFC.
pub const ATTRIBUTE_VALUE_MAX_CHARS: usize = 512;
/// The pattern of an attribute's key.
pub const ATTRIBUTE_KEY_PATTERN: &str = "^[A-Za-z][A-Za-z0-9_.-]{0,63}$";
/// Most roles of a user.
pub const ROLES_MAX: usize = 50;
/// The pattern of a role.
pub const ROLE_PATTERN: &str = "^[a-z][a-z0-9:_.-]{0,63}$";
/// The pattern of a phone number (E.164).
pub const PHONE_NUMBER_PATTERN: &str = r"^\+[1-9][0-9]{1,14}$";
/// Longest locale, in characters after trimming.
pub const LOCALE_MAX_CHARS: usize = 128;
/// Unicode `White_Space` without its control characters, for a class of a pattern. (`\s` is another
/// set: in JSON Schema it has U+FEFF, which is not white space.)
macro_rules! white_space {
    () => {
        r" \u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000"
    };
}

/// The pattern of an email address, short of its full rule: one `@`, and neither white space nor a
/// control character.
pub const EMAIL_PATTERN: &str = concat!(
    "^[^@",
    white_space!(),
    r"\u0000-\u001F\u007F-\u009F]{1,64}@[^@",
    white_space!(),
    r"\u0000-\u001F\u007F-\u009F]{3,252}$"
);
/// Text without a control character (Unicode category Cc).
pub const TEXT_PATTERN: &str = r"^[^\u0000-\u001F\u007F-\u009F]*$";
/// The same, with something else than white space. (`\S` alone would let one control character in.)
pub const NON_BLANK_TEXT_PATTERN: &str = concat!(
    r"^[^\u0000-\u001F\u007F-\u009F]*[^",
    white_space!(),
    r"\u0000-\u001F\u007F-\u009F]",
    r"[^\u0000-\u001F\u007F-\u009F]*$"
);
/// The pattern of a language tag (RFC 5646): tags that are built from parts, private-use tags, and the
/// irregular ones that the RFC lists. It cannot say that no variant or extension comes twice.
pub const LOCALE_PATTERN: &str = concat!(
    r"^(([A-Za-z]{2,3}(-[A-Za-z]{3}){0,3}|[A-Za-z]{4,8})",
    r"(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?",
    r"(-([A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))*",
    r"(-[0-9A-WYZa-wyz](-[A-Za-z0-9]{2,8})+)*(-[xX](-[A-Za-z0-9]{1,8})+)?",
    r"|[xX](-[A-Za-z0-9]{1,8})+",
    r"|en-GB-oed|sgn-(BE-FR|BE-NL|CH-DE)",
    r"|i-(ami|bnn|default|enochian|hak|klingon|lux|mingo|navajo|pwn|tao|tay|tsu))$"
);
/// Any white space but control characters.
const WHITE_SPACE: &str = concat!("[", white_space!(), "]*");

/// The pattern for a text that is trimmed before it must match `pattern`, which has both anchors.
#[must_use]
pub fn untrimmed(pattern: &str) -> String {
    let inner = pattern.strip_prefix('^').and_then(|it| it.strip_suffix('$')).unwrap_or(pattern);
    format!("^{WHITE_SPACE}({inner}){WHITE_SPACE}$")
}

/// The pattern of a user id: a ULID in canonical upper case.
pub const USER_ID_PATTERN: &str = "^[0-7][0-9A-HJKMNP-TV-Z]{25}$";
/// The pattern of a correlation id that is accepted from a request.
pub const CORRELATION_ID_PATTERN: &str = "^[A-Za-z0-9._-]{1,64}$";
/// Longest user agent of an audit entry, in Unicode scalar values; a longer one is cut.
pub const USER_AGENT_MAX_CHARS: usize = 512;
/// Longest correlation id, in bytes.
pub const CORRELATION_ID_MAX_BYTES: usize = 64;
/// Longest idempotency key, in bytes.
pub const IDEMPOTENCY_KEY_MAX_BYTES: usize = 255;
/// Largest request body, in bytes.
pub const BODY_MAX_BYTES: usize = 64 * 1024;
/// Largest user as it is stored, in bytes.
pub const STORED_USER_MAX_BYTES: usize = 100 * 1024;
/// Largest page of a list, in bytes of JSON.
pub const PAGE_MAX_BYTES: usize = 4 * 1024 * 1024;
/// Smallest page size.
pub const PAGE_SIZE_MIN: u16 = 1;
/// Page size when the caller names none.
pub const PAGE_SIZE_DEFAULT: u16 = 25;
/// Largest page size.
pub const PAGE_SIZE_MAX: u16 = 100;
/// Longest cursor, in bytes.
pub const CURSOR_MAX_BYTES: usize = 512;
