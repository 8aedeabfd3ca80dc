//! Functions with deliberate bugs and an adjustable clock: built from a patched copy of the sources,
//! so that the sources of the product need not know of either.
//!
//! The copy is a workspace of its own below the target folder. It shares the target folder, so the
//! crates of others are not compiled again.

use crate::{cargo, project};
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use users_contract::{OPERATIONS, RELAY};

/// The files and folders of the workspace.
const COPIED: [&str; 6] = ["Cargo.lock", "Cargo.toml", "functions", "platform", "tests", "xtask"];

#[derive(Deserialize)]
struct Patches {
    bug: Vec<Bug>,
    clock: Edit,
}

#[derive(Deserialize)]
struct Bug {
    name: String,
    edit: Vec<Edit>,
}

#[derive(Deserialize)]
struct Edit {
    file: String,
    find: String,
    replace: String,
}

/// Builds the functions and returns their folder; `runner` is the package of the program that runs them.
pub(super) fn build(runner: &str) -> Result<PathBuf> {
    eprintln!("Building the functions with deliberate bugs ...");
    let target = project::target()?;
    let aside = target.join("faults");
    let copy = aside.join("source");
    write_copy(&users_support::project::root(), &copy)?;
    let functions = OPERATIONS.iter().map(|operation| operation.function);
    let functions: Vec<_> = functions.chain([RELAY.function]).collect();
    let mut command = cargo::cargo();
    command.arg("build").arg("--manifest-path").arg(copy.join("Cargo.toml"));
    command.arg("--target-dir").arg(&target);
    // The packages of the build that follows: with others, shared crates would have other features
    // and be compiled again.
    for package in ["users-functions", "local-stack", runner] {
        command.args(["--package", package]);
    }
    for function in &functions {
        command.args(["--bin", function]);
    }
    cargo::run(&mut command)?;
    for function in functions {
        let name = project::executable(function);
        let (from, to) = (target.join("debug").join(&name), aside.join(&name));
        // Removed first, since the old file may be running.
        let _ = fs::remove_file(&to);
        fs::copy(&from, &to)
            .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    }
    Ok(aside)
}

/// Brings the copy up to date with the sources and the patches. Files that stay the same are not
/// written, so that cargo compiles only what has changed.
fn write_copy(root: &Path, copy: &Path) -> Result<()> {
    let mut files = BTreeMap::new();
    for name in COPIED {
        read_files(root, Path::new(name), &mut files)?;
    }
    let patches = root.join("xtask/faults/bugs.toml");
    let text = fs::read_to_string(&patches)
        .with_context(|| format!("cannot read {}", patches.display()))?;
    let patches =
        toml::from_str(&text).with_context(|| format!("{} is not valid", patches.display()))?;
    apply(&patches, &mut files)?;
    change_versions(&mut files)?;

    let mut old = BTreeMap::new();
    if copy.is_dir() {
        read_files(copy, Path::new(""), &mut old)?;
    }
    for (name, bytes) in &files {
        if old.remove(name).as_ref() != Some(bytes) {
            let path = copy.join(name);
            let folder = path.parent().unwrap_or(copy);
            fs::create_dir_all(folder)
                .and_then(|()| fs::write(&path, bytes))
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    for name in old.keys() {
        let path = copy.join(name);
        fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

/// Gives the packages of the copy another version. Cargo tells packages in a target folder apart by
/// name and version, not by folder: with the same version it would take the programs of either for
/// those of the other.
fn change_versions(files: &mut BTreeMap<PathBuf, Vec<u8>>) -> Result<()> {
    let own = format!("version = \"{}\"", env!("CARGO_PKG_VERSION"));
    let patched = format!("version = \"{}-patched\"", env!("CARGO_PKG_VERSION"));
    for (name, between) in [("Cargo.toml", "\n[workspace."), ("Cargo.lock", "\n[[package]]\n")] {
        let bytes = files.get_mut(Path::new(name)).with_context(|| format!("no {name}"))?;
        let text = std::str::from_utf8(bytes).with_context(|| format!("{name} is not text"))?;
        // In the lock file, packages of others have a source.
        let parts = text.split(between).map(|part| match part.contains("\nsource = ") {
            true => part.to_owned(),
            false => part.replacen(&own, &patched, 1),
        });
        let changed = parts.collect::<Vec<_>>().join(between);
        if changed == text {
            bail!("{name} has no package of version {}", env!("CARGO_PKG_VERSION"));
        }
        *bytes = changed.into_bytes();
    }
    Ok(())
}

/// Reads a file, or a folder without its hidden files and build results.
fn read_files(base: &Path, name: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) -> Result<()> {
    let path = base.join(name);
    let cannot_read = || format!("cannot read {}", path.display());
    if !path.is_dir() {
        files.insert(name.to_owned(), fs::read(&path).with_context(cannot_read)?);
        return Ok(());
    }
    for entry in fs::read_dir(&path).with_context(cannot_read)? {
        let entry = entry.with_context(cannot_read)?.file_name();
        if entry != "target" && !entry.to_string_lossy().starts_with('.') {
            read_files(base, &name.join(entry), files)?;
        }
    }
    Ok(())
}

fn apply(patches: &Patches, files: &mut BTreeMap<PathBuf, Vec<u8>>) -> Result<()> {
    apply_edit("clock", &patches.clock, files)?;
    for bug in &patches.bug {
        for edit in &bug.edit {
            apply_edit(&bug.name, edit, files)?;
        }
    }
    Ok(())
}

fn apply_edit(patch: &str, edit: &Edit, files: &mut BTreeMap<PathBuf, Vec<u8>>) -> Result<()> {
    let does_not_apply = || format!("the patch `{patch}` does not apply to {}", edit.file);
    let bytes = files.get_mut(Path::new(&edit.file)).with_context(does_not_apply)?;
    let text = std::str::from_utf8(bytes).with_context(does_not_apply)?;
    let count = text.matches(&edit.find).count();
    if count != 1 {
        bail!("{}: the text occurs {count} times:\n{}", does_not_apply(), edit.find);
    }
    let is_on = format!("std::env::var(\"DELIBERATE_BUG\").is_ok_and(|bug| bug == \"{patch}\")");
    let replacement = edit.replace.replace("{BUG}", &is_on);
    *bytes = text.replacen(&edit.find, &replacement, 1).into_bytes();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Bug, Edit, Patches, apply, write_copy};
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::{Path, PathBuf};

    fn patches(find: &str) -> Patches {
        let edit = |find: &str, replace: &str| Edit {
            file: "a.rs".to_owned(),
            find: find.to_owned(),
            replace: replace.to_owned(),
        };
        let bug = Bug { name: "some-bug".to_owned(), edit: vec![edit(find, "if {BUG} {}")] };
        Patches { bug: vec![bug], clock: edit("time", "offset") }
    }

    fn applied(find: &str) -> Result<String, String> {
        let mut files = BTreeMap::from([(PathBuf::from("a.rs"), b"time; x; y; y".to_vec())]);
        apply(&patches(find), &mut files).map_err(|error| error.to_string())?;
        Ok(String::from_utf8(files.remove(Path::new("a.rs")).unwrap()).unwrap())
    }

    #[test]
    fn a_patch_applies_once_or_is_an_error_that_names_it() {
        let is_on = "std::env::var(\"DELIBERATE_BUG\").is_ok_and(|bug| bug == \"some-bug\")";
        assert_eq!(applied("x"), Ok(format!("offset; if {is_on} {{}}; y; y")));
        for find in ["y", "z"] {
            let error = applied(find).unwrap_err();
            assert!(error.starts_with("the patch `some-bug` does not apply to a.rs"), "{error}");
        }
    }

    #[test]
    fn every_patch_applies_and_unchanged_files_are_not_written_again() {
        let copy = tempfile::tempdir().unwrap();
        let root = users_support::project::root();
        let stale = copy.path().join("functions/src/bin/gone.rs");
        fs::create_dir_all(stale.parent().unwrap()).unwrap();
        fs::write(&stale, "").unwrap();
        write_copy(&root, copy.path()).unwrap();
        assert!(!stale.exists());
        let lock = fs::read_to_string(copy.path().join("Cargo.lock")).unwrap();
        for package in ["users-functions", "users-platform", "users-domain", "users-contract"] {
            let entry = format!("name = \"{package}\"\nversion = \"0.1.0-patched\"");
            assert!(lock.contains(&entry), "{package}");
        }
        let time = |name: &str| fs::metadata(copy.path().join(name)).unwrap().modified().unwrap();
        let before = (time("Cargo.toml"), time("platform/src/clock.rs"));
        write_copy(&root, copy.path()).unwrap();
        assert_eq!((time("Cargo.toml"), time("platform/src/clock.rs")), before);
    }
}
