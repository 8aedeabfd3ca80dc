//! What is shown: progress and words on standard error, results on standard output.
//!
//! Colours come only where they can be seen and are wanted: `anstream` looks at the terminal,
//! `NO_COLOR` and `CLICOLOR_FORCE`.

use anstyle::{AnsiColor, Style};
use anyhow::{Context, Result};
use serde::Serialize;
use std::fmt::Display;
use std::io::{BufRead, IsTerminal, Write};

/// How a result is printed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum Output {
    /// For people.
    #[default]
    Text,
    /// One JSON document on standard output.
    Json,
}

/// Something that went well.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// Something to look at.
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default();
/// Something that destroys or fails.
pub(crate) const DANGER: Style = AnsiColor::Red.on_default().bold();
/// What matters less.
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
    // Nobody is there to tell when standard error is gone.
    let _ = writeln!(stream, "{line}");
}

/// As above, where the runner of tests can hold it back.
#[cfg(test)]
pub(crate) fn say(line: impl Display) {
    eprintln!("{line}");
}

/// A line on standard output. A reader that had enough, like `head`, is no failure.
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

/// Whether somebody is there to be asked.
pub(crate) fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Whether the answer to a question is exactly `expected`; `None` when nobody is there to answer.
pub(crate) fn ask(question: &str, expected: &str) -> Option<Result<bool>> {
    if !can_ask() {
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
