//! The project's root, and its cargo.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Prefixes of the variables that cargo sets for the programs it runs. If they were inherited, the
/// next cargo would rebuild the crates that depend on them.
const OF_CARGO: [&str; 5] =
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CFG_", "CARGO_BIN_", "CARGO_CRATE_"];

/// The root of the project: as cargo gives it if it runs the program, else as it was at compile
/// time.
#[must_use]
pub fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    root_above(&package).map(Path::to_path_buf).unwrap_or(package)
}

/// The nearest folder above a package that contains `xtask`.
fn root_above(package: &Path) -> Option<&Path> {
    package.ancestors().skip(1).find(|folder| folder.join("xtask").is_dir())
}

/// A cargo command in the project's root, with the cargo that called this program.
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

#[cfg(test)]
mod tests {
    use super::root_above;
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
}
