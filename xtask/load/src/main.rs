//! A load test: starts the embedded stack, holds a mixed load of all operations over many
//! connections, and checks what must be true afterwards. `cargo xtask test-load` builds what it
//! needs and runs it.
//!
//! It fails on a 5xx, on an answer that no part of the load explains, on 429 without throttling, on
//! a registration that was acknowledged and is not there (or one that is there and nobody made), and,
//! in a run of sixteen minutes or more, on memory that goes on growing after the warm-up.

#[macro_use]
extern crate users_support;

mod memory;
mod mix;
mod population;
mod record;
mod report;
mod stack;
mod throttle;
mod verify;
mod worker;

use anyhow::{Context, Result};
use clap::Parser;
use population::Population;
use record::Record;
use stack::Stack;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use throttle::Throttle;

/// Hold a mixed load on the embedded stack, and check what must be true afterwards.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask test-load", bin_name = "cargo xtask test-load")]
#[command(after_help = "\
Exit status: 0 when everything held, 1 when something did not, 2 for a command line that cannot be \
understood.")]
struct Arguments {
    /// How long to hold the load; fractions are allowed.
    #[arg(long, default_value_t = 1.0, value_parser = minutes)]
    minutes: f64,
    /// How many callers, each with a connection of its own that is kept alive.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=2000))]
    connections: u16,
    /// Throttle as the template says, or at RATE calls a second and method, to see 429 on a machine
    /// that cannot reach the template's limits. Without it, nothing is throttled.
    #[arg(long, value_name = "RATE", num_args = 0..=1, require_equals = true)]
    throttle: Option<Option<u16>>,
    /// Build functions and stack with optimisations. (`cargo xtask` does, before it runs this.)
    #[arg(long)]
    release: bool,
    /// The program of the embedded stack.
    #[arg(long, value_name = "FILE", hide = true)]
    stack: PathBuf,
    /// The folder of the functions' binaries.
    #[arg(long, value_name = "DIR", hide = true)]
    functions: PathBuf,
    /// The template to run.
    #[arg(long, value_name = "FILE", hide = true)]
    template: PathBuf,
}

fn minutes(text: &str) -> Result<f64, String> {
    let range = 0.1..=24.0 * 60.0;
    text.parse()
        .ok()
        .filter(|minutes| range.contains(minutes))
        .ok_or_else(|| format!("must be a number from {} to {}", range.start(), range.end()))
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result =
        runtime.context("cannot start").and_then(|runtime| runtime.block_on(run(&arguments)));
    match result {
        Ok(broken) if broken.is_empty() => {
            println!("\nEverything held.");
            ExitCode::SUCCESS
        }
        Ok(broken) => {
            println!();
            for line in &broken {
                println!("BROKEN  {line}");
            }
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Holds the load, prints the figures, and gives what did not hold.
async fn run(arguments: &Arguments) -> Result<Vec<String>> {
    let throttle = Throttle::from_flag(arguments.throttle);
    let stack = Stack::start(arguments, throttle).await?;
    let duration = Duration::from_secs_f64(arguments.minutes * 60.0);
    println!(
        "{} connections for {:.1} minutes, {throttle}, at {}",
        arguments.connections, arguments.minutes, stack.url
    );

    let population = Arc::new(Population::default());
    let begun = Instant::now();
    let until = begun + duration;
    let workers: Vec<_> = (0..arguments.connections)
        .map(|number| {
            let worker =
                worker::Worker::new(stack.client()?, Arc::clone(&population), u64::from(number));
            Ok(tokio::spawn(worker.run(until)))
        })
        .collect::<Result<_>>()?;
    let memory = memory::sample(&stack, until).await;
    let mut record = Record::default();
    for worker in workers {
        record.merge(&worker.await.context("a caller panicked")?);
    }
    let held = begun.elapsed();

    report::print(&record, &memory, held);
    let mut broken = record.broken(throttle);
    broken.extend(memory.broken());
    let client = stack.client()?;
    let found = verify::every_user(&client).await.context("cannot list the users")?;
    println!("\n{}", verify::summary(&population, &found));
    broken.extend(verify::broken(&population, &found));
    broken.extend(verify::events(&stack, &found).await?);
    if !broken.is_empty() {
        println!("\nWhat the stack said is in {}", stack.keep_log()?.display());
    }
    Ok(broken)
}

#[cfg(test)]
mod tests {
    use super::Arguments;
    use clap::{CommandFactory, Parser};

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn throttling_has_three_states() {
        let throttle = |flags: &[&str]| {
            let words = ["x", "--stack", "s", "--functions", "f", "--template", "t"];
            let line = words.into_iter().chain(flags.iter().copied());
            Arguments::try_parse_from(line).map(|it| it.throttle).map_err(|it| it.to_string())
        };
        assert_eq!(throttle(&[]), Ok(None));
        assert_eq!(throttle(&["--throttle"]), Ok(Some(None)));
        assert_eq!(throttle(&["--throttle=50"]), Ok(Some(Some(50))));
        assert!(throttle(&["--throttle=fast"]).is_err());
        assert!(throttle(&["--minutes", "0"]).is_err());
    }
}
