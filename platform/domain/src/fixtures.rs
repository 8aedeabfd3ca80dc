//! Values that the tests of several modules start from.

use std::collections::BTreeSet;

use proptest::collection::{btree_map, btree_set};
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use ulid::Ulid;

use crate::request::{AttributesPatch, RegisterUser, UserPatch};
use crate::{
    Actor, AttributeKey, AttributeValue, Context, CorrelationId, Email, Locale, Name, PhoneNumber,
    Place, Role, Timestamp, User, UserAgent, UserId, Violation, register,
};

/// In every personal value of [`full_request`].
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
        display_name: Some(Name::parse("display zebra").unwrap()),
        given_name: Some(Name::parse("given zebra").unwrap()),
        family_name: Some(Name::parse("family zebra").unwrap()),
        phone_number: Some(PhoneNumber::parse("+441234567890").unwrap()),
        locale: Some(Locale::parse("en-x-zebra").unwrap()),
        attributes: [attribute("zebra", "zebra value")].into(),
        roles: BTreeSet::from([role("admin"), role("billing:read")]),
    }
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

pub(crate) fn any_name() -> impl Strategy<Value = Name> {
    "[A-Za-zé]{1,5}".prop_map(|text| Name::parse(&text).unwrap())
}

/// Few keys, so that patches meet what is there.
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
        option::of(any_name()),
        option::of(any_name()),
        btree_map(any_key(), any_value(), 0..4),
        btree_set(any_role(), 0..4),
    )
        .prop_map(|(email, display_name, given_name, attributes, roles)| RegisterUser {
            email,
            display_name,
            given_name,
            family_name: None,
            phone_number: None,
            locale: None,
            attributes,
            roles,
        })
}

pub(crate) fn any_patch() -> impl Strategy<Value = UserPatch> {
    let phone_number =
        any::<bool>().prop_map(|set| set.then(|| PhoneNumber::parse("+4412").unwrap()));
    let locale = any::<bool>().prop_map(|set| set.then(|| Locale::parse("en-GB").unwrap()));
    let attributes = prop_oneof![
        Just(AttributesPatch::Clear),
        btree_map(any_key(), option::of(any_value()), 0..4).prop_map(AttributesPatch::Merge),
    ];
    (
        option::of(any_email()),
        option::of(option::of(any_name())),
        option::of(option::of(any_name())),
        option::of(option::of(any_name())),
        option::of(phone_number),
        option::of(locale),
        option::of(attributes),
    )
        .prop_map(|patch| {
            let (email, display_name, given_name, family_name, phone_number, locale, attributes) =
                patch;
            UserPatch {
                email,
                display_name,
                given_name,
                family_name,
                phone_number,
                locale,
                attributes,
            }
        })
}
