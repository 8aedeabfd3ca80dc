//! The project's own commands. `cargo xtask --help` lists them.
//!
//! Results go to standard output, progress to standard error, and the exit status means something:
//! 0 success, 1 failure, 2 a command line that cannot be understood; `call` has more.

#[macro_use]
extern crate users_support;

mod bench;
mod build;
mod call;
mod cargo;
mod check;
mod cost;
mod delegate;
mod doctor;
mod local;
mod logs;
mod project;
mod running;
mod screen;
mod stage;
mod synth;
mod test;
mod test_faults;
mod test_local;
mod tools;
mod trace;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Build, run, test and deploy the user management service.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the whole service on this machine: the real functions behind the generated template.
    Local(local::Arguments),
    /// Make a signed call to the local stack, a deployed stage or any URL.
    Call(call::Arguments),
    /// Run everything that needs no network: format, lints, all tests, drift, then `test-local`.
    Test(test::Arguments),
    /// Run the black-box tests at a local stack of their own, or deploy to an emulator and test it.
    TestLocal(test_local::Arguments),
    /// Hold a mixed load on a local stack of its own, and check the data afterwards.
    TestLoad(delegate::Arguments),
    /// Prove by faults that requests take effect once and nothing is lost.
    TestFaults(delegate::Arguments),
    /// Compile the functions for Lambda and pack them, the same bytes for the same source.
    Build(build::Arguments),
    /// Measure the functions against floor binaries, or hold them to their budgets.
    Bench(delegate::Arguments),
    /// Estimate the cost of a month from measured units, memory and times.
    Cost(cost::Arguments),
    /// Check the templates against the project's policy rules.
    Check(check::Arguments),
    #[command(flatten)]
    Stage(xtask_cli::aws::Command),
    /// Show the trace, audit entry, event and log lines of a call to the local stack.
    Trace(trace::Arguments),
    /// Check tools, project and AWS account, and name the remedy for each problem.
    Doctor(doctor::Arguments),
    /// Generate the CloudFormation templates and the OpenAPI document into `templates/`.
    Synth(synth::Arguments),
}

fn main() -> ExitCode {
    users_support::tied::guard_if_asked();
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Command::Local(arguments) => local::run(&arguments),
        Command::Call(arguments) => call::run(&arguments),
        Command::Test(arguments) => test::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::TestLocal(arguments) => test_local::run(&arguments),
        Command::TestLoad(arguments) => test_faults::load(&arguments),
        Command::TestFaults(arguments) => test_faults::run(&arguments),
        Command::Build(arguments) => build::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Cost(arguments) => cost::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Check(arguments) => check::run(&arguments),
        Command::Stage(command) => stage::run(&command),
        Command::Trace(arguments) => trace::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Synth(arguments) => synth::run(&arguments).map(|()| ExitCode::SUCCESS),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
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
