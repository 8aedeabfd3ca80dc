//! The stages of the project.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use users_template::Stage;

/// The root of the project: from cargo when it runs us, else from where we were compiled.
fn root() -> PathBuf {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    // This package lies two folders below the root.
    manifest.ancestors().nth(2).map(Path::to_path_buf).unwrap_or(manifest)
}

/// One stage of `stages.toml`.
pub(crate) fn stage(name: &str) -> Result<Stage> {
    let path = root().join("stages.toml");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let mut stages = users_template::stages(&text)?;
    let known = stages.keys().cloned().collect::<Vec<_>>().join(", ");
    stages
        .remove(name)
        .with_context(|| format!("stages.toml has no stage `{name}`; it has: {known}"))
}
