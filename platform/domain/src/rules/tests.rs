mod history;

use super::{Decision, Refusal, assign_role, register, remove_role, set_status, update};
use crate::fixtures::{attribute, context_at, full_request, full_user, name, role, shown, user_id};
use crate::request::{AttributesPatch, SetStatus, UserPatch};
use crate::{
    Action, AttributeKey, AttributeValue, Change, ChangeValue, Email, EventId, Reason, Status,
    Timestamp, Transition, User, Version,
};
use users_contract::{Field, FieldName};

#[track_caller]
fn changed(decision: Result<Decision, Refusal>) -> Transition {
    match decision {
        Ok(Decision::Changed(transition)) => *transition,
        other => panic!("expected a change, got {other:?}"),
    }
}

/// Changes as texts: the field, `old` and `new`, with `-` for nothing.
fn texts(changes: &[Change]) -> Vec<String> {
    let value = |value: &Option<ChangeValue>| match value {
        None => "-".to_owned(),
        Some(ChangeValue::Text(text)) => text.clone(),
        Some(ChangeValue::List(list)) => format!("[{}]", list.join(" ")),
    };
    changes
        .iter()
        .map(|change| format!("{}: {} > {}", change.field, value(&change.old), value(&change.new)))
        .collect()
}

fn status_request(status: Status) -> SetStatus {
    SetStatus { status, reason: None }
}

fn with_status(status: Status) -> User {
    User { status, ..full_user() }
}

fn email(text: &str) -> Email {
    Email::parse(text).unwrap()
}

fn merge(entries: &[(&str, Option<&str>)]) -> UserPatch {
    let entries = entries.iter().map(|(key, value)| {
        let value = value.map(|value| AttributeValue::parse(value).unwrap());
        (AttributeKey::parse(key).unwrap(), value)
    });
    let attributes = Some(AttributesPatch::Merge(entries.collect()));
    UserPatch { attributes, ..UserPatch::default() }
}

#[test]
fn a_registration_lists_every_field_that_was_set() {
    let context = context_at(1_000);
    let Transition { user, entry } = register(full_request(), user_id(), &context).unwrap();
    assert_eq!(user.version, Version::first());
    assert_eq!(user.status, Status::Active);
    assert_eq!((user.created_at, user.updated_at), (context.at, context.at));
    assert_eq!(entry.action, Action::UserRegistered);
    assert_eq!(entry.event_id, EventId::new(context.at, 42));
    assert_eq!((entry.user_id, entry.version, entry.at), (user_id(), user.version, context.at));
    assert_eq!(entry.correlation_id, context.correlation_id);
    assert_eq!(entry.actor, context.actor);
    assert_eq!(entry.reason, None);
    let profile = Field::texts().map(|(field, _)| {
        let text = user.texts[&field.name].as_str();
        format!("{}: - > {text}", field.json)
    });
    let mut expected = vec!["email: - > Zebra@zebra.example".to_owned()];
    expected.extend(profile);
    let others = [
        "attributes.zebra: - > zebra value",
        "status: - > active",
        "roles: - > [admin billing:read]",
    ];
    expected.extend(others.map(str::to_owned));
    assert_eq!(texts(&entry.changes), expected);
}

#[test]
fn a_registration_lists_nothing_that_was_not_set() {
    let mut request = full_request();
    request.texts.clear();
    request.attributes.clear();
    request.roles.clear();
    let entry = register(request, user_id(), &context_at(1)).unwrap().entry;
    assert_eq!(texts(&entry.changes), ["email: - > Zebra@zebra.example", "status: - > active"]);
}

#[test]
fn an_update_lists_the_fields_that_differ() {
    let patch = UserPatch {
        email: Some(email("ada@x.io")),
        texts: [
            (FieldName::DisplayName, None),
            (FieldName::GivenName, Some(name("givenName zebra"))),
            (FieldName::FamilyName, Some(name("King"))),
        ]
        .into(),
        attributes: merge(&[("a", Some("1")), ("zebra", None), ("none", None)]).attributes,
    };
    let context = context_at(5_000);
    let Transition { user, entry } = changed(update(full_user(), &patch, &context));
    assert_eq!(
        texts(&entry.changes),
        [
            "email: Zebra@zebra.example > ada@x.io",
            "displayName: displayName zebra > -",
            "familyName: familyName zebra > King",
            "attributes.a: - > 1",
            "attributes.zebra: zebra value > -",
        ]
    );
    assert_eq!(entry.action, Action::UserProfileUpdated);
    assert_eq!(entry.version.get(), 2);
    assert_eq!(entry.at, context.at);
    assert_eq!(entry.event_id, EventId::new(context.at, 42));
    let mut texts = full_user().texts;
    texts.remove(&FieldName::DisplayName);
    texts.insert(FieldName::FamilyName, name("King"));
    let expected = User {
        email: email("ada@x.io"),
        texts,
        attributes: [attribute("a", "1")].into(),
        version: Version::from_stored(2),
        updated_at: context.at,
        ..full_user()
    };
    assert_eq!(user, expected);
}

#[test]
fn a_patch_that_changes_nothing_is_no_change() {
    let user = full_user();
    let patches = [
        merge(&[]),
        merge(&[("zebra", Some("zebra value")), ("none", None)]),
        UserPatch { email: Some(user.email.clone()), ..UserPatch::default() },
        UserPatch {
            texts: user.texts.iter().map(|(field, text)| (*field, Some(text.clone()))).collect(),
            ..UserPatch::default()
        },
        UserPatch::default(),
    ];
    for patch in patches {
        let decision = update(user.clone(), &patch, &context_at(5_000));
        assert_eq!(decision, Ok(Decision::Unchanged(user.clone())));
    }
    let bare = User { attributes: [].into(), texts: [].into(), ..full_user() };
    let patch = UserPatch {
        attributes: Some(AttributesPatch::Clear),
        texts: [(FieldName::Locale, None)].into(),
        ..UserPatch::default()
    };
    assert_eq!(update(bare.clone(), &patch, &context_at(1)), Ok(Decision::Unchanged(bare)));
}

#[test]
fn another_spelling_of_an_address_is_a_change() {
    let patch = UserPatch { email: Some(email("zebra@ZEBRA.example")), ..UserPatch::default() };
    let Transition { user, entry } = changed(update(full_user(), &patch, &context_at(1)));
    assert_eq!(texts(&entry.changes), ["email: Zebra@zebra.example > zebra@ZEBRA.example"]);
    assert_eq!(user.email.key(), full_user().email.key());
    assert_eq!(user.version.get(), 2);
}

#[test]
fn attributes_can_be_cleared() {
    let patch = UserPatch { attributes: Some(AttributesPatch::Clear), ..UserPatch::default() };
    let Transition { user, entry } = changed(update(full_user(), &patch, &context_at(1)));
    assert_eq!(user.attributes, [].into());
    assert_eq!(texts(&entry.changes), ["attributes.zebra: zebra value > -"]);
}

#[test]
fn deleted_users_do_not_change() {
    let deleted = with_status(Status::Deleted);
    let context = context_at(1);
    let refused = Err(Refusal::UserDeleted);
    assert_eq!(update(deleted.clone(), &merge(&[]), &context), refused, "an empty patch");
    assert_eq!(update(deleted.clone(), &merge(&[("a", Some("1"))]), &context), refused);
    assert_eq!(assign_role(deleted.clone(), &role("new"), &context), refused);
    assert_eq!(assign_role(deleted.clone(), &role("admin"), &context), refused, "role is there");
    assert_eq!(remove_role(deleted.clone(), &role("admin"), &context), refused);
    assert_eq!(
        remove_role(deleted, &role("new"), &context),
        Err(Refusal::RoleNotAssigned),
        "that the role is missing comes first"
    );
}

#[test]
fn the_status_machine() {
    use Status::{Active, Deleted, Disabled};
    let context = context_at(9_000);
    for (from, to) in
        [(Active, Disabled), (Disabled, Active), (Active, Deleted), (Disabled, Deleted)]
    {
        let reason = Reason::parse("left").ok();
        let request = SetStatus { status: to, reason: reason.clone() };
        let Transition { user, entry } = changed(set_status(with_status(from), &request, &context));
        let expected = User {
            status: to,
            version: Version::from_stored(2),
            updated_at: context.at,
            ..full_user()
        };
        assert_eq!(user, expected, "{from} to {to}");
        assert_eq!(texts(&entry.changes), [format!("status: {from} > {to}")]);
        assert_eq!((entry.action, entry.reason), (Action::UserStatusChanged, reason));
    }
    for status in [Active, Disabled, Deleted] {
        let user = with_status(status);
        let decision = set_status(user.clone(), &status_request(status), &context);
        assert_eq!(decision, Ok(Decision::Unchanged(user)), "{status} again");
    }
    for to in [Active, Disabled] {
        let decision = set_status(with_status(Deleted), &status_request(to), &context);
        assert_eq!(decision, Err(Refusal::InvalidStatusTransition), "deleted to {to}");
    }
}

#[test]
fn roles_are_a_set() {
    let context = context_at(9_000);
    let Transition { user, entry } = changed(assign_role(full_user(), &role("ops"), &context));
    assert!(user.roles.contains(&role("ops")));
    assert_eq!(texts(&entry.changes), ["roles: - > ops"]);
    assert_eq!((entry.action, entry.version.get()), (Action::UserRoleAssigned, 2));
    assert_eq!(
        assign_role(user.clone(), &role("ops"), &context),
        Ok(Decision::Unchanged(user.clone()))
    );
    let Transition { user, entry } = changed(remove_role(user, &role("ops"), &context));
    assert_eq!(user.roles, full_user().roles);
    assert_eq!(texts(&entry.changes), ["roles: ops > -"]);
    assert_eq!((entry.action, entry.version.get()), (Action::UserRoleRemoved, 3));
    assert_eq!(remove_role(user, &role("ops"), &context), Err(Refusal::RoleNotAssigned));
}

#[test]
fn there_are_at_most_50_roles() {
    let roles = |count: usize| (0..count).map(|index| role(&format!("r{index}"))).collect();
    let context = context_at(1);
    let user = User { roles: roles(49), ..full_user() };
    let user = changed(assign_role(user, &role("last"), &context)).user;
    assert_eq!(user.roles.len(), 50);
    assert_eq!(assign_role(user.clone(), &role("more"), &context), Err(Refusal::TooManyRoles));
    let again = assign_role(user.clone(), &role("last"), &context);
    assert_eq!(again, Ok(Decision::Unchanged(user)));
}

#[track_caller]
fn invalid(decision: Result<Decision, Refusal>) -> Vec<String> {
    match decision {
        Err(Refusal::Invalid(violations)) => shown(&violations),
        other => panic!("expected passed limits, got {other:?}"),
    }
}

const TOO_LARGE: &str = " makes a user of over 102400 bytes; shorten or remove attributes";

#[test]
fn the_merged_user_has_at_most_32_attributes() {
    let keys: Vec<_> = (0..32).map(|index| format!("k{index}")).collect();
    let entries: Vec<_> = keys.iter().map(|key| (key.as_str(), Some("v"))).collect();
    let without = User { attributes: [].into(), ..full_user() };
    let full = changed(update(without, &merge(&entries), &context_at(1))).user;
    assert_eq!(
        invalid(update(full.clone(), &merge(&[("one-more", Some("v"))]), &context_at(1))),
        ["/attributes must have at most 32 entries"]
    );
    let exchange = merge(&[("one-more", Some("v")), ("k0", None)]);
    assert_eq!(changed(update(full, &exchange, &context_at(1))).user.attributes.len(), 32);
}

/// A user of exactly so many stored bytes.
fn user_of(bytes: usize) -> User {
    let mut user = full_user();
    // Before NFC a value can be much longer than its 512 characters.
    let missing = bytes - user.stored_bytes() - "big".len();
    let key = AttributeKey::parse("big").unwrap();
    user.attributes.insert(key, AttributeValue::from_stored("x".repeat(missing)));
    assert_eq!(user.stored_bytes(), bytes);
    user
}

#[test]
fn the_stored_form_has_at_most_100_kib() {
    let max = 100 * 1024;
    let context = context_at(1);
    let add_ten = merge(&[("nine", Some("123456"))]);
    let at_limit = changed(update(user_of(max - 10), &add_ten, &context)).user;
    assert_eq!(at_limit.stored_bytes(), max);
    assert_eq!(invalid(update(user_of(max - 9), &add_ten, &context)), [TOO_LARGE]);
    assert_eq!(invalid(assign_role(at_limit.clone(), &role("x"), &context)), [TOO_LARGE]);
    // A user at the limit can still be disabled, deleted, and lose things.
    let disabled = changed(set_status(at_limit, &status_request(Status::Disabled), &context)).user;
    let smaller = changed(remove_role(disabled, &role("admin"), &context)).user;
    let deleted = set_status(smaller, &status_request(Status::Deleted), &context);
    assert_eq!(changed(deleted).user.status, Status::Deleted);
}

#[test]
fn a_registration_has_at_most_100_kib() {
    let mut request = full_request();
    request.attributes = user_of(100 * 1024).attributes;
    assert!(register(request.clone(), user_id(), &context_at(1)).is_ok());
    request.roles.insert(role("x"));
    let violations = register(request, user_id(), &context_at(1)).unwrap_err();
    assert_eq!(shown(&violations), [TOO_LARGE]);
}

#[test]
fn time_never_stands_still() {
    let user = full_user();
    let patch = merge(&[("a", Some("1"))]);
    for (now, expected, description) in [
        (500, 1_001, "the clock went back"),
        (1_000, 1_001, "the same millisecond"),
        (1_001, 1_001, "the next millisecond"),
        (7_000, 7_000, "later"),
    ] {
        let Transition { user, entry } = changed(update(user.clone(), &patch, &context_at(now)));
        let expected = Timestamp::from_millis(expected);
        assert_eq!((user.updated_at, entry.at), (expected, expected), "{description}");
        assert_eq!(entry.event_id.timestamp(), expected, "{description}");
        assert_eq!(user.created_at, Timestamp::from_millis(1_000), "{description}");
    }
}
