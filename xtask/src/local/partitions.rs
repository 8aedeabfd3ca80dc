//! The number of index partitions of the users in a data directory. Partitions are part of stored keys,
//! so lists that query fewer of them would omit users without an error.

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::path::Path;
use users_template::Stage;

/// The file with the number, in the data directory.
const FILE: &str = "partitions.json";

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Remembered {
    /// The highest number that users were written to.
    directory_shards: u16,
}

/// Fails when a stage would query fewer partitions than users were written to, and records the number
/// that it writes to.
pub(super) fn check(data: &Path, stage: &Stage) -> Result<()> {
    let file = data.join(FILE);
    let remembered = match std::fs::read(&file) {
        Ok(text) => serde_json::from_slice(&text).with_context(|| {
            format!(
                "{} does not say how many partitions the users in {} were written to; write {{\
                 \"directoryShards\": 32}} into it, or remove the data directory to start without data",
                file.display(),
                data.display()
            )
        })?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Remembered::default(),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
    };
    let written = remembered.directory_shards;
    let read = stage.directory_shards_read.unwrap_or(stage.directory_shards);
    if read < written {
        bail!(
            "the stage {} queries {read} partitions, but the users in {} were written to \
             {written}, so lists would omit users: set `directory_shards_read = {written}` \
             for the stage in stages.toml; or, when all users are rewritten (see \
             docs/deploying.md), remove {}; or remove the data directory",
            stage.name,
            data.display(),
            file.display()
        );
    }
    if stage.directory_shards > written {
        let now = Remembered { directory_shards: stage.directory_shards };
        std::fs::create_dir_all(data)
            .and_then(|()| std::fs::write(&file, serde_json::to_vec(&now)?))
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{FILE, check};
    use users_template::Stage;

    fn stage(written: u16, read: Option<u16>) -> Stage {
        Stage {
            name: "dev".to_owned(),
            directory_shards: written,
            directory_shards_read: read,
            ..Stage::default()
        }
    }

    #[test]
    fn fewer_partitions_than_were_written_to_are_refused() {
        for (runs, last, refused) in [
            (vec![(4, None)], (2, None), Some(4)),
            (vec![(2, None)], (1, None), Some(2)),
            (vec![(8, None), (2, Some(8))], (2, None), Some(8)),
            (vec![(8, None), (2, Some(8))], (4, Some(7)), Some(8)),
            (vec![(2, None), (4, None), (8, None)], (4, None), Some(8)),
            (vec![(4, None)], (2, Some(4)), None),
            (vec![(4, None)], (4, None), None),
            (vec![(2, None)], (32, None), None),
            // More partitions were queried than written to.
            (vec![(2, Some(8))], (2, None), None),
            (vec![], (1, None), None),
        ] {
            let directory = tempfile::tempdir().unwrap();
            let data = directory.path().join("data");
            for (written, read) in &runs {
                check(&data, &stage(*written, *read)).unwrap();
            }
            let error = check(&data, &stage(last.0, last.1)).err().map(|error| error.to_string());
            assert_eq!(error.is_some(), refused.is_some(), "{runs:?} {last:?} {error:?}");
            if let (Some(error), Some(written)) = (error, refused) {
                let remedy = format!("`directory_shards_read = {written}`");
                assert!(error.contains(&remedy) && error.contains(FILE), "{error}");
                // The remedies work.
                check(&data, &stage(last.0, Some(written))).unwrap();
                std::fs::remove_file(data.join(FILE)).unwrap();
                check(&data, &stage(last.0, last.1)).unwrap();
            }
        }
    }

    #[test]
    fn a_damaged_file_is_named_with_the_remedy() {
        for text in ["", "4", "{}", "{\"directoryShards\": -1}", "{\"directoryShards\": \"four\"}"]
        {
            let directory = tempfile::tempdir().unwrap();
            std::fs::write(directory.path().join(FILE), text).unwrap();
            let error = check(directory.path(), &stage(2, None)).unwrap_err().to_string();
            assert!(error.contains(FILE) && error.contains("remove the data directory"), "{error}");
        }
    }
}
