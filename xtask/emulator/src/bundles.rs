//! The archives of the functions, as they are and with one of them changed.

use anyhow::{Context, Result, bail};
use base64::Engine;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use users_template::bundles::{self, Manifest};

/// A change of one archive.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Change {
    /// A comment at its end, so that the bytes differ and the program does not.
    Comment,
    /// Text in place of the archive.
    NoArchive,
}

/// Copies the archives to a new directory and changes that of one function.
pub(crate) fn changed(from: &Path, to: &Path, function: &str, change: Change) -> Result<PathBuf> {
    let mut manifest = Manifest::read(from)?;
    fs::create_dir_all(to).with_context(|| format!("cannot create {}", to.display()))?;
    for (name, bundle) in &mut manifest.functions {
        let path = from.join(&bundle.file);
        let mut bytes =
            fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        if name == function {
            bytes = match change {
                Change::Comment => with_comment(bytes, b"changed")?,
                Change::NoArchive => b"this is no archive".to_vec(),
            };
            let digest = Sha256::digest(&bytes);
            let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            bundle.file = format!("{function}-{}.zip", &hex[..16]);
            bundle.sha256 = base64::engine::general_purpose::STANDARD.encode(digest);
            bundle.sha256_hex = hex;
            bundle.bytes = bytes.len() as u64;
        }
        let path = to.join(&bundle.file);
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let path = bundles::path(to);
    fs::write(&path, manifest.to_text()?)
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(to.to_path_buf())
}

/// Appends a comment to an archive without one: its last 22 bytes end with the comment's length.
fn with_comment(mut archive: Vec<u8>, comment: &[u8]) -> Result<Vec<u8>> {
    let length = u16::try_from(comment.len()).context("the comment is too long")?;
    let end = archive.len().saturating_sub(22);
    if !archive[end..].starts_with(b"PK\x05\x06") || !archive.ends_with(&[0, 0]) {
        bail!("the file is not an archive without a comment");
    }
    archive.truncate(archive.len() - 2);
    archive.extend_from_slice(&length.to_le_bytes());
    archive.extend_from_slice(comment);
    Ok(archive)
}

#[cfg(test)]
mod tests {
    use super::{Change, changed, with_comment};
    use std::fs;
    use users_template::Architecture;
    use users_template::bundles::{self, Bundle, Manifest};

    /// An archive of no files.
    fn empty_archive() -> Vec<u8> {
        let mut archive = b"PK\x05\x06".to_vec();
        archive.resize(22, 0);
        archive
    }

    #[test]
    fn a_comment_changes_the_bytes_and_nothing_else() {
        let archive = with_comment(empty_archive(), b"hello").unwrap();
        assert_eq!(&archive[..20], &empty_archive()[..20]);
        assert_eq!(&archive[20..], b"\x05\x00hello");
        assert!(with_comment(archive, b"again").is_err());
        assert!(with_comment(b"short".to_vec(), b"x").is_err());
    }

    #[test]
    fn one_archive_changes_and_the_manifest_with_it() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let bundle = |file: &str| Bundle {
            file: file.to_owned(),
            sha256: "s".to_owned(),
            sha256_hex: "h".to_owned(),
            bytes: 22,
            program_bytes: 0,
        };
        let before = Manifest {
            architecture: Architecture::X8664,
            budget_bytes: 100,
            functions: [("a", "a-0.zip"), ("b", "b-0.zip")]
                .map(|(name, file)| (name.to_owned(), bundle(file)))
                .into(),
        };
        fs::write(bundles::path(from.path()), before.to_text().unwrap()).unwrap();
        fs::write(from.path().join("a-0.zip"), empty_archive()).unwrap();
        fs::write(from.path().join("b-0.zip"), empty_archive()).unwrap();

        for (change, content) in [
            (Change::Comment, with_comment(empty_archive(), b"changed").unwrap()),
            (Change::NoArchive, b"this is no archive".to_vec()),
        ] {
            changed(from.path(), to.path(), "a", change).unwrap();
            let after = Manifest::read(to.path()).unwrap();
            assert_eq!(after.functions["b"], before.functions["b"]);
            let bundle = &after.functions["a"];
            assert_eq!(fs::read(to.path().join(&bundle.file)).unwrap(), content);
            assert!(bundle.file.contains(&bundle.sha256_hex[..16]), "{}", bundle.file);
            assert_eq!(bundle.bytes, content.len() as u64);
        }
    }
}
