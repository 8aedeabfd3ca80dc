//! `cargo xtask test`: all that can be proven without a network.

use crate::{cargo, test_local};
use anyhow::{Result, bail};

/// Arguments of `test`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Leave out the black-box tests; run them by themselves with `cargo xtask test-local`.
    #[arg(long)]
    no_local: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    cargo::run(cargo::cargo().args(["fmt", "--all", "--check"]))?;
    let stale = users_template::check_outputs(
        &users_support::project::root().join("templates"),
        &users_template::files::stages(None)?,
    )?;
    if !stale.is_empty() {
        bail!("out of date in templates/: {}; run `cargo xtask synth`", stale.join(", "));
    }
    cargo::run(
        cargo::cargo()
            .args(["clippy", "--workspace", "--all-targets", "--locked", "--"])
            .args(["--deny", "warnings"]),
    )?;
    // The black-box tests need a stack, so they have a command of their own.
    let workspace = ["--workspace", "--exclude", "users-tests", "--locked"];
    if cargo::has("nextest") {
        cargo::run(cargo::cargo().args(["nextest", "run"]).args(workspace))?;
        cargo::run(cargo::cargo().args(["test", "--doc"]).args(workspace))?;
    } else {
        cargo::run(cargo::cargo().arg("test").args(workspace))?;
    }
    // What the suite itself computes, such as the checker of invariants.
    cargo::run(cargo::cargo().args(["test", "--package", "users-tests", "--lib", "--locked"]))?;
    if !arguments.no_local {
        test_local::embedded()?;
    }
    eprintln!("All tests passed.");
    Ok(())
}
