//! Values that the tests of several modules start from.

use std::collections::BTreeSet;

use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;
use ulid::Ulid;
use users_contract::{Field, FieldName, TextKind};

use crate::request::{AttributesPatch, RegisterUser, UserPatch};
use crate::{
    Actor, AttributeKey, AttributeValue, Context, CorrelationId, Email, Place, ProfileText, Role,
    Timestamp, User, UserAgent, UserId, Violation, register,
};

/// Part of every personal value of [`full_request`].
pub(crate) const MARKER: &str = "zebra";

pub(crate) fn role(text: &str) -> Role {
    Role::parse(text).unwrap()
}

pub(crate) fn user_id() -> UserId {
    UserId::from_ulid(Ulid(7))
}

pub(crate) fn context_at(millis: i64) -> Context {
    Context {
        at: Timestamp::from_millis(millis),
        event_id_random: 42,
        correlation_id: CorrelationId::parse("checkout-42").unwrap(),
        actor: Actor {
            arn: "arn:aws:iam::123456789012:user/ada".to_owned(),
            account_id: "123456789012".to_owned(),
            source_ip: Some(format!("ip-{MARKER}")),
            user_agent: Some(UserAgent::cut(format!("agent-{MARKER}"))),
        },
    }
}

/// A registration with every field set.
pub(crate) fn full_request() -> RegisterUser {
    RegisterUser {
        email: Email::parse("Zebra@zebra.example").unwrap(),
        texts: Field::texts().map(|(field, kind)| (field.name, zebra_text(field, kind))).collect(),
        attributes: [attribute("zebra", "zebra value")].into(),
        roles: BTreeSet::from([role("admin"), role("billing:read")]),
    }
}

/// A text with [`MARKER`] where its rule allows it: "displayName zebra" in `displayName`.
fn zebra_text(field: &Field, kind: TextKind) -> ProfileText {
    match kind {
        TextKind::Name => text(kind, &format!("{} {MARKER}", field.json)),
        TextKind::PhoneNumber => text(kind, field.example),
        TextKind::Locale => text(kind, &format!("en-x-{MARKER}")),
    }
}

pub(crate) fn text(kind: TextKind, text: &str) -> ProfileText {
    ProfileText::parse(kind, text).unwrap()
}

pub(crate) fn name(of: &str) -> ProfileText {
    text(TextKind::Name, of)
}

pub(crate) fn attribute(key: &str, value: &str) -> (AttributeKey, AttributeValue) {
    (AttributeKey::parse(key).unwrap(), AttributeValue::parse(value).unwrap())
}

/// A user with every field set, registered at 1 000 ms.
pub(crate) fn full_user() -> User {
    register(full_request(), user_id(), &context_at(1_000)).unwrap().user
}

/// Violations as short texts: the place, a space and the detail.
pub(crate) fn shown(violations: &[Violation]) -> Vec<String> {
    violations
        .iter()
        .map(|violation| match &violation.place {
            Place::Pointer(place) | Place::Parameter(place) => {
                format!("{place} {}", violation.detail)
            }
            Place::Header(place) => format!("{place} {}", violation.detail),
        })
        .collect()
}

pub(crate) fn any_email() -> impl Strategy<Value = Email> {
    ("[A-Za-zß]{1,8}", "[a-z]{1,8}").prop_map(|(local_part, label)| {
        Email::parse(&format!("{local_part}@{label}.example")).unwrap()
    })
}

/// A valid text of any field.
fn any_text() -> impl Strategy<Value = (FieldName, ProfileText)> {
    let texts: Vec<_> = Field::texts().collect();
    (select(texts), "[A-Za-zé]{1,5}").prop_map(|((field, kind), any)| {
        let text = match kind {
            TextKind::Name => name(&any),
            TextKind::PhoneNumber | TextKind::Locale => text(kind, field.example),
        };
        (field.name, text)
    })
}

/// Few keys, so that patches often hit existing ones.
fn any_key() -> impl Strategy<Value = AttributeKey> {
    "[a-d]".prop_map(|text| AttributeKey::parse(&text).unwrap())
}

fn any_value() -> impl Strategy<Value = AttributeValue> {
    "[ xyz]{0,2}".prop_map(|text| AttributeValue::parse(&text).unwrap())
}

pub(crate) fn any_role() -> impl Strategy<Value = Role> {
    "[a-f]".prop_map(|text| role(&text))
}

pub(crate) fn any_registration() -> impl Strategy<Value = RegisterUser> {
    (
        any_email(),
        vec(any_text(), 0..4),
        btree_map(any_key(), any_value(), 0..4),
        btree_set(any_role(), 0..4),
    )
        .prop_map(|(email, texts, attributes, roles)| RegisterUser {
            email,
            texts: texts.into_iter().collect(),
            attributes,
            roles,
        })
}

pub(crate) fn any_patch() -> impl Strategy<Value = UserPatch> {
    let attributes = prop_oneof![
        Just(AttributesPatch::Clear),
        btree_map(any_key(), option::of(any_value()), 0..4).prop_map(AttributesPatch::Merge),
    ];
    let text = (any_text(), any::<bool>())
        .prop_map(|((field, text), is_set)| (field, is_set.then_some(text)));
    (option::of(any_email()), vec(text, 0..6), option::of(attributes)).prop_map(
        |(email, texts, attributes)| UserPatch {
            email,
            texts: texts.into_iter().collect(),
            attributes,
        },
    )
}
