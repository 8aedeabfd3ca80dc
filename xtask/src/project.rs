//! Paths of this program and of the programs that it builds.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// The file of a program.
pub(crate) fn executable(name: &str) -> String {
    format!("{name}{}", std::env::consts::EXE_SUFFIX)
}

/// This program. Its tests rebuild it while it runs, and the system then reports the running file as
/// deleted; the new one serves as well.
pub(crate) fn program() -> Result<PathBuf> {
    let running = std::env::current_exe().context("cannot find this program's own file")?;
    Ok(running.with_file_name(executable("xtask")))
}

/// The target directory, wherever configuration and environment have put it: this program is
/// `<target>/<profile>/xtask`.
pub(crate) fn target() -> Result<PathBuf> {
    let program = program()?;
    let target = program.parent().and_then(Path::parent);
    target.map(Path::to_path_buf).context("this program is not in a target directory")
}
