//! `cargo xtask doctor`: whether everything is there that the other commands need, and what to do
//! when something is not. It has to be of use when little works, so all of it but the questions to
//! AWS is answered by this program alone.

mod account;
mod machine;
mod project;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::process::ExitCode;

/// Arguments of `doctor`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
✓ as it has to be, ! worth a look, ✗ missing, - could not be checked. Below each stands what to do.
AWS is asked when --stage is given or there are signs of credentials.

Exit status: 0 nothing that is required is missing, 1 something is, 2 for a command line that
cannot be understood.")]
pub(crate) struct Arguments {
    /// The stage that is going to be deployed: its architecture, account and Region count, and
    /// credentials are required. Default: all stages, and no credentials needed.
    #[arg(long, value_name = "NAME")]
    stage: Option<String>,
    /// `json` prints the checks as one JSON document on standard output.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum Output {
    Text,
    Json,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
struct Check {
    name: String,
    state: State,
    detail: String,
    /// What to do: a command where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
enum State {
    /// As it has to be.
    Ok,
    /// Worth a look, or only needed for some commands.
    Warning,
    /// Required, and not there.
    Missing,
    /// Something else has to be there first.
    Unchecked,
}

/// All that was looked at.
#[derive(Debug, Serialize)]
struct Report {
    ok: bool,
    checks: Vec<Check>,
}

impl Check {
    fn ok(name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { name: name.into(), state: State::Ok, detail: detail.into(), fix: None }
    }

    fn of(
        state: State,
        name: impl Into<String>,
        detail: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { name: name.into(), state, detail: detail.into(), fix: Some(fix.into()) }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let (stages, mut found) = project::stages(arguments.stage.as_deref());
    let mut checks = machine::checks(&stages);
    checks.append(&mut found);
    checks.extend(project::templates());
    let can_build = !checks.iter().any(|check| {
        machine::NEEDED_TO_COMPILE.contains(&check.name.as_str()) && check.state == State::Missing
    });
    checks.extend(account::checks(arguments.stage.as_deref(), can_build));
    checks.extend(machine::optional());
    let ok = !checks.iter().any(|check| check.state == State::Missing);
    let report = Report { ok, checks };
    let printed = match arguments.output {
        Output::Text => text(&report),
        Output::Json => serde_json::to_string(&report).context("cannot write JSON")? + "\n",
    };
    print!("{printed}");
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn text(report: &Report) -> String {
    let width = report.checks.iter().map(|check| check.name.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for Check { name, state, detail, fix } in &report.checks {
        let mark = match state {
            State::Ok => '✓',
            State::Warning => '!',
            State::Missing => '✗',
            State::Unchecked => '-',
        };
        let detail = detail.replace('\n', "\n    ");
        let _ = writeln!(text, "{mark} {name:width$}  {detail}");
        if let Some(fix) = fix {
            let _ = writeln!(text, "    {}", fix.replace('\n', "\n    "));
        }
    }
    let missing = report.checks.iter().filter(|check| check.state == State::Missing).count();
    let _ = match missing {
        0 => writeln!(text, "Nothing that is required is missing."),
        1 => writeln!(text, "1 thing that is required is missing."),
        number => writeln!(text, "{number} things that are required are missing."),
    };
    text
}

#[cfg(test)]
mod tests {
    use super::{Check, Report, State, text};

    #[test]
    fn each_check_is_a_line_with_what_to_do_below() {
        let checks = vec![
            Check::ok("Rust", "1.95.0"),
            Check::of(State::Missing, "cargo-lambda", "not found", "cargo install cargo-lambda"),
            Check::of(State::Warning, "Docker", "not found", "one\ntwo"),
            Check { fix: None, ..Check::of(State::Unchecked, "AWS", "no compiler", "") },
        ];
        assert_eq!(
            text(&Report { ok: false, checks }),
            "✓ Rust          1.95.0\n\
             ✗ cargo-lambda  not found\n    cargo install cargo-lambda\n\
             ! Docker        not found\n    one\n    two\n\
             - AWS           no compiler\n\
             1 thing that is required is missing.\n"
        );
    }
}
