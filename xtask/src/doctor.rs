//! `cargo xtask doctor`: checks the requirements of the other commands, and names the remedies. It must
//! work when little else does, so this program does everything itself except for asking AWS.

mod account;
mod machine;
mod project;

use anyhow::{Context, Result};
use serde::Serialize;
use std::fmt::Write as _;
use std::process::ExitCode;
use xtask_cli::Output;
use xtask_cli::doctor::{Check, State};

/// Arguments of `doctor`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
✓ as required, ! worth a look, ✗ missing, - could not be checked. The remedy follows below.
AWS is asked with --stage, or when there are signs of credentials.

Exit status: 0 nothing required is missing, 1 something is, 2 for a command line that
cannot be understood.")]
pub(crate) struct Arguments {
    /// The stage to deploy: its architecture, account and Region are checked, and credentials are
    /// required. Default: all stages, without credentials.
    #[arg(long, value_name = "NAME")]
    stage: Option<String>,
    /// `json` prints the checks as one JSON document on standard output.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// All checks.
#[derive(Debug, Serialize)]
struct Report {
    ok: bool,
    checks: Vec<Check>,
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
        0 => writeln!(text, "Nothing required is missing."),
        1 => writeln!(text, "1 requirement is missing."),
        number => writeln!(text, "{number} requirements are missing."),
    };
    text
}

#[cfg(test)]
mod tests {
    use super::{Check, Report, State, text};

    #[test]
    fn each_check_is_a_line_with_the_remedy_below() {
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
             1 requirement is missing.\n"
        );
    }
}
