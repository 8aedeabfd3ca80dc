//! The list of archives, in their folder: written by `cargo xtask build`, read by whatever
//! deploys, changes or measures them.

use crate::stages::Architecture;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Name of the list, in the directory of the archives.
pub const MANIFEST: &str = "manifest.json";

/// The archives of one architecture.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Their instruction set.
    pub architecture: Architecture,
    /// Bytes that an archive may have.
    pub budget_bytes: u64,
    /// The archives, by name of their function.
    pub functions: BTreeMap<String, Bundle>,
}

/// One archive.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bundle {
    /// Its file, in the directory of the manifest.
    pub file: String,
    /// SHA-256 of the file in base 64, as Lambda gives it in `CodeSha256`.
    pub sha256: String,
    /// The same in hexadecimal digits.
    pub sha256_hex: String,
    /// Size of the file.
    pub bytes: u64,
    /// Size of the program in it.
    pub program_bytes: u64,
}

impl Manifest {
    /// Reads the list of a directory.
    ///
    /// # Errors
    /// When the file is missing or malformed; the text names the file and the remedy.
    pub fn read(directory: &Path) -> Result<Self> {
        let file = path(directory);
        let text = std::fs::read_to_string(&file).with_context(|| {
            format!("cannot read {}; build the archives with `cargo xtask build`", file.display())
        })?;
        serde_json::from_str(&text).with_context(|| {
            format!(
                "{} is not a list of archives; build them anew with `cargo xtask build`",
                file.display()
            )
        })
    }

    /// The list as the text of its file.
    ///
    /// # Errors
    /// None in practice: all keys are strings.
    pub fn to_text(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

/// The file of a directory's list.
#[must_use]
pub fn path(directory: &Path) -> PathBuf {
    directory.join(MANIFEST)
}

#[cfg(test)]
mod tests {
    use super::{Bundle, Manifest, path};
    use crate::stages::Architecture;

    #[test]
    fn a_list_is_read_as_it_was_written() {
        let home = tempfile::tempdir().unwrap();
        let bundle = Bundle {
            file: "a.zip".to_owned(),
            sha256: "AA==".to_owned(),
            sha256_hex: "00".to_owned(),
            bytes: 1,
            program_bytes: 2,
        };
        let manifest = Manifest {
            architecture: Architecture::X8664,
            budget_bytes: 3,
            functions: [("a".to_owned(), bundle)].into(),
        };
        let text = manifest.to_text().unwrap();
        assert!(text.contains(r#""architecture": "x86_64""#) && text.contains("sha256Hex"));
        std::fs::write(path(home.path()), text).unwrap();
        assert_eq!(Manifest::read(home.path()).unwrap(), manifest);
    }

    #[test]
    fn a_missing_or_invalid_list_says_how_to_build_it() {
        let home = tempfile::tempdir().unwrap();
        for text in [None, Some("{}"), Some(r#"{"architecture": "mips"}"#)] {
            if let Some(text) = text {
                std::fs::write(path(home.path()), text).unwrap();
            }
            let error = Manifest::read(home.path()).unwrap_err().to_string();
            assert!(error.contains("manifest.json") && error.contains("cargo xtask build"));
        }
    }
}
