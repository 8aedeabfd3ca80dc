//! `cargo xtask bench`: the functions against floor binaries in the same run, and against budgets.
//!
//! A program of its own, since it links a database engine and a TLS server. Progress goes to standard
//! error, results to standard output. Exit status: 0 measured, and within the budgets; 1 a failure or
//! over a budget; 2 a command line that cannot be understood.

#[macro_use]
extern crate users_support;

mod budgets;
mod bundles;
mod callgrind;
mod cases;
mod cpu;
mod endpoint;
mod engine;
mod events;
mod function;
mod http;
mod measure;
mod memory;
mod report;
mod runtime_api;
mod samples;
mod stats;
mod usage;
mod world;

use anyhow::{Context, Result, ensure};
use budgets::Budgets;
use bundles::Programs;
use clap::Parser;
use cpu::Cpu;
use measure::{Effort, Lab};
use report::Report;
use std::path::PathBuf;
use std::process::ExitCode;

/// Measures the functions: sizes, times, memory and AWS usage.
#[derive(Debug, Parser)]
#[command(
    bin_name = "cargo xtask bench",
    version,
    after_help = "\
Compare the ratios to the floor programs of the same run, not milliseconds, since machines differ \
and are busy. Times are without those of the backend.

Exit status: 0 measured (and within the budgets), 1 a failure or over a budget, 2 for a command \
line that cannot be understood."
)]
struct Arguments {
    /// The folder of the functions' archives. Default: they are built for this machine, with
    /// --budgets as by `cargo xtask build`.
    #[arg(long, value_name = "DIR")]
    bundles: PathBuf,
    /// The folder of the floors' archives. Default: they are built for this machine.
    #[arg(long, value_name = "DIR")]
    floors: Option<PathBuf>,
    /// Only compare sizes, calls of AWS and instructions with the budgets.
    #[arg(long)]
    budgets: bool,
    /// With --budgets: replace the budgets with the new figures.
    #[arg(long, requires = "budgets")]
    accept: bool,
    /// With --budgets: keep callgrind's profiles in this folder.
    #[arg(long, value_name = "DIR", requires = "budgets")]
    profiles: Option<PathBuf>,
    /// Measure times, or with --memory memory, of this case only, such as `list`; may be repeated.
    #[arg(long, value_name = "CASE", value_parser = cases::timed_names(),
        conflicts_with = "budgets")]
    only: Vec<String>,
    /// Only compare the memory of each function after 50,000 and after more invocations. Fails when
    /// it grew by three quarters of a byte an invocation, or by 1 MiB in all.
    #[arg(long, conflicts_with = "budgets")]
    memory: bool,
    /// With --memory: successful invocations of each function.
    #[arg(long, value_name = "N", requires = "memory", default_value_t = 1_000_000,
        value_parser = clap::value_parser!(u64).range(100_000..))]
    invocations: u64,
    /// Processes of each function and CPU setting.
    #[arg(long, default_value_t = 20)]
    rounds: usize,
    /// Warm invocations of each process.
    #[arg(long, default_value_t = 50)]
    warm: usize,
    /// `json` prints the run as one JSON document.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum Output {
    Text,
    Json,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<ExitCode> {
    let stages = users_template::files::stages(None)?;
    let stage = stages.values().next().context("stages.toml has no stage")?;
    let template = serde_json::from_str(&users_template::render_template(stage))?;
    let folder = tempfile::tempdir().context("cannot create a folder for the programs")?;
    let mut programs = Programs::default();
    programs.add(&arguments.bundles, folder.path())?;
    if let Some(floors) = &arguments.floors {
        programs.add(floors, folder.path())?;
    }
    let is_timed = !arguments.budgets && !arguments.memory;
    let effort =
        Effort { rounds: if is_timed { arguments.rounds } else { 0 }, warm: arguments.warm };
    let mut lab = Lab::new(programs, &template, effort, folder.path())?;
    if arguments.budgets {
        return hold_budgets(&mut lab, arguments);
    }
    if arguments.memory {
        return measure_memory(&lab, arguments);
    }
    let report = measure(&mut lab, arguments, effort)?;
    match arguments.output {
        Output::Text => print!("{}", report.text()),
        Output::Json => println!("{}", serde_json::to_string_pretty(&report)?),
    }
    Ok(ExitCode::SUCCESS)
}

fn measure(lab: &mut Lab, arguments: &Arguments, effort: Effort) -> Result<Report> {
    let mut report = Report {
        processors: std::thread::available_parallelism().map_or(0, usize::from),
        ..Report::default()
    };
    if arguments.only.is_empty() {
        report.archive_bytes = lab.programs.sizes();
        report.usage = lab.usage()?;
    }
    let cases = cases::timed(&arguments.only);
    report.times.insert(Cpu::Full, lab.times(Cpu::Full, &cases, effort)?);
    match lab.times(Cpu::Share256, &cases, effort) {
        Ok(times) => {
            report.times.insert(Cpu::Share256, times);
        }
        Err(error) => report.share_left_out = Some(format!("{error:#}")),
    }
    Ok(report)
}

/// Compares memory after few and many invocations.
fn measure_memory(lab: &Lab, arguments: &Arguments) -> Result<ExitCode> {
    let cases = cases::timed(&arguments.only);
    let report = memory::measure(lab, &cases, arguments.invocations)?;
    match arguments.output {
        Output::Text => print!("{}", report.text()),
        Output::Json => println!("{}", serde_json::to_string_pretty(&report)?),
    }
    Ok(if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Compares with the budgets, or writes them. They are those of one architecture, since sizes and
/// instructions of another differ.
fn hold_budgets(lab: &mut Lab, arguments: &Arguments) -> Result<ExitCode> {
    ensure!(std::env::consts::ARCH == "x86_64", "the budgets are those of x86_64");
    let path = users_support::project::root().join("xtask").join("bench").join("budgets.toml");
    let budgets = Budgets::read(&path);
    let mut archive_bytes = lab.programs.sizes();
    archive_bytes.retain(|name, _| users_template::functions().any(|function| function == name));
    let instructions =
        callgrind::count(lab, arguments.profiles.as_deref(), |function, counted| {
            budgets.as_ref().is_ok_and(|budgets| budgets.allows(function, counted))
        })?;
    let measured = Budgets { archive_bytes, usage: lab.usage()?, instructions };
    if arguments.accept {
        measured.write(&path)?;
        println!("{} has the new figures; commit it with the reason", path.display());
        return Ok(ExitCode::SUCCESS);
    }
    let differences = budgets?.compare(&measured);
    for it in &differences {
        let verdict = if it.fails { "OVER BUDGET" } else { "less than its budget" };
        println!("{verdict}: {}", it.text);
    }
    if differences.iter().any(|it| it.fails) {
        println!(
            "Find the cause of the rise. If it is justified, run `cargo xtask bench --budgets \
             --accept` and commit {} with the reason.",
            path.display()
        );
        return Ok(ExitCode::FAILURE);
    }
    println!("within the budgets");
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::Arguments;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }
}
