//! An archive of one program, the same bytes for the same program.
//!
//! Time, permissions and system are fixed, and so is the compressor: `miniz_oxide` gives the same
//! bytes on every CPU, while faster ones use CPU features and may give others.

use anyhow::{Context, Result};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};
use std::io::{Cursor, Write};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipWriter};

/// The file that Lambda runs in a `provided` runtime.
pub(super) const PROGRAM: &str = "bootstrap";

/// Readable and executable by all, since Lambda runs it as another user.
const PERMISSIONS: u32 = 0o755;

/// The highest level of the compressor.
const LEVEL: i64 = 9;

/// The archive of a program.
pub(super) fn of(program: &[u8]) -> Result<Vec<u8>> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(LEVEL))
        // The earliest time of the format: 1980-01-01 00:00:00.
        .last_modified_time(DateTime::default())
        .system(System::Unix)
        .unix_permissions(PERMISSIONS);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer
        .start_file(PROGRAM, options)
        .and_then(|()| Ok(writer.write_all(program)?))
        .and_then(|()| writer.finish())
        .map(Cursor::into_inner)
        .context("cannot pack the program")
}

/// A SHA-256 digest.
pub(super) struct Digest([u8; 32]);

impl Digest {
    pub(super) fn of(content: &[u8]) -> Self {
        Self(Sha256::digest(content).into())
    }

    pub(super) fn base64(&self) -> String {
        BASE64_STANDARD.encode(self.0)
    }

    pub(super) fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Digest, of};
    use std::io::{Cursor, Read};

    /// A program that does not compress trivially.
    fn program() -> Vec<u8> {
        (0..200_000_u32).flat_map(|it| (it.wrapping_mul(it) / 97).to_le_bytes()).collect()
    }

    #[test]
    fn the_archive_has_the_program_ready_to_run_and_nothing_of_today() {
        let mut archive = zip::ZipArchive::new(Cursor::new(of(&program()).unwrap())).unwrap();
        assert_eq!(archive.len(), 1);
        let mut file = archive.by_index(0).unwrap();
        assert_eq!(file.name().unwrap(), "bootstrap");
        assert_eq!(file.unix_mode(), Some(0o100_755));
        let time = file.last_modified().unwrap();
        assert_eq!((time.year(), time.month(), time.day(), time.hour()), (1980, 1, 1, 0));
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        assert!(content == program());
    }

    /// Another version of the compressor may give other bytes, which makes every function look
    /// changed once; another backend would give other bytes on other machines.
    #[test]
    fn the_bytes_are_those_of_every_machine() {
        let digest = Digest::of(&of(&program()).unwrap());
        assert_eq!(
            digest.hex(),
            "5152e8512693864b7ec12c0cebb44ca92659dc6da7d154b9c301c4f52f2f917e"
        );
    }

    #[test]
    fn a_digest_reads_as_lambda_gives_it() {
        let digest = Digest::of(b"");
        assert_eq!(digest.base64(), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
        assert!(digest.hex().starts_with("e3b0c44298fc1c14"));
    }
}
