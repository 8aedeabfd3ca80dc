//! A log line as one line of a terminal: time, level, origin and text.

use super::{LogLine, escaped};
use anstyle::{AnsiColor, Style};
use std::fmt::Write as _;

/// A log line in parts, for [`Row::render`].
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Row<'a> {
    /// The time at which it was written; empty if unknown.
    pub time: &'a str,
    /// `INFO`, `ERROR` and so on; empty if unknown.
    pub level: &'a str,
    /// Its origin, such as the name of a function.
    pub label: &'a str,
    /// The text.
    pub body: &'a str,
}

impl Row<'_> {
    /// `time LEVEL label body`, with the label in a column of this width, and with ANSI colour
    /// codes.
    #[must_use]
    pub fn render(&self, width: usize) -> String {
        let mut text = String::new();
        if !self.time.is_empty() {
            let faint = Style::new().dimmed();
            let _ = write!(text, "{faint}{}{faint:#}", escaped(self.time));
        }
        let (level, label) = (escaped(self.level), escaped(self.label));
        let style = style(&level);
        let _ = write!(text, " {style}{level:5}{style:#} {label:width$} ");
        text.push_str(escaped(self.body).trim_end());
        text
    }
}

/// The level and the text of a line of a function or of Lambda.
#[must_use]
pub fn of_function(text: &str) -> (String, String) {
    match LogLine::read(text) {
        Some(line) => (line.level.clone().unwrap_or_default(), line.to_string()),
        None => (String::new(), text.to_owned()),
    }
}

/// The level and the text of a line of the access log. The level follows from the status; the text
/// begins with `METHOD /path status`, followed by the other members.
#[must_use]
pub fn of_access(text: &str) -> (String, String) {
    let Some(line) = LogLine::read(text) else { return (String::new(), text.to_owned()) };
    let of = |name| line.field(name).unwrap_or("-");
    let status = of("status");
    let level = if status.starts_with('5') { "ERROR" } else { "INFO" };
    let mut text = format!("{} {} {status}", of("method"), of("resourcePath"));
    // The gateway writes `-` for a missing value.
    let shown = ["method", "resourcePath", "status"];
    for (name, value) in
        line.fields.iter().filter(|(name, value)| value != "-" && !shown.contains(&name.as_str()))
    {
        let _ = write!(text, " {name}={value}");
    }
    (level.to_owned(), text)
}

fn style(level: &str) -> Style {
    match level {
        "ERROR" => AnsiColor::Red.on_default().bold(),
        "WARN" => AnsiColor::Yellow.on_default(),
        "DEBUG" | "TRACE" => Style::new().dimmed(),
        _ => Style::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Row, of_access, of_function};

    #[test]
    fn a_row_has_its_columns_and_its_colours() {
        let row = Row { time: "10:00", level: "WARN", label: "get", body: "late ms=3\n" };
        assert_eq!(
            row.render(5),
            "\u{1b}[2m10:00\u{1b}[0m \u{1b}[33mWARN \u{1b}[0m get   late ms=3\\n"
        );
        assert_eq!(Row { body: "x", ..Row::default() }.render(0), "        x");
    }

    #[test]
    fn no_control_sequence_in_a_line_reaches_the_terminal() {
        let row = Row { body: "a\u{1b}[2Jb\u{9b}c", level: "\u{7}", ..Row::default() };
        let text = row.render(0);
        assert!(text.contains(r"\u{7}") && text.ends_with(r"a\u{1b}[2Jb\u{9b}c"), "{text}");
    }

    #[test]
    fn an_access_line_begins_with_the_call() {
        let line = r#"{"errorMessage":"-","method":"GET","resourcePath":"/users","responseLatency":"12","status":"503"}"#;
        let expected = ("ERROR".to_owned(), "GET /users 503 responseLatency=12".to_owned());
        assert_eq!(of_access(line), expected);
        assert_eq!(of_access(&line.replace("503", "404")).0, "INFO");
    }

    #[test]
    fn text_stays_text() {
        assert_eq!(of_function("out of memory"), (String::new(), "out of memory".to_owned()));
        assert_eq!(of_access("x"), (String::new(), "x".to_owned()));
    }
}
