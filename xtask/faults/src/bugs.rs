//! The checker checked: the service with a deliberate bug, until the checker says so.
//!
//! The bugs are in `platform/src/bugs.rs` behind the feature `deliberate-bugs`; a function refuses
//! to start with one that it does not know.

use crate::random::{Weather, round};
use crate::stack::Programs;
use anyhow::{Context, Result, bail};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Rounds after which a bug counts as not found.
const ROUNDS: u64 = 12;
/// Bugs at once.
const AT_ONCE: usize = 3;

/// Faults of all sorts. Those that take seconds find nothing that the others do not.
const ALL_SORTS: &[&str] = &[
    "kill-before",
    "kill-after",
    "kill-after-answer",
    "kill-then-apply",
    "lose-answer",
    "duplicate",
    "slow",
    "internal-error",
    "transaction-conflict",
    "refuse-first",
    "refuse-some",
    "gateway-timeout",
    "repeat",
    "split",
];
/// A bus that refuses much, and records that gather meanwhile, several of one user among them.
const REFUSING: &[&str] = &["refuse-first", "refuse-some", "late"];

/// A bug.
#[derive(Clone, Copy, Debug)]
struct Bug {
    name: &'static str,
    /// What it is.
    what: &'static str,
    /// The faults that show it, and their probability.
    kinds: &'static [&'static str],
    faults: f64,
}

impl Bug {
    const fn new(name: &'static str, what: &'static str) -> Self {
        Self { name, what, kinds: ALL_SORTS, faults: 0.12 }
    }

    const fn of_relay(name: &'static str, what: &'static str) -> Self {
        Self { name, what, kinds: REFUSING, faults: 0.3 }
    }
}

const BUGS: [Bug; 11] = [
    Bug::new("record-after-change", "the record is written after the change, by a call of its own"),
    Bug::new("audit-after-change", "the entry is written after the change, by a call of its own"),
    Bug::new("guard-released-early", "the guard of an old address is released before the change"),
    Bug::new("guard-kept", "the guard of an old address is not released"),
    Bug::new("version-unchecked", "a change does not depend on the version that was read"),
    Bug::new("role-item-forgotten", "the item of a new role is not written"),
    Bug::new("replay-not-looked-up", "a request about to be refused is not looked up before"),
    Bug::new("fingerprint-ignored", "a record is replayed to any request with its key"),
    Bug::new("raw-clock", "the time of a change is what the clock says"),
    Bug::of_relay("relay-mixes-entries", "a call can carry several entries of one user"),
    Bug::of_relay("failed-entries-ignored", "every 200 is taken for a success of all entries"),
];

/// How a bug was found.
#[derive(Debug)]
pub(crate) struct Caught {
    pub(crate) bug: &'static str,
    pub(crate) round: u64,
    pub(crate) violation: String,
}

/// Looks for every bug whose name contains `only`; gives how each was found.
pub(crate) async fn catch_all(
    programs: &Programs,
    only: Option<&str>,
    seed: u64,
) -> Result<Vec<Caught>> {
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut tasks = JoinSet::new();
    for bug in BUGS {
        if only.is_some_and(|text| !bug.name.contains(text)) {
            continue;
        }
        let (programs, turns) = (programs.clone(), Arc::clone(&turns));
        tasks.spawn(async move {
            let _turn = turns.acquire().await?;
            let caught = catch(&programs, &bug, seed).await;
            caught.with_context(|| format!("{} ({})", bug.name, bug.what))
        });
    }
    let mut caught = Vec::new();
    while let Some(done) = tasks.join_next().await {
        caught.push(done.context("a search broke down")??);
    }
    caught.sort_by_key(|caught| BUGS.iter().position(|bug| bug.name == caught.bug));
    Ok(caught)
}

async fn catch(programs: &Programs, bug: &Bug, seed: u64) -> Result<Caught> {
    let variables = [("DELIBERATE_BUG".to_owned(), bug.name.to_owned())];
    let (kinds, faults) = (bug.kinds.to_vec(), bug.faults);
    let weather = Weather { clients: 6, requests: 30, faults, kinds, stack_kills: 0.0 };
    let begun = Instant::now();
    for number in 1..=ROUNDS {
        let played = round(programs, &variables, &weather, seed + number).await?;
        if let Some(violation) = played.violations.first() {
            eprintln!("{} found in {} s", bug.name, begun.elapsed().as_secs());
            let violation = violation.to_string();
            return Ok(Caught { bug: bug.name, round: number, violation });
        }
    }
    bail!("not found in {ROUNDS} rounds, so the checker is blind to it")
}
