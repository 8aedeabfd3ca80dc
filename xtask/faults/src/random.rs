//! Rounds of chance: several clients fight over a few users and addresses, by all eight operations,
//! while everything that can go wrong does, now and then.

use crate::caller::{Caller, Log};
use crate::conclude::conclude;
use crate::report::Figures;
use crate::stack::{Programs, Stack};
use anyhow::{Context, Result};
use fastrand::Rng;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use users_faults::checker::{Violation, check};
use users_faults::history::{Request, Sight, World};

const ADDRESSES: u8 = 7;
const ROLES: [&str; 4] = ["admin", "billing:read", "member", "ops"];
/// Users that are fought over at a time; older ones are left alone.
const CROWD: usize = 5;
/// How far a clock goes wrong at most, in milliseconds.
const CLOCK: i64 = 600_000;

/// What a round is like.
#[derive(Clone, Debug)]
pub(crate) struct Weather {
    pub(crate) clients: u32,
    /// Requests of each client.
    pub(crate) requests: u32,
    /// Probability of a fault at a call of AWS; at steps it is half of that.
    pub(crate) faults: f64,
    /// Only these kinds of faults; all when empty.
    pub(crate) kinds: Vec<&'static str>,
    /// Probability that the whole stack is killed in the round.
    pub(crate) stack_kills: f64,
}

/// What came of a round.
#[derive(Debug)]
pub(crate) struct Round {
    pub(crate) world: World,
    pub(crate) violations: Vec<Violation>,
    pub(crate) figures: Figures,
}

/// Plays a round on a stack of its own.
pub(crate) async fn round(
    programs: &Programs,
    variables: &[(String, String)],
    weather: &Weather,
    seed: u64,
) -> Result<Round> {
    let mut random = Rng::with_seed(seed);
    let mut stack = Stack::start(programs, variables).await?;
    let caller = Caller::new(stack.client()?, &Log::new(), "client");
    let mut figures = Figures::default();
    set_faults(&stack, weather, random.u64(..)).await?;
    let shared = Arc::new(Shared::new(seed));
    let mut tasks = JoinSet::new();
    for number in 0..weather.clients {
        let (random, shared) = (random.fork(), Arc::clone(&shared));
        let caller = caller.part_of(format!("client {number}"));
        let player = Player { random, caller, shared };
        tasks.spawn(player.play(weather.requests));
    }
    let mut kills = u32::from(random.f64() < weather.stack_kills);
    let mut next = Duration::from_millis(random.u64(300..900));
    loop {
        tokio::select! {
            done = tasks.join_next() => match done {
                Some(done) => done.context("a client broke down")??,
                None => break,
            },
            () = tokio::time::sleep(next) => {
                step_clock(&stack, &mut random, &mut figures)?;
                if kills > 0 && random.bool() {
                    kills -= 1;
                    figures.add_faults(&stack.control().get("/faults/report").await?);
                    figures.add_fault("stack/kill", 1);
                    stack.kill().await?;
                    stack.restart().await?;
                    set_faults(&stack, weather, random.u64(..)).await?;
                }
                next = Duration::from_millis(random.u64(300..900));
            }
        }
    }
    stack.set_clock(0)?;
    let world = conclude(&stack.control(), &caller).await?;
    figures.add_faults(&stack.control().get("/faults/report").await?);
    figures.add_world(&world);
    let violations = check(&world);
    Ok(Round { world, violations, figures })
}

async fn set_faults(stack: &Stack, weather: &Weather, seed: u64) -> Result<()> {
    let settings = json!({"random": {
        "seed": seed,
        "calls": weather.faults,
        "steps": weather.faults / 2.0,
        "deliveries": (weather.faults * 2.0).min(0.5),
        "kinds": weather.kinds,
    }});
    stack.control().post("/faults", &settings).await.map(drop)
}

/// Sets all clocks to another offset.
fn step_clock(stack: &Stack, random: &mut Rng, figures: &mut Figures) -> Result<()> {
    let size = match random.u8(..3) {
        0 => 1,
        1 => 3000,
        _ => CLOCK,
    };
    let offset = random.i64(-size..=size);
    figures.add_fault(if offset < 0 { "clock/behind" } else { "clock/ahead" }, 1);
    stack.set_clock(offset)
}

/// What the clients know together.
#[derive(Debug)]
struct Shared {
    seed: u64,
    state: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// The users, in the order of their registrations, and the versions last seen.
    users: Vec<String>,
    versions: BTreeMap<String, u64>,
    /// Requests with a key that were sent.
    keyed: Vec<Request>,
    keys: u64,
}

impl Shared {
    fn new(seed: u64) -> Self {
        Self { seed, state: Mutex::default() }
    }

    fn with<T>(&self, use_it: impl FnOnce(&mut Known) -> T) -> T {
        use_it(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn learn(&self, sight: &Sight) {
        let Some(answer) = sight.last_answer().filter(|answer| answer.is_success()) else { return };
        let user = answer.json();
        let (Some(id), Some(version)) = (user["userId"].as_str(), user["version"].as_u64()) else {
            return;
        };
        self.with(|known| {
            let seen = known.versions.entry(id.to_owned()).or_default();
            *seen = version.max(*seen);
            if version == 1 && !known.users.iter().any(|known| known == id) {
                known.users.push(id.to_owned());
            }
        });
    }
}

/// A client.
#[derive(Debug)]
struct Player {
    random: Rng,
    caller: Caller,
    shared: Arc<Shared>,
}

impl Player {
    async fn play(mut self, requests: u32) -> Result<()> {
        for _ in 0..requests {
            let request = self.next();
            if request.key.is_some() {
                self.shared.with(|known| known.keyed.push(request.clone()));
            }
            let is_doubled = request.key.is_some() && self.random.u8(..8) == 0;
            let sight = if is_doubled {
                // A client that does not know of its twin.
                let (one, two) =
                    tokio::join!(self.caller.send(request.clone()), self.caller.send(request));
                self.shared.learn(&one?);
                two?
            } else {
                self.caller.send(request).await?
            };
            self.shared.learn(&sight);
        }
        Ok(())
    }

    fn next(&mut self) -> Request {
        let user = self.user();
        let Some(user) = user.filter(|_| self.random.u8(..100) >= 12) else {
            let mut body = json!({"email": self.address()});
            if self.random.bool() {
                body["displayName"] = json!(format!("Name {}", self.random.u8(..9)));
                body["roles"] = json!([self.role()]);
            }
            return self.keyed(Request::register(body));
        };
        let request = match self.random.u8(..88) {
            0..16 => Request::update(&user, self.patch()),
            16..23 => Request::update(&user, json!({"email": self.address()})),
            23..34 => {
                let status = ["active", "disabled", "active", "disabled", "deleted"];
                let status = status[self.random.usize(..status.len())];
                let reason = self.random.bool().then_some("because");
                Request::set_status(&user, status, reason)
            }
            34..46 => Request::assign_role(&user, self.role()),
            46..57 => Request::remove_role(&user, self.role()),
            57..62 => return self.once_more().unwrap_or_else(|| Request::profile(&user)),
            62..70 => return Request::profile(&user),
            70..73 => {
                let version = self.shared.with(|known| known.versions.get(&user).copied());
                return Request::profile(&user).if_none_match(version.unwrap_or(1));
            }
            73..78 => return Request::audit(&user, &[("limit", "100")]),
            78..82 => return Request::list(&[("email", &self.address())]),
            82..85 => return Request::list(&[("role", self.role()), ("limit", "100")]),
            85 => return Request::list(&[("status", "deleted"), ("limit", "100")]),
            _ => return Request::list(&[("limit", "100")]),
        };
        let version = self.shared.with(|known| known.versions.get(&user).copied());
        let request = match version.filter(|_| self.random.u8(..6) == 0) {
            Some(version) => request.if_match(version),
            None => request,
        };
        self.keyed(request)
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

    /// An earlier request again, or another one under its key.
    fn once_more(&mut self) -> Option<Request> {
        let (whether, which) = (self.random.u8(..3), self.random.usize(..));
        let earlier = self.shared.with(|known| {
            let count = known.keyed.len();
            (count > 0).then(|| known.keyed[which % count].clone())
        })?;
        if whether > 0 {
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

    fn user(&mut self) -> Option<String> {
        let which = self.random.usize(..);
        self.shared.with(|known| {
            let crowd = &known.users[known.users.len().saturating_sub(CROWD)..];
            (!crowd.is_empty()).then(|| crowd[which % crowd.len()].clone())
        })
    }

    fn address(&mut self) -> String {
        let number = self.random.u8(..ADDRESSES);
        let spelling = if self.random.bool() { "Fought" } else { "fought" };
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
