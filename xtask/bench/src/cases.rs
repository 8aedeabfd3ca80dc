//! The cases that are measured: a function and the events of its invocations. Writes carry an
//! idempotency key and change something every time.

use crate::engine::USERS;
use crate::events::{Pairs, ROLE, list, read, registration, write};
use crate::world::World;
use serde_json::{Value, json};

/// Roles that one user is given before the next user's turn.
const ROLES_EACH: usize = 40;

/// What a case does, which decides its limits.
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
    event: Event,
}

/// Where a case's events come from.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// A page of the list with these parameters.
    Page(&'static Pairs<'static>),
    /// By the number of the invocation.
    Call(fn(&World, usize) -> Value),
}

/// The floor without any call.
pub(crate) const NOOP: Case =
    Case { name: "floor-noop", function: "floor-noop", kind: Kind::Floor, event: Event::Call(get) };
/// The floor that all functions are compared with.
pub(crate) const FLOOR: Case = Case {
    name: "floor-get-item",
    function: "floor-get-item",
    kind: Kind::Floor,
    event: Event::Call(get),
};

/// All cases of the service; the first of each function is the one whose time is measured.
pub(crate) const CASES: &[Case] = &[
    case("register", "users-register-create", Kind::Write, register),
    case("get", "users-profile-get", Kind::ReadById, get),
    case("update", "users-profile-update", Kind::Write, update),
    case("set-status", "users-status-update", Kind::Write, set_status),
    case("assign-role", "users-role-assign", Kind::Write, assign_role),
    case("remove-role", "users-role-remove", Kind::Write, remove_role),
    page("list", &[]),
    page("list-by-status", &[("status", "active")]),
    page("list-by-role", &[("role", ROLE)]),
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
    Case { name, function, kind, event: Event::Call(event) }
}

const fn page(name: &'static str, query: &'static Pairs<'static>) -> Case {
    Case { name, function: "users-list-query", kind: Kind::List, event: Event::Page(query) }
}

impl Case {
    /// The event of an invocation; `number` must not have been used for this case before.
    pub(crate) fn event(&self, world: &World, number: usize) -> Value {
        match self.event {
            Event::Page(query) => list(query),
            Event::Call(event) => event(world, number),
        }
    }

    /// The parameters of the list, for a case whose pages can be walked.
    pub(crate) fn pages(&self) -> Option<&'static Pairs<'static>> {
        match self.event {
            Event::Page(query) => Some(query),
            Event::Call(_) => None,
        }
    }

    /// Whether the time of the function is measured by this case.
    pub(crate) fn is_timed(&self) -> bool {
        CASES.iter().find(|it| it.function == self.function).is_none_or(|it| it.name == self.name)
    }
}

/// The timed cases of these names; without names all of them, and the empty floor.
pub(crate) fn timed(names: &[String]) -> Vec<Case> {
    let named = |it: &&Case| names.is_empty() || names.iter().any(|name| name == it.name);
    let cases = CASES.iter().filter(|it| it.is_timed());
    [NOOP].iter().filter(|_| names.is_empty()).chain(cases.filter(named)).copied().collect()
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
    use super::{CASES, NOOP, timed, timed_names};

    #[test]
    fn cases_are_chosen_by_name() {
        let names = |only: &[&str]| -> Vec<_> {
            let only: Vec<_> = only.iter().map(|it| (*it).to_owned()).collect();
            timed(&only).iter().map(|it| it.name).collect()
        };
        assert_eq!(names(&["list", "update"]), ["update", "list"], "in the order of the cases");
        assert_eq!(names(&[])[1..], timed_names());
        assert_eq!(names(&[])[0], NOOP.name);
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
