//! Where things are.

use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use users_template::Stage;

/// The root of the project: from cargo when it runs us, else from where we were compiled.
pub(crate) fn root() -> PathBuf {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    manifest.parent().map(Path::to_path_buf).unwrap_or(manifest)
}

/// This program. Its tests build it anew while it runs, and what runs is then called a file that was
/// deleted; the new one is as good.
pub(crate) fn program() -> Result<PathBuf> {
    let running = std::env::current_exe().context("cannot find this program's own file")?;
    Ok(running.with_file_name(format!("xtask{}", std::env::consts::EXE_SUFFIX)))
}

/// The target directory: this program is in `<target>/<profile>/xtask`, wherever configuration and
/// environment have put it.
pub(crate) fn target() -> Result<PathBuf> {
    let program = program()?;
    let target = program.parent().and_then(Path::parent);
    target.map(Path::to_path_buf).context("this program is not in a target directory")
}

/// The stages of `stages.toml`.
pub(crate) fn stages() -> Result<BTreeMap<String, Stage>> {
    stages_in(&root().join("stages.toml"))
}

/// One stage of `stages.toml`.
pub(crate) fn stage(name: &str) -> Result<Stage> {
    stage_in(None, name)
}

/// One stage of a file, or of `stages.toml`.
pub(crate) fn stage_in(file: Option<&str>, name: &str) -> Result<Stage> {
    let path = file.map_or_else(|| root().join("stages.toml"), PathBuf::from);
    let mut stages = stages_in(&path)?;
    let known = stages.keys().cloned().collect::<Vec<_>>().join(", ");
    stages
        .remove(name)
        .with_context(|| format!("{} has no stage `{name}`; it has: {known}", path.display()))
}

fn stages_in(path: &Path) -> Result<BTreeMap<String, Stage>> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(users_template::stages(&text)?)
}
