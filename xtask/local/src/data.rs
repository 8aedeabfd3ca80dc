//! Where the state lies: a directory that is kept, or one that goes away with the stack.

use anyhow::{Context, bail};
use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::{NamedTempFile, TempDir};

/// Name of the file whose lock says that a directory is in use.
const LOCK: &str = "lock";
/// How the names of directories begin that go away with their stack.
const EPHEMERAL_PREFIX: &str = "local-stack-";
/// How old a directory must be to count as left over.
const LEFTOVER_AGE: Duration = Duration::from_secs(60);

/// Where a stack keeps its state.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DataLocation {
    /// In this directory, which is made when it is missing and kept.
    Directory(PathBuf),
    /// In a directory of its own, in memory where the system has such a place, removed at the end.
    Ephemeral,
}

/// An open data directory, locked against a second stack for as long as this lives.
#[derive(Debug)]
pub(crate) struct DataDirectory {
    path: PathBuf,
    // The operating system gives up the lock when the process ends, however it ends.
    _lock: File,
    _temporary: Option<TempDir>,
}

impl DataDirectory {
    /// Makes and locks the directory.
    pub(crate) fn open(location: &DataLocation) -> anyhow::Result<Self> {
        let (path, temporary) = match location {
            DataLocation::Directory(path) => {
                fs::create_dir_all(path).with_context(|| {
                    format!("cannot make the data directory {}", path.display())
                })?;
                (path.clone(), None)
            }
            DataLocation::Ephemeral => {
                let base = ephemeral_base();
                remove_leftovers(&base);
                let temporary = tempfile::Builder::new()
                    .prefix(EPHEMERAL_PREFIX)
                    .tempdir_in(&base)
                    .with_context(|| format!("cannot make a directory in {}", base.display()))?;
                (temporary.path().to_owned(), Some(temporary))
            }
        };
        let lock_path = path.join(LOCK);
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .with_context(|| format!("cannot open {}", lock_path.display()))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock, _temporary: temporary }),
            Err(TryLockError::WouldBlock) => bail!(
                "the data directory {} is in use by another local stack; \
                 stop that one, or choose another directory with --data, or --ephemeral",
                path.display()
            ),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("cannot lock {}", lock_path.display()))
            }
        }
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file in it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

/// Writes a file so that a reader, or a restart, sees all of it or the one before. Makes its
/// directory when it is missing.
///
/// # Errors
/// When it cannot be written; the text names the file.
pub fn write_atomically(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or_else(|| Path::new("."));
    std::fs::create_dir_all(directory)
        .with_context(|| format!("cannot make the directory {}", directory.display()))?;
    let mut file = NamedTempFile::new_in(directory)
        .with_context(|| format!("cannot write in {}", directory.display()))?;
    file.write_all(content).with_context(|| format!("cannot write {}", path.display()))?;
    file.persist(path).with_context(|| format!("cannot replace {}", path.display()))?;
    Ok(())
}

/// Memory-backed where there is such a place: an ephemeral stack has nothing to flush to a disk.
fn ephemeral_base() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let writable = memory.is_dir()
        && tempfile::Builder::new().prefix(EPHEMERAL_PREFIX).tempfile_in(memory).is_ok();
    if writable { memory.to_owned() } else { std::env::temp_dir() }
}

/// Removes the directories of ephemeral stacks that were killed: those whose lock nobody holds.
/// What cannot be removed stays for the next time.
fn remove_leftovers(base: &Path) {
    let Ok(entries) = fs::read_dir(base) else { return };
    for entry in entries.flatten() {
        if !entry.file_name().to_string_lossy().starts_with(EPHEMERAL_PREFIX) {
            continue;
        }
        let Ok(lock) = File::options().write(true).open(entry.path().join(LOCK)) else { continue };
        // A fresh one may belong to a stack that is just about to lock it.
        let is_old = lock
            .metadata()
            .and_then(|metadata| metadata.modified())
            .is_ok_and(|time| time.elapsed().is_ok_and(|age| age > LEFTOVER_AGE));
        if is_old && lock.try_lock().is_ok() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{DataDirectory, DataLocation, write_atomically};

    #[test]
    fn a_second_stack_on_the_same_directory_is_refused_with_what_to_do() {
        let temporary = tempfile::tempdir().unwrap();
        let location = DataLocation::Directory(temporary.path().join("data"));
        let first = DataDirectory::open(&location).unwrap();
        let refusal = DataDirectory::open(&location).unwrap_err().to_string();
        assert!(refusal.contains("in use by another local stack"), "{refusal}");
        assert!(refusal.contains("--ephemeral"), "{refusal}");
        drop(first);
        // The lock file is still there, as after a kill, and does not block.
        DataDirectory::open(&location).unwrap();
    }

    #[test]
    fn an_ephemeral_directory_goes_away() {
        let data = DataDirectory::open(&DataLocation::Ephemeral).unwrap();
        let path = data.path().to_owned();
        assert!(path.is_dir());
        drop(data);
        assert!(!path.exists());
    }

    #[test]
    fn a_file_is_replaced_as_a_whole() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("state");
        write_atomically(&path, b"a longer first content").unwrap();
        write_atomically(&path, b"second").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"second");
    }
}
