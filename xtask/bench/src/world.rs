//! The users that the measured functions work on. The service itself registers them, so nothing here
//! knows the form of an item.

use crate::engine::Engine;
use crate::events::{address, registration};
use crate::function::{Function, Launch};
use anyhow::{Context, Result};
use serde_json::Value;

/// The users.
pub(crate) struct World {
    /// Their ids, oldest first.
    users: Vec<String>,
    /// The address of one of them.
    pub(crate) address: String,
    /// An audit entry, as the stream shows it.
    pub(crate) audit_image: Value,
}

impl World {
    /// Has a function register a number of users.
    pub(crate) fn new(engine: &Engine, register: &Launch, count: usize) -> Result<Self> {
        eprintln!("registering {count} users");
        let function = Function::start(register, None)?;
        let name = |number| format!("first-{number}");
        let mut users = Vec::with_capacity(count);
        for number in 0..count {
            let invoked = function.invoke(&registration(&name(number)))?;
            let id = invoked.body["userId"].as_str().context("an answer without userId")?;
            users.push(id.to_owned());
        }
        let items = engine.items_of(users.first().context("no user was registered")?)?;
        let is_audit =
            |item: &Value| item["sk"]["S"].as_str().is_some_and(|key| key.starts_with("AUDIT#"));
        let audit_image = items.into_iter().find(is_audit).context("a user without audit entry")?;
        Ok(Self { users, address: address(&name(0)), audit_image })
    }

    /// The id of a user, counted from the oldest.
    pub(crate) fn user(&self, number: usize) -> &str {
        self.users.get(number % self.users.len()).map_or("", String::as_str)
    }

    /// The id of a user, counted from the newest.
    pub(crate) fn newest(&self, number: usize) -> &str {
        self.user(self.users.len() - 1 - number % self.users.len())
    }
}
