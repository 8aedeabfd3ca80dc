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
    pub(crate) fn open(data: &DataDirectory, observed: &Arc<Observed>) -> Self {
        Self {
            path: data.file("dead-letters.jsonl"),
            observed: Arc::clone(observed),
            writing: Mutex::default(),
        }
    }

    /// All of them, oldest first.
    pub(crate) fn all(&self) -> anyhow::Result<Vec<Value>> {
        match std::fs::read_to_string(&self.path) {
            Ok(text) => {
                Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error).context("cannot read the dead letters"),
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

#[cfg(test)]
mod tests {
    use super::DeadLetters;
    use crate::data::{DataDirectory, DataLocation};
    use crate::observe::Observed;
    use serde_json::json;
    use std::sync::Arc;

    #[test]
    fn letters_of_the_last_run_are_kept() {
        let data = DataDirectory::open(&DataLocation::Ephemeral).unwrap();
        let letters = |observed: &Arc<Observed>| DeadLetters::open(&data, observed);
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
