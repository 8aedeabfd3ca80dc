use super::Document;
use crate::fixtures::shown;
use crate::request::{AssignRole, RegisterUser, SetStatus, UserPatch, decode_body};
use proptest::collection::{btree_map, vec};
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use serde_json::Value;

#[track_caller]
fn problems(body: &[u8]) -> Vec<String> {
    shown(&Document::parse(body).expect_err("a problem"))
}

fn canonical(body: &str) -> String {
    Document::parse(body.as_bytes()).expect("a document").canonical()
}

#[test]
fn what_is_no_json_is_refused_with_its_position() {
    let rows: &[(&[u8], &str, &str)] = &[
        (b"", " must not be empty; send a JSON object", "empty"),
        (b"\xef\xbb\xbf{}", " must not begin with a byte order mark", "byte order mark"),
        (b"{\"a\": \"\xff\"}", " is not valid UTF-8 at byte 7", "invalid UTF-8"),
        (b"\xff\xfe{\0}\0", " is not valid UTF-8 at byte 0", "UTF-16"),
        (b"{\"a\": \"\xed\xa0\x80\"}", " is not valid UTF-8 at byte 7", "surrogate in UTF-8"),
        (b"  ", " is not valid JSON: EOF while parsing a value at line 1 column 2", "white space"),
        (b"{\"a\":1,}", " is not valid JSON: trailing comma at line 1 column 8", "trailing comma"),
        (b"{a:1}", " is not valid JSON: key must be a string at line 1 column 2", "bare name"),
        (b"{'a':1}", " is not valid JSON: key must be a string at line 1 column 2", "apostrophes"),
        (b"{}\n{}", " is not valid JSON: trailing characters at line 2 column 1", "two values"),
        (b"{} x", " is not valid JSON: trailing characters at line 1 column 4", "trailing data"),
        (b"[1", " is not valid JSON: EOF while parsing a list at line 1 column 2", "cut off"),
        (b"nul", " is not valid JSON: EOF while parsing a value at line 1 column 3", "cut word"),
        (b"NaN", " is not valid JSON: expected value at line 1 column 1", "not a number"),
        (b"01", " is not valid JSON: invalid number at line 1 column 2", "leading zero"),
        (
            b"\"a\nb\"",
            " is not valid JSON: control character (\\u0000-\\u001F) found while parsing a string \
at line 2 column 0",
            "control character in a string",
        ),
        (
            br#"{"a": "\ud800"}"#,
            " is not valid JSON: unexpected end of hex escape at line 1 column 14",
            "lone leading surrogate",
        ),
        (
            br#"{"a": "\udc00"}"#,
            " is not valid JSON: lone leading surrogate in hex escape at line 1 column 13",
            "lone trailing surrogate",
        ),
        (
            br#"{"a": "\ud800\ud800"}"#,
            " is not valid JSON: lone leading surrogate in hex escape at line 1 column 19",
            "two leading surrogates",
        ),
        (
            br#"{"\ud800": 1}"#,
            " is not valid JSON: unexpected end of hex escape at line 1 column 9",
            "lone surrogate in a name",
        ),
    ];
    for (body, expected, description) in rows {
        assert_eq!(problems(body), [*expected], "{description}");
    }
    assert_eq!(canonical(r#""\ud83d\ude00""#), "\"😀\"", "a pair of surrogates");
}

#[test]
fn repeated_members_are_refused_at_any_depth() {
    let rows = [
        (r#"{"a": 1, "a": 1}"#, vec!["/a must be given only once"], "same value"),
        (r#"{"a": 1, "a": 2, "a": 3}"#, vec!["/a must be given only once"], "three times"),
        (r#"{"a": 1, "\u0061": 2}"#, vec!["/a must be given only once"], "other spelling"),
        (
            r#"{"x": [0, {"b": 1, "b": 1}], "a": {"c": {"": 1, "": 2}}, "a": 1}"#,
            vec![
                "/a must be given only once",
                "/a/c/ must be given only once",
                "/x/1/b must be given only once",
            ],
            "nested, each by its pointer",
        ),
        (
            r#"{"a/b": {"~": 1, "~": 1}, "a/b": 2}"#,
            vec!["/a~1b must be given only once", "/a~1b/~0 must be given only once"],
            "escaped pointers",
        ),
    ];
    for (body, expected, description) in rows {
        assert_eq!(problems(body.as_bytes()), expected, "{description}");
    }
    assert_eq!(
        canonical(r#"{"a": {"a": [{"a": 1}, {"a": 1}]}}"#),
        r#"{"a":{"a":[{"a":1},{"a":1}]}}"#
    );
}

#[test]
fn repeated_members_do_not_hide_other_problems() {
    let body = br#"{"email": "a", "email": "a@x.io", "nick": 1, "roles": ["A", {"b": 1, "b": 2}]}"#;
    assert_eq!(
        shown(&decode_body::<RegisterUser>(body).unwrap_err()),
        [
            "/email is not a valid email address",
            "/email must be given only once",
            "/nick is not a known field",
            "/roles/0 must match ^[a-z][a-z0-9:_.-]{0,63}$",
            "/roles/1 must be a string",
            "/roles/1/b must be given only once",
        ]
    );
    let body = br#"{"role": "admin", "role": "admin"}"#;
    let violations = decode_body::<AssignRole>(body).unwrap_err();
    assert_eq!(shown(&violations), ["/role must be given only once"]);
    let cut_off = br#"{"role": "admin", "role": "admin""#;
    assert_eq!(
        shown(&decode_body::<AssignRole>(cut_off).unwrap_err()),
        [
            " is not valid JSON: EOF while parsing an object at line 1 column 33",
            "/role must be given only once",
        ]
    );
}

#[test]
fn a_valid_body_comes_with_its_document() {
    let (request, document) = decode_body::<AssignRole>(b" { \"role\" : \"admin\" } ").unwrap();
    assert_eq!(request.role.as_str(), "admin");
    assert_eq!(document.canonical(), r#"{"role":"admin"}"#);
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(canonical(&nested(64)), nested(64));
    let expected = [" must not nest deeper than 64 levels"];
    assert_eq!(problems(nested(65).as_bytes()), expected);
    assert_eq!(problems("[".repeat(60_000).as_bytes()), expected);
    assert_eq!(problems(r#"{"a":"#.repeat(10_000).as_bytes()), expected);
}

#[test]
fn the_report_on_repeated_members_stays_small() {
    let long_name = "n".repeat(30_000);
    let members: Vec<_> = (0..2_000).map(|index| format!(r#""{index}":0,"{index}":0"#)).collect();
    let body = format!(r#"{{"{long_name}":{{{}}}}}"#, members.join(","));
    assert!(body.len() < 64 * 1024);
    let violations = problems(body.as_bytes());
    assert_eq!(
        violations.first().map(String::as_str),
        Some(" has more repeated members than are listed")
    );
    assert!(violations.len() > 5);
    assert!(violations.iter().map(String::len).sum::<usize>() < 300 * 1024);
}

#[test]
fn canonical_texts() {
    let rows = [
        (r#" { "b" : 1 , "a" : [ true , false , null ] } "#, r#"{"a":[true,false,null],"b":1}"#),
        (r#"{"b":{"d":1,"c":2},"a":3}"#, r#"{"a":3,"b":{"c":2,"d":1}}"#),
        (r#""\u0041\/\u00e9\n\u001f""#, r#""A/é\n\u001f""#),
        ("[]", "[]"),
        ("{}", "{}"),
        ("[1.0, 1e0, 1, 10e-1]", "[1,1,1,1]"),
        ("[-0, 0, 0.0, -0.0]", "[0,0,0,0]"),
        ("[-5, 1.5, 18446744073709551615]", "[-5,1.5,18446744073709551615]"),
    ];
    for (body, expected) in rows {
        assert_eq!(canonical(body), expected, "{body}");
    }
    assert_ne!(canonical("[1,2]"), canonical("[2,1]"), "order of elements counts");
    assert_ne!(canonical(r#"{"a":""}"#), canonical(r#"{"a":null}"#));
}

#[test]
fn numbers_are_read_alike_whatever_the_features_of_the_parser() {
    // What the parser sends for the number 1.50 when its numbers have arbitrary precision.
    let body = r#"{"a":{"$serde_json::private::Number":"1.50"}}"#;
    assert_eq!(canonical(body), r#"{"a":1.5}"#);
    let violations = decode_body::<RegisterUser>(br#"{"email": 1.50}"#).unwrap_err();
    assert_eq!(shown(&violations), ["/email must be a string"]);
    let violations =
        decode_body::<RegisterUser>(br#"{"email":{"$serde_json::private::Number":"1"}}"#);
    assert_eq!(shown(&violations.unwrap_err()), ["/email must be a string"]);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            btree_map("\\PC{0,4}", inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Writes a value with its members backwards and white space all over.
fn write_differently(value: &Value, text: &mut String) {
    match value {
        Value::Array(elements) => {
            text.push_str("[ ");
            for (index, element) in elements.iter().enumerate() {
                text.push_str(if index > 0 { "\n,\t" } else { "" });
                write_differently(element, text);
            }
            text.push_str("\r\n]");
        }
        Value::Object(members) => {
            text.push_str(" {");
            for (index, (name, value)) in members.iter().rev().enumerate() {
                text.push_str(if index > 0 { " , " } else { "" });
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push_str(" :\t");
                write_differently(value, text);
            }
            text.push('}');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            text.push_str(&value.to_string());
        }
    }
}

proptest! {
    #[test]
    fn the_canonical_text_does_not_depend_on_order_and_white_space(value in any_json()) {
        let mut different = String::new();
        write_differently(&value, &mut different);
        let one = canonical(&value.to_string());
        prop_assert_eq!(&one, &canonical(&different));
        // It is the same value, and its own canonical text.
        prop_assert_eq!(&serde_json::from_str::<Value>(&one).unwrap(), &value);
        prop_assert_eq!(&canonical(&one), &one);
    }

    #[test]
    fn different_values_have_different_canonical_texts(one in any_json(), other in any_json()) {
        let equal = canonical(&one.to_string()) == canonical(&other.to_string());
        prop_assert_eq!(equal, one == other);
    }

    #[test]
    fn any_bytes_are_read_without_panic(
        body in vec(any::<u8>(), 0..64), near in "[{}\\[\\]\",:\\\\ua1e.0-]{0,40}", json in any_json()
    ) {
        for body in [body, near.into_bytes(), json.to_string().into_bytes()] {
            let parsed = Document::parse(&body);
            let refused = [
                decode_body::<RegisterUser>(&body).err(),
                decode_body::<UserPatch>(&body).err(),
                decode_body::<SetStatus>(&body).err(),
                decode_body::<AssignRole>(&body).err(),
            ];
            for violations in refused.into_iter().flatten() {
                prop_assert!(!violations.is_empty());
                prop_assert!(violations.is_sorted());
                if let Err(problems) = &parsed {
                    prop_assert!(problems.iter().all(|problem| violations.contains(problem)));
                }
            }
        }
    }

    #[test]
    fn any_object_of_known_names_is_read_without_panic(
        members in btree_map(
            "email|displayName|phoneNumber|locale|attributes|roles|status|reason|role|version",
            any_json(),
            0..6,
        )
    ) {
        let body = Value::Object(members.into_iter().collect()).to_string();
        for violations in [
            decode_body::<RegisterUser>(body.as_bytes()).err(),
            decode_body::<UserPatch>(body.as_bytes()).err(),
            decode_body::<SetStatus>(body.as_bytes()).err(),
            decode_body::<AssignRole>(body.as_bytes()).err(),
        ]
        .into_iter()
        .flatten()
        {
            prop_assert!(violations.is_sorted());
        }
    }
}
