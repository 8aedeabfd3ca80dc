//! The checks of the AWS account. `users-aws` makes them, and has to be compiled first.

use crate::cargo;
use anyhow::{Context, Result, bail};
use std::path::Path;
use xtask_cli::doctor::{Check, State};

const NAME: &str = "AWS";

/// Variables that are signs of credentials.
const VARIABLES: &[&str] = &[
    "AWS_ACCESS_KEY_ID",
    "AWS_CONFIG_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_PROFILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
];

/// The checks of `users-aws`, or the reason why it was not run.
pub(super) fn checks(stage: Option<&str>, can_build: bool) -> Vec<Check> {
    if stage.is_none() && !has_signs() {
        let detail = "not checked: no sign of credentials; only deployed stages need them";
        let fix = "cargo xtask doctor --stage <name>";
        return vec![Check::of(State::Unchecked, NAME, detail, fix)];
    }
    if !can_build {
        let detail = "not checked: what asks AWS cannot be compiled without the tools above";
        return vec![Check::of(State::Unchecked, NAME, detail, "install them first")];
    }
    match ask(stage) {
        Ok(mut checks) => {
            // Nothing is required for a deployment when no stage is named.
            for check in checks.iter_mut().filter(|_| stage.is_none()) {
                if check.state == State::Missing {
                    check.state = State::Warning;
                }
            }
            checks
        }
        Err(error) => {
            let state = if stage.is_some() { State::Missing } else { State::Unchecked };
            let fix = "cargo run --package users-aws -- doctor-account, to see why";
            vec![Check::of(state, NAME, format!("not checked: {error:#}"), fix)]
        }
    }
}

/// Whether there are signs of credentials.
fn has_signs() -> bool {
    let home = ["HOME", "USERPROFILE"].into_iter().find_map(std::env::var_os);
    VARIABLES.iter().any(|name| std::env::var_os(name).is_some())
        || home.is_some_and(|home| {
            let directory = Path::new(&home).join(".aws");
            ["config", "credentials"].iter().any(|file| directory.join(file).is_file())
        })
}

fn ask(stage: Option<&str>) -> Result<Vec<Check>> {
    eprintln!("Asking AWS; the program for it takes minutes to compile the first time ...");
    let mut command = cargo::program("users-aws");
    command.arg("doctor-account");
    if let Some(stage) = stage {
        command.args(["--stage", stage]);
    }
    let output = cargo::output(&mut command)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{}", said.trim().trim_start_matches("error: "));
    }
    serde_json::from_slice(&output.stdout).context("the output of users-aws cannot be read")
}
