//! `cargo xtask test`: all checks that need no network.

use crate::{cargo, test_local};
use anyhow::{Result, bail};

/// Arguments of `test`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Leave out the black-box tests; `cargo xtask test-local` runs them alone.
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
    // The black-box tests need a stack and run last.
    let workspace = ["--workspace", "--exclude", "users-tests", "--locked"];
    if cargo::has("nextest") {
        cargo::run(cargo::cargo().args(["nextest", "run"]).args(workspace))?;
        cargo::run(cargo::cargo().args(["test", "--doc"]).args(workspace))?;
    } else {
        cargo::run(cargo::cargo().arg("test").args(workspace))?;
    }
    // The unit tests of the suite, such as those of the checker of invariants.
    cargo::run(cargo::cargo().args(["test", "--package", "users-tests", "--lib", "--locked"]))?;
    if !arguments.no_local {
        test_local::embedded()?;
    }
    eprintln!("All tests passed.");
    Ok(())
}
