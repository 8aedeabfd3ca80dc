//! Where this program and what it builds are.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

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
