//! A caller: one connection, one call after another, repeated as real clients repeat them.

use crate::mix;
use crate::population::Population;
use crate::record::{Ended, Record};
use fastrand::Rng;
use http::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use users_client::{Call, Client, RetryPolicy};
use users_contract::OperationName;

/// Patience of a caller: with throttling far below the load, an answer takes many attempts.
const POLICY: RetryPolicy = RetryPolicy {
    attempts: 60,
    first_pause: Duration::from_millis(25),
    longest_pause: Duration::from_secs(2),
    repeat_conflicts: true,
};
/// Roles that callers give and take.
const ROLES: u32 = 8;
/// Pages that a caller follows at most.
const PAGES: usize = 3;

/// One caller.
pub(crate) struct Worker {
    client: Client,
    population: Arc<Population>,
    random: Rng,
    record: Record,
}

impl Worker {
    pub(crate) fn new(client: Client, population: Arc<Population>, seed: u64) -> Self {
        let random = Rng::with_seed(fastrand::u64(..) ^ seed);
        Self { client, population, random, record: Record::default() }
    }

    /// Calls until the time is over.
    pub(crate) async fn run(mut self, until: Instant) -> Record {
        while Instant::now() < until {
            let name = mix::next(&mut self.random);
            self.operate(name).await;
        }
        self.record
    }

    async fn operate(&mut self, name: OperationName) {
        // Until there is a user, all that can be done is to register one.
        let Some(user_id) = self.population.choose(&mut self.random) else {
            return self.register().await;
        };
        let user = format!("/users/{user_id}");
        match name {
            OperationName::RegisterUser => self.register().await,
            OperationName::GetUser => {
                let mut call = self.client.call(Method::GET, &user);
                if self.random.bool() {
                    call = call.header("If-None-Match", format!("\"{}\"", self.random.u8(1..4)));
                }
                self.send(name, &call).await;
            }
            OperationName::UpdateUser => {
                let value = format!("{:016x}", self.random.u64(..));
                let body = json!({"displayName": "Ada", "attributes": {"team": value}});
                let mut call = self.write(Method::PATCH, &user).json(&body);
                if self.random.u8(..) < 32 {
                    call = call.header("If-Match", "\"1\"");
                }
                self.send(name, &call).await;
            }
            OperationName::SetStatus => {
                let status = ["active", "disabled", "disabled", "active", "deleted"];
                let status = status[self.random.usize(..status.len())];
                let body = json!({"status": status, "reason": "load"});
                let call = self.write(Method::PUT, &format!("{user}/status")).json(&body);
                self.send(name, &call).await;
            }
            OperationName::AssignRole => {
                let body = json!({"role": self.role()});
                let call = self.write(Method::POST, &format!("{user}/roles")).json(&body);
                self.send(name, &call).await;
            }
            OperationName::RemoveRole => {
                let path = format!("{user}/roles/{}", self.role());
                let call = self.write(Method::DELETE, &path);
                self.send(name, &call).await;
            }
            OperationName::ListUsers => self.list().await,
            OperationName::QueryAudit => {
                let call = self.client.call(Method::GET, &format!("{user}/audit"));
                self.pages(name, call.query("limit", "5")).await;
            }
        }
    }

    async fn register(&mut self) {
        let email = format!("u{:016x}@example.com", self.random.u64(..));
        let body = json!({
            "email": email,
            "displayName": "Ada Lovelace",
            "attributes": {"team": "analytics"},
            "roles": [self.role()],
        });
        // A registration without a key cannot be repeated when its answer is lost.
        let call = self.write(Method::POST, "/users").json(&body);
        self.population.begin(&email);
        let answer = self.send(OperationName::RegisterUser, &call).await;
        let user_id = answer.as_ref().and_then(|user| user["userId"].as_str());
        if let Some(user_id) = user_id {
            self.population.acknowledge(email, user_id.to_owned());
        }
    }

    async fn list(&mut self) {
        let call = self.client.call(Method::GET, "/users");
        let email = self.population.choose_email(&mut self.random);
        match (self.random.u8(0..10), email) {
            (0..4, Some(email)) => {
                self.send(OperationName::ListUsers, &call.query("email", &email)).await;
            }
            (4..7, _) => {
                let call = call.query("role", &self.role()).query("limit", "10");
                self.pages(OperationName::ListUsers, call).await;
            }
            _ => {
                let status = ["active", "disabled", "deleted"][self.random.usize(..3)];
                let call = call.query("status", status).query("limit", "10");
                self.pages(OperationName::ListUsers, call).await;
            }
        }
    }

    /// The first pages of a list.
    async fn pages(&mut self, name: OperationName, first: Call) {
        let mut call = first.clone();
        for _ in 0..self.random.usize(1..=PAGES) {
            let page = self.send(name, &call).await;
            let cursor = page.as_ref().and_then(|page| page["nextCursor"].as_str());
            let Some(cursor) = cursor else { return };
            call = first.clone().query("cursor", cursor);
        }
    }

    fn role(&mut self) -> String {
        format!("role{}", self.random.u32(0..ROLES))
    }

    /// Begins a write that may be sent again.
    fn write(&mut self, method: Method, path: &str) -> Call {
        let key = format!("{:032x}", self.random.u128(..));
        self.client.call(method, path).idempotency_key(&key)
    }

    /// Sends a call until it is settled; its body when it succeeded.
    async fn send(&mut self, name: OperationName, call: &Call) -> Option<Value> {
        let record = &mut self.record;
        let result = call.send_observed(POLICY, |attempt| record.attempt(name, attempt)).await;
        let ended = Ended::of(result.as_ref().map(|outcome| &outcome.response));
        record.ended(name, ended);
        let body = result.ok().and_then(|outcome| outcome.response.json().ok());
        body.filter(|_| ended == Ended::Success)
    }
}
