//! The fault and load tests of `cargo xtask test-faults` and `cargo xtask test-load`.
//!
//! The fault tests have three parts: every fault at every call ([`exhaustive`]), random rounds
//! ([`random`]), and deliberate bugs that must be found ([`bugs`]). The load test is a round without
//! faults ([`load`]). All of them end with the checker ([`checker`]), which shares no code with the
//! service, so it does not repeat the service's mistakes. Results go to standard output,
//! progress to standard error.

#[macro_use]
extern crate users_support;

mod bugs;
mod caller;
mod checker;
mod clients;
mod collect;
mod exhaustive;
mod history;
mod load;
mod random;
mod report;
mod scenario;
mod stack;

use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};
use report::{Statistics, describe};
use stack::Programs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Random rounds by default.
const ROUNDS: u64 = 3;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
enum Command {
    /// Prove by faults that requests take effect once and nothing is lost.
    #[command(after_help = "\
Without options every part runs. A violation is reported with the command that reproduces it. Exit \
status: 0 when only the deliberate bugs were found, 1 when there was a violation or an error, 2 for \
an invalid command line.")]
    TestFaults(Arguments),
    /// Hold a mixed load on a local stack of its own, and check the results.
    #[command(after_help = "\
Exit status: 0 when every check passed, 1 when one failed, 2 for an invalid command line.")]
    TestLoad(load::Arguments),
}

#[derive(Debug, clap::Args)]
struct Arguments {
    /// Only this part; can be given several times.
    #[arg(long, value_enum)]
    part: Vec<Part>,
    /// The seed of all random choices; a new one by default.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Number of random rounds.
    #[arg(long, value_name = "N", conflicts_with = "minutes")]
    rounds: Option<u64>,
    /// Exhaustive part: only N cases of each fault at each place, chosen by the seed.
    #[arg(long, value_name = "N", conflicts_with_all = ["case", "bug"])]
    sample: Option<usize>,
    /// Random rounds for N minutes, and no other part unless given.
    #[arg(long, value_name = "N")]
    minutes: Option<u64>,
    /// Only the exhaustive cases whose names contain TEXT, and no other part.
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["part", "minutes", "rounds"])]
    case: Option<String>,
    /// Only the deliberate bugs whose names contain TEXT, and no other part.
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["part", "minutes", "rounds", "case"])]
    bug: Option<String>,
    /// Number of cases that run at once.
    #[arg(long, value_name = "N", default_value_t = 16)]
    at_once: usize,
    #[command(flatten)]
    programs: Programs,
    /// The folder of the functions that can have bugs and a wrong clock.
    #[arg(long, value_name = "DIR", hide = true)]
    patched_functions: PathBuf,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Part {
    /// Every fault at every call of every operation.
    Exhaustive,
    /// Random rounds.
    Random,
    /// Deliberate bugs that must be found.
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

    fn patched(&self) -> Programs {
        Programs { functions: self.patched_functions.clone(), ..self.programs.clone() }
    }
}

fn main() -> ExitCode {
    let command = Command::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = runtime
        .context("cannot start an asynchronous runtime")
        .and_then(|runtime| runtime.block_on(run(&command)));
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: &Command) -> Result<bool> {
    let arguments = match command {
        Command::TestLoad(arguments) => return load::run(arguments).await,
        Command::TestFaults(arguments) => arguments,
    };
    let seed = arguments.seed.unwrap_or_else(|| u64::from(fastrand::u32(..)));
    eprintln!("seed {seed}");
    for part in arguments.parts() {
        let begun = Instant::now();
        match part {
            Part::Exhaustive => run_exhaustive(arguments, seed).await?,
            Part::Random => run_random(arguments, seed).await?,
            Part::Bugs => run_bugs(arguments, seed).await?,
        }
        eprintln!("done in {} s", begun.elapsed().as_secs());
    }
    Ok(true)
}

async fn run_exhaustive(arguments: &Arguments, seed: u64) -> Result<()> {
    let (only, sample) = (arguments.case.clone(), arguments.sample);
    let plan = exhaustive::Plan { only, sample, seed, at_once: arguments.at_once };
    let kind = if sample.is_some() { "sample" } else { "exhaustive" };
    eprintln!("Every fault at every call of every operation ({kind}) ...");
    println!("{kind}: {}", exhaustive::run(&arguments.programs, &plan).await?);
    Ok(())
}

async fn run_random(arguments: &Arguments, seed: u64) -> Result<()> {
    let programs = arguments.patched();
    let settings =
        random::Settings { clients: 8, requests: 60, faults: 0.05, kinds: &[], stack_kill: 0.5 };
    let begun = Instant::now();
    let limit = arguments.minutes.map(|minutes| Duration::from_secs(60 * minutes));
    let rounds = arguments.rounds.unwrap_or(ROUNDS);
    eprintln!("Random rounds ...");
    let mut statistics = Statistics::default();
    let mut done = 0;
    while limit.map_or(done < rounds, |limit| begun.elapsed() < limit) {
        let seed = seed.wrapping_add(done);
        let command = format!("cargo xtask test-faults --part random --rounds 1 --seed {seed}");
        let round = random::round(&programs, &[], &settings, seed)
            .await
            .with_context(|| command.clone())?;
        if !round.violations.is_empty() {
            bail!("{}", describe(&round.violations, &round.history, &command));
        }
        done += 1;
        statistics.add(&round.statistics);
        eprintln!("round {done} (seed {seed}): {} requests", round.statistics.requests);
    }
    println!("random: {done} rounds from seed {seed}, no violation\n{statistics}");
    Ok(())
}

async fn run_bugs(arguments: &Arguments, seed: u64) -> Result<()> {
    eprintln!("Deliberate bugs ...");
    let found = bugs::find_all(&arguments.patched(), arguments.bug.as_deref(), seed).await?;
    if found.is_empty() {
        bail!("no bug has a name that contains this text");
    }
    println!("bugs: {} of {} found", found.len(), found.len());
    for found in &found {
        println!("  {} in round {}: {}", found.bug, found.round, found.violation);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Command, Part, load};
    use clap::{CommandFactory, Parser};

    fn parse(command: &str, options: &str) -> Result<Command, clap::Error> {
        let words = format!("x {command} --stack s --functions f --template t {options}");
        Command::try_parse_from(words.split_whitespace())
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Command::command().debug_assert();
    }

    #[test]
    fn options_choose_their_parts() {
        let parts =
            |options: &str| match parse("test-faults", &format!("--patched-functions p {options}"))
                .unwrap()
            {
                Command::TestFaults(arguments) => arguments.parts(),
                Command::TestLoad(_) => Vec::new(),
            };
        assert_eq!(parts(""), [Part::Exhaustive, Part::Random, Part::Bugs]);
        assert_eq!(parts("--minutes 30"), [Part::Random]);
        assert_eq!(parts("--case register"), [Part::Exhaustive]);
        assert_eq!(parts("--bug guard"), [Part::Bugs]);
        assert_eq!(parts("--part bugs --part random"), [Part::Bugs, Part::Random]);
    }

    #[test]
    fn throttling_has_three_states() {
        let throttle = |options: &str| match parse("test-load", options) {
            Ok(Command::TestLoad(load::Arguments { throttle, .. })) => Some(throttle),
            _ => None,
        };
        assert_eq!(throttle(""), Some(None));
        assert_eq!(throttle("--throttle"), Some(Some(None)));
        assert_eq!(throttle("--throttle=50"), Some(Some(Some(50))));
        assert_eq!(throttle("--throttle=fast"), None);
        assert_eq!(throttle("--minutes 0"), None);
    }
}
