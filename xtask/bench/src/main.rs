//! `cargo xtask bench`: the functions against floor binaries in the same run, and against budgets.
//!
//! A program of its own because it brings a database engine and a TLS server. Progress goes to
//! standard error, results to standard output. Exit status: 0 measured, and within the budgets when
//! asked; 1 a failure or over a budget; 2 a command line that cannot be understood.

#[macro_use]
extern crate users_support;

mod budgets;
mod bundles;
mod callgrind;
mod cpu;
mod endpoint;
mod engine;
mod instance;
mod measure;
mod memory;
mod pages;
mod report;
mod scenario;
mod stack;
mod stats;
mod telemetry;

use anyhow::{Context, Result, ensure};
use budgets::{Budgets, Tolerance};
use bundles::Programs;
use clap::Parser;
use cpu::Cpu;
use endpoint::Endpoint;
use measure::{Effort, Lab};
use report::Report;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use users_template::Stage;

/// Measures the functions: sizes, times, memory, what they ask of AWS.
#[derive(Debug, Parser)]
#[command(
    bin_name = "cargo xtask bench",
    version,
    after_help = "\
Times are ratios to floor binaries in the same run, since machines differ and are busy; compare \
them, not milliseconds. What the backend takes is measured at its endpoint and left out.

Exit status: 0 measured (and within the budgets), 1 a failure or over a budget, 2 for a command \
line that cannot be understood."
)]
struct Arguments {
    /// The folder of the functions' archives. Default: they are built for this machine, with
    /// --budgets as by `cargo xtask build`.
    #[arg(long, value_name = "DIR", required_unless_present = "keep_bytes")]
    bundles: Option<PathBuf>,
    /// The folder of the floors' archives. Default: they are built for this machine.
    #[arg(long, value_name = "DIR")]
    floors: Option<PathBuf>,
    /// Only compare sizes, calls of AWS and instructions with the budgets.
    #[arg(long)]
    budgets: bool,
    /// With --budgets: take what is measured for the budgets from now on.
    #[arg(long, requires = "budgets")]
    accept: bool,
    /// With --budgets: keep callgrind's profiles in this folder.
    #[arg(long, value_name = "DIR", requires = "budgets")]
    profiles: Option<PathBuf>,
    /// Also measure pages among a million users.
    #[arg(long)]
    large: bool,
    /// Measure times only: no pages, no local stack, no commands.
    #[arg(long)]
    times_only: bool,
    /// Measure times, or with --memory memory, of this case only, such as `list`; may be repeated.
    #[arg(long, value_name = "CASE", value_parser = scenario::timed_names(),
        conflicts_with_all = ["budgets", "telemetry"])]
    only: Vec<String>,
    /// Measure only what logs, metrics and traces cost.
    #[arg(long, conflicts_with_all = ["budgets", "times_only"])]
    telemetry: bool,
    /// Only compare the memory of each function after 50,000 and after more invocations. Fails when
    /// three quarters of a byte were kept of each, or 1 MiB in all.
    #[arg(long, conflicts_with_all = ["budgets", "telemetry", "times_only", "compare"])]
    memory: bool,
    /// With --memory: successful invocations of each function.
    #[arg(long, value_name = "N", requires = "memory", default_value_t = 1_000_000,
        value_parser = clap::value_parser!(u64).range(100_000..))]
    invocations: u64,
    /// Be a function that keeps so many bytes of each invocation, for --memory to find.
    #[arg(long, value_name = "N", hide = true, exclusive = true)]
    keep_bytes: Option<usize>,
    /// Processes of each function and CPU setting.
    #[arg(long, default_value_t = 20)]
    rounds: usize,
    /// Warm invocations of each process.
    #[arg(long, default_value_t = 50)]
    warm: usize,
    /// A saved run (`--output json`) to compare with.
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
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
    users_support::tied::guard_if_asked();
    let arguments = Arguments::parse();
    if let Some(bytes) = arguments.keep_bytes {
        // It ends with the Runtime API.
        let _ = memory::keeper::serve(bytes);
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Runtime::new().context("cannot start");
    match runtime.and_then(|runtime| runtime.block_on(run(&arguments))) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let earlier = arguments.compare.as_deref().map(saved).transpose()?;
    let stage = stage()?;
    let template = serde_json::from_str(&users_template::render_template(&stage))?;
    let folder = tempfile::tempdir().context("cannot make a folder for the programs")?;
    let mut programs = Programs::default();
    let bundles = arguments.bundles.as_deref().context("--bundles says where the functions are")?;
    programs.add(bundles, folder.path())?;
    if let Some(floors) = &arguments.floors {
        programs.add(floors, folder.path())?;
    }
    let roots = folder.path().join("roots.pem");
    let endpoint = Endpoint::start(&roots).await?;
    let effort = Effort { rounds: arguments.rounds, warm: arguments.warm };
    let mut lab = Lab::new(programs, endpoint, roots, &template, effort).await?;
    if arguments.budgets {
        return hold(&mut lab, arguments).await;
    }
    if arguments.memory {
        return remember(&mut lab, arguments).await;
    }

    let report = measured(&mut lab, arguments, effort, &stage, &template).await?;
    match arguments.output {
        Output::Text => print!("{}", report.text(earlier.as_ref())),
        Output::Json => println!("{}", serde_json::to_string_pretty(&report)?),
    }
    Ok(ExitCode::SUCCESS)
}

/// Measures what is asked for.
async fn measured(
    lab: &mut Lab,
    arguments: &Arguments,
    effort: Effort,
    stage: &Stage,
    template: &serde_json::Value,
) -> Result<Report> {
    let mut report = Report {
        processors: std::thread::available_parallelism().map_or(0, usize::from),
        ..Report::default()
    };
    if arguments.only.is_empty() {
        report.telling = telemetry::measure(lab).await?;
        if arguments.telemetry {
            return Ok(report);
        }
        report.archive_bytes = lab.programs.sizes();
        report.asks = lab.asked().await?;
    }
    let cases = scenario::timed(&arguments.only);
    report.times.insert(Cpu::Full, lab.times(Cpu::Full, &cases, effort).await?);
    match lab.times(Cpu::Share256, &cases, effort).await {
        Ok(times) => {
            report.times.insert(Cpu::Share256, times);
        }
        Err(error) => report.share_left_out = Some(format!("{error:#}")),
    }
    if !arguments.times_only && arguments.only.is_empty() {
        let users = [1_000, 100_000, 1_000_000];
        let users = &users[..if arguments.large { 3 } else { 2 }];
        report.pages = pages::measure(lab, template, users).await?;
        let (root, target) = (users_support::project::root(), target()?);
        report.reads_per_second = Some(stack::reads_per_second(&root, &target, stage).await?);
        report.command_ms = stack::command_times(&root, &target)?;
    }
    Ok(report)
}

/// Compares memory after few and many invocations.
async fn remember(lab: &mut Lab, arguments: &Arguments) -> Result<ExitCode> {
    let mut cases = scenario::timed(&arguments.only);
    cases.retain(|case| case.kind != scenario::Kind::Floor);
    let report = memory::measure(lab, &cases, arguments.invocations).await?;
    match arguments.output {
        Output::Text => print!("{}", report.text()),
        Output::Json => println!("{}", serde_json::to_string_pretty(&report)?),
    }
    Ok(if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Compares with the budgets, or writes them. They are those of one architecture, since sizes and
/// instructions of another differ.
async fn hold(lab: &mut Lab, arguments: &Arguments) -> Result<ExitCode> {
    ensure!(std::env::consts::ARCH == "x86_64", "the budgets are those of x86_64");
    let path = users_support::project::root().join("xtask").join("bench").join("budgets.toml");
    let known = Budgets::read(&path);
    let mut archive_bytes = lab.programs.sizes();
    archive_bytes.retain(|name, _| users_template::functions().any(|function| function == name));
    let instructions = callgrind::count(lab, arguments.profiles.as_deref(), |function, counted| {
        known.as_ref().is_ok_and(|known| known.allows(function, counted))
    })
    .await?;
    let measured = Budgets {
        tolerance: known.as_ref().map_or_else(|_| Tolerance::default(), |known| known.tolerance),
        archive_bytes,
        asks: lab.asked().await?,
        instructions,
    };
    if arguments.accept {
        measured.write(&path)?;
        println!("{} says what was measured; commit it with the reason", path.display());
        return Ok(ExitCode::SUCCESS);
    }
    let differences = known?.compare(&measured);
    for it in &differences {
        let verdict = if it.fails() { "OVER BUDGET" } else { "less than its budget" };
        println!("{verdict}: {}", it.text());
    }
    if differences.iter().any(budgets::Difference::fails) {
        println!(
            "Find what made it rise. If it is worth that, run `cargo xtask bench --budgets --accept` \
             and commit {} with the reason.",
            path.display()
        );
        return Ok(ExitCode::FAILURE);
    }
    println!("within the budgets");
    Ok(ExitCode::SUCCESS)
}

fn saved(path: &Path) -> Result<Report> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no saved run", path.display()))
}

/// The stage that is deployed for users, whose template has the tables.
fn stage() -> Result<Stage> {
    users_template::files::stages(None)?.into_values().next().context("stages.toml has no stage")
}

/// The target directory: this program is in `<target>/<profile>/users-bench`.
fn target() -> Result<PathBuf> {
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let target = program.ancestors().nth(2).map(Path::to_path_buf);
    target.context("this program is not in a target directory")
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
