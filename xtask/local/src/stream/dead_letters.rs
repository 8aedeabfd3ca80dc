//! The queue of dead letters: records that were given up on, kept on file.

use crate::data::DataDirectory;
use crate::observe::Observed;
use anyhow::Context;
use serde_json::Value;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Records that were given up on.
#[derive(Debug)]
pub(crate) struct DeadLetters {
    path: PathBuf,
    observed: Arc<Observed>,
    /// Locked while the file is written.
    writing: Mutex<()>,
}

impl DeadLetters {
    /// Those of a data directory.
    pub(crate) fn open(data: &DataDirectory, observed: &Arc<Observed>) -> anyhow::Result<Self> {
        let letters = Self {
            path: data.file("dead-letters.jsonl"),
            observed: Arc::clone(observed),
            writing: Mutex::default(),
        };
        letters.cut_half_a_line()?;
        // Damage is refused now, and not when somebody asks.
        letters.all()?;
        Ok(letters)
    }

    /// All of them, oldest first.
    pub(crate) fn all(&self) -> anyhow::Result<Vec<Value>> {
        let text = self.text()?;
        let lines = text[..complete(&text)].split_inclusive(|byte| *byte == b'\n').enumerate();
        let letter = |(at, line)| {
            serde_json::from_slice(line).ok().filter(Value::is_object).with_context(|| {
                format!(
                    "the dead letters in {} cannot be read: line {} is not a letter; put a copy of \
                     the file in its place, or move it away to begin without past letters",
                    self.path.display(),
                    at + 1
                )
            })
        };
        lines.map(letter).collect()
    }

    /// Cuts off what a kill left of a letter at the end.
    fn cut_half_a_line(&self) -> anyhow::Result<()> {
        let text = self.text()?;
        let complete = complete(&text);
        if complete < text.len() {
            File::options()
                .write(true)
                .open(&self.path)
                .and_then(|file| file.set_len(complete as u64))
                .with_context(|| format!("cannot write {}", self.path.display()))?;
        }
        Ok(())
    }

    fn text(&self) -> anyhow::Result<Vec<u8>> {
        match std::fs::read(&self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            other => other.with_context(|| format!("cannot read {}", self.path.display())),
        }
    }

    /// Adds one; it is on file when this returns.
    pub(super) fn add(&self, letter: &Value) -> anyhow::Result<()> {
        {
            let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
            let mut file = File::options()
                .create(true)
                .append(true)
                .open(&self.path)
                .context("cannot write the dead letters")?;
            file.write_all(format!("{letter}\n").as_bytes())?;
            file.sync_data()?;
        }
        self.observed.activity.note();
        Ok(())
    }
}

/// The length of the complete lines.
fn complete(text: &[u8]) -> usize {
    text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::DeadLetters;
    use crate::data::{DataDirectory, DataLocation};
    use crate::observe::Observed;
    use rstest::rstest;
    use serde_json::json;
    use std::sync::Arc;

    #[rstest]
    #[case::no_json("oops", "line 2 ")]
    #[case::half_a_letter("{\"destination\":", "line 2 ")]
    #[case::nothing("", "line 2 ")]
    #[case::a_list("[]", "line 2 ")]
    #[case::a_number("7", "line 2 ")]
    fn a_damaged_letter_is_named_by_its_line(#[case] line: &str, #[case] place: &str) {
        let data = DataDirectory::open(&DataLocation::Ephemeral).unwrap();
        let path = data.file("dead-letters.jsonl");
        std::fs::write(&path, format!("{{}}\n{line}\n{{}}\n")).unwrap();
        let error = DeadLetters::open(&data, &Arc::new(Observed::new())).unwrap_err();
        let error = error.to_string();
        assert!(error.contains(place) && error.contains(path.to_str().unwrap()), "{error}");
        assert!(error.contains("move it away"), "{error}");
    }

    #[test]
    fn half_a_letter_at_the_end_is_cut_off() {
        let data = DataDirectory::open(&DataLocation::Ephemeral).unwrap();
        std::fs::write(data.file("dead-letters.jsonl"), "{}\n{\"dest").unwrap();
        let letters = DeadLetters::open(&data, &Arc::new(Observed::new())).unwrap();
        letters.add(&json!({"destination": "x"})).unwrap();
        assert_eq!(letters.all().unwrap(), [json!({}), json!({"destination": "x"})]);
    }

    #[test]
    fn letters_of_the_last_run_are_kept() {
        let data = DataDirectory::open(&DataLocation::Ephemeral).unwrap();
        let letters = |observed: &Arc<Observed>| DeadLetters::open(&data, observed).unwrap();
        let [first, second] = ["first", "second"].map(|it| json!({"destination": it}));
        let before = letters(&Arc::new(Observed::new()));
        assert_eq!(before.all().unwrap(), Vec::<serde_json::Value>::new());
        before.add(&first).unwrap();

        let observed = Arc::new(Observed::new());
        let after = letters(&observed);
        after.add(&second).unwrap();
        assert_eq!(after.all().unwrap(), [first, second]);
        assert_eq!(observed.activity.revision(), 1);
    }
}
