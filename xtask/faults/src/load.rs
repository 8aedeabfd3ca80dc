//! A round without faults: a mixed load of all operations over many connections, then the checks.
//!
//! It fails on a 5xx, on any answer that the load does not explain, on 429 without throttling, on
//! every violation that the checker finds, and, in a run of sixteen minutes or more, on memory that
//! still grows after the warm-up.

mod answers;
mod memory;
mod throttle;

use crate::caller::{Caller, Log};
use crate::checker::{NEVER_SETTLED, check};
use crate::clients::{self, Habits, Stop};
use crate::collect::collect;
use crate::history::{Exchange, History, Operation};
use crate::report::describe;
use crate::stack::{Programs, Stack};
use answers::Answers;
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use throttle::Throttle;
use users_support::Scratch;

/// Mostly reads, and users that are few enough for callers to meet.
const HABITS: Habits = Habits { reads: 60, addresses: 1_000_000_000, crowd: 500, page_size: "10" };
/// How many entries of each kind the stack keeps for display. So few that they are complete during
/// the warm-up and do not look like growth after it.
const HISTORY: &str = "200";
const MINUTES: std::ops::RangeInclusive<f64> = 0.1..=60.0;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How long to hold the load; fractions are allowed. At most 60, since the checker keeps every
    /// call in memory.
    #[arg(long, default_value_t = 1.0, value_parser = minutes)]
    minutes: f64,
    /// How many callers, each with its own connection.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=2000))]
    connections: u16,
    /// Throttle as the template says, or at RATE calls per second and method, to see 429 on a
    /// machine that cannot reach the template's limits. Without it, nothing is throttled.
    #[arg(long, value_name = "RATE", num_args = 0..=1, require_equals = true)]
    pub(crate) throttle: Option<Option<u16>>,
    /// Build functions and stack with optimisations. (`cargo xtask` does, before it runs this.)
    #[arg(long)]
    release: bool,
    #[command(flatten)]
    programs: Programs,
}

fn minutes(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|minutes| MINUTES.contains(minutes))
        .ok_or_else(|| format!("must be a number from {} to {}", MINUTES.start(), MINUTES.end()))
}

/// Holds the load and prints the figures; returns whether every check passed.
pub(crate) async fn run(arguments: &Arguments) -> Result<bool> {
    let throttle = Throttle::from_option(arguments.throttle);
    // On a disk, since the data of an hour may not fit into memory.
    let scratch = Scratch::new("users-load")?;
    let template = throttle.write_template(&arguments.programs.template, scratch.path())?;
    let programs = Programs { template, ..arguments.programs.clone() };
    let history = ["--history", HISTORY].map(str::to_owned).to_vec();
    let stack = Stack::start_in(scratch, programs, history).await?;
    println!(
        "{} connections for {:.1} minutes, {throttle}, at {}",
        arguments.connections,
        arguments.minutes,
        stack.url()
    );

    let log = Log::new();
    let begun = Instant::now();
    let end = begun + Duration::from_secs_f64(arguments.minutes * 60.0);
    let (count, seed) = (arguments.connections.into(), fastrand::u64(..));
    let mut tasks = clients::start(&stack, &log, count, HABITS, Stop::At(end), seed)?;
    let memory = memory::sample(&stack, end).await;
    while let Some(done) = tasks.join_next().await {
        done.context("a client panicked")??;
    }
    let duration = begun.elapsed();

    let caller = Caller::new(stack.client()?, &log, "end of the load");
    let history = collect(&stack.control(), &caller).await?;
    let answers = Answers::new(&history.exchanges);
    println!("\n{}\nmemory\n{memory}\n{}", answers.table(duration), totals(&history));
    let mut failures = answers.unexplained(throttle != Throttle::Off);
    failures.extend(memory.failures());
    let mut violations = check(&history);
    // A throttled caller may run out of patience.
    violations.retain(|it| it.rule != NEVER_SETTLED || throttle == Throttle::Off);
    if !violations.is_empty() {
        failures.push(describe(&violations, &history, "cargo xtask test-load"));
    }
    if failures.is_empty() {
        println!("\nAll checks passed.");
        return Ok(true);
    }
    for failure in &failures {
        println!("\nFAILED  {failure}");
    }
    println!("\nThe stack's log is {}", stack.keep_log()?.display());
    Ok(false)
}

/// The counts that show how much there was to check.
fn totals(history: &History) -> String {
    let registrations =
        history.exchanges.iter().filter(|it| it.request.operation == Operation::Register);
    let acknowledged: BTreeSet<_> = registrations
        .flat_map(Exchange::successes)
        .filter_map(|(_, answer)| Some(answer.json()["userId"].as_str()?.to_owned()))
        .collect();
    let of_kind = |kind: &str| {
        let items = history.users.iter();
        items.filter(|item| item["sk"].as_str().is_some_and(|sk| sk.starts_with(kind))).count()
    };
    format!(
        "{} users acknowledged, {} found; {} versions, {} events on the bus",
        acknowledged.len(),
        of_kind("PROFILE"),
        of_kind("AUDIT#"),
        history.events.len()
    )
}
