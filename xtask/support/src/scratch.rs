//! Folders that are removed with the process that created them.

use anyhow::{Context, Result};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The file whose lock shows that the folder's process is alive. The operating system releases the
/// lock when the process ends.
const LOCK: &str = "scratch.lock";

/// A folder that is removed on drop or, after a kill, by the next folder of its kind.
#[derive(Debug)]
pub struct Scratch {
    directory: TempDir,
    _lock: File,
}

impl Scratch {
    /// Creates a folder of a kind, and removes those of the same kind whose processes are gone.
    ///
    /// # Errors
    /// When it cannot be created; the message names the place.
    pub fn new(kind: &str) -> Result<Self> {
        Self::new_in(&std::env::temp_dir(), kind)
    }

    /// Creates a folder in memory if the system supports that, so that nothing is written to a
    /// disk.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn in_memory(kind: &str) -> Result<Self> {
        let memory = Path::new("/dev/shm");
        if memory.is_dir()
            && let Ok(scratch) = Self::new_in(memory, kind)
        {
            return Ok(scratch);
        }
        Self::new(kind)
    }

    fn new_in(base: &Path, kind: &str) -> Result<Self> {
        remove_abandoned(base, kind);
        let directory = tempfile::Builder::new()
            .prefix(&format!("{kind}-{}-", std::process::id()))
            .tempdir_in(base)
            .with_context(|| format!("cannot create a folder in {}", base.display()))?;
        let path = directory.path().join(LOCK);
        let lock =
            File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
        lock.try_lock().with_context(|| format!("cannot lock {}", path.display()))?;
        Ok(Self { directory, _lock: lock })
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Copies a file of the folder to a place where it is kept, and returns the new path.
    ///
    /// # Errors
    /// When the copy cannot be written.
    pub fn keep(&self, name: &str) -> Result<PathBuf> {
        let (_, kept) = tempfile::Builder::new()
            .prefix("users-kept-")
            .suffix(&format!("-{name}"))
            .tempfile()
            .and_then(|file| file.keep().map_err(Into::into))
            .context("cannot create a file")?;
        fs::copy(self.path().join(name), &kept)
            .with_context(|| format!("cannot write {}", kept.display()))?;
        Ok(kept)
    }
}

/// Removes the folders of dead processes. A folder that cannot be removed is left for the next
/// time.
fn remove_abandoned(base: &Path, kind: &str) {
    let Ok(entries) = fs::read_dir(base) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| owner(name, kind));
        if owner.is_some_and(|owner| is_abandoned(&entry.path(), owner)) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// The id of the process that owns a folder of a kind, from the folder's name.
fn owner(name: &str, kind: &str) -> Option<i32> {
    let (id, _) = name.strip_prefix(kind)?.strip_prefix('-')?.split_once('-')?;
    id.parse().ok()
}

/// Whether nobody uses a folder: its process is gone, and no process of another PID namespace holds
/// its lock.
fn is_abandoned(folder: &Path, owner: i32) -> bool {
    if is_alive(owner) {
        return false;
    }
    match File::options().write(true).open(folder.join(LOCK)) {
        Ok(lock) => lock.try_lock().is_ok(),
        // Its process was killed before it created the lock.
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    }
}

#[cfg(unix)]
fn is_alive(id: i32) -> bool {
    use rustix::process::{Pid, test_kill_process};
    let Some(id) = Pid::from_raw(id) else { return false };
    // Another user's process cannot be signalled but exists.
    !matches!(test_kill_process(id), Err(rustix::io::Errno::SRCH))
}

#[cfg(not(unix))]
fn is_alive(_id: i32) -> bool {
    // The lock alone decides.
    false
}

#[cfg(test)]
mod tests {
    use super::{LOCK, Scratch, owner};
    use std::fs;
    use std::path::Path;

    #[test]
    fn a_folders_name_has_the_id_of_its_process() {
        assert_eq!(owner("users-load-17-aB3", "users-load"), Some(17));
        for other in ["users-load-x-aB3", "users-load-17", "users-load", "else-17-a", "users-load-"]
        {
            assert_eq!(owner(other, "users-load"), None, "{other}");
        }
    }

    /// The id of a process that has ended.
    fn ended() -> u32 {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        child.id()
    }

    #[test]
    fn only_abandoned_folders_are_removed() {
        let base = tempfile::tempdir().unwrap();
        let make = |name: &str, has_lock: bool| {
            let folder = base.path().join(name);
            fs::create_dir(&folder).unwrap();
            if has_lock {
                fs::write(folder.join(LOCK), "").unwrap();
            }
            folder
        };
        let dead = ended();
        let gone = [
            make(&format!("kind-{dead}-locked-once"), true),
            make(&format!("kind-{dead}-never-locked"), false),
        ];
        let held = make(&format!("kind-{dead}-of-another-namespace"), true);
        let lock = fs::File::options().write(true).open(held.join(LOCK)).unwrap();
        lock.try_lock().unwrap();
        let staying = [
            held,
            make(&format!("kind-{}-of-a-living-process", std::process::id()), false),
            make(&format!("other-{dead}-kind"), true),
            make("kind-of-nobody", true),
        ];
        let own = Scratch::new_in(base.path(), "kind").unwrap();
        assert!(gone.iter().all(|folder| !folder.exists()));
        assert!(staying.iter().all(|folder| folder.exists()));
        let second = Scratch::new_in(base.path(), "kind").unwrap();
        assert!(own.path().is_dir());
        let path = second.path().to_owned();
        drop(second);
        assert!(!path.exists());
        assert!(Path::new(own.path()).is_dir());
    }

    #[test]
    fn a_kept_file_outlives_its_folder() {
        let scratch = Scratch::new("users-scratch-test").unwrap();
        fs::write(scratch.path().join("log"), "said").unwrap();
        let kept = scratch.keep("log").unwrap();
        drop(scratch);
        assert_eq!(fs::read_to_string(&kept).unwrap(), "said");
        fs::remove_file(kept).unwrap();
    }
}
