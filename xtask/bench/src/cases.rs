//! The cases that are measured: a function and the events of its invocations. Writes carry an
//! idempotency key and change something every time.

use crate::engine::USERS;
use crate::events::{ROLE, list, read, registration, write};
use crate::world::World;
use serde_json::{Value, json};

/// Roles that one user is given before the next user's turn.
const ROLES_EACH: usize = 40;

/// The kind of a case, which decides its limits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// Reads by the id of a user.
    ReadById,
    /// Reads a page of users.
    List,
    /// Changes something.
    Write,
    /// The relay.
    Relay,
    /// A floor.
    Floor,
}

/// A function and a way of calling it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    /// Its name in reports.
    pub(crate) name: &'static str,
    /// The function's name.
    pub(crate) function: &'static str,
    pub(crate) kind: Kind,
    event: fn(&World, usize) -> Value,
}

/// The floor, which all functions are compared with.
pub(crate) const FLOOR: Case = case("floor-get-item", "floor-get-item", Kind::Floor, get);

/// All cases of the service; the first of each function is the one whose time is measured.
pub(crate) const CASES: &[Case] = &[
    case("register", "users-register-create", Kind::Write, register),
    case("get", "users-profile-get", Kind::ReadById, get),
    case("update", "users-profile-update", Kind::Write, update),
    case("set-status", "users-status-update", Kind::Write, set_status),
    case("assign-role", "users-role-assign", Kind::Write, assign_role),
    case("remove-role", "users-role-remove", Kind::Write, remove_role),
    case("list", "users-list-query", Kind::List, |_, _| list(&[])),
    case("list-by-status", "users-list-query", Kind::List, |_, _| list(&[("status", "active")])),
    case("list-by-role", "users-list-query", Kind::List, |_, _| list(&[("role", ROLE)])),
    case("list-by-email", "users-list-query", Kind::List, list_by_email),
    case("audit", "users-audit-query", Kind::ReadById, audit),
    case("relay", "users-audit-publish", Kind::Relay, relay),
];

const fn case(
    name: &'static str,
    function: &'static str,
    kind: Kind,
    event: fn(&World, usize) -> Value,
) -> Case {
    Case { name, function, kind, event }
}

impl Case {
    /// The event of an invocation; `number` must not have been used for this case before.
    pub(crate) fn event(&self, world: &World, number: usize) -> Value {
        (self.event)(world, number)
    }

    /// Whether the time of the function is measured by this case.
    pub(crate) fn is_timed(&self) -> bool {
        CASES.iter().find(|it| it.function == self.function).is_none_or(|it| it.name == self.name)
    }
}

/// The timed cases of these names; without names all of them.
pub(crate) fn timed(names: &[String]) -> Vec<Case> {
    let is_named = |it: &&Case| names.is_empty() || names.iter().any(|name| name == it.name);
    CASES.iter().filter(|it| it.is_timed()).filter(is_named).copied().collect()
}

/// The names of the timed cases.
pub(crate) fn timed_names() -> Vec<&'static str> {
    CASES.iter().filter(|it| it.is_timed()).map(|it| it.name).collect()
}

fn register(_: &World, number: usize) -> Value {
    registration(&format!("user-{number:06}"))
}

fn get(world: &World, number: usize) -> Value {
    read("/users/{userId}", world.user(300 + number % 500))
}

fn update(world: &World, number: usize) -> Value {
    let body =
        json!({"displayName": format!("Ada {number:06}"), "attributes": {"team": "engines"}});
    let (user, key) = (world.user(100), format!("update-{number:06}"));
    write("PATCH", "/users/{userId}", &[("userId", user)], Some(&body), &key)
}

fn set_status(world: &World, number: usize) -> Value {
    let status = if number.is_multiple_of(2) { "disabled" } else { "active" };
    let body = json!({"status": status, "reason": "on leave"});
    let (user, key) = (world.user(101), format!("status-{number:06}"));
    write("PUT", "/users/{userId}/status", &[("userId", user)], Some(&body), &key)
}

fn assign_role(world: &World, number: usize) -> Value {
    let body = json!({"role": format!("role-{:02}", number % ROLES_EACH)});
    let (user, key) = (world.user(800 + number / ROLES_EACH), format!("assign-{number:06}"));
    write("POST", "/users/{userId}/roles", &[("userId", user)], Some(&body), &key)
}

fn remove_role(world: &World, number: usize) -> Value {
    let parameters = [("userId", world.newest(number)), ("role", ROLE)];
    let key = format!("remove-{number:06}");
    write("DELETE", "/users/{userId}/roles/{role}", &parameters, None, &key)
}

fn list_by_email(world: &World, _: usize) -> Value {
    list(&[("email", &world.address)])
}

fn audit(world: &World, number: usize) -> Value {
    read("/users/{userId}/audit", world.user(300 + number))
}

fn relay(world: &World, number: usize) -> Value {
    json!({"Records": [{
        "eventID": format!("{number:032x}"),
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_795_341_600.0,
            "Keys": {"pk": world.audit_image["pk"], "sk": world.audit_image["sk"]},
            "NewImage": world.audit_image,
            "SequenceNumber": format!("{number:021}"),
            "SizeBytes": 600,
            "StreamViewType": "NEW_IMAGE",
        },
        "eventSourceARN": format!("arn:aws:dynamodb:us-east-1:123456789012:table/{USERS}/stream/1"),
    }]})
}

#[cfg(test)]
mod tests {
    use super::{CASES, timed, timed_names};

    #[test]
    fn cases_are_chosen_by_name() {
        let names = |only: &[&str]| -> Vec<_> {
            let only: Vec<_> = only.iter().map(|it| (*it).to_owned()).collect();
            timed(&only).iter().map(|it| it.name).collect()
        };
        assert_eq!(names(&["list", "update"]), ["update", "list"], "in the order of the cases");
        assert_eq!(names(&[]), timed_names());
    }

    #[test]
    fn every_function_is_measured_and_its_first_case_is_timed() {
        for function in users_template::functions() {
            let timed: Vec<_> =
                CASES.iter().filter(|it| it.function == function && it.is_timed()).collect();
            assert_eq!(timed.len(), 1, "{function}");
        }
    }
}
