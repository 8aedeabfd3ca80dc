//! The stages of a file.

use crate::stages::{self, Stage};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::path::Path;
use users_support::project::root;

/// The project's file of stages.
const STAGES: &str = "stages.toml";

/// All stages of a file, by name; of the project's `stages.toml` when no file is named.
///
/// # Errors
/// When the file cannot be read, or with every problem of it and its place.
pub fn stages(file: Option<&Path>) -> Result<BTreeMap<String, Stage>> {
    let path = file.map_or_else(|| root().join(STAGES), Path::to_path_buf);
    let text = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(stages::stages(text).map_err(|error| error.of_file(name(file)))?)
}

/// One stage of a file, or of the project's `stages.toml`.
///
/// # Errors
/// As [`stages`], and when there is no stage of this name; the text lists the existing ones.
pub fn stage(file: Option<&Path>, name_of_stage: &str) -> Result<Stage> {
    let mut stages = stages(file)?;
    let known = stages.keys().cloned().collect::<Vec<_>>().join(", ");
    stages
        .remove(name_of_stage)
        .with_context(|| format!("{} has no stage `{name_of_stage}`; it has: {known}", name(file)))
}

/// The file as a user knows it.
fn name(file: Option<&Path>) -> String {
    file.map_or_else(|| STAGES.to_owned(), |file| file.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::stage;
    use std::fs;

    #[test]
    fn an_unknown_stage_is_refused_with_the_known_ones() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("stages.toml");
        let refusal = |name: &str| stage(Some(&file), name).unwrap_err().to_string();
        assert!(refusal("dev").contains("cannot read"), "{}", refusal("dev"));
        fs::write(&file, "[dev]\n[prod]\n").unwrap();
        assert_eq!(stage(Some(&file), "prod").unwrap().name, "prod");
        assert!(refusal("test").ends_with("has no stage `test`; it has: dev, prod"));
    }
}
