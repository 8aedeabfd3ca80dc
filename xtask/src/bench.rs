//! `cargo xtask bench`: builds and packs the functions and the floor, then runs `users-bench`, which defines
//! the options.
//!
//! Both are built for this machine in the same way, which needs only cargo. Budgets apply to deployed
//! archives, so they need those of `cargo xtask build`.

use crate::{build, cargo, delegate, project};
use anyhow::Result;
use std::path::PathBuf;
use std::process::ExitCode;
use users_template::Architecture;

/// The program that the functions are compared with.
const FLOOR: &str = "floor-get-item";

pub(crate) fn run(arguments: &delegate::Arguments) -> Result<ExitCode> {
    let holds_budgets = arguments.has("--budgets");
    let is_timed = !holds_budgets && !arguments.has("--memory");
    // Optimised only for times, which include those of its DynamoDB endpoint. CI counts instead, and
    // has everything compiled without optimisations already.
    let options: &[&str] = if is_timed { &["--release"] } else { &[] };
    let mut command = delegate::program("users-bench", options)?;
    command.args(arguments.words());
    if arguments.ask_for_help() {
        return delegate::exec(command);
    }
    let architecture = build::this_machine()?;
    let target = project::target()?;
    if !arguments.has("--bundles") {
        let bundles = if holds_budgets {
            build::build(architecture)?;
            build::directory(architecture)?
        } else {
            let functions = programs("users-functions", users_template::functions())?;
            packed(architecture, functions, target.join("bench").join("functions"))?
        };
        command.arg("--bundles").arg(bundles);
    }
    // Only times are compared with the floor.
    if is_timed && !arguments.has("--floors") {
        let floors = programs("users-floor", std::iter::once(FLOOR))?;
        let floors = packed(architecture, floors, target.join("bench").join("floors"))?;
        command.arg("--floors").arg(floors);
    }
    delegate::exec(command)
}

/// Builds a package alone, so that it has only its own features, and finds its programs.
fn programs(
    package: &str,
    names: impl Iterator<Item = &'static str>,
) -> Result<Vec<(&'static str, PathBuf)>> {
    cargo::run(cargo::cargo().args(["build", "--release", "--locked", "--package", package]))?;
    let directory = project::target()?.join("release");
    Ok(names.map(|name| (name, directory.join(name))).collect())
}

/// Packs programs in the way of a deployment.
fn packed(
    architecture: Architecture,
    programs: Vec<(&'static str, PathBuf)>,
    directory: PathBuf,
) -> Result<PathBuf> {
    build::pack(architecture, programs.into_iter(), &directory)?;
    Ok(directory)
}
