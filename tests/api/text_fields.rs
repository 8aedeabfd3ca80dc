//! The rules of names, phone numbers, locales, attributes and roles at registration.

use serde_json::{Map, Value, json};
use users_contract::ErrorCode;
use users_tests::{Api, sample};

/// White space that is taken off.
const AROUND: [(&str, &str); 6] = [
    ("", ""),
    (" ", " "),
    ("\u{3000}", ""),
    ("", "\u{a0}"),
    ("\u{2003} \u{1680}", "\u{2028}"),
    ("\u{205f}", "\u{2029}\u{202f} "),
];

const NAMES: [&str; 3] = ["displayName", "givenName", "familyName"];

/// Registers a user with one field set.
async fn register(api: &Api, field: &str, value: &Value) -> users_tests::Answer {
    let mut fields = Map::new();
    fields.insert(field.to_owned(), value.clone());
    api.register(&sample::with(&sample::registration(), &Value::Object(fields))).send().await
}

#[track_caller]
fn shown(answer: &users_tests::Answer, what: &str, field: &str, expected: &Value) {
    assert_eq!(answer.status(), 201, "{what}: {}", answer.describe());
    assert_eq!(&answer.user()[field], expected, "{what}");
}

#[track_caller]
fn refused(answer: &users_tests::Answer, what: &str, places: &[&str]) {
    assert_eq!(answer.status(), 400, "{what}: {}", answer.describe());
    answer.expect_invalid(places);
}

#[tokio::test]
async fn a_name_of_1_to_128_characters_is_kept_as_it_was_given() {
    let api = Api::connect();
    let rows = [
        ("one character", "x".to_owned()),
        ("128 characters", "x".repeat(128)),
        ("128 characters of 4 bytes", "😀".repeat(128)),
        ("128 characters once composed", "e\u{301}".repeat(128)),
        ("white space inside", "Ada  King".to_owned()),
        ("another script", "عائشة".to_owned()),
        ("joined emoji", "👩\u{200d}💻".to_owned()),
        ("markup", "<b>\"&amp;\\</b>".to_owned()),
    ];
    for field in NAMES {
        for (what, name) in &rows {
            shown(&register(&api, field, &json!(name)).await, what, field, &json!(name));
        }
    }
}

#[tokio::test]
async fn a_name_is_trimmed_before_it_is_measured() {
    let api = Api::connect();
    for field in NAMES {
        let long = "x".repeat(128);
        let given = json!(format!("\u{2003} {long}\u{3000}"));
        shown(&register(&api, field, &given).await, "trimmed", field, &json!(long));
    }
}

#[tokio::test]
async fn a_name_that_is_empty_too_long_or_has_control_characters_is_refused() {
    let api = Api::connect();
    let rows = [
        ("empty", String::new()),
        ("white space only", " \u{a0}\u{3000}".to_owned()),
        ("129 characters", "x".repeat(129)),
        ("129 characters once composed", "e\u{301}".repeat(129)),
        ("a NUL", "A\u{0}da".to_owned()),
        ("a line feed", "Ada\nKing".to_owned()),
        ("a line feed at the end", "Ada\n".to_owned()),
        ("a tab at the beginning", "\tAda".to_owned()),
        ("DEL", "Ada\u{7f}".to_owned()),
        ("a C1 control character at the end", "Ada\u{85}".to_owned()),
    ];
    for field in NAMES {
        for (what, name) in &rows {
            let answer = register(&api, field, &json!(name)).await;
            refused(&answer, what, &[&format!("/{field}")]);
        }
    }
}

#[tokio::test]
async fn a_phone_number_is_e164() {
    let api = Api::connect();
    for number in ["+12", "+441234567890", "+123456789012345"] {
        let answer = register(&api, "phoneNumber", &json!(number)).await;
        shown(&answer, number, "phoneNumber", &json!(number));
    }
    for (before, after) in AROUND {
        let answer =
            register(&api, "phoneNumber", &json!(format!("{before}+441234567890{after}"))).await;
        shown(&answer, "trimmed", "phoneNumber", &json!("+441234567890"));
    }
    for number in [
        "",
        "+",
        "+1",
        "441234567890",
        "+0441234567890",
        "+1234567890123456",
        "+44 1234 567890",
        "+44-1234",
        "+44(0)1234",
        "+4412345678x",
        "+44１２３４",
        "tel:+441234567890",
        "+441234567890\n",
    ] {
        let answer = register(&api, "phoneNumber", &json!(number)).await;
        refused(&answer, number, &["/phoneNumber"]);
    }
}

#[tokio::test]
async fn a_locale_is_a_language_tag() {
    let api = Api::connect();
    for locale in [
        "en",
        "en-GB",
        "EN-gb",
        "zh-Hant-TW",
        "es-419",
        "de-CH-1996",
        "sl-rozaj-biske",
        "en-US-u-ca-gregory",
        "de-x-office",
        "x-private",
        "i-klingon",
    ] {
        shown(&register(&api, "locale", &json!(locale)).await, locale, "locale", &json!(locale));
    }
    // 2 letters and 14 subtags of 8, with the hyphens before them: 128 characters.
    let longest = format!("en{}", (10..24).map(|it| format!("-abcdef{it}")).collect::<String>());
    for (before, after) in AROUND {
        for locale in ["fr", &longest] {
            let answer = register(&api, "locale", &json!(format!("{before}{locale}{after}"))).await;
            shown(&answer, "trimmed", "locale", &json!(locale));
        }
    }
    for locale in [
        format!("{longest}-x-a"),
        format!("{longest}-abcdefg"),
        format!("x{}", "-abcdefgh".repeat(15)),
        format!("en-x{}", "-a".repeat(63)),
        "e".repeat(129),
    ] {
        refused(&register(&api, "locale", &json!(locale)).await, &locale, &["/locale"]);
    }
    for locale in [
        "",
        "e",
        "en_GB",
        "en-",
        "-en",
        "en--GB",
        "12",
        "en GB",
        "englishlanguage",
        "en-GB\u{0}",
        "ü",
    ] {
        refused(&register(&api, "locale", &json!(locale)).await, locale, &["/locale"]);
    }
}

#[tokio::test]
async fn attributes_are_kept_as_they_were_given() {
    let api = Api::connect();
    let rows = [
        ("a short key", json!({"a": "b"})),
        ("a key of 64 characters", json!({"k".repeat(64): "b"})),
        ("every sign of a key", json!({"Az09_.-": "b"})),
        ("an empty value", json!({"a": ""})),
        ("white space, which is not trimmed", json!({"a": "  b \u{3000}"})),
        ("512 characters", json!({"a": "x".repeat(512)})),
        ("512 characters of 4 bytes", json!({"a": "😀".repeat(512)})),
        ("512 characters once composed", json!({"a": "e\u{301}".repeat(512)})),
        ("keys that differ in case", json!({"team": "a", "Team": "b"})),
    ];
    for (what, attributes) in rows {
        shown(&register(&api, "attributes", &attributes).await, what, "attributes", &attributes);
    }
    let many: Map<_, _> = (0..32).map(|index| (format!("k{index}"), json!("v"))).collect();
    let many = Value::Object(many);
    shown(&register(&api, "attributes", &many).await, "32 entries", "attributes", &many);
}

#[tokio::test]
async fn attributes_that_are_empty_are_absent() {
    let api = Api::connect();
    let user = register(&api, "attributes", &json!({})).await.expect_status(201).user();
    assert_eq!(user.get("attributes"), None);
}

#[tokio::test]
async fn attributes_that_break_a_rule_are_refused_each_with_its_pointer() {
    let api = Api::connect();
    let long_key = "k".repeat(65);
    let long_pointer = format!("/attributes/{long_key}");
    let rows: Vec<(&str, Value, Vec<&str>)> = vec![
        ("an empty key", json!({"": "b"}), vec!["/attributes/"]),
        ("a key that begins with a digit", json!({"1a": "b"}), vec!["/attributes/1a"]),
        ("a key with a space", json!({"a b": "b"}), vec!["/attributes/a b"]),
        ("a key with a slash", json!({"a/b": "b"}), vec!["/attributes/a~1b"]),
        ("a key with a tilde", json!({"a~b": "b"}), vec!["/attributes/a~0b"]),
        ("a key beyond ASCII", json!({"ä": "b"}), vec!["/attributes/ä"]),
        ("a key of 65 characters", json!({long_key: "b"}), vec![&long_pointer]),
        ("513 characters", json!({"a": "x".repeat(513)}), vec!["/attributes/a"]),
        ("a control character", json!({"a": "b\u{0}"}), vec!["/attributes/a"]),
        ("a line feed", json!({"a": "b\nc"}), vec!["/attributes/a"]),
        (
            "two problems",
            json!({"1": "b", "good": "b", "c": "d\u{1}"}),
            vec!["/attributes/1", "/attributes/c"],
        ),
    ];
    for (what, attributes, places) in rows {
        refused(&register(&api, "attributes", &attributes).await, what, &places);
    }
    let many: Map<_, _> = (0..33).map(|index| (format!("k{index}"), json!("v"))).collect();
    let answer = register(&api, "attributes", &Value::Object(many)).await;
    refused(&answer, "33 entries", &["/attributes"]);
}

#[tokio::test]
async fn roles_are_a_sorted_set() {
    let api = Api::connect();
    let longest = "r".repeat(64);
    let rows = [
        ("none", json!([]), json!([])),
        ("one", json!(["a"]), json!(["a"])),
        ("unsorted", json!(["b", "a:c", "a"]), json!(["a", "a:c", "b"])),
        ("every sign", json!(["a09:_.-"]), json!(["a09:_.-"])),
        ("64 characters", json!([longest]), json!([longest])),
    ];
    for (what, given, expected) in rows {
        shown(&register(&api, "roles", &given).await, what, "roles", &expected);
    }
    let many: Vec<_> = (10..60).map(|index| format!("r{index}")).collect();
    shown(&register(&api, "roles", &json!(many)).await, "50 roles", "roles", &json!(many));
}

#[tokio::test]
async fn roles_that_break_a_rule_are_refused_each_with_its_pointer() {
    let api = Api::connect();
    let rows: Vec<(&str, Value, Vec<&str>)> = vec![
        ("empty", json!([""]), vec!["/roles/0"]),
        ("upper case", json!(["admin", "Admin"]), vec!["/roles/1"]),
        ("a digit at the beginning", json!(["1a"]), vec!["/roles/0"]),
        ("white space, which is not trimmed", json!([" a"]), vec!["/roles/0"]),
        ("a slash", json!(["a/b"]), vec!["/roles/0"]),
        ("a line feed at the end", json!(["a\n"]), vec!["/roles/0"]),
        ("65 characters", json!(["r".repeat(65)]), vec!["/roles/0"]),
        ("the same one twice", json!(["a", "b", "a"]), vec!["/roles/2"]),
        (
            "several problems",
            json!(["A", "b", "b", "c d"]),
            vec!["/roles/0", "/roles/2", "/roles/3"],
        ),
    ];
    for (what, roles, places) in rows {
        refused(&register(&api, "roles", &roles).await, what, &places);
    }
    let many: Vec<_> = (10..61).map(|index| format!("r{index}")).collect();
    refused(&register(&api, "roles", &json!(many)).await, "51 roles", &["/roles"]);
}

#[tokio::test]
async fn a_value_of_the_wrong_type_is_refused_by_gateway_or_function() {
    let api = Api::connect();
    for field in ["email", "displayName", "phoneNumber", "locale"] {
        for value in [json!(null), json!(1), json!(true), json!([]), json!({})] {
            let answer = register(&api, field, &value).await;
            answer.expect_problem(ErrorCode::InvalidRequest);
        }
    }
    for value in [json!(null), json!("a"), json!([]), json!({"a": 1}), json!({"a": null})] {
        let answer = register(&api, "attributes", &value).await;
        answer.expect_problem(ErrorCode::InvalidRequest);
    }
    for value in [json!(null), json!("a"), json!({}), json!([1]), json!([null]), json!([["a"]])] {
        let answer = register(&api, "roles", &value).await;
        answer.expect_problem(ErrorCode::InvalidRequest);
    }
}
