use super::{AttributeKey, AttributeValue, ProfileText, Reason, Role};
use crate::problem::Rule;
use proptest::prelude::{prop_assert, prop_assert_eq, proptest};
use users_contract::TextKind;

const CONTROL: &str = "must not contain control characters";
const NAME: &str = "must have 1 to 128 characters";
const REASON: &str = "must have 1 to 256 characters";
const VALUE: &str = "must have at most 512 characters";
const PHONE: &str = "is not an E.164 phone number";
const LOCALE: &str = "is not a BCP 47 language tag";
const LOCALE_LENGTH: &str = "must have at most 128 characters";
const ROLE: &str = "must match ^[a-z][a-z0-9:_.-]{0,63}$";
const KEY: &str = "must match ^[A-Za-z][A-Za-z0-9_.-]{0,63}$";

/// A text, the stored text or the broken rule, and a description of the row.
type Row<'r> = (&'r str, Result<&'r str, &'r str>, &'r str);

#[track_caller]
fn check<T: AsRef<str>>(parse: fn(&str) -> Result<T, Rule>, rows: &[Row<'_>]) {
    for (text, expected, description) in rows {
        let parsed = parse(text);
        let parsed = parsed.as_ref().map(AsRef::as_ref).map_err(Rule::as_str);
        assert_eq!(parsed, *expected, "{description}");
    }
}

#[test]
fn names() {
    let decomposed = "e\u{301}".repeat(128);
    check(
        |text| ProfileText::parse(TextKind::Name, text),
        &[
            ("Ada", Ok("Ada"), "plain"),
            (" \u{a0}\u{3000}Ada  Lovelace ", Ok("Ada  Lovelace"), "trimmed at the ends only"),
            (&"x".repeat(128), Ok(&"x".repeat(128)), "longest"),
            (&"x".repeat(129), Err(NAME), "too long"),
            (&format!(" {} ", "x".repeat(128)), Ok(&"x".repeat(128)), "counted after trimming"),
            (&decomposed, Ok(&decomposed), "counted after NFC, kept as given"),
            (&format!("{decomposed}x"), Err(NAME), "too long after NFC"),
            (&"😀".repeat(128), Ok(&"😀".repeat(128)), "counted in scalar values"),
            (&"\u{958}".repeat(65), Err(NAME), "NFC makes it longer"),
            ("", Err(NAME), "empty"),
            (" \u{2003} ", Err(NAME), "white space only"),
            ("\u{200b}", Ok("\u{200b}"), "zero width space is no white space"),
            ("A\u{7}da", Err(CONTROL), "control character"),
            ("Ada\n", Err(CONTROL), "control character that trimming would hide"),
            ("\u{85}Ada", Err(CONTROL), "next line is white space and a control character"),
            ("Ada\u{7f}", Err(CONTROL), "delete"),
        ],
    );
}

#[test]
fn reasons() {
    check(
        Reason::parse,
        &[
            (" left the company ", Ok("left the company"), "trimmed"),
            (&"x".repeat(256), Ok(&"x".repeat(256)), "longest"),
            (&"x".repeat(257), Err(REASON), "too long"),
            ("  ", Err(REASON), "white space only"),
            ("one\ntwo", Err(CONTROL), "line break"),
        ],
    );
}

#[test]
fn phone_numbers() {
    check(
        |text| ProfileText::parse(TextKind::PhoneNumber, text),
        &[
            ("+441234567890", Ok("+441234567890"), "plain"),
            (" +441234567890 ", Ok("+441234567890"), "trimmed"),
            ("+12", Ok("+12"), "shortest"),
            ("+123456789012345", Ok("+123456789012345"), "longest"),
            ("+1234567890123456", Err(PHONE), "16 digits"),
            ("+1", Err(PHONE), "one digit"),
            ("+041234567890", Err(PHONE), "leading zero"),
            ("441234567890", Err(PHONE), "no plus"),
            ("++441234567890", Err(PHONE), "two plus signs"),
            ("+44 1234 567890", Err(PHONE), "spaces inside"),
            ("+44-1234567890", Err(PHONE), "hyphen"),
            ("+٤٤١٢٣٤", Err(PHONE), "digits of another script"),
            ("+", Err(PHONE), "plus only"),
            ("", Err(PHONE), "empty"),
            ("+441234567890\t", Err(CONTROL), "control character at the end"),
        ],
    );
}

#[test]
fn locales() {
    // 2 letters and 14 subtags of 8, with the hyphens before them: 128 characters.
    let longest = format!("en{}", (10..24).map(|it| format!("-abcdef{it}")).collect::<String>());
    check(
        |text| ProfileText::parse(TextKind::Locale, text),
        &[
            ("en", Ok("en"), "language"),
            (" en-GB ", Ok("en-GB"), "trimmed"),
            ("EN-gb", Ok("EN-gb"), "case does not count and is kept"),
            ("zh-Hant-TW", Ok("zh-Hant-TW"), "script"),
            ("de-CH-1901", Ok("de-CH-1901"), "variant"),
            ("es-419", Ok("es-419"), "numeric region"),
            ("zh-cmn-Hans-CN", Ok("zh-cmn-Hans-CN"), "extended language"),
            ("en-a-bbb-u-ca-gregory", Ok("en-a-bbb-u-ca-gregory"), "extensions"),
            ("en-x-private", Ok("en-x-private"), "private use at the end"),
            ("x-private", Ok("x-private"), "private use only"),
            ("i-klingon", Ok("i-klingon"), "grandfathered"),
            ("sgn-BE-FR", Ok("sgn-BE-FR"), "grandfathered, regular"),
            (&longest, Ok(&longest), "longest"),
            (&format!("\u{3000}{longest} "), Ok(&longest), "measured after trimming"),
            (&format!("{longest}-x-a"), Err(LOCALE_LENGTH), "too long"),
            (&format!("en-x{}", "-a".repeat(63)), Err(LOCALE_LENGTH), "too long by many subtags"),
            (&"e".repeat(129), Err(LOCALE_LENGTH), "too long and no tag"),
            ("sl-rozaj-ROZAJ", Err(LOCALE), "a variant twice"),
            ("en-a-bbb-A-ccc", Err(LOCALE), "an extension twice"),
            ("en_GB", Err(LOCALE), "underscore"),
            ("en-", Err(LOCALE), "hyphen at the end"),
            ("-en", Err(LOCALE), "hyphen at the start"),
            ("en--GB", Err(LOCALE), "empty subtag"),
            ("e", Err(LOCALE), "one letter"),
            ("english-language", Ok("english-language"), "registered length of language, variant"),
            ("englishlang", Err(LOCALE), "subtag of over 8 letters"),
            ("en-u", Err(LOCALE), "empty extension"),
            ("en-x", Err(LOCALE), "empty private use"),
            ("én", Err(LOCALE), "not ASCII"),
            ("", Err(LOCALE), "empty"),
            ("en\u{0}", Err(CONTROL), "control character"),
        ],
    );
}

#[test]
fn roles() {
    let longest = format!("a{}", "0".repeat(63));
    check(
        Role::parse,
        &[
            ("admin", Ok("admin"), "letters"),
            ("a", Ok("a"), "shortest"),
            ("billing:read_all.v2-x", Ok("billing:read_all.v2-x"), "every kind of character"),
            (&longest, Ok(&longest), "longest"),
            (&format!("{longest}0"), Err(ROLE), "too long"),
            ("Admin", Err(ROLE), "upper case"),
            ("aDmin", Err(ROLE), "upper case inside"),
            ("1admin", Err(ROLE), "digit first"),
            (":admin", Err(ROLE), "colon first"),
            (" admin", Err(ROLE), "not trimmed"),
            ("ad min", Err(ROLE), "space"),
            ("admin/x", Err(ROLE), "slash"),
            ("ädmin", Err(ROLE), "not ASCII"),
            ("", Err(ROLE), "empty"),
            ("admin\n", Err(CONTROL), "line break at the end"),
        ],
    );
}

#[test]
fn attribute_keys() {
    let longest = format!("T{}", "e".repeat(63));
    check(
        AttributeKey::parse,
        &[
            ("team", Ok("team"), "letters"),
            ("Team_1.x-Y", Ok("Team_1.x-Y"), "every kind of character"),
            (&longest, Ok(&longest), "longest"),
            (&format!("{longest}e"), Err(KEY), "too long"),
            ("1team", Err(KEY), "digit first"),
            ("_team", Err(KEY), "underscore first"),
            ("te:am", Err(KEY), "colon"),
            ("te/am", Err(KEY), "slash"),
            (" team", Err(KEY), "not trimmed"),
            ("té", Err(KEY), "not ASCII"),
            ("", Err(KEY), "empty"),
            ("te\u{1}am", Err(CONTROL), "control character"),
        ],
    );
}

#[test]
fn attribute_values() {
    check(
        AttributeValue::parse,
        &[
            ("analytics", Ok("analytics"), "plain"),
            (" two  spaces ", Ok(" two  spaces "), "not trimmed"),
            ("", Ok(""), "empty"),
            (&"é".repeat(512), Ok(&"é".repeat(512)), "longest"),
            (&"é".repeat(513), Err(VALUE), "too long"),
            (&format!("{} ", "x".repeat(512)), Err(VALUE), "white space counts"),
            ("one\ttwo", Err(CONTROL), "tab"),
        ],
    );
}

proptest! {
    #[test]
    fn a_parsed_text_parses_again_as_itself(
        text in "\\PC{0,40}",
        word in "[a-z][a-z0-9:_.-]{0,63}",
        key in "[A-Za-z][A-Za-z0-9_.-]{0,63}",
        digits in "\\+[1-9][0-9]{1,14}",
        tag in "[a-zA-Z]{1,8}(-[A-Za-z0-9]{1,8}){0,5}",
    ) {
        macro_rules! round_trip {
            ($type:ty, $text:expr) => {
                if let Ok(parsed) = <$type>::parse($text) {
                    prop_assert_eq!(<$type>::parse(parsed.as_str()), Ok(parsed.clone()));
                    prop_assert_eq!(<$type>::from_stored(parsed.as_str().to_owned()), parsed);
                }
            };
        }
        for text in [&text, &word, &key, &digits, &tag] {
            for kind in [TextKind::Name, TextKind::PhoneNumber, TextKind::Locale] {
                if let Ok(parsed) = ProfileText::parse(kind, text) {
                    prop_assert_eq!(ProfileText::parse(kind, parsed.as_str()), Ok(parsed));
                }
            }
            round_trip!(Reason, text);
            round_trip!(AttributeKey, text);
            round_trip!(AttributeValue, text);
            round_trip!(Role, text);
        }
        // What the contract's patterns describe is accepted.
        prop_assert!(Role::parse(&word).is_ok());
        prop_assert!(AttributeKey::parse(&key).is_ok());
        prop_assert!(ProfileText::parse(TextKind::PhoneNumber, &digits).is_ok());
    }
}
