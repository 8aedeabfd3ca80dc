//! What the project's commands ask AWS.
//!
//! A program of its own, because the SDK takes minutes to compile: `cargo xtask` builds and runs it
//! only for the commands that need AWS. Results go to standard output as JSON for the caller to
//! read, errors to standard error with exit status 1.
#![expect(clippy::print_stderr, reason = "a command line tool prints")]

mod account;
mod project;
mod resolve;
mod stack;

use anyhow::Context;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Asks AWS what `cargo xtask` needs to know.
#[derive(Debug, Parser)]
#[command(version, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print credentials, Region and, for a stage, the URL of its API as one line of JSON. The line
    /// holds secrets: read it, do not show it.
    Resolve(resolve::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = runtime.context("cannot start an asynchronous runtime").and_then(|runtime| {
        runtime.block_on(async {
            match &arguments.command {
                Command::Resolve(arguments) => resolve::run(arguments).await,
            }
        })
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
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
