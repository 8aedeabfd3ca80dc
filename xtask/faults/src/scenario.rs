//! The situations of the exhaustive part: each operation with its successes and main refusals,
//! without a key, with a key, and sent again.

use crate::caller::Caller;
use crate::history::Request;
use Subject::{Deleted, Existing, Unknown};
use anyhow::{Context, Result};
use serde_json::{Value, json};

/// The user that a request is about.
#[derive(Clone, Copy, Debug)]
enum Subject {
    /// No user has its id.
    Unknown,
    /// A new user with the address `one`, a name, an attribute and the role `old`.
    Existing,
    /// A user that was deleted.
    Deleted,
}

/// The request, the subject, and the status of the answer.
#[derive(Clone, Copy, Debug)]
struct Situation {
    name: &'static str,
    subject: Subject,
    status: u16,
    request: fn(&Prepared) -> Request,
}

impl Situation {
    const fn new(
        name: &'static str,
        subject: Subject,
        status: u16,
        request: fn(&Prepared) -> Request,
    ) -> Self {
        Self { name, subject, status, request }
    }
}

const WRITES: [Situation; 25] = [
    Situation::new("register", Unknown, 201, |it| {
        Request::register(json!({"email": it.address("new"), "roles": ["a:b", "c"]}))
    }),
    Situation::new("register-taken", Existing, 409, |it| {
        Request::register(json!({"email": it.address("ONE")}))
    }),
    Situation::new("update", Existing, 200, |it| Request::update(&it.user, patch())),
    Situation::new("update-address", Existing, 200, |it| {
        Request::update(&it.user, json!({"email": it.address("other")}))
    }),
    Situation::new("update-nothing", Existing, 200, |it| {
        Request::update(&it.user, json!({"displayName": "Ada"}))
    }),
    Situation::new("update-unknown", Unknown, 404, |it| Request::update(&it.user, patch())),
    Situation::new("update-stale", Existing, 412, |it| {
        Request::update(&it.user, patch()).if_match(7)
    }),
    Situation::new("update-deleted", Deleted, 409, |it| Request::update(&it.user, patch())),
    Situation::new("update-taken", Existing, 409, |it| {
        Request::update(&it.user, json!({"email": it.address("two")}))
    }),
    Situation::new("disable", Existing, 200, |it| {
        Request::set_status(&it.user, "disabled", Some("on leave")).if_match(1)
    }),
    Situation::new("delete", Existing, 200, |it| Request::set_status(&it.user, "deleted", None)),
    Situation::new("same-status", Existing, 200, |it| {
        Request::set_status(&it.user, "active", None)
    }),
    Situation::new("status-of-deleted", Deleted, 409, |it| {
        Request::set_status(&it.user, "active", None)
    }),
    Situation::new("status-of-unknown", Unknown, 404, |it| {
        Request::set_status(&it.user, "active", None)
    }),
    Situation::new("status-stale", Existing, 412, |it| {
        Request::set_status(&it.user, "disabled", None).if_match(7)
    }),
    Situation::new("assign", Existing, 200, |it| Request::assign_role(&it.user, "new:role")),
    Situation::new("assign-again", Existing, 200, |it| Request::assign_role(&it.user, "old")),
    Situation::new("assign-unknown", Unknown, 404, |it| Request::assign_role(&it.user, "new")),
    Situation::new("assign-stale", Existing, 412, |it| {
        Request::assign_role(&it.user, "new").if_match(7)
    }),
    Situation::new("assign-deleted", Deleted, 409, |it| Request::assign_role(&it.user, "new")),
    Situation::new("remove", Existing, 200, |it| Request::remove_role(&it.user, "old")),
    Situation::new("remove-absent", Existing, 404, |it| Request::remove_role(&it.user, "new")),
    Situation::new("remove-unknown", Unknown, 404, |it| Request::remove_role(&it.user, "old")),
    Situation::new("remove-stale", Existing, 412, |it| {
        Request::remove_role(&it.user, "old").if_match(7)
    }),
    Situation::new("remove-deleted", Deleted, 409, |it| Request::remove_role(&it.user, "old")),
];

const READS: [Situation; 11] = [
    Situation::new("profile", Existing, 200, |it| Request::profile(&it.user)),
    Situation::new("profile-unchanged", Existing, 304, |it| {
        Request::profile(&it.user).if_none_match(1)
    }),
    Situation::new("profile-unknown", Unknown, 404, |it| Request::profile(&it.user)),
    Situation::new("list", Unknown, 200, |_| Request::list(&[("limit", "5")])),
    Situation::new("list-by-status", Unknown, 200, |_| {
        Request::list(&[("status", "disabled"), ("limit", "5")])
    }),
    Situation::new("list-by-role", Existing, 200, |_| {
        Request::list(&[("role", "old"), ("limit", "5")])
    }),
    Situation::new("list-by-address", Existing, 200, |it| {
        Request::list(&[("email", &it.address("one"))])
    }),
    Situation::new("list-by-free-address", Unknown, 200, |it| {
        Request::list(&[("email", &it.address("nobody"))])
    }),
    Situation::new("audit", Existing, 200, |it| Request::audit(&it.user, &[("limit", "5")])),
    Situation::new("audit-of-nothing", Existing, 200, |it| {
        Request::audit(&it.user, &[("to", "2020-01-01T00:00:00Z")])
    }),
    Situation::new("audit-unknown", Unknown, 404, |it| Request::audit(&it.user, &[])),
];

/// The writes during which the whole stack is killed.
const KILLED: [&str; 5] = ["register", "update-address", "delete", "assign", "remove"];

/// An id that no user has.
const NOBODY: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

fn patch() -> Value {
    json!({"displayName": "Grace", "attributes": {"team": null, "desk": "7"}})
}

/// The parts of a request that differ from case to case.
struct Prepared {
    user: String,
    /// A text in every address and key.
    unique: String,
}

impl Prepared {
    fn address(&self, name: &str) -> String {
        format!("{name}-{}@example.com", self.unique)
    }
}

/// Whether a request has an idempotency key, and was sent before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Key {
    Without,
    With,
    Replayed,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    situation: Situation,
    key: Key,
}

/// A request to send, and the status of its answer.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    pub(crate) request: Request,
    pub(crate) status: u16,
}

impl Scenario {
    pub(crate) fn all() -> Vec<Self> {
        let with = |key| move |situation| Self { situation, key };
        let keyed = WRITES.into_iter().map(with(Key::With));
        let unkeyed = WRITES.into_iter().chain(READS).map(with(Key::Without));
        // Only a success is recorded.
        let successes = WRITES.into_iter().filter(|it| it.status < 300);
        keyed.chain(unkeyed).chain(successes.map(with(Key::Replayed))).collect()
    }

    /// The scenarios during which the whole stack is killed.
    pub(crate) fn killed() -> Vec<Self> {
        let killed = WRITES.into_iter().filter(|it| KILLED.contains(&it.name));
        killed.map(|situation| Self { situation, key: Key::With }).collect()
    }

    pub(crate) fn name(self) -> String {
        let key = match self.key {
            Key::Without => "",
            Key::With => "+key",
            Key::Replayed => "+replay",
        };
        format!("{}{key}", self.situation.name)
    }

    /// Brings the situation about; `unique` is in every address and key.
    pub(crate) async fn prepare(self, caller: &Caller, unique: &str) -> Result<Expected> {
        let Situation { name, subject, status, request } = self.situation;
        let mut prepared = Prepared { user: NOBODY.to_owned(), unique: unique.to_owned() };
        match subject {
            Unknown => {}
            Existing => prepared.user = register(caller, &prepared.address("one")).await?,
            Deleted => {
                prepared.user = register(caller, &prepared.address("gone")).await?;
                let delete = Request::set_status(&prepared.user, "deleted", None);
                caller.succeed(delete).await?;
            }
        }
        if name == "update-taken" {
            register(caller, &prepared.address("two")).await?;
        }
        let mut request = request(&prepared);
        if self.key != Key::Without {
            request = request.keyed(format!("key-{unique}"));
        }
        if self.key == Key::Replayed {
            caller.succeed(request.clone()).await?;
        }
        Ok(Expected { request, status })
    }
}

async fn register(caller: &Caller, address: &str) -> Result<String> {
    let body = json!({
        "email": address, "displayName": "Ada", "roles": ["old"], "attributes": {"team": "a"}
    });
    let user = caller.succeed(Request::register(body)).await?.json();
    user["userId"].as_str().map(str::to_owned).context("a registration shows no user id")
}

#[cfg(test)]
mod tests {
    use super::Scenario;
    use std::collections::BTreeSet;

    #[test]
    fn every_scenario_has_its_own_name() {
        let all = Scenario::all();
        let names: BTreeSet<_> = all.iter().map(|scenario| scenario.name()).collect();
        assert_eq!(names.len(), all.len());
        assert!(names.contains("update-address+replay"), "{names:?}");
        assert_eq!(Scenario::killed().len(), super::KILLED.len());
    }
}
