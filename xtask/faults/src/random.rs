//! Random rounds: clients compete for few users and addresses, while faults happen at random.

use crate::caller::{Caller, Log};
use crate::checker::{Violation, check};
use crate::clients::{self, Habits, Stop};
use crate::collect::repeat_and_collect;
use crate::history::History;
use crate::report::Statistics;
use crate::stack::{Programs, Stack};
use anyhow::{Context, Result};
use fastrand::Rng;
use serde_json::json;
use std::time::Duration;

const HABITS: Habits = Habits { reads: 25, addresses: 7, crowd: 5, page_size: "100" };
/// Largest error of a clock, in milliseconds.
const CLOCK: i64 = 600_000;

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) clients: u32,
    /// Requests of each client.
    pub(crate) requests: u32,
    /// Probability of a fault at a call of AWS.
    pub(crate) faults: f64,
    /// The kinds of faults; all when empty.
    pub(crate) kinds: &'static [&'static str],
    /// Probability that the whole stack is killed once.
    pub(crate) stack_kill: f64,
}

#[derive(Debug)]
pub(crate) struct Round {
    pub(crate) history: History,
    pub(crate) violations: Vec<Violation>,
    pub(crate) statistics: Statistics,
}

/// Runs a round on its own stack, whose functions get these variables.
pub(crate) async fn round(
    programs: &Programs,
    variables: &[(&str, &str)],
    settings: &Settings,
    seed: u64,
) -> Result<Round> {
    let mut random = Rng::with_seed(seed);
    let mut stack = Stack::start(programs, variables).await?;
    let log = Log::new();
    let mut statistics = Statistics::default();
    set_faults(&stack, settings, random.u64(..)).await?;
    let stop = Stop::After(settings.requests);
    let mut tasks = clients::start(&stack, &log, settings.clients, HABITS, stop, random.u64(..))?;
    let mut kill = random.f64() < settings.stack_kill;
    let mut next = Duration::from_millis(random.u64(300..900));
    loop {
        tokio::select! {
            done = tasks.join_next() => match done {
                Some(done) => done.context("a client panicked")??,
                None => break,
            },
            () = tokio::time::sleep(next) => {
                step_clock(&stack, &mut random, &mut statistics)?;
                if kill && random.bool() {
                    kill = false;
                    statistics.add_faults(&stack.control().get("/faults/report").await?);
                    statistics.add_fault("stack/kill", 1);
                    stack.kill().await?;
                    stack.restart().await?;
                    set_faults(&stack, settings, random.u64(..)).await?;
                }
                next = Duration::from_millis(random.u64(300..900));
            }
        }
    }
    stack.set_clock(0)?;
    let caller = Caller::new(stack.client()?, &log, "end of the round");
    let history = repeat_and_collect(&stack.control(), &caller).await?;
    statistics.add_faults(&stack.control().get("/faults/report").await?);
    statistics.add_history(&history);
    let violations = check(&history);
    Ok(Round { history, violations, statistics })
}

async fn set_faults(stack: &Stack, settings: &Settings, seed: u64) -> Result<()> {
    let settings = json!({"random": {
        "seed": seed,
        "calls": settings.faults,
        "steps": settings.faults / 2.0,
        "deliveries": (settings.faults * 2.0).min(0.5),
        "kinds": settings.kinds,
    }});
    stack.control().post("/faults", &settings).await.map(drop)
}

/// Sets all clocks to another offset.
fn step_clock(stack: &Stack, random: &mut Rng, statistics: &mut Statistics) -> Result<()> {
    let size = match random.u8(..3) {
        0 => 1,
        1 => 3000,
        _ => CLOCK,
    };
    let offset = random.i64(-size..=size);
    statistics.add_fault(if offset < 0 { "clock/behind" } else { "clock/ahead" }, 1);
    stack.set_clock(offset)
}
