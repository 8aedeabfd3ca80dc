//! Request headers that have a grammar. A line of the input is one header of the same name.

use super::{Verdict, details};
use crate::telemetry::TraceHeader;
use users_contract::{header, limits};
use users_domain::{
    CorrelationId, IdempotencyKey, MediaType, Place, Precondition, Version, Violation,
    parse_entity_tags,
};

/// `X-Correlation-Id`.
pub fn correlation_id(data: &[u8]) -> Verdict {
    let Ok(text) = std::str::from_utf8(data) else {
        return Verdict::Refused;
    };
    let decoded = CorrelationId::parse(text);
    let allowed = |it: char| it.is_ascii_alphanumeric() || matches!(it, '.' | '_' | '-');
    let expected =
        (1..=limits::CORRELATION_ID_MAX_BYTES).contains(&text.len()) && text.chars().all(allowed);
    assert_eq!(decoded.is_some(), expected, "a correlation id");
    if let Some(id) = &decoded {
        assert_eq!(id.as_str(), text, "a correlation id is taken as it is");
    }
    Verdict::accepted(decoded.is_some())
}

/// `Idempotency-Key`.
pub fn idempotency_key(data: &[u8]) -> Verdict {
    let lines = lines(data);
    let decoded = IdempotencyKey::parse_all(&lines);
    assert_eq!(decoded, IdempotencyKey::parse_all(&lines), "another value the second time");
    match &decoded {
        Ok(None) => assert!(lines.is_empty(), "a header that is ignored"),
        Ok(Some(key)) => {
            assert_eq!(lines.len(), 1, "a key of several headers");
            let text = key.as_str();
            assert!((1..=limits::IDEMPOTENCY_KEY_MAX_BYTES).contains(&text.len()), "its length");
            assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "visible ASCII");
            assert_eq!(format!("{key:?}"), "IdempotencyKey(***)");
            let quoted = format!(" \"{}\"\t", text.replace('\\', "\\\\").replace('"', "\\\""));
            let same = IdempotencyKey::parse_all(&[quoted.as_bytes()]);
            assert_eq!(same.as_ref(), Ok(&Some(key.clone())), "the quoted form is another key");
            if !text.starts_with('"') {
                let same = IdempotencyKey::parse_all(&[text.as_bytes()]);
                assert_eq!(same.as_ref(), Ok(&Some(key.clone())), "the bare form is another key");
            }
        }
        Err(violation) => check_violation(violation, header::IDEMPOTENCY_KEY),
    }
    Verdict::accepted(matches!(decoded, Ok(Some(_))))
}

/// `If-Match`.
pub fn if_match(data: &[u8]) -> Verdict {
    let lines = lines(data);
    let decoded = parse_entity_tags(header::IF_MATCH, &lines);
    assert_eq!(
        decoded,
        parse_entity_tags(header::IF_MATCH, &lines),
        "another value the second time"
    );
    match &decoded {
        Ok(None) => assert!(lines.is_empty(), "a header that is ignored"),
        Ok(Some(condition)) => check_precondition(condition, &lines),
        Err(violation) => check_violation(violation, header::IF_MATCH),
    }
    Verdict::accepted(matches!(decoded, Ok(Some(_))))
}

fn check_precondition(condition: &Precondition, lines: &[&[u8]]) {
    for number in [1, 2, 10, u64::MAX] {
        let version = Version::from_stored(number);
        let strong = condition.matches_strongly(version);
        assert!(!strong || condition.matches_weakly(version), "strong means weak as well");
        let expected = match condition {
            Precondition::Any => true,
            Precondition::Tags(tags) => {
                tags.iter().any(|tag| !tag.weak && format!("\"{}\"", tag.opaque) == version.etag())
            }
        };
        assert_eq!(strong, expected, "which version is meant");
    }
    let canonical = condition.canonical();
    match condition {
        Precondition::Any => assert_eq!(canonical, "*"),
        Precondition::Tags(tags) => {
            assert!(!tags.is_empty(), "a condition without a tag");
            // Neither the order of the lines nor an empty one counts.
            let mut turned: Vec<&[u8]> = lines.iter().rev().copied().collect();
            turned.push(b" ");
            let same = parse_entity_tags(header::IF_MATCH, &turned);
            // A quote may be open at the end of a line, and then the order does count.
            let quotes_close = lines
                .iter()
                .all(|line| line.iter().filter(|&&byte| byte == b'"').count().is_multiple_of(2));
            if quotes_close {
                let same = same.expect("the same tags").expect("the same tags");
                assert_eq!(same.canonical(), canonical, "another condition in another order");
            }
        }
    }
    // Each character of the canonical form stands for one byte.
    let bytes: Vec<u8> = canonical.chars().filter_map(|it| u8::try_from(it).ok()).collect();
    let again = parse_entity_tags(header::IF_MATCH, &[&bytes]).expect("the canonical form");
    assert_eq!(again.map(|it| it.canonical()), Some(canonical), "another canonical form");
}

/// `Content-Type`. What is accepted is JSON in UTF-8.
pub fn media_type(data: &[u8]) -> Verdict {
    let parsed = MediaType::parse(data);
    if parsed.is_some() {
        let with = |parameter: &[u8]| MediaType::parse(&[data, parameter].concat());
        let opaque = with(b";p=\"\\\";charset=latin1;\\\\\"");
        assert_eq!(opaque, parsed, "a parameter that means nothing counted");
        assert_eq!(with(b" ; "), parsed, "an empty parameter counted");
        let latin1 = with(b" ;\tCharset=\"l\\atin1\"").expect("one more parameter");
        assert!(!latin1.is_utf8(), "another charset");
    }
    let is_json = |it: MediaType| it.is_one_of(&["application/json"]) && it.is_utf8();
    Verdict::accepted(parsed.is_some_and(is_json))
}

/// The header comes from the runtime, yet a caller may send one to the gateway.
pub fn trace_header(data: &[u8]) -> Verdict {
    let Ok(text) = std::str::from_utf8(data) else {
        return Verdict::Refused;
    };
    let parsed = TraceHeader::parse(Some(text));
    assert!(!parsed.root.contains(';') && text.contains(parsed.root), "the id of a trace");
    assert_eq!(TraceHeader::parse(Some(&format!("{text};"))), parsed, "an empty part counted");
    Verdict::accepted(!parsed.root.is_empty())
}

fn check_violation(violation: &Violation, name: &'static str) {
    details::check(std::slice::from_ref(violation));
    assert_eq!(violation.place, Place::Header(name), "the place of the problem");
}

fn lines(data: &[u8]) -> Vec<&[u8]> {
    if data.is_empty() { Vec::new() } else { data.split(|byte| *byte == b'\n').collect() }
}
