//! What a person sees on stderr: requests, function logs and notes, one line each.

use serde_json::Value;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::sync::Arc;

/// Members of a JSON log line that are shown in front, and not as `name=value` again.
const TIME_KEYS: &[&str] = &["timestamp", "time", "@timestamp"];
const LEVEL_KEYS: &[&str] = &["level", "severity"];
const MESSAGE_KEYS: &[&str] = &["message", "msg"];

/// Colours for names of functions, by turns (ANSI codes).
const COLOURS: &[u8] = &[36, 33, 32, 35, 34, 31, 96, 93, 92];

/// Prints lines, or nothing when it is quiet.
#[derive(Clone, Debug)]
pub(crate) struct Console(Arc<Settings>);

#[derive(Debug)]
struct Settings {
    quiet: bool,
    colour: bool,
    /// Width of the column of names.
    width: usize,
}

impl Console {
    /// A console for functions of these names.
    pub(crate) fn new<'a>(quiet: bool, names: impl Iterator<Item = &'a str>) -> Self {
        Self(Arc::new(Settings {
            quiet,
            colour: std::io::stderr().is_terminal(),
            width: names.map(str::len).max().unwrap_or(0).max("gateway".len()),
        }))
    }

    /// Prints a line that belongs to `name`.
    pub(crate) fn line(&self, name: &str, text: &str) {
        if self.0.quiet {
            return;
        }
        let width = self.0.width;
        let line = if self.0.colour {
            format!("\x1b[{}m{name:width$}\x1b[0m {text}\n", colour_of(name))
        } else {
            format!("{name:width$} {text}\n")
        };
        // Nobody is left to tell when stderr is gone.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }

    /// Prints a line that a function wrote.
    pub(crate) fn function_line(&self, name: &str, line: &str) {
        if !self.0.quiet {
            self.line(name, &readable(line));
        }
    }
}

fn colour_of(name: &str) -> u8 {
    let sum: usize = name.bytes().map(usize::from).sum();
    COLOURS[sum % COLOURS.len()]
}

/// A JSON log line as `time LEVEL message name=value ...`; any other line as it is.
fn readable(line: &str) -> String {
    let Ok(Value::Object(mut fields)) = serde_json::from_str::<Value>(line) else {
        return line.to_owned();
    };
    let mut text = String::new();
    let metrics = fields.remove("_aws");
    let mut take = |keys: &[&str]| keys.iter().find_map(|key| fields.remove(*key));
    let time = take(TIME_KEYS);
    let level = take(LEVEL_KEYS);
    let message = take(MESSAGE_KEYS);
    if let Some(time) = time.as_ref().and_then(Value::as_str) {
        // The time of day; the date is today's.
        let time_of_day = time.split_once('T').map_or(time, |(_, time)| time);
        let _ = write!(text, "{time_of_day} ");
    }
    let level = level.as_ref().and_then(Value::as_str);
    match (level, &metrics) {
        (Some(level), _) => {
            let _ = write!(text, "{level:5} ");
        }
        (None, Some(_)) => text.push_str("METRICS "),
        (None, None) => {}
    }
    if let Some(message) = &message {
        text.push_str(&plain(message));
        text.push(' ');
    }
    for (name, value) in flattened(fields) {
        let _ = write!(text, "{name}={} ", plain(&value));
    }
    text.truncate(text.trim_end().len());
    text
}

/// The members of `fields`, an inner object `fields` (as `tracing` writes it) opened up.
fn flattened(mut fields: serde_json::Map<String, Value>) -> Vec<(String, Value)> {
    let inner = match fields.remove("fields") {
        Some(Value::Object(inner)) => inner,
        Some(other) => [("fields".to_owned(), other)].into_iter().collect(),
        None => serde_json::Map::new(),
    };
    inner.into_iter().chain(fields).collect()
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::readable;
    use rstest::rstest;

    #[rstest]
    #[case::plain_text("hello", "hello")]
    #[case::json(
        r#"{"timestamp":"2026-11-22T10:00:00.000Z","level":"INFO","message":"done","status":201}"#,
        "10:00:00.000Z INFO  done status=201"
    )]
    #[case::inner_fields(
        r#"{"level":"WARN","fields":{"message":"late","ms":3},"target":"x"}"#,
        "WARN  message=late ms=3 target=x"
    )]
    #[case::metrics(r#"{"_aws":{"Timestamp":1},"Latency":12.5}"#, "METRICS Latency=12.5")]
    #[case::not_an_object("[1]", "[1]")]
    fn log_lines_are_readable(#[case] line: &str, #[case] expected: &str) {
        assert_eq!(readable(line), expected);
    }
}
