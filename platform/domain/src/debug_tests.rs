//! No `Debug` form shows a personal value.

use std::fmt::Debug;

use users_contract::Field;

use crate::fixtures::{MARKER, attribute, context_at, full_request, full_user, role, user_id};
use crate::query::ListUsers;
use crate::request::{AttributesPatch, SetStatus, UserPatch};
use crate::{Document, IdempotencyKey, Reason, Status, decode_body, register, set_status, update};

#[track_caller]
fn assert_hidden(description: &str, value: &dyn Debug) {
    for text in [format!("{value:?}"), format!("{value:#?}")] {
        let text = text.to_lowercase();
        assert!(!text.contains(MARKER), "{description} shows a personal value");
        assert!(!text.contains("441234567890"), "{description} shows a phone number");
        assert!(!text.is_empty(), "{description}");
    }
}

#[test]
fn single_values_are_hidden() {
    let request = full_request();
    assert_hidden("Email", &request.email);
    assert_hidden("EmailKey", request.email.key());
    assert_eq!(request.texts.len(), Field::texts().count());
    for (field, text) in &request.texts {
        assert_hidden(&format!("{field:?}"), text);
    }
    assert_hidden("AttributeKey and AttributeValue", &attribute("zebra", "zebra"));
    assert_hidden("Reason", &Reason::parse("zebra").unwrap());
    assert_hidden("IdempotencyKey", &IdempotencyKey::parse_all(&[b"zebra"]).unwrap());
    assert_hidden("Document", &Document::parse(br#"{"zebra": "zebra"}"#).unwrap());
}

#[test]
fn types_that_hold_values_hide_them() {
    let request = full_request();
    assert_hidden("RegisterUser", &request);
    assert_hidden("User", &full_user());
    assert_hidden("Context", &context_at(1));
    assert_hidden("Transition", &register(request, user_id(), &context_at(1)).unwrap());

    let (key, value) = attribute("zebra", "zebra again");
    let patch = UserPatch {
        email: Some(full_user().email),
        attributes: Some(AttributesPatch::Merge([(key, Some(value))].into())),
        ..UserPatch::default()
    };
    assert_hidden("UserPatch", &patch);
    assert_hidden("Decision of update", &update(full_user(), &patch, &context_at(1)).unwrap());

    let request =
        SetStatus { status: Status::Disabled, reason: Some(Reason::parse("zebra").unwrap()) };
    assert_hidden("SetStatus", &request);
    let decision = set_status(full_user(), &request, &context_at(1)).unwrap();
    assert_hidden("Decision of set_status", &decision);

    let pairs = [("email".to_owned(), "zebra@zebra.example".to_owned())];
    assert_hidden("ListUsers", &ListUsers::decode(&pairs).unwrap());
}

#[test]
fn problems_hide_what_the_caller_chose() {
    let body = br#"{"zebra": 1, "zebra": 2, "email": "zebra", "attributes": {"zebra": "\u0007"}}"#;
    let violations = decode_body::<UserPatch>(body).unwrap_err();
    assert_eq!(violations.len(), 4);
    assert_hidden("violations of a body", &violations);
    for violation in &violations {
        assert!(!violation.detail.contains(MARKER), "{}", violation.detail);
    }

    let pairs = [("zebra", "1"), ("email", "zebra"), ("role", "Zebra")];
    let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let violations = ListUsers::decode(&pairs).unwrap_err();
    assert_hidden("violations of a query", &violations);
    for violation in &violations {
        assert!(!violation.detail.contains(MARKER), "{}", violation.detail);
    }
}

#[test]
fn roles_are_shown() {
    assert_eq!(role("admin").to_string(), "admin");
    assert_eq!(format!("{:?}", role("admin")), "Role(\"admin\")");
}
