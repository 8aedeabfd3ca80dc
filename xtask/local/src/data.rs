//! The data directory: one that is kept, or one that is removed with the stack.

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tempfile::NamedTempFile;
use users_support::Scratch;

/// The file whose lock marks a directory as in use.
const LOCK: &str = "lock";
/// The file in which an orderly stop records the state of the others.
const STOPPED: &str = "stopped.json";
/// The name of temporary directories.
const EPHEMERAL: &str = "local-stack";

/// Makes files and folders readable for this user only, whatever the shell's umask: they hold
/// personal data.
#[cfg(unix)]
pub fn keep_files_private() {
    use rustix::fs::Mode;
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
}

#[cfg(not(unix))]
pub fn keep_files_private() {}

/// The location of the data.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DataLocation {
    /// This directory, which is created when it is missing and kept.
    Directory(PathBuf),
    /// A temporary directory, in memory where the system supports it, removed at the end.
    Ephemeral,
}

/// The state of a file at an orderly stop.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
struct Left {
    bytes: u64,
    modified: SystemTime,
}

impl Left {
    fn of(path: &Path) -> std::io::Result<Self> {
        let metadata = fs::metadata(path)?;
        Ok(Self { bytes: metadata.len(), modified: metadata.modified()? })
    }
}

/// An open data directory, locked against a second stack for as long as this lives.
#[derive(Debug)]
pub(crate) struct DataDirectory {
    path: PathBuf,
    /// The files at the last stop, if it was an orderly one.
    left: BTreeMap<String, Left>,
    // The operating system releases the lock when the process ends for any reason.
    _lock: File,
    _scratch: Option<Scratch>,
}

impl DataDirectory {
    /// Creates and locks the directory.
    pub(crate) fn open(location: &DataLocation) -> anyhow::Result<Self> {
        let (path, scratch) = match location {
            DataLocation::Directory(path) => {
                fs::create_dir_all(path).with_context(|| {
                    format!("cannot create the data directory {}", path.display())
                })?;
                (path.clone(), None)
            }
            DataLocation::Ephemeral => {
                // Ephemeral data need not reach a disk.
                let scratch = Scratch::in_memory(EPHEMERAL)?;
                (scratch.path().to_owned(), Some(scratch))
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
            Ok(()) => {
                let stopped = path.join(STOPPED);
                let left = fs::read(&stopped).ok().and_then(|it| serde_json::from_slice(&it).ok());
                Ok(Self { path, left: left.unwrap_or_default(), _lock: lock, _scratch: scratch })
            }
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

    /// Whether a file is unchanged since an orderly stop. Otherwise it may be damaged.
    pub(crate) fn is_as_it_was(&self, name: &str) -> bool {
        let left = self.left.get(name);
        left.is_some_and(|left| Left::of(&self.file(name)).is_ok_and(|now| now == *left))
    }

    /// The size of a file at the last stop, if it was an orderly one, else 0.
    pub(crate) fn bytes_at_stop(&self, name: &str) -> u64 {
        self.left.get(name).map_or(0, |left| left.bytes)
    }

    /// Forgets the last stop, before the first write. A start that is refused keeps it, so that the
    /// next start judges the files by it again.
    pub(crate) fn forget_stop(&self) -> anyhow::Result<()> {
        let stopped = self.file(STOPPED);
        match fs::remove_file(&stopped) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                bail!("cannot remove {}: {error}", stopped.display())
            }
            _ => Ok(()),
        }
    }

    /// Records the state of all files at an orderly stop.
    pub(crate) fn note_stop(&self) -> anyhow::Result<()> {
        let mut left = BTreeMap::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if let (Some(name), true) = (entry.file_name().to_str(), entry.file_type()?.is_file()) {
                left.insert(name.to_owned(), Left::of(&entry.path())?);
            }
        }
        write_atomically(&self.file(STOPPED), &serde_json::to_vec(&left)?)
    }

    /// The path of a file in it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

/// Replaces a file atomically. Creates its directory when it is missing.
///
/// # Errors
/// When it cannot be written; the text names the file.
pub fn write_atomically(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or_else(|| Path::new("."));
    std::fs::create_dir_all(directory)
        .with_context(|| format!("cannot create the directory {}", directory.display()))?;
    let mut file = NamedTempFile::new_in(directory)
        .with_context(|| format!("cannot write in {}", directory.display()))?;
    file.write_all(content).with_context(|| format!("cannot write {}", path.display()))?;
    file.persist(path).with_context(|| format!("cannot replace {}", path.display()))?;
    Ok(())
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
    fn the_first_start_after_an_orderly_stop_trusts_unchanged_files() {
        let temporary = tempfile::tempdir().unwrap();
        let location = DataLocation::Directory(temporary.path().to_owned());
        let write = |name: &str, text: &str| {
            std::fs::write(temporary.path().join(name), text).unwrap();
        };
        for name in ["same", "longer", "changed", "gone"] {
            write(name, "text");
        }
        DataDirectory::open(&location).unwrap().note_stop().unwrap();
        write("longer", "text and more");
        let changed = std::fs::File::options().write(true).open(temporary.path().join("changed"));
        changed.unwrap().set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        std::fs::remove_file(temporary.path().join("gone")).unwrap();
        write("new", "text");

        let data = DataDirectory::open(&location).unwrap();
        assert!(data.is_as_it_was("same"));
        for name in ["longer", "changed", "gone", "new"] {
            assert!(!data.is_as_it_was(name), "{name}");
        }
        assert_eq!(data.bytes_at_stop("longer"), 4);
        drop(data);
        let data = DataDirectory::open(&location).unwrap();
        assert!(data.is_as_it_was("same"), "a start that writes nothing forgets nothing");
        data.forget_stop().unwrap();
        drop(data);
        let data = DataDirectory::open(&location).unwrap();
        assert!(!data.is_as_it_was("same"), "there was no orderly stop");
        assert_eq!(data.bytes_at_stop("same"), 0);
    }

    #[test]
    fn an_ephemeral_directory_is_removed() {
        let data = DataDirectory::open(&DataLocation::Ephemeral).unwrap();
        let path = data.path().to_owned();
        assert!(path.is_dir());
        drop(data);
        assert!(!path.exists());
    }

    #[test]
    fn a_file_is_replaced() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("state");
        write_atomically(&path, b"a longer first content").unwrap();
        write_atomically(&path, b"second").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"second");
    }
}
