//! Log events as text and JSON.

use super::read::Event;
use super::select::{Group, Kind};
use anyhow::{Context, Result};
use jiff::Timestamp;
use serde::Serialize;
use std::io::{ErrorKind, Write};
use std::ops::ControlFlow;
use users_support::log_line::Row;
use xtask_cli::Output;

/// Prints events on standard output.
#[derive(Debug)]
pub(super) struct Printer {
    output: Output,
    /// Width of the column of labels.
    width: usize,
    used: bool,
}

impl Printer {
    pub(super) fn new(output: Output, groups: &[Group]) -> Self {
        let width = groups.iter().map(|group| group.label.len()).max().unwrap_or(0);
        Self { output, width, used: false }
    }

    /// Whether nothing was printed.
    pub(super) fn is_unused(&self) -> bool {
        !self.used
    }

    /// Prints an event; breaks when the reader has gone.
    pub(super) fn print(&mut self, event: &Event) -> Result<ControlFlow<()>> {
        self.used = true;
        let line = match self.output {
            Output::Text => text(event, self.width),
            Output::Json => json(event)?,
        };
        let mut stream = anstream::stdout().lock();
        match writeln!(stream, "{line}") {
            Ok(()) => Ok(ControlFlow::Continue(())),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
            Err(error) => Err(error).context("cannot write to standard output"),
        }
    }
}

/// An event as AWS gives it, with its group.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonEvent<'a> {
    log_group_name: &'a str,
    log_stream_name: Option<&'a str>,
    timestamp: Option<i64>,
    ingestion_time: Option<i64>,
    event_id: Option<&'a str>,
    message: Option<&'a str>,
}

fn json(Event { group, event }: &Event) -> Result<String> {
    let event = JsonEvent {
        log_group_name: &group.name,
        log_stream_name: event.log_stream_name(),
        timestamp: event.timestamp,
        ingestion_time: event.ingestion_time,
        event_id: event.event_id(),
        message: event.message(),
    };
    let line = serde_json::to_string(&event).context("cannot write JSON")?;
    Ok(users_support::log_line::escaped_json(&line).into_owned())
}

/// `time LEVEL label message name=value ...`
fn text(event: &Event, width: usize) -> String {
    let time = event.event.timestamp.and_then(|time| Timestamp::from_millisecond(time).ok());
    let time = time.map(|time| format!("{time:.3}")).unwrap_or_default();
    let (level, body) = match event.group.kind {
        Kind::Function => users_support::log_line::of_function(event.text()),
        Kind::Access => users_support::log_line::of_access(event.text()),
        Kind::Execution => ("ERROR".to_owned(), event.text().to_owned()),
    };
    Row { time: &time, level: &level, label: event.group.label, body: &body }.render(width)
}

#[cfg(test)]
mod tests {
    use super::{json, text};
    use crate::logs::read::Event;
    use crate::logs::select::{Group, Kind};
    use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;

    fn event(kind: Kind, message: &str) -> Event {
        let label = "users-profile-get";
        let name = "/aws/lambda/users-dev-users-profile-get".to_owned();
        let event = FilteredLogEvent::builder()
            .log_stream_name("2026/11/22/[7]abc")
            .timestamp(1_795_341_600_007)
            .ingestion_time(1_795_341_601_000)
            .event_id("39")
            .message(message)
            .build();
        Event { group: Group { name, label, kind }, event }
    }

    /// Without colours.
    fn plain(kind: Kind, message: &str) -> String {
        anstream::adapter::strip_str(&text(&event(kind, message), 20)).to_string()
    }

    #[test]
    fn a_functions_line_shows_time_level_function_message_and_fields() {
        let message = r#"{"timestamp":"2026-11-22T10:00:00.006Z","level":"INFO","message":"invocation","operation":"getUser","status":200,"duration_ms":3.5}"#;
        assert_eq!(
            plain(Kind::Function, &format!("{message}\n")),
            "2026-11-22T10:00:00.007Z INFO  users-profile-get    invocation duration_ms=3.5 \
             operation=getUser status=200"
        );
    }

    #[test]
    fn lines_of_lambda_and_plain_text_have_no_level() {
        let message = r#"{"time":"2026-11-22T10:00:00.006Z","type":"platform.start","record":{"requestId":"r"}}"#;
        assert_eq!(
            plain(Kind::Function, message),
            "2026-11-22T10:00:00.007Z       users-profile-get    platform.start requestId=r"
        );
        assert!(plain(Kind::Function, "out of memory\n").ends_with(" out of memory"));
    }

    #[test]
    fn an_access_log_line_begins_with_the_call() {
        let message = r#"{"errorMessage":"-","method":"GET","resourcePath":"/users/{userId}","responseLatency":"12","status":"503"}"#;
        assert_eq!(
            plain(Kind::Access, message),
            "2026-11-22T10:00:00.007Z ERROR users-profile-get    GET /users/{userId} 503 \
             responseLatency=12"
        );
        assert!(plain(Kind::Access, &message.replace("503", "404")).contains(" INFO "));
    }

    #[test]
    fn the_gateways_own_lines_are_errors() {
        let line = plain(Kind::Execution, "(r) Execution failed due to configuration error");
        assert!(line.contains(" ERROR ") && line.contains("(r) Execution failed"), "{line}");
    }

    #[test]
    fn control_characters_in_a_line_do_not_reach_the_terminal() {
        let line = text(&event(Kind::Function, "a\u{1b}[2Jb\nc\u{9b}d"), 0);
        let line = anstream::adapter::strip_str(&line).to_string();
        assert!(line.ends_with(r"a\u{1b}[2Jb\nc\u{9b}d"), "{line}");
    }

    #[test]
    fn json_has_the_original_event() {
        let printed = json(&event(Kind::Function, "{\"a\":1}\u{9b}\n")).unwrap();
        assert!(printed.contains(r"\u009b"), "{printed}");
        let printed: serde_json::Value = serde_json::from_str(&printed).unwrap();
        let expected = serde_json::json!({
            "logGroupName": "/aws/lambda/users-dev-users-profile-get",
            "logStreamName": "2026/11/22/[7]abc",
            "timestamp": 1_795_341_600_007_i64,
            "ingestionTime": 1_795_341_601_000_i64,
            "eventId": "39",
            "message": "{\"a\":1}\u{9b}\n",
        });
        assert_eq!(printed, expected);
    }
}
