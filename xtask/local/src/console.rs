//! The terminal: requests, logs of functions and notes on stderr, one line each.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::sync::Arc;
use users_support::log_line::{LogLine, escaped};

/// Colours of the names of functions (ANSI codes).
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

    /// Prints one or several lines of `name`, escaped: they may contain text of callers.
    pub(crate) fn line(&self, name: &str, text: &str) {
        if self.0.quiet {
            return;
        }
        let text = text.split('\n').map(escaped).collect::<Vec<_>>().join("\n");
        let width = self.0.width;
        let line = if self.0.colour {
            format!("\x1b[{}m{name:width$}\x1b[0m {text}\n", colour_of(name))
        } else {
            format!("{name:width$} {text}\n")
        };
        write(&line);
    }

    /// Prints a line of a function.
    pub(crate) fn function_line(&self, name: &str, line: &str) {
        if !self.0.quiet {
            self.line(name, &escaped(&readable(line)));
        }
    }
}

/// Writes to stderr. When its reader has gone, as after `| head`, requests the end of the program.
pub fn write(text: &str) {
    let written = std::io::stderr().lock().write_all(text.as_bytes());
    #[cfg(unix)]
    if written.is_err_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe) {
        use rustix::process::{Signal, getpid, kill_process};
        let _ = kill_process(getpid(), Signal::TERM);
    }
    // Other errors cannot be reported.
    #[cfg(not(unix))]
    drop(written);
}

fn colour_of(name: &str) -> u8 {
    let sum: usize = name.bytes().map(usize::from).sum();
    COLOURS[sum % COLOURS.len()]
}

/// A JSON log line as `time LEVEL message name=value ...`; any other line as it is.
fn readable(line: &str) -> String {
    let Some(read) = LogLine::read(line) else { return line.to_owned() };
    let mut text = String::new();
    if let Some(time) = &read.time {
        // The time of day; the date is today's.
        let time_of_day = time.split_once('T').map_or(time.as_str(), |(_, time)| time);
        let _ = write!(text, "{time_of_day} ");
    }
    if let Some(level) = &read.level {
        let _ = write!(text, "{level:5} ");
    }
    let _ = write!(text, "{read}");
    text.truncate(text.trim_end().len());
    text
}

#[cfg(test)]
mod tests {
    use super::readable;
    use rstest::rstest;

    #[rstest]
    #[case::of_no_form("hello", "hello")]
    #[case::with_the_time_of_day(
        r#"{"timestamp":"2026-11-22T10:00:00.000Z","level":"INFO","message":"done","status":201}"#,
        "10:00:00.000Z INFO  done status=201"
    )]
    #[case::with_nothing_in_front(r#"{"message":"late","ms":3}"#, "late ms=3")]
    fn log_lines_are_readable(#[case] line: &str, #[case] expected: &str) {
        assert_eq!(readable(line), expected);
    }
}
