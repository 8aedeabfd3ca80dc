//! The archives of the functions, as they are and with one of them changed.

use anyhow::{Context, Result, bail};
use base64::Engine;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};

const MANIFEST: &str = "manifest.json";

/// What is done to one archive.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Change {
    /// A comment at its end: other bytes, the same program.
    Comment,
    /// Text in place of the archive, which no cloud can unpack.
    NoArchive,
}

/// The instruction set of the archives in a directory.
pub(crate) fn architecture(directory: &Path) -> Result<String> {
    let manifest = manifest(directory)?;
    let architecture = manifest["architecture"].as_str();
    Ok(architecture.context("the manifest of the archives names no architecture")?.to_owned())
}

/// Copies the archives to a new directory and changes that of one function.
pub(crate) fn changed(from: &Path, to: &Path, function: &str, change: Change) -> Result<PathBuf> {
    let mut manifest = manifest(from)?;
    fs::create_dir_all(to).with_context(|| format!("cannot create {}", to.display()))?;
    let functions = manifest["functions"].as_object_mut().context("the manifest is broken")?;
    for (name, bundle) in functions.iter_mut() {
        let file = bundle["file"].as_str().context("the manifest is broken")?.to_owned();
        let path = from.join(&file);
        let mut bytes =
            fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut file = file;
        if name == function {
            bytes = match change {
                Change::Comment => with_comment(bytes, b"changed")?,
                Change::NoArchive => b"this is no archive".to_vec(),
            };
            let digest = Sha256::digest(&bytes);
            let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            file = format!("{function}-{}.zip", &hex[..16]);
            bundle["file"] = json!(file);
            bundle["sha256"] = json!(base64::engine::general_purpose::STANDARD.encode(digest));
            bundle["sha256Hex"] = json!(hex);
            bundle["bytes"] = json!(bytes.len());
        }
        let path = to.join(&file);
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let path = to.join(MANIFEST);
    fs::write(&path, serde_json::to_string_pretty(&manifest)?)
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(to.to_path_buf())
}

fn manifest(directory: &Path) -> Result<Value> {
    let path = directory.join(MANIFEST);
    let text = fs::read_to_string(&path).with_context(|| {
        format!("cannot read {}; build the archives with `cargo xtask build`", path.display())
    })?;
    serde_json::from_str(&text).with_context(|| format!("{} is no manifest", path.display()))
}

/// Gives an archive without comment one: its last 22 bytes end with the comment's length.
fn with_comment(mut archive: Vec<u8>, comment: &[u8]) -> Result<Vec<u8>> {
    let length = u16::try_from(comment.len()).context("the comment is too long")?;
    let end = archive.len().saturating_sub(22);
    if !archive[end..].starts_with(b"PK\x05\x06") || !archive.ends_with(&[0, 0]) {
        bail!("an archive has a comment already, or is none");
    }
    archive.truncate(archive.len() - 2);
    archive.extend_from_slice(&length.to_le_bytes());
    archive.extend_from_slice(comment);
    Ok(archive)
}

#[cfg(test)]
mod tests {
    use super::{Change, architecture, changed, manifest, with_comment};
    use serde_json::json;
    use std::fs;

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
        let bundle =
            |file: &str| json!({"file": file, "sha256": "s", "sha256Hex": "h", "bytes": 22});
        let before = json!({
            "architecture": "x86_64", "functions": {"a": bundle("a-0.zip"), "b": bundle("b-0.zip")}
        });
        fs::write(from.path().join("manifest.json"), before.to_string()).unwrap();
        fs::write(from.path().join("a-0.zip"), empty_archive()).unwrap();
        fs::write(from.path().join("b-0.zip"), empty_archive()).unwrap();
        assert_eq!(architecture(from.path()).unwrap(), "x86_64");

        for (change, content) in [
            (Change::Comment, with_comment(empty_archive(), b"changed").unwrap()),
            (Change::NoArchive, b"this is no archive".to_vec()),
        ] {
            changed(from.path(), to.path(), "a", change).unwrap();
            let after = manifest(to.path()).unwrap();
            assert_eq!(after["functions"]["b"], before["functions"]["b"]);
            let bundle = &after["functions"]["a"];
            let file = bundle["file"].as_str().unwrap();
            assert_eq!(fs::read(to.path().join(file)).unwrap(), content);
            assert!(file.contains(&bundle["sha256Hex"].as_str().unwrap()[..16]), "{file}");
            assert_eq!(bundle["bytes"], content.len());
        }
    }

    #[test]
    fn archives_that_are_not_there_are_named_with_what_to_do() {
        let directory = tempfile::tempdir().unwrap();
        let error = architecture(directory.path()).unwrap_err().to_string();
        assert!(error.contains("cargo xtask build"), "{error}");
    }
}
