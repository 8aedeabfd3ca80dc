//! Whole histories: after any requests in any order, versions, times, event ids and changes are
//! consistent.

use super::status_request;
use crate::fixtures::{any_patch, any_registration, any_role, context_at, user_id};
use crate::request::UserPatch;
use crate::{
    Change, ChangeValue, Context, Decision, EventId, Refusal, Role, Status, Transition, User,
    assign_role, register, remove_role, set_status, update,
};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use std::collections::BTreeMap;
use users_contract::Field;

#[derive(Clone, Debug)]
enum Step {
    Update(UserPatch),
    Status(Status),
    Assign(Role),
    Remove(Role),
}

fn any_step() -> impl Strategy<Value = Step> {
    // Few deletions, or most sequences would end early.
    let status = prop_oneof![
        5 => Just(Status::Active),
        5 => Just(Status::Disabled),
        1 => Just(Status::Deleted),
    ];
    prop_oneof![
        any_patch().prop_map(Step::Update),
        status.prop_map(Step::Status),
        any_role().prop_map(Step::Assign),
        any_role().prop_map(Step::Remove),
    ]
}

fn take(step: &Step, user: User, context: &Context) -> Result<Decision, Refusal> {
    match step {
        Step::Update(patch) => update(user, patch, context),
        Step::Status(status) => set_status(user, &status_request(*status), context),
        Step::Assign(role) => assign_role(user, role, context),
        Step::Remove(role) => remove_role(user, role, context),
    }
}

/// The fields of a user as an audit log that started empty would know them.
fn fields(user: &User) -> BTreeMap<String, ChangeValue> {
    let text = |text: &str| ChangeValue::Text(text.to_owned());
    let mut fields = BTreeMap::from([
        ("email".to_owned(), text(user.email.as_str())),
        ("status".to_owned(), text(user.status.as_str())),
    ]);
    let mut set = |name: &str, value: Option<&str>| {
        fields.extend(value.map(|value| (name.to_owned(), text(value))));
    };
    for (field, text) in &user.texts {
        set(Field::of(*field).json, Some(text.as_str()));
    }
    for (key, value) in &user.attributes {
        set(&format!("attributes.{}", key.as_str()), Some(value.as_str()));
    }
    if !user.roles.is_empty() {
        let roles = user.roles.iter().map(|role| role.as_str().to_owned()).collect();
        fields.insert("roles".to_owned(), ChangeValue::List(roles));
    }
    fields
}

/// Applies the changes of an entry to the previous state and checks each `old`.
fn apply(known: &mut BTreeMap<String, ChangeValue>, changes: &[Change]) {
    for change in changes {
        if let ("roles", false) = (&*change.field, matches!(change.new, Some(ChangeValue::List(_))))
        {
            let mut roles = match known.remove("roles") {
                Some(ChangeValue::List(roles)) => roles,
                _ => Vec::new(),
            };
            match (&change.old, &change.new) {
                (None, Some(ChangeValue::Text(new))) => roles.push(new.clone()),
                (Some(ChangeValue::Text(old)), None) => {
                    let place = roles.iter().position(|role| role == old);
                    roles.remove(place.expect("a role that was there"));
                }
                other => panic!("not a change of one role: {other:?}"),
            }
            roles.sort();
            if !roles.is_empty() {
                known.insert("roles".to_owned(), ChangeValue::List(roles));
            }
            continue;
        }
        let before = match &change.new {
            Some(new) => known.insert(change.field.clone(), new.clone()),
            None => known.remove(&change.field),
        };
        assert_eq!(before, change.old, "{}", change.field);
        assert_ne!(change.old, change.new, "{}", change.field);
    }
}

proptest! {
    #[test]
    fn histories_are_whole(
        request in any_registration(),
        steps in vec((any_step(), 0_i64..5_000, any::<u128>()), 0..24),
    ) {
        let Transition { mut user, entry } =
            register(request, user_id(), &context_at(1_000)).unwrap();
        let mut known = BTreeMap::new();
        apply(&mut known, &entry.changes);
        prop_assert_eq!(&known, &fields(&user));
        let mut last = entry;
        for (step, now, random) in steps {
            let context = Context { event_id_random: random, ..context_at(now) };
            match take(&step, user.clone(), &context) {
                Ok(Decision::Changed(transition)) => {
                    let Transition { user: next, entry } = *transition;
                    prop_assert_eq!(next.version, user.version.next());
                    prop_assert_eq!(entry.version, next.version);
                    prop_assert_eq!(entry.at, next.updated_at);
                    prop_assert!(entry.at > last.at);
                    prop_assert!(entry.event_id > last.event_id);
                    prop_assert!(entry.event_id >= EventId::first_at(entry.at));
                    prop_assert_eq!(next.created_at, user.created_at);
                    prop_assert_eq!(next.user_id, user.user_id);
                    prop_assert!(user.status != Status::Deleted);
                    prop_assert!(!entry.changes.is_empty());
                    apply(&mut known, &entry.changes);
                    prop_assert_eq!(&known, &fields(&next));
                    // The same step again has nothing left to do.
                    match take(&step, next.clone(), &context) {
                        Ok(Decision::Unchanged(same)) => prop_assert_eq!(&same, &next),
                        Err(Refusal::RoleNotAssigned) => {
                            prop_assert!(matches!(step, Step::Remove(_)));
                        }
                        other => prop_assert!(false, "expected no change, got {:?}", other),
                    }
                    (user, last) = (next, entry);
                }
                Ok(Decision::Unchanged(same)) => prop_assert_eq!(&same, &user),
                Err(refusal) => prop_assert!(
                    user.status == Status::Deleted || refusal == Refusal::RoleNotAssigned
                ),
            }
        }
    }
}
