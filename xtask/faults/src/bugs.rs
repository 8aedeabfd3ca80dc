//! Tests the checker: runs the service with a deliberate bug until the checker finds it.
//!
//! `bugs.toml` holds the bugs, as edits of a copy of the sources.

use crate::random::{Settings, round};
use crate::stack::Programs;
use anyhow::{Context, Result, bail};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use std::time::Instant;

/// Most rounds until a bug must be found.
const ROUNDS: u64 = 12;
/// Most bugs that are searched for at once.
const AT_ONCE: usize = 3;

/// The kinds of faults that show bugs of writes. Those that take seconds show nothing more.
const OF_WRITES: &[&str] = &[
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
/// The kinds that show bugs of the relay: a bus that refuses much, so that records of one user gather.
const OF_RELAY: &[&str] = &["refuse-first", "refuse-some", "late"];

#[derive(Debug, Deserialize)]
struct Catalogue {
    bug: Vec<Bug>,
}

#[derive(Clone, Debug, Deserialize)]
struct Bug {
    name: String,
    description: String,
    /// Whether it is a bug of the relay, not of a write.
    #[serde(default)]
    relay: bool,
}

/// How a bug was found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) bug: String,
    pub(crate) round: u64,
    pub(crate) violation: String,
}

/// Searches for every bug whose name contains `only`.
pub(crate) async fn find_all(
    programs: &Programs,
    only: Option<&str>,
    seed: u64,
) -> Result<Vec<Found>> {
    let catalogue: Catalogue =
        toml::from_str(include_str!("../bugs.toml")).context("bugs.toml is not valid")?;
    let bugs = catalogue.bug.into_iter();
    let chosen = bugs.filter(|bug| only.is_none_or(|text| bug.name.contains(text)));
    stream::iter(chosen)
        .map(|bug| async move {
            let (kinds, faults) = if bug.relay { (OF_RELAY, 0.3) } else { (OF_WRITES, 0.12) };
            let settings = Settings { clients: 6, requests: 30, faults, kinds, stack_kill: 0.0 };
            let found = find(programs, &bug.name, &settings, seed).await;
            found.with_context(|| format!("{} ({})", bug.name, bug.description))
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await
}

async fn find(programs: &Programs, bug: &str, settings: &Settings, seed: u64) -> Result<Found> {
    let begun = Instant::now();
    for number in 1..=ROUNDS {
        let round =
            round(programs, &[("DELIBERATE_BUG", bug)], settings, seed.wrapping_add(number))
                .await?;
        if let Some(violation) = round.violations.first() {
            eprintln!("{bug} found in {} s", begun.elapsed().as_secs());
            let violation = violation.to_string();
            return Ok(Found { bug: bug.to_owned(), round: number, violation });
        }
    }
    bail!("not found in {ROUNDS} rounds, so the checker cannot see it")
}
