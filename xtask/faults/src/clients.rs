//! Clients that send random requests of all eight operations and compete for the same users.

use crate::caller::{Caller, Log};
use crate::history::{Exchange, Request};
use crate::stack::Stack;
use anyhow::Result;
use fastrand::Rng;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::task::JoinSet;

const ROLES: [&str; 4] = ["admin", "billing:read", "member", "ops"];
/// Most pages of a list that a client reads.
const PAGES: usize = 3;

/// The clients' requests and their frequencies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Habits {
    /// Share of requests that read, in percent.
    pub(crate) reads: u8,
    /// Number of email addresses in use.
    pub(crate) addresses: u32,
    /// Number of users that clients compete for, the latest ones.
    pub(crate) crowd: usize,
    /// The parameter `limit` of lists.
    pub(crate) page_size: &'static str,
}

/// When a client stops.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stop {
    After(u32),
    At(Instant),
}

/// Starts clients, each with its own connections.
pub(crate) fn start(
    stack: &Stack,
    log: &Arc<Log>,
    count: u32,
    habits: Habits,
    stop: Stop,
    seed: u64,
) -> Result<JoinSet<Result<()>>> {
    let mut random = Rng::with_seed(seed);
    let shared = Arc::new(Shared { seed, habits, known: Mutex::default() });
    let mut tasks = JoinSet::new();
    for number in 0..count {
        let caller = Caller::new(stack.client()?, log, format!("client {number}"));
        let client = RandomClient { random: random.fork(), caller, shared: Arc::clone(&shared) };
        tasks.spawn(client.run(stop));
    }
    Ok(tasks)
}

#[derive(Debug)]
struct Shared {
    seed: u64,
    habits: Habits,
    known: Mutex<Known>,
}

/// The clients' knowledge from answers.
#[derive(Debug, Default)]
struct Known {
    /// The user ids, in the order of registration.
    users: Vec<String>,
    /// The latest version and address of each user.
    latest: BTreeMap<String, (u64, String)>,
    /// Every request with a key that was sent.
    keyed: Vec<Request>,
    keys: u64,
}

impl Shared {
    fn with<T>(&self, access: impl FnOnce(&mut Known) -> T) -> T {
        access(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn learn(&self, user: &Value) {
        let (Some(id), Some(version)) = (user["userId"].as_str(), user["version"].as_u64()) else {
            return;
        };
        let address = user["email"].as_str().unwrap_or_default();
        self.with(|known| {
            let latest = known.latest.entry(id.to_owned()).or_default();
            if latest.0 == 0 {
                known.users.push(id.to_owned());
            }
            if version > latest.0 {
                *latest = (version, address.to_owned());
            }
        });
    }
}

#[derive(Debug)]
struct RandomClient {
    random: Rng,
    caller: Caller,
    shared: Arc<Shared>,
}

impl RandomClient {
    async fn run(mut self, stop: Stop) -> Result<()> {
        for sent in 0.. {
            let is_over = match stop {
                Stop::After(requests) => sent >= requests,
                Stop::At(end) => Instant::now() >= end,
            };
            if is_over {
                break;
            }
            let request = self.next();
            if request.key.is_some() {
                self.shared.with(|known| known.keyed.push(request.clone()));
            }
            if request.key.is_some() && self.random.u8(..8) == 0 {
                // Two clients send the same request at once.
                let (one, two) =
                    tokio::join!(self.caller.send(request.clone()), self.caller.send(request));
                self.learn(&one?);
                two?;
            } else {
                self.send_and_follow(request).await?;
            }
        }
        Ok(())
    }

    /// Sends a request, and reads the next pages when the answer is a page.
    async fn send_and_follow(&mut self, request: Request) -> Result<()> {
        let mut next = request.clone();
        for _ in 0..PAGES {
            let exchange = self.caller.send(next).await?;
            let Some(cursor) = self.learn(&exchange) else { break };
            next = request.clone().with_query(&[("cursor", &cursor)]);
        }
        Ok(())
    }

    /// Remembers a user from an answer; returns the cursor of a page.
    fn learn(&self, exchange: &Exchange) -> Option<String> {
        let answer = exchange.last_answer().filter(|answer| answer.is_success())?;
        let body = answer.json();
        self.shared.learn(&body);
        body["nextCursor"].as_str().map(str::to_owned)
    }

    fn next(&mut self) -> Request {
        let is_read = self.random.u8(..100) < self.shared.habits.reads;
        match self.user() {
            Some((user, version, address)) if is_read => self.read(&user, version, &address),
            Some((user, version, _)) if self.random.u8(..6) > 0 => self.change(&user, version),
            _ => {
                let mut body = json!({"email": self.address()});
                if self.random.bool() {
                    body["displayName"] = json!(format!("Name {}", self.random.u8(..9)));
                    body["roles"] = json!([self.role()]);
                }
                self.keyed(Request::register(body))
            }
        }
    }

    fn read(&mut self, user: &str, version: u64, address: &str) -> Request {
        let page = ("limit", self.shared.habits.page_size);
        match self.random.u8(..25) {
            0..9 => Request::profile(user),
            9..12 => Request::profile(user).if_none_match(version),
            12..17 => Request::audit(user, &[page]),
            17..19 => Request::list(&[("email", address)]),
            19..21 => Request::list(&[("email", &self.address())]),
            21..23 => Request::list(&[("role", self.role()), page]),
            23 => Request::list(&[("status", "deleted"), page]),
            _ => Request::list(&[page]),
        }
    }

    fn change(&mut self, user: &str, version: u64) -> Request {
        let request = match self.random.u8(..62) {
            0..16 => Request::update(user, self.patch()),
            16..23 => Request::update(user, json!({"email": self.address()})),
            23..34 => {
                let status = ["active", "disabled", "active", "disabled", "deleted"];
                let status = status[self.random.usize(..status.len())];
                let reason = self.random.bool().then_some("because");
                Request::set_status(user, status, reason)
            }
            34..46 => Request::assign_role(user, self.role()),
            46..57 => Request::remove_role(user, self.role()),
            _ => return self.reuse_key().unwrap_or_else(|| Request::profile(user)),
        };
        let has_condition = self.random.u8(..6) == 0;
        self.keyed(if has_condition { request.if_match(version) } else { request })
    }

    /// Most requests have a key.
    fn keyed(&mut self, request: Request) -> Request {
        if self.random.u8(..8) == 0 {
            return request;
        }
        let number = self.shared.with(|known| {
            known.keys += 1;
            known.keys
        });
        request.keyed(format!("key-{number}"))
    }

    /// An earlier request again, or another request with its key.
    fn reuse_key(&mut self) -> Option<Request> {
        let (is_same, which) = (self.random.u8(..3) > 0, self.random.usize(..));
        let earlier = self.shared.with(|known| {
            let index = which.checked_rem(known.keyed.len())?;
            known.keyed.get(index).cloned()
        })?;
        if is_same {
            return Some(earlier);
        }
        let body = match earlier.body.clone()? {
            body if body.get("role").is_some() => json!({"role": self.role()}),
            body if body.get("status").is_some() => {
                json!({"status": "disabled", "reason": "other"})
            }
            mut body => {
                body["displayName"] = json!(format!("Other {}", self.random.u8(..9)));
                body
            }
        };
        Some(Request { body: Some(body), ..earlier })
    }

    /// One of the latest users, with the last known version and address.
    fn user(&mut self) -> Option<(String, u64, String)> {
        let (crowd, which) = (self.shared.habits.crowd, self.random.usize(..));
        self.shared.with(|known| {
            let crowd = &known.users[known.users.len().saturating_sub(crowd)..];
            let user = crowd.get(which.checked_rem(crowd.len())?)?;
            let (version, address) = known.latest.get(user)?;
            Some((user.clone(), *version, address.clone()))
        })
    }

    fn address(&mut self) -> String {
        let number = self.random.u32(..self.shared.habits.addresses);
        let spelling = if self.random.bool() { "Shared" } else { "shared" };
        format!("{spelling}-{number}-{}@example.com", self.shared.seed)
    }

    fn role(&mut self) -> &'static str {
        ROLES[self.random.usize(..ROLES.len())]
    }

    fn patch(&mut self) -> Value {
        let value = self.random.u8(..5).to_string();
        match self.random.u8(..6) {
            0 => json!({"displayName": null}),
            1 => json!({"attributes": null}),
            2 => json!({"attributes": {"a": null, "b": value}}),
            3 => json!({"attributes": {"a": value}}),
            4 => json!({"givenName": format!("Given {value}"), "locale": "en-GB"}),
            _ => json!({"displayName": format!("Name {value}")}),
        }
    }
}
