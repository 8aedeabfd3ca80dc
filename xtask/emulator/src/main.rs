//! `cargo xtask test-local --endpoint-url URL`: deploys to an emulator of AWS in the way of
//! `cargo xtask deploy`, and tests the deployed stack.
//!
//! A program of its own, so that everyday commands do not have to compile it. Progress goes to
//! standard error. Exit status: 0 passed, 1 failed, 3 when the emulator is at fault.

#[macro_use]
extern crate users_support;

mod api;
mod aws;
mod bundles;
mod deployer;
mod events;
mod localstack;
mod principals;
mod process;
mod scenario;
mod stack;
mod steps;
mod suite;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use steps::EmulatorFault;

/// Exit status when the emulator, and not this project, is at fault.
const EMULATOR_AT_FAULT: u8 = 3;

/// Deploys to an emulator of AWS and tests there.
#[derive(Debug, Parser)]
#[command(version, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Recognise the emulator at an address.
    Recognise {
        /// The address.
        #[arg(long, value_name = "URL")]
        endpoint_url: String,
    },
    /// Deploy, test and destroy.
    Test(TestArguments),
}

/// The emulator and the archives.
#[derive(Debug, clap::Args)]
struct TestArguments {
    /// The emulator's address.
    #[arg(long, value_name = "URL", required_unless_present = "localstack")]
    endpoint_url: Option<String>,
    /// Start LocalStack in Docker, and stop it afterwards.
    #[arg(long, conflicts_with = "endpoint_url")]
    localstack: bool,
    /// The directory of the functions' archives and of their manifest.json.
    #[arg(long, value_name = "DIR")]
    bundles: PathBuf,
    /// Leave the stack in place at the end.
    #[arg(long)]
    keep: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = runtime
        .context("cannot start an asynchronous runtime")
        .and_then(|runtime| runtime.block_on(run(&arguments.command)));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if let Some(fault) = error.downcast_ref::<EmulatorFault>() {
                eprintln!("\nThe emulator is at fault, not this project. {fault}");
                return ExitCode::from(EMULATOR_AT_FAULT);
            }
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: &Command) -> Result<()> {
    match command {
        Command::Recognise { endpoint_url } => {
            let emulator = users_emulator::recognise(endpoint_url).await?;
            println!("{} {}", emulator.name(), emulator.version());
            Ok(())
        }
        Command::Test(arguments) => test(arguments).await,
    }
}

async fn test(arguments: &TestArguments) -> Result<()> {
    let (bundles, keep) = (&arguments.bundles, arguments.keep);
    match &arguments.endpoint_url {
        Some(endpoint) => scenario::run(endpoint, bundles, keep).await,
        None => {
            let localstack = localstack::start(&localstack::Settings::from_env()).await?;
            let result = scenario::run(localstack.endpoint(), bundles, keep).await;
            localstack.stop(keep).await;
            result
        }
    }
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
    fn one_emulator_must_be_named() {
        let parse = |arguments: &[&str]| {
            Arguments::try_parse_from([&["x", "test", "--bundles", "b"], arguments].concat())
        };
        assert!(parse(&[]).is_err());
        assert!(parse(&["--localstack", "--endpoint-url", "http://h"]).is_err());
        assert!(parse(&["--localstack"]).is_ok());
        assert!(parse(&["--endpoint-url", "http://h", "--keep"]).is_ok());
    }
}
