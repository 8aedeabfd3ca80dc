//! Commands with their expected output: found in Markdown, made into a script, compared.

use std::fmt::Write;

/// The info string of the blocks that are run.
pub(crate) const INFO_STRING: &str = "console test";
const PROMPT: &str = "$ ";
const ANYTHING: char = '…';

/// One command.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Step {
    /// Its line in the document, from 1.
    pub(crate) line: usize,
    /// The command, on one line or several.
    pub(crate) command: String,
    /// Its expected output, without the last line feed.
    pub(crate) expected: String,
}

/// The result of a command.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Outcome {
    /// Its output on both streams.
    pub(crate) printed: String,
    /// Its exit status.
    pub(crate) status: String,
}

/// The commands of all marked blocks.
pub(crate) fn steps(markdown: &str) -> Result<Vec<Step>, String> {
    let fence = format!("```{INFO_STRING}");
    let mut steps: Vec<Step> = Vec::new();
    let mut lines = (1..).zip(markdown.lines());
    while let Some((first, line)) = lines.next() {
        if line.trim_end() != fence {
            continue;
        }
        let mut block: Vec<Step> = Vec::new();
        loop {
            let Some((line, text)) = lines.next() else {
                return Err(format!("the block of line {first} has no end"));
            };
            if text.trim_end() == "```" {
                break;
            }
            if let Some(command) = text.strip_prefix(PROMPT) {
                let mut command = command.to_owned();
                while command.ends_with('\\') {
                    let Some((_, more)) = lines.next() else {
                        return Err(format!("the command of line {line} has no end"));
                    };
                    command = command + "\n" + more;
                }
                block.push(Step { line, command, expected: String::new() });
            } else if let Some(step) = block.last_mut() {
                step.expected.push_str(text);
                step.expected.push('\n');
            } else {
                return Err(format!(
                    "line {line} is output of no command; commands begin with `$ `"
                ));
            }
        }
        steps.extend(block);
    }
    for step in &mut steps {
        step.expected.truncate(step.expected.trim_end().len());
    }
    Ok(steps)
}

/// A script for bash that runs all commands in the shell itself, so that variables last, with
/// lines between them that the marker distinguishes from their output.
pub(crate) fn script(steps: &[Step], marker: &str) -> String {
    let mut script = String::from(
        "cargo() {\n  if [ \"$1\" = xtask ]; then shift; \"$USERS_XTASK\" \"$@\"\n  else echo \
         \"the walk runs nothing of cargo but xtask: $*\"; return 1; fi\n}\n",
    );
    for step in steps {
        let command = &step.command;
        // Writing to a String cannot fail.
        let _ =
            write!(script, "{{\n{command}\n}} 2>&1\nstatus=$?; echo; echo \"{marker} $status\"\n");
    }
    script
}

/// Splits the output of a script by command.
pub(crate) fn outcomes(output: &str, marker: &str) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let mut printed = String::new();
    for line in output.lines() {
        match line.strip_prefix(marker) {
            Some(status) => outcomes.push(Outcome {
                printed: std::mem::take(&mut printed).trim_end().to_owned(),
                status: status.trim().to_owned(),
            }),
            None => {
                printed.push_str(line);
                printed.push('\n');
            }
        }
    }
    outcomes
}

impl Step {
    /// Whether the command's output is the documented one.
    pub(crate) fn judge(&self, outcome: &Outcome) -> Result<(), String> {
        let Outcome { printed, status } = outcome;
        if !matches(&self.expected, printed) {
            return Err(format!("should print\n{}\nbut printed\n{printed}", self.expected));
        }
        if self.expected.is_empty() && status != "0" {
            return Err(format!("should succeed but ended with status {status}"));
        }
        Ok(())
    }
}

/// Whether a text is the pattern, in which `…` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once(ANYTHING) else { return pattern == text };
    let Some(mut text) = text.strip_prefix(start) else { return false };
    let (middle, end) = rest.rsplit_once(ANYTHING).unwrap_or(("", rest));
    for piece in middle.split(ANYTHING) {
        match text.split_once(piece) {
            Some((_, after)) => text = after,
            None => return false,
        }
    }
    text.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::{Outcome, Step, matches, outcomes, script, steps};

    fn step(line: usize, command: &str, expected: &str) -> Step {
        Step { line, command: command.to_owned(), expected: expected.to_owned() }
    }

    #[test]
    fn commands_are_found_with_their_output() {
        let markdown = "Text\n```console test\n$ one \\\n    --more\n{\n\n}\n\n$ two\n```\n\
                        ```console\n$ not this\n```\n```console test\n$ three\nx …\n```\n";
        let expected =
            [step(3, "one \\\n    --more", "{\n\n}"), step(9, "two", ""), step(15, "three", "x …")];
        assert_eq!(steps(markdown).unwrap(), expected);
    }

    #[test]
    fn broken_blocks_are_refused_with_their_line() {
        let no_end = steps("\n```console test\n$ one\n").unwrap_err();
        assert!(no_end.contains("line 2"), "{no_end}");
        let no_command = steps("```console test\noutput\n```\n").unwrap_err();
        assert!(no_command.contains("line 2"), "{no_command}");
        let no_rest = steps("```console test\n$ one \\").unwrap_err();
        assert!(no_rest.contains("line 2"), "{no_rest}");
    }

    #[test]
    fn an_ellipsis_stands_for_anything() {
        for (pattern, text) in [
            ("", ""),
            ("abc", "abc"),
            ("…", ""),
            ("a…c", "abbc"),
            ("a…c", "ac"),
            ("a…c…e", "a b\nc d c e"),
            ("{\n…\n}", "{\n  1,\n  2\n}"),
            ("…a…", "bab"),
        ] {
            assert!(matches(pattern, text), "{pattern:?} is {text:?}");
        }
        for (pattern, text) in [
            ("", "a"),
            ("abc", "abcd"),
            ("a…c", "abcd"),
            ("a…c", "bac"),
            ("a…b…c", "ac"),
            ("ab…ba", "aba"),
            ("a…b…b", "ab"),
        ] {
            assert!(!matches(pattern, text), "{pattern:?} is not {text:?}");
        }
    }

    #[test]
    fn a_script_keeps_variables_and_tells_outputs_apart() {
        let steps = [
            step(1, "NAME=$(echo Ada)", ""),
            step(2, "echo \"$NAME\" \\\n  Lovelace; echo late >&2", "Ada Lovelace\nlate"),
            step(3, "printf 'no line feed'; false", "no line feed"),
            step(4, "cargo build", ""),
        ];
        let script = script(&steps, "@marker@");
        let output = std::process::Command::new("bash").args(["-c", &script]).output().unwrap();
        let outcomes = outcomes(std::str::from_utf8(&output.stdout).unwrap(), "@marker@");
        let outcome = |printed: &str, status: &str| Outcome {
            printed: printed.into(),
            status: status.into(),
        };
        assert_eq!(
            outcomes,
            [
                outcome("", "0"),
                outcome("Ada Lovelace\nlate", "0"),
                outcome("no line feed", "1"),
                outcome("the walk runs nothing of cargo but xtask: build", "1"),
            ]
        );
        assert_eq!(steps[1].judge(&outcomes[1]), Ok(()));
        assert_eq!(steps[2].judge(&outcomes[2]), Ok(()));
        assert!(steps[3].judge(&outcomes[3]).unwrap_err().contains("should print"));
        let failed = steps[0].judge(&outcome("", "4")).unwrap_err();
        assert!(failed.contains("status 4"), "{failed}");
    }
}
