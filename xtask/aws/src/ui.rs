//! Output: progress and questions on standard error, results on standard output.
//!
//! `anstream` removes colours where the terminal, `NO_COLOR` or `CLICOLOR_FORCE` ask for it.

use anstyle::{AnsiColor, Style};
use anyhow::{Context, Result};
use serde::Serialize;
use std::fmt::Display;
use std::io::{BufRead, IsTerminal, Write};

/// Success.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// A warning.
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default();
/// Destruction or failure.
pub(crate) const DANGER: Style = AnsiColor::Red.on_default().bold();
/// Details.
pub(crate) const FAINT: Style = Style::new().dimmed();
/// A heading.
pub(crate) const STRONG: Style = Style::new().bold();

/// Text in a style.
pub(crate) fn styled(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// A line on standard error.
#[cfg(not(test))]
pub(crate) fn say(line: impl Display) {
    let mut stream = anstream::stderr().lock();
    // Without standard error there is nowhere to report it.
    let _ = writeln!(stream, "{line}");
}

/// As above, in a form that the test harness can capture.
#[cfg(test)]
pub(crate) fn say(line: impl Display) {
    eprintln!("{line}");
}

/// A line on standard output. A reader that stops early, like `head`, is no failure.
pub(crate) fn result(line: impl Display) -> Result<()> {
    let mut stream = anstream::stdout().lock();
    match writeln!(stream, "{line}").and_then(|()| stream.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write to standard output"),
    }
}

/// A result as one line of JSON on standard output.
pub(crate) fn json(value: &impl Serialize) -> Result<()> {
    result(serde_json::to_string(value).context("cannot write JSON")?)
}

/// Whether the answer to a question is exactly `expected`; `None` without a terminal.
pub(crate) fn ask(question: &str, expected: &str) -> Option<Result<bool>> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return None;
    }
    let mut stream = anstream::stderr().lock();
    let _ = write!(stream, "{question} ");
    let _ = stream.flush();
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer).context("cannot read the answer");
    Some(read.map(|_| answer.trim() == expected))
}

/// A duration as `7 s` or `2 min 07 s`.
pub(crate) fn elapsed(duration: std::time::Duration) -> String {
    let seconds = duration.as_secs();
    match seconds / 60 {
        0 => format!("{seconds} s"),
        minutes => format!("{minutes} min {:02} s", seconds % 60),
    }
}
