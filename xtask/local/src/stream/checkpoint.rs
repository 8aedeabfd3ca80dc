//! The position of a mapping in its stream.

use crate::data::write_atomically;
use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The last completed record, on file.
#[derive(Debug)]
pub(super) struct Checkpoint {
    path: PathBuf,
    last: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct State {
    last_sequence_number: String,
}

impl Checkpoint {
    /// Reads the file, if there is one. It must name a record of the stream, as judged by
    /// `is_record`: after any other number the mapping would find no records.
    pub(super) fn open(
        path: &Path,
        is_record: impl FnOnce(&str) -> anyhow::Result<bool>,
    ) -> anyhow::Result<Self> {
        let last = read(path, is_record).with_context(|| {
            format!(
                "the position in the stream in {} cannot be used; remove the file to deliver all \
                 records once more (subscribers recognise them by their eventId)",
                path.display()
            )
        })?;
        Ok(Self { path: path.to_owned(), last })
    }

    /// The number of the last completed record.
    pub(super) fn last(&self) -> Option<&str> {
        self.last.as_deref()
    }

    /// Writes that all records up to this one are completed.
    pub(super) fn set(&mut self, sequence_number: &str) -> anyhow::Result<()> {
        if self.last() != Some(sequence_number) {
            let state = State { last_sequence_number: sequence_number.to_owned() };
            write_atomically(&self.path, &serde_json::to_vec(&state)?)?;
            self.last = Some(state.last_sequence_number);
        }
        Ok(())
    }
}

fn read(
    path: &Path,
    is_record: impl FnOnce(&str) -> anyhow::Result<bool>,
) -> anyhow::Result<Option<String>> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let state: State = serde_json::from_slice(&text)?;
    let number = state.last_sequence_number;
    // An error means that no record can have this number.
    if !is_record(&number).with_context(|| format!("lastSequenceNumber is {number:?}"))? {
        bail!("lastSequenceNumber is {number:?}, and the stream has no such record");
    }
    Ok(Some(number))
}

#[cfg(test)]
mod tests {
    use super::Checkpoint;
    use rstest::rstest;

    const NUMBER: &str = "100000000000000000007";

    #[test]
    fn a_checkpoint_survives_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mapping.json");
        let open = || Checkpoint::open(&path, |number| Ok(number == NUMBER)).unwrap();
        let mut checkpoint = open();
        assert_eq!(checkpoint.last(), None);
        checkpoint.set(NUMBER).unwrap();
        assert_eq!(open().last(), Some(NUMBER));
    }

    #[rstest]
    #[case::empty("")]
    #[case::cut("{\"lastSequenceNumber\":\"1000")]
    #[case::no_json("position")]
    #[case::a_text("\"100000000000000000007\"")]
    #[case::without_its_member("{}")]
    #[case::with_another_member("{\"lastSequenceNumber\":\"100000000000000000007\",\"x\":1}")]
    #[case::a_number("{\"lastSequenceNumber\":100000000000000000007}")]
    #[case::null("{\"lastSequenceNumber\":null}")]
    #[case::no_record("{\"lastSequenceNumber\":\"100000000000000000008\"}")]
    fn damage_is_named_with_the_file_and_the_remedy(#[case] text: &str) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mapping.json");
        std::fs::write(&path, text).unwrap();
        let refusal = Checkpoint::open(&path, |number| Ok(number == NUMBER)).unwrap_err();
        let refusal = format!("{refusal:#}");
        assert!(refusal.contains(&path.display().to_string()), "{refusal}");
        assert!(refusal.contains("remove the file"), "{refusal}");
    }
}
