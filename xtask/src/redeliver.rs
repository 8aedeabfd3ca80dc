//! `cargo xtask redeliver`: `users-aws` does it, for the local stack over the same calls of AWS.

use crate::delegate;
use crate::running::Address;
use crate::screen;
use anyhow::Result;
use clap::Parser;
use std::process::ExitCode;

/// Options of `redeliver --stage local`.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask redeliver", bin_name = "cargo xtask redeliver")]
struct Arguments {
    /// The local stack.
    #[arg(long, value_parser = ["local"])]
    stage: String,
    /// Only show what would be sent.
    #[arg(long)]
    dry_run: bool,
    /// `json` prints one JSON document.
    #[arg(long, value_enum, default_value_t)]
    output: screen::Output,
    #[command(flatten)]
    address: Address,
}

pub(crate) fn run(given: &delegate::Arguments) -> Result<ExitCode> {
    if given.value_of("--stage").as_deref() != Some("local") {
        return delegate::aws("redeliver", given);
    }
    let words = std::iter::once("cargo xtask redeliver".into());
    let arguments = Arguments::parse_from(words.chain(given.words().iter().cloned()));
    let running = arguments.address.running()?;
    let place = screen::block_on(running.get("/aws", &[]))?;
    let mut command = delegate::command("users-aws", &[])?;
    command.args(["redeliver", "--stage", "local"]);
    // It holds a secret, and arguments can be seen by everybody.
    command.env("USERS_LOCAL_AWS", place.to_string());
    if arguments.dry_run {
        command.arg("--dry-run");
    }
    if arguments.output == screen::Output::Json {
        command.args(["--output", "json"]);
    }
    delegate::finish(command)
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
