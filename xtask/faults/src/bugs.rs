//! The checker checked: the service with a deliberate bug, until the checker says so.
//!
//! The bugs are in `platform/src/bugs.rs` behind the feature `deliberate-bugs`; a function refuses
//! to start with one that it does not know.

use crate::random::{Weather, round};
use crate::stack::Programs;
use anyhow::{Context, Result, bail};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Rounds after which a bug counts as not found.
const ROUNDS: u64 = 12;
/// Bugs at once.
const AT_ONCE: usize = 3;

/// Each bug, and what it is.
pub(crate) const BUGS: [(&str, &str); 11] = [
    ("record-after-change", "the record is written after the change, by a call of its own"),
    ("audit-after-change", "the audit entry is written after the change, by a call of its own"),
    ("guard-released-early", "the guard of an old address is released before the change"),
    ("guard-kept", "the guard of an old address is not released"),
    ("version-unchecked", "a change does not depend on the version that was read"),
    ("role-item-forgotten", "the item of a new role is not written"),
    ("replay-not-looked-up", "a request about to be refused is not looked up before"),
    ("fingerprint-ignored", "a record is replayed to any request with its key"),
    ("raw-clock", "the time of a change is what the clock says"),
    ("relay-mixes-entries", "the relay puts several entries of a user into one call"),
    ("failed-entries-ignored", "the relay takes every 200 for a success of all entries"),
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
    for (bug, what) in BUGS {
        if only.is_some_and(|text| !bug.contains(text)) {
            continue;
        }
        let (programs, turns) = (programs.clone(), Arc::clone(&turns));
        tasks.spawn(async move {
            let _turn = turns.acquire().await?;
            catch(&programs, bug, seed).await.with_context(|| format!("{bug} ({what})"))
        });
    }
    let mut caught = Vec::new();
    while let Some(done) = tasks.join_next().await {
        caught.push(done.context("a search broke down")??);
    }
    caught.sort_by_key(|caught| BUGS.iter().position(|(bug, _)| *bug == caught.bug));
    Ok(caught)
}

async fn catch(programs: &Programs, bug: &'static str, seed: u64) -> Result<Caught> {
    let variables = [("DELIBERATE_BUG".to_owned(), bug.to_owned())];
    // Faults that take seconds find nothing that the others do not.
    let kinds = vec![
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
    let weather = Weather { clients: 6, requests: 30, faults: 0.12, kinds, stack_kills: 0.0 };
    for number in 1..=ROUNDS {
        let played = round(programs, &variables, &weather, seed + number).await?;
        if let Some(violation) = played.violations.first() {
            return Ok(Caught { bug, round: number, violation: violation.to_string() });
        }
    }
    bail!("not found in {ROUNDS} rounds, so the checker is blind to it")
}
