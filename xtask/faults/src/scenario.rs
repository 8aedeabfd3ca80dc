//! The situations that the exhaustive part goes through: each operation with its successes and its
//! main refusals, with a key and without, and sent again.

use crate::caller::Caller;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use users_faults::history::Request;

/// A situation without the key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Register,
    RegisterTaken,
    Update,
    UpdateAddress,
    UpdateNothing,
    UpdateUnknown,
    UpdateStale,
    UpdateDeleted,
    UpdateTaken,
    Disable,
    Delete,
    SameStatus,
    StatusOfDeleted,
    StatusOfUnknown,
    StatusStale,
    Assign,
    AssignAgain,
    AssignUnknown,
    AssignStale,
    AssignDeleted,
    Remove,
    RemoveAbsent,
    RemoveUnknown,
    RemoveStale,
    RemoveDeleted,
    Profile,
    ProfileUnchanged,
    ProfileUnknown,
    List,
    ListByStatus,
    ListByRole,
    ListByAddress,
    ListByFreeAddress,
    Audit,
    AuditOfNothing,
    AuditUnknown,
}

use Kind::{
    Assign, AssignAgain, AssignDeleted, AssignStale, AssignUnknown, Audit, AuditOfNothing,
    AuditUnknown, Delete, Disable, List, ListByAddress, ListByFreeAddress, ListByRole,
    ListByStatus, Profile, ProfileUnchanged, ProfileUnknown, Register, RegisterTaken, Remove,
    RemoveAbsent, RemoveDeleted, RemoveStale, RemoveUnknown, SameStatus, StatusOfDeleted,
    StatusOfUnknown, StatusStale, Update, UpdateAddress, UpdateDeleted, UpdateNothing, UpdateStale,
    UpdateTaken, UpdateUnknown,
};

const WRITES: [Kind; 25] = [
    Register,
    RegisterTaken,
    Update,
    UpdateAddress,
    UpdateNothing,
    UpdateUnknown,
    UpdateStale,
    UpdateDeleted,
    UpdateTaken,
    Disable,
    Delete,
    SameStatus,
    StatusOfDeleted,
    StatusOfUnknown,
    StatusStale,
    Assign,
    AssignAgain,
    AssignUnknown,
    AssignStale,
    AssignDeleted,
    Remove,
    RemoveAbsent,
    RemoveUnknown,
    RemoveStale,
    RemoveDeleted,
];
/// Writes that succeed, and so can be replayed.
const SUCCESSES: [Kind; 9] = [
    Register,
    Update,
    UpdateAddress,
    UpdateNothing,
    Delete,
    SameStatus,
    Assign,
    AssignAgain,
    Remove,
];
const READS: [Kind; 11] = [
    Profile,
    ProfileUnchanged,
    ProfileUnknown,
    List,
    ListByStatus,
    ListByRole,
    ListByAddress,
    ListByFreeAddress,
    Audit,
    AuditOfNothing,
    AuditUnknown,
];
/// The writes in the middle of which the whole stack is killed.
const KILLED: [Kind; 5] = [Register, UpdateAddress, Delete, Assign, Remove];

/// An id that no user has.
const NOBODY: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

/// Whether a request has an idempotency key, and was sent before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Key {
    Without,
    With,
    Replayed,
}

/// A situation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Scenario {
    kind: Kind,
    key: Key,
}

/// A request in its situation, and what it is to be answered.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    pub(crate) request: Request,
    pub(crate) status: u16,
    /// Whether its client sends it until that is the answer.
    pub(crate) is_repeated: bool,
}

impl Scenario {
    /// Every situation.
    pub(crate) fn all() -> Vec<Self> {
        let with = |key| move |kind| Self { kind, key };
        let keyed = WRITES.into_iter().map(with(Key::With));
        let unkeyed = WRITES.into_iter().chain(READS).map(with(Key::Without));
        keyed.chain(unkeyed).chain(SUCCESSES.into_iter().map(with(Key::Replayed))).collect()
    }

    /// The situations in the middle of which the whole stack is killed.
    pub(crate) fn killed() -> Vec<Self> {
        KILLED.into_iter().map(|kind| Self { kind, key: Key::With }).collect()
    }

    /// Its name.
    pub(crate) fn name(self) -> String {
        let mut name = String::new();
        for (index, letter) in format!("{:?}", self.kind).char_indices() {
            if letter.is_uppercase() && index > 0 {
                name.push('-');
            }
            name.push(letter.to_ascii_lowercase());
        }
        match self.key {
            Key::Without => name,
            Key::With => format!("{name}+key"),
            Key::Replayed => format!("{name}+replay"),
        }
    }

    /// Makes what the situation needs; `unique` is in every address and key.
    pub(crate) async fn prepare(self, caller: &Caller, unique: &str) -> Result<Prepared> {
        let stage = Stage { caller, unique };
        let (request, status) = stage.request(self.kind).await?;
        let is_write = request.operation.is_write();
        let request = match self.key {
            Key::Without => request,
            Key::With | Key::Replayed => request.keyed(format!("key-{unique}")),
        };
        if self.key == Key::Replayed {
            caller.succeed(request.clone()).await?;
        }
        Ok(Prepared { request, status, is_repeated: !is_write || self.key != Key::Without })
    }
}

struct Stage<'a> {
    caller: &'a Caller,
    unique: &'a str,
}

impl Stage<'_> {
    fn address(&self, name: &str) -> String {
        format!("{name}-{}@example.com", self.unique)
    }

    async fn user(&self, name: &str) -> Result<String> {
        let body = json!({
            "email": self.address(name), "displayName": "Ada", "roles": ["old"],
            "attributes": {"team": "a"}
        });
        let answer = self.caller.succeed(Request::register(body)).await?;
        let user: Value = answer.json();
        user["userId"].as_str().map(str::to_owned).context("a registration shows no user")
    }

    async fn deleted(&self) -> Result<String> {
        let user = self.user("gone").await?;
        self.caller.succeed(Request::set_status(&user, "deleted", None)).await?;
        Ok(user)
    }

    async fn request(&self, kind: Kind) -> Result<(Request, u16)> {
        let name = json!({"displayName": "Grace", "attributes": {"team": null, "desk": "7"}});
        Ok(match kind {
            Register => {
                let body = json!({"email": self.address("new"), "roles": ["a:b", "c"]});
                (Request::register(body), 201)
            }
            RegisterTaken => {
                self.user("one").await?;
                (Request::register(json!({"email": self.address("ONE")})), 409)
            }
            Update => (Request::update(&self.user("one").await?, name), 200),
            UpdateAddress => {
                let patch = json!({"email": self.address("other")});
                (Request::update(&self.user("one").await?, patch), 200)
            }
            UpdateNothing => {
                let user = self.user("one").await?;
                (Request::update(&user, json!({"displayName": "Ada"})), 200)
            }
            UpdateUnknown => (Request::update(NOBODY, name), 404),
            UpdateStale => (Request::update(&self.user("one").await?, name).if_match(7), 412),
            UpdateDeleted => (Request::update(&self.deleted().await?, name), 409),
            UpdateTaken => {
                self.user("two").await?;
                let patch = json!({"email": self.address("two")});
                (Request::update(&self.user("one").await?, patch), 409)
            }
            Disable => {
                let user = self.user("one").await?;
                (Request::set_status(&user, "disabled", Some("on leave")).if_match(1), 200)
            }
            Delete => (Request::set_status(&self.user("one").await?, "deleted", None), 200),
            SameStatus => (Request::set_status(&self.user("one").await?, "active", None), 200),
            StatusOfDeleted => (Request::set_status(&self.deleted().await?, "active", None), 409),
            StatusOfUnknown => (Request::set_status(NOBODY, "active", None), 404),
            StatusStale => {
                let user = self.user("one").await?;
                (Request::set_status(&user, "disabled", None).if_match(7), 412)
            }
            Assign => (Request::assign_role(&self.user("one").await?, "new:role"), 200),
            AssignAgain => (Request::assign_role(&self.user("one").await?, "old"), 200),
            AssignUnknown => (Request::assign_role(NOBODY, "new"), 404),
            AssignStale => (Request::assign_role(&self.user("one").await?, "new").if_match(7), 412),
            AssignDeleted => (Request::assign_role(&self.deleted().await?, "new"), 409),
            Remove => (Request::remove_role(&self.user("one").await?, "old"), 200),
            RemoveAbsent => (Request::remove_role(&self.user("one").await?, "new"), 404),
            RemoveUnknown => (Request::remove_role(NOBODY, "old"), 404),
            RemoveStale => (Request::remove_role(&self.user("one").await?, "old").if_match(7), 412),
            RemoveDeleted => (Request::remove_role(&self.deleted().await?, "old"), 409),
            Profile => (Request::profile(&self.user("one").await?), 200),
            ProfileUnchanged => (Request::profile(&self.user("one").await?).if_none_match(1), 304),
            ProfileUnknown => (Request::profile(NOBODY), 404),
            List => (Request::list(&[("limit", "5")]), 200),
            ListByStatus => (Request::list(&[("status", "disabled"), ("limit", "5")]), 200),
            ListByRole => {
                self.user("one").await?;
                (Request::list(&[("role", "old"), ("limit", "5")]), 200)
            }
            ListByAddress => {
                self.user("one").await?;
                (Request::list(&[("email", &self.address("one"))]), 200)
            }
            ListByFreeAddress => (Request::list(&[("email", &self.address("nobody"))]), 200),
            Audit => (Request::audit(&self.user("one").await?, &[("limit", "5")]), 200),
            AuditOfNothing => {
                let user = self.user("one").await?;
                (Request::audit(&user, &[("to", "2020-01-01T00:00:00Z")]), 200)
            }
            AuditUnknown => (Request::audit(NOBODY, &[]), 404),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Scenario;
    use std::collections::BTreeSet;

    #[test]
    fn every_situation_has_a_name_of_its_own() {
        let all = Scenario::all();
        let names: BTreeSet<_> = all.iter().map(|scenario| scenario.name()).collect();
        assert_eq!(names.len(), all.len());
        assert!(names.contains("update-address+replay"), "{names:?}");
    }
}
