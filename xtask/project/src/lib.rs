//! What the programs below `xtask` have to know of the project: where it is, its stages, how to run
//! its cargo, and what the list of built archives says.

pub mod bundles;

use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use users_template::Stage;

/// Variables that cargo sets for what it runs. Left in place they would make the next cargo rebuild
/// what depends on them.
const OF_CARGO: [&str; 5] =
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CFG_", "CARGO_BIN_", "CARGO_CRATE_"];

/// The project's file of stages.
const STAGES: &str = "stages.toml";

/// The root of the project: from cargo when it runs the program, else from where this was compiled.
#[must_use]
pub fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    root_above(&package).map(Path::to_path_buf).unwrap_or(package)
}

/// The root is the folder with `xtask` in it, at whatever depth below it a package lies.
fn root_above(package: &Path) -> Option<&Path> {
    package.ancestors().skip(1).find(|folder| folder.join("xtask").is_dir())
}

/// A cargo command: the cargo that called the program, in the project's root.
#[must_use]
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let is_of_cargo = |name: &str| OF_CARGO.iter().any(|prefix| name.starts_with(prefix));
        if name.to_str().is_some_and(is_of_cargo) {
            command.env_remove(name);
        }
    }
    command.current_dir(root());
    command
}

/// All stages of a file, by name; of the project's `stages.toml` when no file is named.
///
/// # Errors
/// When the file cannot be read, or with every problem of it and its place.
pub fn stages(file: Option<&Path>) -> Result<BTreeMap<String, Stage>> {
    let path = file.map_or_else(|| root().join(STAGES), Path::to_path_buf);
    let text = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(users_template::stages(text).map_err(|error| error.of_file(name(file)))?)
}

/// One stage of a file, or of the project's `stages.toml`.
///
/// # Errors
/// As [`stages`], and when there is no stage of this name; the text lists those there are.
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
    use super::{root_above, stage};
    use std::fs;

    #[test]
    fn the_root_is_found_from_packages_at_any_depth() {
        let home = tempfile::tempdir().unwrap();
        let deep = home.path().join("xtask/bench/floor");
        fs::create_dir_all(&deep).unwrap();
        for package in ["xtask", "xtask/aws", "xtask/bench/floor", "tests"] {
            assert_eq!(root_above(&home.path().join(package)), Some(home.path()), "{package}");
        }
    }

    #[test]
    fn a_stage_that_is_not_there_is_answered_with_those_that_are() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("stages.toml");
        let refusal = |name: &str| stage(Some(&file), name).unwrap_err().to_string();
        assert!(refusal("dev").contains("cannot read"), "{}", refusal("dev"));
        fs::write(&file, "[dev]\n[prod]\n").unwrap();
        assert_eq!(stage(Some(&file), "prod").unwrap().name, "prod");
        assert!(refusal("test").ends_with("has no stage `test`; it has: dev, prod"));
    }
}
