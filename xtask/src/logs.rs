//! `cargo xtask logs --stage local`: the log lines of the local stack.

use crate::running::{Running, running};
use crate::screen;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::process::ExitCode;
use users_support::log_line::{self, Row};
use xtask_cli::Output;
use xtask_cli::aws::Logs;

/// Lines of one request.
const PAGE: usize = 1000;
/// How long the stack waits for a line before it answers, in seconds.
const WAIT_SECONDS: usize = 25;

pub(crate) fn run(arguments: &Logs) -> Result<ExitCode> {
    let running = running(&arguments.address)?;
    screen::block_on(async {
        let printing = print_all(arguments, &running);
        if !arguments.follow {
            return printing.await;
        }
        tokio::select! {
            result = printing => result,
            // Without a handler Ctrl-C ends the process anyway.
            Ok(()) = tokio::signal::ctrl_c() => Ok(()),
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Prints all lines; with --follow, also new ones until the reader goes.
async fn print_all(arguments: &Logs, running: &Running) -> Result<()> {
    let mut after = 0;
    let mut started = Value::Null;
    let mut any = false;
    loop {
        let page = running.get("/logs", &parameters(arguments, after)).await?;
        if started != page["started"] {
            // The stack was restarted, and its numbers begin again.
            let again = after > 0 && !started.is_null();
            started = page["started"].clone();
            if again {
                after = 0;
                continue;
            }
        }
        let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        for item in items {
            any = true;
            if screen::line(&line(arguments.output, item)?)?.is_break() {
                return Ok(());
            }
        }
        after = page["next"].as_u64().context("the stack names no next line")?;
        if !arguments.follow && items.len() < PAGE {
            if !any {
                eprintln!("No such log lines since {}.", arguments.since);
            }
            return Ok(());
        }
    }
}

fn parameters(arguments: &Logs, after: u64) -> Vec<(&'static str, String)> {
    let wait = if arguments.follow { WAIT_SECONDS } else { 0 };
    let mut parameters = vec![
        ("after", after.to_string()),
        ("limit", PAGE.to_string()),
        ("since", arguments.since.clone()),
        ("errors", arguments.errors.to_string()),
        ("wait", wait.to_string()),
    ];
    parameters.extend(arguments.function.iter().map(|name| ("source", name.clone())));
    parameters.extend(arguments.correlation_id.clone().map(|id| ("correlation-id", id)));
    parameters
}

fn line(output: Output, record: &Value) -> Result<String> {
    match output {
        Output::Text => Ok(text(record)),
        Output::Json => screen::json(&json!({
            "logGroupName": record["group"],
            "logStreamName": record["stream"],
            "timestamp": record["time"],
            "ingestionTime": record["time"],
            "eventId": record["seq"].to_string(),
            "message": record["message"],
        })),
    }
}

/// Width of the column of functions.
const WIDTH: usize = 21;

/// A line in the form of a deployed stage's.
pub(crate) fn text(record: &Value) -> String {
    let of = |name: &str| record[name].as_str().unwrap_or_default();
    let (level, body) = match of("source") {
        "api" => log_line::of_access(of("message")),
        _ => log_line::of_function(of("message")),
    };
    Row { time: of("at"), level: &level, label: of("source"), body: &body }.render(WIDTH)
}

#[cfg(test)]
mod tests {
    use super::{Logs, parameters, text};
    use clap::Parser;
    use serde_json::json;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Logs,
    }

    #[test]
    fn options_become_parameters() {
        let line = ["x", "--stage", "local", "--follow", "--function", "a", "--function", "b"];
        let parameters = parameters(&Line::parse_from(line).arguments, 7);
        for expected in [("after", "7"), ("source", "a"), ("source", "b"), ("since", "1h")] {
            let found = parameters.iter().any(|(name, value)| (*name, value.as_str()) == expected);
            assert!(found, "{expected:?}: {parameters:?}");
        }
    }

    #[test]
    fn lines_look_like_those_of_a_deployed_stage() {
        let record = json!({
            "at": "2026-11-22T10:00:00.007Z", "source": "users-profile-get",
            "message": r#"{"level":"INFO","message":"invocation","status":200}"#
        });
        let line = anstream::adapter::strip_str(&text(&record)).to_string();
        assert_eq!(
            line,
            "2026-11-22T10:00:00.007Z INFO  users-profile-get     invocation status=200"
        );
    }
}
