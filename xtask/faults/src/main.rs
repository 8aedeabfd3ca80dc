//! `cargo xtask test-faults`: exactly once and nothing lost, proven by faults.
//!
//! Three parts: every fault at every place ([`exhaustive`]), rounds of chance ([`random`]), and
//! deliberate bugs that have to be found ([`bugs`]). Figures go to standard output, progress to
//! standard error.

#[macro_use]
extern crate users_support;

mod bugs;
mod caller;
mod conclude;
mod exhaustive;
mod random;
mod report;
mod scenario;
mod stack;

use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};
use exhaustive::{Plan, operations, relay, stack_kill};
use random::Weather;
use report::{Figures, tell};
use stack::Programs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Rounds of chance, unless told otherwise.
const ROUNDS: u64 = 3;

/// Proves by faults that requests take effect once and nothing is lost.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask test-faults", version)]
#[command(after_help = "\
Without options it does everything. Whatever it finds is told with the command that does the same \
again. Exit status: 0 nothing was found but the deliberate bugs, 1 something was.")]
struct Arguments {
    /// Only this part; can be given several times.
    #[arg(long, value_enum)]
    part: Vec<Part>,
    /// Where chance begins; another one every time unless given.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How many rounds of chance.
    #[arg(long, value_name = "N", conflicts_with = "minutes")]
    rounds: Option<u64>,
    /// Of the exhaustive part only so many cases of each fault at each place, chosen by the seed.
    #[arg(long, value_name = "N", conflicts_with_all = ["case", "bug"])]
    sample: Option<usize>,
    /// Rounds of chance for so long, and no other part unless it is given.
    #[arg(long, value_name = "N")]
    minutes: Option<u64>,
    /// Only the cases of the exhaustive part whose names contain this, and no other part.
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["part", "minutes", "rounds"])]
    case: Option<String>,
    /// Only the deliberate bugs whose names contain this, and no other part.
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["part", "minutes", "rounds", "case"])]
    bug: Option<String>,
    /// Cases at once.
    #[arg(long, value_name = "N", default_value_t = 16)]
    at_once: usize,
    /// The local stack.
    #[arg(long, value_name = "FILE", hide = true)]
    stack: PathBuf,
    /// The directory of the functions as they are.
    #[arg(long, value_name = "DIR", hide = true)]
    functions: PathBuf,
    /// The directory of the functions that can have bugs and a wrong clock.
    #[arg(long, value_name = "DIR", hide = true)]
    test_functions: PathBuf,
    /// The template.
    #[arg(long, value_name = "FILE", hide = true)]
    template: PathBuf,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Part {
    /// Every fault at every place of every operation.
    Exhaustive,
    /// Rounds of chance.
    Random,
    /// Deliberate bugs that have to be found.
    Bugs,
}

impl Arguments {
    fn parts(&self) -> Vec<Part> {
        if self.case.is_some() {
            vec![Part::Exhaustive]
        } else if self.bug.is_some() {
            vec![Part::Bugs]
        } else if !self.part.is_empty() {
            self.part.clone()
        } else if self.minutes.is_some() {
            vec![Part::Random]
        } else {
            vec![Part::Exhaustive, Part::Random, Part::Bugs]
        }
    }

    fn programs(&self, functions: &Path) -> Programs {
        let (stack, template) = (self.stack.clone(), self.template.clone());
        Programs { stack, functions: functions.to_owned(), template }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = runtime
        .context("cannot start an asynchronous runtime")
        .and_then(|runtime| runtime.block_on(run(&arguments)));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<()> {
    let seed = arguments.seed.unwrap_or_else(|| u64::from(fastrand::u32(..)));
    eprintln!("seed {seed}");
    for part in arguments.parts() {
        let begun = Instant::now();
        match part {
            Part::Exhaustive => exhaustive(arguments, seed).await?,
            Part::Random => chance(arguments, seed).await?,
            Part::Bugs => bugs(arguments, seed).await?,
        }
        eprintln!("done in {} s", begun.elapsed().as_secs());
    }
    Ok(())
}

async fn exhaustive(arguments: &Arguments, seed: u64) -> Result<()> {
    let programs = arguments.programs(&arguments.functions);
    let (only, of_each) = (arguments.case.clone(), arguments.sample);
    let plan = Plan { only, of_each, seed, at_once: arguments.at_once };
    let kind = if of_each.is_some() { "sample" } else { "exhaustive" };
    eprintln!("Every fault at every place of every operation ({kind}) ...");
    let (operations, relay, killed) = tokio::try_join!(
        operations(&programs, &plan),
        relay::run(&programs, &plan),
        stack_kill::run(&programs, &plan),
    )?;
    let count = operations.0 + relay.0 + killed.0;
    if count == 0 {
        bail!("no case has such a name");
    }
    let mut figures = Figures::default();
    for (_, part) in [&operations, &relay, &killed] {
        figures.add(part);
    }
    println!(
        "{kind}: {count} cases, no violation ({} of the operations, {} of the relay, {} of the \
         whole stack killed)\n{figures}",
        operations.0, relay.0, killed.0
    );
    Ok(())
}

async fn chance(arguments: &Arguments, seed: u64) -> Result<()> {
    let programs = arguments.programs(&arguments.test_functions);
    let weather =
        Weather { clients: 8, requests: 60, faults: 0.05, kinds: Vec::new(), stack_kills: 0.5 };
    let begun = Instant::now();
    let limit = arguments.minutes.map(|minutes| Duration::from_secs(60 * minutes));
    let rounds = arguments.rounds.unwrap_or(ROUNDS);
    eprintln!("Rounds of chance ...");
    let mut figures = Figures::default();
    let mut played = 0;
    while limit.map_or(played < rounds, |limit| begun.elapsed() < limit) {
        let seed = seed.wrapping_add(played);
        let again = format!("cargo xtask test-faults --part random --rounds 1 --seed {seed}");
        let round =
            random::round(&programs, &[], &weather, seed).await.with_context(|| again.clone())?;
        if !round.violations.is_empty() {
            bail!("{}", tell(&round.violations, &round.world, &again));
        }
        played += 1;
        figures.add(&round.figures);
        eprintln!("round {played} (seed {seed}): {} requests", round.figures.requests);
    }
    println!("random: {played} rounds from seed {seed}, no violation\n{figures}");
    Ok(())
}

async fn bugs(arguments: &Arguments, seed: u64) -> Result<()> {
    let programs = arguments.programs(&arguments.test_functions);
    eprintln!("Deliberate bugs ...");
    let caught = bugs::catch_all(&programs, arguments.bug.as_deref(), seed).await?;
    if caught.is_empty() {
        bail!("no bug has such a name");
    }
    println!("bugs: {} of {} found", caught.len(), caught.len());
    for caught in &caught {
        println!("  {} in round {}: {}", caught.bug, caught.round, caught.violation);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Arguments, Part};
    use clap::{CommandFactory, Parser};

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn options_choose_their_parts() {
        let parts = |line: &str| {
            let files = "x --stack s --functions f --test-functions t --template u";
            let words = files.split(' ').chain(line.split_whitespace());
            Arguments::try_parse_from(words).unwrap().parts()
        };
        assert_eq!(parts(""), [Part::Exhaustive, Part::Random, Part::Bugs]);
        assert_eq!(parts("--minutes 30"), [Part::Random]);
        assert_eq!(parts("--case register"), [Part::Exhaustive]);
        assert_eq!(parts("--bug guard"), [Part::Bugs]);
        assert_eq!(parts("--part bugs --part random"), [Part::Bugs, Part::Random]);
    }
}
