use super::{Email, INVALID};
use crate::Rule;
use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

const CONTROL: &str = "must not contain control characters";
const TOO_LONG: &str = "must have at most 254 bytes";
const LOCAL_TOO_LONG: &str = "must have at most 64 bytes before the @";

#[test]
fn addresses_and_their_keys() {
    let local_64 = "l".repeat(64);
    // 63-byte labels: 3 * 64 + 61 = 253 bytes of domain.
    let label = "d".repeat(63);
    let domain_253 = format!("{label}.{label}.{label}.{}", "d".repeat(61));
    let longest = format!("{}@{label}.{label}.{}", local_64, "d".repeat(61));
    assert_eq!(longest.len(), 254);
    let rows: &[(&str, Result<&str, &str>, &str)] = &[
        ("ada@example.com", Ok("ada@example.com"), "plain"),
        ("Ada@EXAMPLE.com", Ok("ada@example.com"), "case does not count"),
        (" \u{a0}ada@example.com ", Ok("ada@example.com"), "trimmed"),
        ("a.b.c@x.io", Ok("a.b.c@x.io"), "dots"),
        ("!#$%&'*+-/=?^_`{|}~@x.io", Ok("!#$%&'*+-/=?^_`{|}~@x.io"), "every special character"),
        ("ada+tag@x.io", Ok("ada+tag@x.io"), "tags are part of the address"),
        ("STRASSE@x.io", Ok("strasse@x.io"), "folded"),
        ("straße@x.io", Ok("strasse@x.io"), "full case folding"),
        ("ΣΊΣΥΦΟς@x.io", Ok("σίσυφοσ@x.io"), "final sigma"),
        ("e\u{301}@x.io", Ok("é@x.io"), "NFC"),
        ("E\u{301}@x.io", Ok("é@x.io"), "NFC and case"),
        ("\u{149}\u{301}@x.io", Ok("\u{2bc}ń@x.io"), "composed again after folding"),
        ("\u{1f0}@x.io", Ok("\u{1f0}@x.io"), "folding takes apart what composes again"),
        ("用户@x.io", Ok("用户@x.io"), "other scripts"),
        ("ada@bücher.example", Ok("ada@xn--bcher-kva.example"), "international domain"),
        ("ada@BU\u{308}CHER.example", Ok("ada@xn--bcher-kva.example"), "its other spelling"),
        ("ada@xn--bcher-kva.example", Ok("ada@xn--bcher-kva.example"), "its ASCII form"),
        ("ada@faß.de", Ok("ada@xn--fa-hia.de"), "non-transitional"),
        ("ada@x。io", Ok("ada@x.io"), "ideographic full stop"),
        ("ada@a-b--c.x1.io2", Ok("ada@a-b--c.x1.io2"), "hyphens and digits in labels"),
        ("ada@1.2.3.4a", Ok("ada@1.2.3.4a"), "last label not a number"),
        (&format!("{local_64}@x.io"), Ok(&format!("{local_64}@x.io")), "longest local part"),
        (&longest, Ok(&longest), "longest address"),
        ("a\u{fffd}@x.io", Err(INVALID), "lost bytes"),
        ("a@x\u{fffd}.io", Err(INVALID), "lost bytes of a domain"),
        (&format!("{local_64}l@x.io"), Err(LOCAL_TOO_LONG), "local part too long"),
        (&format!("{}@x.io", "é".repeat(33)), Err(LOCAL_TOO_LONG), "bytes count"),
        (&format!("l{longest}"), Err(TOO_LONG), "address too long"),
        (&format!("a@{domain_253}"), Err(TOO_LONG), "address too long by its domain"),
        (&format!("a@{label}d.io"), Err(INVALID), "label of 64 bytes"),
        ("", Err(INVALID), "empty"),
        ("ada", Err(INVALID), "no @"),
        ("@x.io", Err(INVALID), "no local part"),
        ("ada@", Err(INVALID), "no domain"),
        ("ada@x@x.io", Err(INVALID), "two @"),
        (".ada@x.io", Err(INVALID), "dot first"),
        ("ada.@x.io", Err(INVALID), "dot last"),
        ("a..b@x.io", Err(INVALID), "two dots"),
        ("\"ada\"@x.io", Err(INVALID), "quoting"),
        ("ada(comment)@x.io", Err(INVALID), "comment"),
        ("Ada <ada@x.io>", Err(INVALID), "display name"),
        ("a b@x.io", Err(INVALID), "space in the local part"),
        ("a\u{a0}b@x.io", Err(INVALID), "no-break space"),
        ("ada@x .io", Err(INVALID), "space in the domain"),
        ("ada@x\u{3000}y.io", Err(INVALID), "ideographic space in the domain"),
        ("ada,bob@x.io", Err(INVALID), "comma"),
        ("ada\u{37e}@x.io", Err(INVALID), "becomes a semicolon in NFC"),
        ("ada@localhost", Err(INVALID), "one label"),
        ("ada@x.io.", Err(INVALID), "dot at the end"),
        ("ada@x.io。", Err(INVALID), "ideographic dot at the end"),
        ("ada@.x.io", Err(INVALID), "dot at the start of the domain"),
        ("ada@x..io", Err(INVALID), "empty label"),
        ("ada@-x.io", Err(INVALID), "hyphen first"),
        ("ada@x-.io", Err(INVALID), "hyphen last"),
        ("ada@x_y.io", Err(INVALID), "underscore in the domain"),
        ("ada@[192.0.2.1]", Err(INVALID), "address literal"),
        ("ada@192.0.2.1", Err(INVALID), "bare IPv4 address"),
        ("ada@１９２.0.2.１", Err(INVALID), "fullwidth IPv4 address"),
        ("ada@xn--zzzz.io", Err(INVALID), "broken Punycode"),
        ("ada@x\u{200b}..io", Err(INVALID), "ignored character and an empty label"),
        ("ada\n@x.io", Err(CONTROL), "line break"),
        ("ada@x.io\r\n", Err(CONTROL), "line break at the end"),
        ("\tada@x.io", Err(CONTROL), "tab at the start"),
    ];
    for (text, expected, description) in rows {
        let parsed = Email::parse(text);
        let key = parsed.as_ref().map(|email| email.key().as_str()).map_err(Rule::as_str);
        assert_eq!(key, *expected, "{description}");
    }
}

#[test]
fn an_address_is_shown_as_it_was_given() {
    let email = Email::parse(" Ada@Bücher.Example ").unwrap();
    assert_eq!(email.as_str(), "Ada@Bücher.Example");
    let lower = Email::parse("ada@bücher.example").unwrap();
    assert_ne!(email, lower);
    assert_eq!(email.key(), lower.key());
}

#[test]
fn spellings_that_unicode_calls_equivalent_are_one_address() {
    // The same marks in another order. U+0345 becomes a letter when case is folded and when a domain
    // is mapped, and then the order would count.
    let pairs = [
        ("ade\u{345}\u{321}@x.io", "ade\u{321}\u{345}@x.io", "local part"),
        ("ada@xe\u{345}\u{321}.io", "ada@xe\u{321}\u{345}.io", "domain"),
        ("ada@caf\u{e9}.io", "ada@cafe\u{301}.io", "composed and not"),
    ];
    for (one, other, description) in pairs {
        let key = |text| Email::parse(text).map(|email| email.key().clone());
        assert!(key(one).is_ok(), "{description}");
        assert_eq!(key(one), key(other), "{description}");
    }
}

proptest! {
    #[test]
    fn reading_is_stable(
        local_part in "\\PC{1,12}", letters in "[\\p{L}\\p{M}]{1,8}", domain in "[\\p{L}0-9-]{1,10}"
    ) {
        for text in [
            format!("{local_part}@x.io"),
            format!("{letters}@x.io"),
            format!("a@{domain}.io"),
            local_part.clone(),
        ] {
            let Ok(email) = Email::parse(&text) else { continue };
            prop_assert_eq!(Email::parse(email.as_str()), Ok(email.clone()));
            let stored = Email::from_stored(
                email.as_str().to_owned(), email.key().as_str().to_owned(),
            );
            prop_assert_eq!(&stored, &email);
            // A key can be longer than an address may be; else it is an address with that key.
            if let Ok(key) = Email::parse(email.key().as_str()) {
                prop_assert_eq!(key.key(), email.key());
            } else {
                let local_part = email.key().as_str().split('@').next().unwrap_or_default();
                prop_assert!(local_part.len() > 64 || email.key().as_str().len() > 254);
            }
        }
    }
}
