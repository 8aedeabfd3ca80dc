//! The check of the database's file before it is opened: a damaged one must not be served.

use anyhow::{Context, bail};
use rusqlite::{Connection, OpenFlags};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

/// The length of the checked header: a fixed text, and the size of a page.
const HEADER: usize = 18;
const MAGIC: &[u8] = b"SQLite format 3\0";

/// Fails when the file is damaged. Every page is checked unless the file is `trusted`: unchanged
/// since an orderly stop.
pub(crate) fn check(path: &Path, trusted: bool) -> anyhow::Result<()> {
    let damage = match look(path, trusted) {
        Ok(()) => return Ok(()),
        Err(damage) => damage,
    };
    let directory = path.parent().unwrap_or(path);
    bail!(
        "the database {} is damaged: {damage:#}; put a copy in its place, or begin anew by moving \
         {} away or with another --data",
        path.display(),
        directory.display()
    )
}

fn look(path: &Path, trusted: bool) -> anyhow::Result<()> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let length = file.metadata()?.len();
    // SQLite creates the file before it writes the first page.
    if length == 0 {
        return Ok(());
    }
    let mut header = [0; HEADER];
    file.read_exact(&mut header).context("it has no header")?;
    if !header.starts_with(MAGIC) {
        bail!("it does not begin as a database does");
    }
    let page = match u16::from_be_bytes([header[16], header[17]]) {
        // 65,536 does not fit into the two bytes.
        1 => 65_536,
        size => u64::from(size),
    };
    if page < 512 || !length.is_multiple_of(page) {
        bail!("its {length} bytes are no whole number of pages of {page}");
    }
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    if trusted {
        // Opening the schema is enough.
        return Ok(connection.query_row("SELECT COUNT(*) FROM sqlite_master", [], |_| Ok(()))?);
    }
    let found: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    match found.as_str() {
        "ok" => Ok(()),
        damage => bail!("{}", damage.replace('\n', " ")),
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use rstest::rstest;
    use rusqlite::Connection;
    use std::path::{Path, PathBuf};

    /// A database of many pages.
    fn database(directory: &Path) -> PathBuf {
        let path = directory.join("dynamodb.sqlite");
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch(
                "CREATE TABLE item (id INTEGER PRIMARY KEY, text TEXT);
                 CREATE INDEX by_text ON item (text);
                 WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers
                     WHERE n < 2000)
                 INSERT INTO item SELECT n, 'text ' || n FROM numbers;",
            )
            .unwrap();
        path
    }

    #[test]
    fn a_sound_or_missing_database_is_accepted() {
        let directory = tempfile::tempdir().unwrap();
        let path = database(directory.path());
        let missing = directory.path().join("missing.sqlite");
        for trusted in [true, false] {
            check(&path, trusted).unwrap();
            check(&missing, trusted).unwrap();
        }
        assert!(!missing.exists());
    }

    fn cut(bytes: &mut Vec<u8>, length: usize) {
        bytes.truncate(bytes.len() - length);
    }

    fn overwrite(bytes: &mut [u8], at: usize, length: usize, byte: u8) {
        bytes[at..at + length].fill(byte);
    }

    #[rstest]
    #[case::cut_by_a_hundred_bytes(|bytes: &mut Vec<u8>| cut(bytes, 100), "no whole number of pages")]
    #[case::cut_by_two_pages(|bytes: &mut Vec<u8>| cut(bytes, 8192), "")]
    #[case::cut_to_less_than_a_header(|bytes: &mut Vec<u8>| bytes.truncate(10), "no header")]
    #[case::a_text_file(|bytes: &mut Vec<u8>| *bytes = b"not a database at all".to_vec(), "does not begin")]
    #[case::without_its_first_page(|bytes: &mut Vec<u8>| overwrite(bytes, 0, 4096, 0), "does not begin")]
    #[case::with_zeros_in_the_middle(|bytes: &mut Vec<u8>| overwrite(bytes, 4096 * 3, 4096, 0), "")]
    #[case::with_noise_in_the_middle(|bytes: &mut Vec<u8>| overwrite(bytes, 4096 * 4 + 8, 900, 0xA5), "")]
    #[case::with_noise_in_the_schema(|bytes: &mut Vec<u8>| overwrite(bytes, 3900, 196, 0xFF), "")]
    fn damage_is_named_with_its_file_and_the_remedy(
        #[case] damage: fn(&mut Vec<u8>),
        #[case] place: &str,
    ) {
        let directory = tempfile::tempdir().unwrap();
        let path = database(directory.path());
        let mut bytes = std::fs::read(&path).unwrap();
        damage(&mut bytes);
        std::fs::write(&path, bytes).unwrap();
        let text = check(&path, false).unwrap_err().to_string();
        assert!(text.contains(&format!("the database {} is damaged: ", path.display())), "{text}");
        assert!(text.contains(place), "{text}");
        assert!(text.contains("begin anew by moving"), "{text}");
    }
}
