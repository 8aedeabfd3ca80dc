//! `cargo xtask logs`: of the local stack here, of a deployed stage by `users-aws`.

use crate::delegate;
use crate::running::{Address, Running};
use crate::screen;
use anyhow::{Context, Result};
use clap::Parser;
use serde_json::{Value, json};
use std::process::ExitCode;
use users_support::log_line::Row;

/// Lines asked for at once.
const PAGE: usize = 1000;
/// How long the stack may wait for a line before it answers, in seconds.
const WAIT_SECONDS: usize = 25;

/// Options of `logs --stage local`, which are those of a deployed stage as far as they mean
/// something here.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask logs",
    bin_name = "cargo xtask logs",
    after_help = "\
With --correlation-id, the access log line of the call and lines that do not know the id themselves, \
such as those of a crash, are shown too.

Other stages have more options: `cargo xtask logs --help`."
)]
struct Arguments {
    /// The local stack.
    #[arg(long, value_parser = ["local"])]
    stage: String,
    /// Go on with new lines as they arrive, until Ctrl-C.
    #[arg(long)]
    follow: bool,
    /// Only what belongs to calls with this correlation id.
    #[arg(long, value_name = "ID", conflicts_with = "errors")]
    correlation_id: Option<String>,
    /// Only this function (`users-profile-get`), and nothing of the API. May be repeated.
    #[arg(long, value_name = "NAME")]
    function: Vec<String>,
    /// How far back: a duration (`15m`, `2h`, `1d`) or a time (`2026-11-22T10:00:00Z`). The stack
    /// keeps the last 5000 lines.
    #[arg(long, value_name = "WHEN", default_value = "1h")]
    since: String,
    /// Only warnings and errors of functions, and answers with 5xx.
    #[arg(long)]
    errors: bool,
    /// `json` prints each event as it is, with its log group, as one line of JSON.
    #[arg(long, value_enum, default_value_t)]
    output: screen::Output,
    #[command(flatten)]
    address: Address,
}

pub(crate) fn run(given: &delegate::Arguments) -> Result<ExitCode> {
    if given.value_of("--stage").as_deref() != Some("local") {
        return delegate::aws("logs", given);
    }
    let words = std::iter::once("cargo xtask logs".into()).chain(given.words().iter().cloned());
    let arguments = Arguments::parse_from(words);
    let running = arguments.address.running()?;
    screen::block_on(async {
        let printing = print_all(&arguments, &running);
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

/// Prints lines until there are no more, or for ever.
async fn print_all(arguments: &Arguments, running: &Running) -> Result<()> {
    let mut after = 0;
    let mut started = Value::Null;
    let mut any = false;
    loop {
        let page = running.get("/logs", &arguments.parameters(after)).await?;
        if started != page["started"] {
            // Another run of the stack, whose numbers begin anew.
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
            if screen::line(&arguments.line(item)?)?.is_break() {
                return Ok(());
            }
        }
        after = page["next"].as_u64().context("the stack does not say where to go on")?;
        if !arguments.follow && items.len() < PAGE {
            if !any {
                eprintln!("No such log lines since {}.", arguments.since);
            }
            return Ok(());
        }
    }
}

impl Arguments {
    fn parameters(&self, after: u64) -> Vec<(&'static str, String)> {
        let wait = if self.follow { WAIT_SECONDS } else { 0 };
        let mut parameters = vec![
            ("after", after.to_string()),
            ("limit", PAGE.to_string()),
            ("since", self.since.clone()),
            ("errors", self.errors.to_string()),
            ("wait", wait.to_string()),
        ];
        parameters.extend(self.function.iter().map(|name| ("source", name.clone())));
        parameters.extend(self.correlation_id.clone().map(|id| ("correlation-id", id)));
        parameters
    }

    fn line(&self, record: &Value) -> Result<String> {
        match self.output {
            screen::Output::Text => Ok(text(record)),
            screen::Output::Json => screen::json(&json!({
                "logGroupName": record["group"],
                "logStreamName": record["stream"],
                "timestamp": record["time"],
                "ingestionTime": record["time"],
                "eventId": record["seq"].to_string(),
                "message": record["message"],
            })),
        }
    }
}

/// Width of the column of functions.
const WIDTH: usize = 21;

/// A line as that of a deployed stage is shown.
pub(crate) fn text(record: &Value) -> String {
    let of = |name: &str| record[name].as_str().unwrap_or_default();
    let (level, body) = match of("source") {
        "api" => users_support::log_line::of_access(of("message")),
        _ => users_support::log_line::of_function(of("message")),
    };
    Row { time: of("at"), level: &level, label: of("source"), body: &body }.render(WIDTH)
}

#[cfg(test)]
mod tests {
    use super::{Arguments, text};
    use clap::{CommandFactory, Parser};
    use serde_json::json;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn options_become_parameters() {
        let line = ["x", "--stage", "local", "--follow", "--function", "a", "--function", "b"];
        let parameters = Arguments::parse_from(line).parameters(7);
        for expected in [("after", "7"), ("source", "a"), ("source", "b"), ("since", "1h")] {
            let found = parameters.iter().any(|(name, value)| (*name, value.as_str()) == expected);
            assert!(found, "{expected:?}: {parameters:?}");
        }
        assert!(Arguments::try_parse_from(["x", "--stage", "dev"]).is_err());
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
