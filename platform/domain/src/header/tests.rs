use super::{
    CorrelationId, EntityTag, IdempotencyKey, Judgement, MediaType, Precondition, Preconditions,
    is_unencoded, parse_entity_tags,
};
use crate::fixtures::shown;
use crate::{Place, Version};
use proptest::collection::vec;
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
use ulid::Ulid;
use users_contract::header::{IDEMPOTENCY_KEY, IF_MATCH};

const ONCE: &str = "must be given only once";
const NOT_A_STRING: &str =
    "begins with a quote but is not a well-formed string of structured fields";
const CHARACTERS: &str = "must have 1 to 255 visible ASCII characters and no space";

/// The values of the headers, the result or the broken rule, and a description of the row.
type Row<'r> = (&'r [&'r [u8]], Result<Option<&'r str>, &'r str>, &'r str);

#[test]
fn correlation_ids() {
    let longest = "x".repeat(64);
    let rows = [
        ("checkout-42", true, "plain"),
        ("A.b_c-9", true, "every kind of character"),
        (&longest, true, "longest"),
        (&format!("{longest}x"), false, "too long"),
        ("", false, "empty"),
        ("a b", false, "space"),
        ("a\n", false, "line break"),
        ("a/b", false, "slash"),
        ("é", false, "not ASCII"),
    ];
    for (text, valid, description) in rows {
        let id = CorrelationId::parse(text);
        assert_eq!(id.as_ref().map(CorrelationId::as_str), valid.then_some(text), "{description}");
    }
    assert_eq!(CorrelationId::from_ulid(Ulid(0)).to_string(), "0".repeat(26));
}

#[test]
fn idempotency_keys() {
    let longest = "k".repeat(255);
    let too_long = format!("{longest}k");
    let (longest_quoted, too_long_quoted) = (format!("\"{longest}\""), format!("\"{too_long}\""));
    let rows: &[Row<'_>] = &[
        (&[], Ok(None), "no header"),
        (&[b"key-1"], Ok(Some("key-1")), "bare"),
        (&[b" \tkey-1 "], Ok(Some("key-1")), "white space around"),
        (&[b"\"key-1\""], Ok(Some("key-1")), "quoted"),
        (&[br#""a\"b\\c""#], Ok(Some(r#"a"b\c"#)), "escapes"),
        (&[br#"a"b\c"#], Ok(Some(r#"a"b\c"#)), "the same key bare"),
        (&[b"a,b;c=d"], Ok(Some("a,b;c=d")), "punctuation is part of a bare key"),
        (&[b"!~"], Ok(Some("!~")), "first and last visible character"),
        (&[longest.as_bytes()], Ok(Some(&longest)), "longest"),
        (&[longest_quoted.as_bytes()], Ok(Some(&longest)), "longest, quoted"),
        (&[too_long.as_bytes()], Err(CHARACTERS), "too long"),
        (&[too_long_quoted.as_bytes()], Err(CHARACTERS), "too long, quoted"),
        (&[b"a", b"b"], Err(ONCE), "two headers"),
        (&[b"a", b"a"], Err(ONCE), "two equal headers"),
        (&[b""], Err(CHARACTERS), "empty"),
        (&[b" "], Err(CHARACTERS), "white space only"),
        (&[b"\"\""], Err(CHARACTERS), "empty, quoted"),
        (&[b"a b"], Err(CHARACTERS), "space"),
        (&[b"\"a b\""], Err(CHARACTERS), "space, quoted"),
        (&[b"a, b"], Err(CHARACTERS), "joined headers"),
        (&[b"a\tb"], Err(CHARACTERS), "tab"),
        (&[b"a\x7f"], Err(CHARACTERS), "delete"),
        (&["é".as_bytes()], Err(CHARACTERS), "not ASCII"),
        (&[b"\xff"], Err(CHARACTERS), "not UTF-8"),
        (&[b"\"a"], Err(NOT_A_STRING), "quote not closed"),
        (&[b"\""], Err(NOT_A_STRING), "one quote"),
        (&[b"\"a\"b\""], Err(NOT_A_STRING), "quote inside"),
        (&[b"\"a\";p=1"], Err(NOT_A_STRING), "parameters"),
        (&[b"\"a\", \"b\""], Err(NOT_A_STRING), "list"),
        (&[br#""a\b""#], Err(NOT_A_STRING), "unknown escape"),
        (&[br#""a\""#], Err(NOT_A_STRING), "escaped end"),
        (&["\"é\"".as_bytes()], Err(NOT_A_STRING), "not ASCII, quoted"),
        (&[b"\"a\tb\""], Err(NOT_A_STRING), "tab, quoted"),
    ];
    for (values, expected, description) in rows {
        let parsed = IdempotencyKey::parse_all(values);
        if let Err(violation) = &parsed {
            assert_eq!(violation.place, Place::Header(IDEMPOTENCY_KEY), "{description}");
        }
        let parsed = parsed
            .as_ref()
            .map(|key| key.as_ref().map(IdempotencyKey::as_str))
            .map_err(|violation| violation.detail.as_str());
        assert_eq!(parsed, *expected, "{description}");
    }
}

fn parse(values: &[&[u8]]) -> Result<Option<Precondition>, Vec<String>> {
    parse_entity_tags(IF_MATCH, values).map_err(|violation| shown(&[violation]))
}

#[test]
fn preconditions() {
    let malformed: &str = "malformed";
    // The canonical form stands for what was read.
    let rows: &[Row<'_>] = &[
        (&[], Ok(None), "no header"),
        (&[b"*"], Ok(Some("*")), "any"),
        (&[b" *\t"], Ok(Some("*")), "any, white space around"),
        (&[b"\"3\""], Ok(Some("\"3\"")), "one tag"),
        (&[b"W/\"3\""], Ok(Some("W/\"3\"")), "weak"),
        (&[b"\"3\", W/\"1\" ,\"2\""], Ok(Some("\"2\",\"3\",W/\"1\"")), "list"),
        (&[b"\"3\"", b"\"2\""], Ok(Some("\"2\",\"3\"")), "two headers"),
        (&[b"\"3\",\"3\""], Ok(Some("\"3\"")), "the same tag twice"),
        (&[b",, \"3\",,"], Ok(Some("\"3\"")), "empty elements"),
        (&[b"", b"\"3\""], Ok(Some("\"3\"")), "an empty header beside another"),
        (&[b"\"\""], Ok(Some("\"\"")), "empty tag"),
        (&[b"\"a,b\""], Ok(Some("\"a,b\"")), "comma inside"),
        (&[b"\"a\\\""], Ok(Some("\"a\\\"")), "backslash escapes nothing"),
        (&[b"\"\xe9\""], Ok(Some("\"\u{e9}\"")), "byte over ASCII"),
        (&[b""], Err(malformed), "empty"),
        (&[b" , ,"], Err(malformed), "empty elements only"),
        (&[b"3"], Err(malformed), "no quotes"),
        (&[b"\"3"], Err(malformed), "quote not closed"),
        (&[b"3\""], Err(malformed), "quote not opened"),
        (&[b"w/\"3\""], Err(malformed), "lower-case weakness"),
        (&[b"W/3"], Err(malformed), "weak, no quotes"),
        (&[b"W /\"3\""], Err(malformed), "space in the mark"),
        (&[b"W/ \"3\""], Err(malformed), "space after the mark"),
        (&[b"\"3\" \"4\""], Err(malformed), "no comma"),
        (&[b"\"3\"; \"4\""], Err(malformed), "semicolon"),
        (&[b"\"a b\""], Err(malformed), "space inside"),
        (&[b"\"a\x7f\""], Err(malformed), "delete inside"),
        (&[b"*, \"3\""], Err(malformed), "any in a list"),
        (&[b"\"3\"", b"*"], Err(malformed), "any in a list of two headers"),
        (&[b"**"], Err(malformed), "two stars"),
    ];
    for (values, expected, description) in rows {
        let parsed = parse(values).map(|precondition| precondition.map(|it| it.canonical()));
        let expected = expected
            .map(|canonical| canonical.map(str::to_owned))
            .map_err(|_| vec!["if-match must be a list of entity tags in quotes, or *".to_owned()]);
        assert_eq!(parsed, expected, "{description}");
    }
}

#[test]
fn comparison() {
    let version = Version::from_stored(3);
    let rows: &[(&[u8], bool, bool, &str)] = &[
        (b"*", true, true, "any"),
        (b"\"3\"", true, true, "the version"),
        (b"\"1\", \"3\"", true, true, "among others"),
        (b"W/\"3\"", false, true, "weak"),
        (b"\"4\"", false, false, "another version"),
        (b"\"03\"", false, false, "another spelling"),
        (b"\"\"", false, false, "empty tag"),
        (b"W/\"3\", \"3\"", true, true, "weak and strong"),
    ];
    for (value, strongly, weakly, description) in rows {
        let precondition = parse(&[value]).unwrap().unwrap();
        assert_eq!(precondition.matches_strongly(version), *strongly, "{description}");
        assert_eq!(precondition.matches_weakly(version), *weakly, "{description}");
    }
}

#[test]
fn preconditions_are_judged_in_order() {
    use Judgement::{Holds, Known, Mismatch};
    let version = Version::from_stored(3);
    type Lines = &'static [&'static [u8]];
    let rows: &[(Lines, Lines, Judgement, &str)] = &[
        (&[], &[], Holds, "none"),
        (&[b"\"3\""], &[], Holds, "the version is asked for"),
        (&[b"*"], &[], Holds, "any version is asked for"),
        (&[b"\"2\"", b"\"3\""], &[], Holds, "the version in a second line"),
        (&[b"\"2\""], &[], Mismatch, "another version is asked for"),
        (&[b"W/\"3\""], &[], Mismatch, "If-Match compares strongly"),
        (&[], &[b"\"2\""], Holds, "another version is known"),
        (&[], &[b"\"3\""], Known, "the version is known"),
        (&[], &[b"W/\"3\""], Known, "If-None-Match compares weakly"),
        (&[], &[b"*"], Known, "any version is known"),
        (&[b"\"3\""], &[b"\"2\""], Holds, "both hold"),
        (&[b"\"3\""], &[b"\"3\""], Known, "asked for and known"),
        (&[b"\"2\""], &[b"*"], Mismatch, "If-Match comes first"),
        (&[b"\"2\""], &[b"\"2\""], Mismatch, "neither is the version"),
    ];
    for (if_match, if_none_match, expected, description) in rows {
        let preconditions = Preconditions::parse(if_match, if_none_match).unwrap();
        assert_eq!(preconditions.judge(version), *expected, "{description}");
    }
}

#[test]
fn both_preconditions_are_reported_when_both_are_malformed() {
    let detail = "must be a list of entity tags in quotes, or *";
    let refused = |if_match, if_none_match: &[u8]| {
        shown(&Preconditions::parse(&[if_match], &[if_none_match]).unwrap_err())
    };
    let [one, other] = ["if-match", "if-none-match"].map(|name| format!("{name} {detail}"));
    assert_eq!(refused(b"3", b"3"), [one.clone(), other.clone()]);
    assert_eq!(refused(b"3", b"*"), [one]);
    assert_eq!(refused(b"*", b"3"), [other]);
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(values in vec(vec(any::<u8>(), 0..24), 0..3)) {
        let values: Vec<_> = values.iter().map(Vec::as_slice).collect();
        if let Ok(Some(key)) = IdempotencyKey::parse_all(&values) {
            prop_assert!(!key.as_str().is_empty());
        }
        if let Ok(Some(Precondition::Tags(tags))) = parse_entity_tags(IF_MATCH, &values) {
            prop_assert!(!tags.is_empty());
        }
    }

    #[test]
    fn nearly_valid_bytes_are_read_without_panic(value in "[W/\"*,a\\\\ 3]{0,16}") {
        for values in [vec![value.as_bytes()], vec![value.as_bytes(), b"\"1\""]] {
            if let Ok(Some(precondition)) = parse_entity_tags(IF_MATCH, &values) {
                // The canonical form is itself a header that means the same.
                let canonical = precondition.canonical();
                let again = parse_entity_tags(IF_MATCH, &[canonical.as_bytes()]);
                prop_assert_eq!(again.ok().flatten().map(|it| it.canonical()), Some(canonical));
            }
            drop(IdempotencyKey::parse_all(&values));
        }
    }

    #[test]
    fn bare_and_quoted_keys_are_the_same(key in "[!-~]{1,255}") {
        let escaped = key.replace('\\', "\\\\").replace('"', "\\\"");
        let quoted = format!("\"{escaped}\"");
        let quoted = IdempotencyKey::parse_all(&[quoted.as_bytes()]);
        prop_assert_eq!(quoted.as_ref().map(|it| it.as_ref().map(IdempotencyKey::as_str)), Ok(Some(key.as_str())));
        if !key.starts_with('"') {
            prop_assert_eq!(IdempotencyKey::parse_all(&[key.as_bytes()]), quoted);
        }
    }

    #[test]
    fn tags_of_versions_match_themselves(number in any::<u64>(), weak in any::<bool>()) {
        let version = Version::from_stored(number);
        let tag = EntityTag { weak, opaque: number.to_string() };
        let parsed = parse_entity_tags(IF_MATCH, &[tag.to_string().as_bytes()]);
        prop_assert_eq!(&parsed, &Ok(Some(Precondition::Tags(vec![tag.clone()]))));
        let precondition = Precondition::Tags(vec![tag]);
        prop_assert!(precondition.matches_weakly(version));
        prop_assert_eq!(precondition.matches_strongly(version), !weak);
    }
}

#[test]
fn media_types() {
    // Whether it is JSON in UTF-8, and a description of the row.
    let rows: &[(&[u8], bool, &str)] = &[
        (b"application/json", true, "plain"),
        (b" \tApplication/JSON ", true, "case and white space around"),
        (b"application/json;charset=utf-8", true, "charset"),
        (b"application/json ; CharSet=UTF8 ;", true, "case, spaces and a stray semicolon"),
        (b"application/json;;\t; charset=\"utf-8\";", true, "empty parameters, quoted charset"),
        (br#"application/json; charset="\u\t\f-8""#, true, "quoted pairs"),
        (b"application/json; profile=x", true, "another parameter"),
        (br#"application/json; profile="urn:a;charset=latin1""#, true, "charset inside quotes"),
        (br#"application/json; p="a\"; charset=latin1; q=\"b""#, true, "escaped quotes"),
        (br#"application/json; p="\\"; charset=utf-8"#, true, "an escaped backslash ends nothing"),
        (b"application/json; p=\"\"", true, "an empty string"),
        (b"application/json; p=\"\xe9 \t,=/\"", true, "anything inside quotes"),
        (b"application/json; x-charset=latin1", true, "a name that ends like charset"),
        (b"application/json; charset*=latin1''x", true, "a name that begins like charset"),
        (b"application/json; charset=utf-8; charset=UTF8", true, "the same charset twice"),
        (b"application/json; charset=latin1", false, "another charset"),
        (b"application/json; charset=\"utf-16\"", false, "another charset, quoted"),
        (b"application/json; charset=utf-8; charset=latin1", false, "two charsets"),
        (b"application/json; charset=latin1; charset=utf-8", false, "two charsets, turned"),
        (br#"application/json; p="a"; charset="latin1""#, false, "after a quoted string"),
        (br#"application/json; p="\\"; charset=latin1"#, false, "after an escaped backslash"),
        (b"application/json; charset=\"\"", false, "an empty charset"),
        (b"application/json; charset=\" utf-8\"", false, "a space belongs to the charset"),
        (b"application/json; charset=", false, "no value"),
        (b"application/json; charset", false, "a name alone"),
        (b"application/json; =utf-8", false, "no name"),
        (b"application/json; charset =utf-8", false, "a space before the sign"),
        (b"application/json; charset= utf-8", false, "a space after the sign"),
        (b"application/json; p=\"a", false, "an open quote"),
        (br#"application/json; p="a\"#, false, "an open escape"),
        (b"application/json; p=\"a\"b", false, "text after a quote"),
        (b"application/json; p=a\"b\"", false, "a quote inside a token"),
        (b"application/json; p=\"a\nb\"", false, "a line break inside quotes"),
        (b"application/json; p=\"a\\\nb\"", false, "an escaped line break"),
        (b"application/json, application/json", false, "a list"),
        (b"application/json charset=utf-8", false, "no semicolon"),
        (b"application/json/x", false, "two slashes"),
        (b"application /json", false, "a space before the slash"),
        (b"application/ json", false, "a space after the slash"),
        (b"application/", false, "no subtype"),
        (b"/json", false, "no type"),
        (b"application", false, "no slash"),
        (b"application/jsonx", false, "a longer subtype"),
        (b"application/json+x", false, "a suffix"),
        (b"application/vnd.api+json", false, "another JSON"),
        (b"text/plain", false, "another type"),
        (b"*/*", false, "a range"),
        (b"application/js\xf6n", false, "not ASCII"),
        (b"", false, "empty"),
    ];
    for (value, expected, description) in rows {
        let parsed = MediaType::parse(value);
        let json = parsed.is_some_and(|it| it.is_one_of(&["application/json"]) && it.is_utf8());
        assert_eq!(json, *expected, "{description}: {}", String::from_utf8_lossy(value));
    }
    let merge_patch = MediaType::parse(b"application/Merge-Patch+json").unwrap();
    assert!(merge_patch.is_one_of(&["application/json", "application/merge-patch+json"]));
    assert!(!merge_patch.is_one_of(&["application/json"]));
    assert!(!merge_patch.is_one_of(&[]));
}

#[test]
fn content_encodings() {
    let rows: &[(&[&[u8]], bool, &str)] = &[
        (&[], true, "no header"),
        (&[b"identity"], true, "identity"),
        (&[b" Identity\t"], true, "case and white space around"),
        (&[b"identity, IDENTITY"], true, "identity twice"),
        (&[b"identity", b"identity"], true, "two headers"),
        (&[b"gzip"], false, "gzip"),
        (&[b"br"], false, "brotli"),
        (&[b"identity, gzip"], false, "the last of a list"),
        (&[b"gzip, identity"], false, "the first of a list"),
        (&[b"identity", b"zstd"], false, "the second header"),
        (&[b""], false, "empty"),
        (&[b"identity,"], false, "an empty element"),
        (&[b"identity;q=1"], false, "a parameter"),
        (&[b"\"identity\""], false, "quoted"),
        (&[b"identityx"], false, "a longer word"),
    ];
    for (values, expected, description) in rows {
        assert_eq!(is_unencoded(values), *expected, "{description}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_media_type_or_not_without_panic(value in vec(any::<u8>(), 0..40)) {
        drop(MediaType::parse(&value));
        let _ = is_unencoded(&[&value]);
    }

    /// A quoted value is opaque, however it is escaped: it never changes the type or the charset.
    #[test]
    fn quoted_values_are_opaque(text in "[ -~\t\u{80}-\u{ff}]{0,20}", all in any::<bool>()) {
        let mut quoted = String::new();
        for character in text.chars() {
            if all && character.is_ascii() || "\"\\".contains(character) {
                quoted.push('\\');
            }
            quoted.push(character);
        }
        let with = |charset| format!("application/json; p=\"{quoted}\" ; charset={charset}");
        let parsed = |charset| MediaType::parse(with(charset).as_bytes()).expect("well-formed");
        prop_assert!(parsed("utf-8").is_one_of(&["application/json"]));
        prop_assert!(parsed("utf-8").is_utf8());
        prop_assert!(!parsed("latin1").is_utf8());
    }
}
