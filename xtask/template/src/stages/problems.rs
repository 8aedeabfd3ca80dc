//! Everything that is wrong with `stages.toml`, each with its place.

use std::fmt;
use std::ops::Range;

/// Why a file of stages cannot be used: all its problems, in the order of the text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StagesError {
    file: String,
    problems: Vec<Problem>,
}

/// One problem.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Problem {
    /// The line and the column, counted from 1; nothing when it is of the file as a whole.
    pub place: Option<(usize, usize)>,
    /// The stage, when the problem is in one.
    pub stage: Option<String>,
    /// The key by its dotted name; empty when the problem is of no single key.
    pub key: String,
    /// The rule that is broken, and how.
    pub rule: String,
}

/// The problems found so far in a text.
pub(super) struct Problems<'text> {
    text: &'text str,
    found: Vec<Problem>,
    /// Unreadable lines, whose values are not known reliably.
    unread: Vec<usize>,
}

impl StagesError {
    /// The problems, in the order of the text.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The same problems of a file with another name than `stages.toml`.
    #[must_use]
    pub fn of_file(self, file: impl Into<String>) -> Self {
        Self { file: file.into(), ..self }
    }

    pub(super) fn not_utf8(before: &str, byte: u8) -> Self {
        let mut problems = Problems::of(before);
        let rule = format!("the byte 0x{byte:02X} is not UTF-8; save the file as UTF-8");
        problems.add(before.len(), None, "", rule);
        Self::of(problems.found)
    }

    fn of(mut problems: Vec<Problem>) -> Self {
        problems.sort();
        problems.dedup();
        Self { file: "stages.toml".to_owned(), problems }
    }
}

impl fmt::Display for StagesError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Problem { place, stage, key, rule }) in self.problems.iter().enumerate() {
            if index > 0 {
                formatter.write_str("\n")?;
            }
            formatter.write_str(&self.file)?;
            if let Some((line, column)) = place {
                write!(formatter, ":{line}:{column}")?;
            }
            formatter.write_str(": ")?;
            if let Some(stage) = stage {
                write!(formatter, "[{stage}] ")?;
            }
            if !key.is_empty() {
                write!(formatter, "{key}: ")?;
            }
            formatter.write_str(rule)?;
        }
        Ok(())
    }
}

impl std::error::Error for StagesError {}

impl<'text> Problems<'text> {
    pub(super) fn of(text: &'text str) -> Self {
        Self { text, found: Vec::new(), unread: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(super) fn add(&mut self, at: usize, stage: Option<&str>, key: &str, rule: String) {
        let place = self.place(at);
        if !self.unread.contains(&place.0) {
            let (stage, key) = (stage.map(str::to_owned), key.to_owned());
            self.found.push(Problem { place: Some(place), stage, key, rule });
        }
    }

    pub(super) fn add_to_file(&mut self, rule: &str) {
        let (key, rule) = (String::new(), rule.to_owned());
        self.found.push(Problem { place: None, stage: None, key, rule });
    }

    /// Adds the parser's errors.
    pub(super) fn add_syntax(&mut self, errors: &[toml::de::Error]) {
        for error in errors {
            let span = error.span().unwrap_or_default();
            let (line, _) = self.place(span.start);
            if error.message() == "duplicate key" {
                // The first one counts for all other rules.
                self.add_duplicate(&span);
                continue;
            }
            self.add(span.start, None, "", format!("this is not TOML: {}", error.message()));
            self.unread.push(line);
        }
    }

    fn add_duplicate(&mut self, span: &Range<usize>) {
        let key = &self.text[span.clone()];
        let is_header = |line: &&str| line.trim_start().starts_with('[');
        let line_start = self.text[..span.start].rfind('\n').map_or(0, |end| end + 1);
        let line = self.text[line_start..].lines().next().unwrap_or_default();
        if is_header(&line) {
            let table = line.trim().trim_matches(['[', ']']);
            self.add(
                span.start,
                None,
                "",
                format!("the table [{table}] is there already; merge the two"),
            );
            return;
        }
        let header = self.text[..line_start].lines().rev().find(is_header).unwrap_or_default();
        let table = header.trim().trim_matches(['[', ']']);
        let stage = (!table.is_empty()).then_some(table);
        self.add(span.start, stage, key, "is given twice; keep one of the two".to_owned());
    }

    /// The text of a value as written, cut to the length of a line.
    pub(super) fn given(&self, span: Range<usize>) -> String {
        /// Longest piece of a value that is quoted.
        const QUOTED: usize = 40;
        let whole = self.text.get(span).unwrap_or_default();
        let line = whole.lines().next().unwrap_or_default();
        match line.char_indices().nth(QUOTED) {
            Some((end, _)) => format!("{}…", &line[..end]),
            None if line.len() < whole.len() => format!("{line}…"),
            None => line.to_owned(),
        }
    }

    /// The value, or all problems.
    pub(super) fn finish<T>(self, read: T) -> Result<T, StagesError> {
        if self.found.is_empty() { Ok(read) } else { Err(StagesError::of(self.found)) }
    }

    fn place(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line = before.rfind('\n').map_or(before, |end| &before[end + 1..]);
        (1 + before.matches('\n').count(), 1 + line.chars().count())
    }
}
