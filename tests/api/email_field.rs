//! Which texts are an email address.

use serde_json::json;
use users_tests::{Api, sample};

/// An address of exactly so many bytes, with a local part of exactly so many.
fn address(local: usize, whole: usize) -> String {
    let unique = sample::unique();
    let local = format!("{unique}{}", "x".repeat(local - unique.len()));
    let mut domain = String::new();
    let mut left = whole - local.len() - "@".len() - ".com".len();
    while left > 63 {
        domain.push_str(&"d".repeat(61));
        domain.push('.');
        left -= 62;
    }
    format!("{local}@{domain}{}.com", "d".repeat(left))
}

#[tokio::test]
async fn an_address_is_taken_and_shown_as_it_was_given() {
    let api = Api::connect();
    let unique = sample::unique();
    let rows = [
        ("plain", format!("a{unique}@example.com")),
        ("upper case", format!("UP{unique}@Example.COM")),
        ("dots", format!("a.b.c{unique}@example.com")),
        ("every sign of an atom", format!("!#$%&'*+-/=?^_`{{|}}~{unique}@example.com")),
        ("a tag", format!("a+tag{unique}@example.com")),
        ("digits only", format!("{:020}@example.com", fastrand::u64(..))),
        ("a name with umlauts", format!("jörg{unique}@example.com")),
        ("a decomposed name", format!("jo\u{308}rga{unique}@example.com")),
        ("an emoji", format!("😀{unique}@example.com")),
        ("an international domain", format!("a{unique}@münchen.de")),
        ("a wholly international address", format!("用户{unique}@例え.テスト")),
        ("a domain in ASCII form", format!("b{unique}@xn--mnchen-3ya.de")),
        ("labels with digits and hyphens", format!("a{unique}@a-1.2b.example")),
        ("a local part of 64 bytes", address(64, 100)),
        ("254 bytes", address(64, 254)),
    ];
    for (what, email) in rows {
        let user = api.register(&json!({"email": email})).send().await.expect_status(201).user();
        assert_eq!(user["email"], email.as_str(), "{what}");
    }
}

#[tokio::test]
async fn white_space_at_both_ends_is_taken_off() {
    let api = Api::connect();
    for (before, after) in [
        (" ", " "),
        (" \u{3000}", "\u{a0} "),
        ("\u{2003}\u{1680}", ""),
        ("", "\u{2028}\u{2029}"),
        ("\u{205f}", "\u{202f}"),
    ] {
        // Bytes are counted without it.
        for email in [sample::email(), address(64, 254)] {
            let given = format!("{before}{email}{after}");
            let user = api.register(&json!({"email": given})).send().await;
            let user = user.expect_status(201).user();
            assert_eq!(user["email"], email.as_str());
            // A look-up and a change of address take it off as well.
            let found = api.get("/users").query("email", &given).send().await;
            assert_eq!(found.items(), std::slice::from_ref(&user));
            let same = api.update(users_tests::id_of(&user), &json!({"email": given}));
            assert_eq!(same.send().await.expect_status(200).user(), user, "nothing changes");
        }
    }
    for no_space in ["\u{200b}", "\u{feff}", "\u{2060}"] {
        let email = format!("{no_space}{}", sample::email());
        let user = api.register(&json!({"email": email})).send().await.expect_status(201).user();
        assert_eq!(user["email"], email.as_str(), "what is no white space stays");
    }
}

#[tokio::test]
async fn an_invalid_address_is_refused() {
    let api = Api::connect();
    let rows = [
        ("empty", String::new()),
        ("white space only", "   ".into()),
        ("no at sign", "ada.example.com".into()),
        ("no local part", "@example.com".into()),
        ("no domain", "ada@".into()),
        ("one label", "ada@localhost".into()),
        ("two at signs", "ada@home@example.com".into()),
        ("a dot at the beginning", ".ada@example.com".into()),
        ("a dot at the end of the local part", "ada.@example.com".into()),
        ("two dots in a row", "a..da@example.com".into()),
        ("an empty label", "ada@example..com".into()),
        ("a label that begins with a hyphen", "ada@-example.com".into()),
        ("a label that ends with a hyphen", "ada@example-.com".into()),
        ("a label of 64 bytes", format!("ada@{}.com", "x".repeat(64))),
        ("an address literal", "ada@[192.0.2.1]".into()),
        ("an IPv6 address literal", "ada@[IPv6:2001:db8::1]".into()),
        ("a quoted local part", "\"ada\"@example.com".into()),
        ("a quoted local part with a space", "\"a da\"@example.com".into()),
        ("a comment", "ada(lovelace)@example.com".into()),
        ("a name around it", "Ada <ada@example.com>".into()),
        ("a comma", "a,da@example.com".into()),
        ("a colon", "a:da@example.com".into()),
        ("a backslash", "a\\da@example.com".into()),
        ("a space inside", "a da@example.com".into()),
        ("a no-break space inside", "a\u{a0}da@example.com".into()),
        ("a space in the domain", "ada@exam ple.com".into()),
        ("a control character", "a\u{7}da@example.com".into()),
        ("a NUL", "ada@example.com\u{0}".into()),
        ("a line feed at the end, which is white space and control", "ada@example.com\n".into()),
        ("a tab at the beginning", "\tada@example.com".into()),
        ("a C1 control character", "a\u{85}da@example.com".into()),
        ("a local part of 65 bytes", address(65, 100)),
        ("a local part of 33 characters in 66 bytes", format!("{}@example.com", "ä".repeat(33))),
        ("255 bytes", address(64, 255)),
    ];
    for (what, email) in rows {
        let answer = api.register(&json!({"email": email})).send().await;
        assert_eq!(answer.status(), 400, "{what}: {}", answer.describe());
        answer.expect_invalid(&["/email"]);
    }
}

#[tokio::test]
async fn a_change_of_address_obeys_the_same_rules() {
    let api = Api::connect();
    let user = api.new_user().await;
    let id = users_tests::id_of(&user);
    for email in ["", "ada@localhost", "a da@example.com", "ada@example.com\n"] {
        api.update(id, &json!({"email": email})).send().await.expect_invalid(&["/email"]);
    }
    let email = sample::email();
    let patch = json!({"email": format!("  {email} ")});
    let changed = api.update(id, &patch).send().await.expect_status(200).user();
    assert_eq!(changed["email"], email.as_str());
}
