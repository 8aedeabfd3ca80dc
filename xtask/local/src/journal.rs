//! A file of JSON lines that is only appended to. It can be large, so only the positions of its
//! lines are kept in memory.

use anyhow::{Context, bail};
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::Path;

/// A file of lines.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    /// The position after each line.
    ends: Vec<u64>,
}

impl Journal {
    /// Opens the file, and creates it when it is missing. An incomplete line at its end, left by a
    /// kill, is cut off. `least` is the number of bytes that an existing file must have. `check`
    /// judges each line, with its number from 1.
    ///
    /// # Errors
    /// When a line is damaged or the end is missing; the text names the file, the line and the
    /// remedy.
    pub(crate) fn open(
        path: &Path,
        least: u64,
        check: impl FnMut(u64, &[u8]) -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        Self::read(path, least, check).with_context(|| {
            format!(
                "{} cannot be read; put a copy of the file in its place, or move it away to begin \
                 without it",
                path.display()
            )
        })
    }

    fn read(
        path: &Path,
        least: u64,
        mut check: impl FnMut(u64, &[u8]) -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        let least = if path.exists() { least } else { 0 };
        let mut file =
            File::options().create(true).truncate(false).read(true).write(true).open(path)?;
        let mut reader = BufReader::with_capacity(64 * 1024, &file);
        let (mut ends, mut end) = (Vec::new(), 0);
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            end += reader.read_until(b'\n', &mut line)? as u64;
            if !line.ends_with(b"\n") {
                break;
            }
            check(number, &line).with_context(|| format!("line {number} is damaged"))?;
            ends.push(end);
        }
        if end < least {
            bail!("the last {} bytes are missing", least - end);
        }
        let length = ends.last().copied().unwrap_or(0);
        file.set_len(length)?;
        file.seek(SeekFrom::Start(length))?;
        Ok(Self { file, ends })
    }

    /// The number of lines.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The lines of a range, which begins at 0 and may reach beyond the end.
    pub(crate) fn lines(&mut self, range: Range<usize>) -> anyhow::Result<Vec<Value>> {
        let range = range.start.min(self.len())..range.end.min(self.len());
        let start = self.end_of(range.start);
        let mut bytes = vec![0; usize::try_from(self.end_of(range.end.max(range.start)) - start)?];
        self.file.seek(SeekFrom::Start(start))?;
        self.file.read_exact(&mut bytes)?;
        self.file.seek(SeekFrom::Start(self.end_of(self.len())))?;
        Ok(serde_json::Deserializer::from_slice(&bytes).into_iter().collect::<Result<_, _>>()?)
    }

    /// Appends lines. They are on disk when this returns.
    pub(crate) fn append<'a>(
        &mut self,
        lines: impl IntoIterator<Item = &'a Value>,
    ) -> std::io::Result<()> {
        let length = self.end_of(self.len());
        let (mut text, mut ends) = (String::new(), Vec::new());
        for line in lines {
            text.push_str(&line.to_string());
            text.push('\n');
            ends.push(length + text.len() as u64);
        }
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // An incomplete batch must not stay. Should this fail too, opening cuts it off.
            let _ = self.file.set_len(length);
            let _ = self.file.seek(SeekFrom::Start(length));
            return Err(error);
        }
        self.ends.extend(ends);
        Ok(())
    }

    /// The position after the first `lines` lines.
    fn end_of(&self, lines: usize) -> u64 {
        match lines.checked_sub(1) {
            Some(last) => self.ends[last],
            None => 0,
        }
    }
}

/// Checks that a line is a JSON object whose member `seq` is its number.
pub(crate) fn check_numbered(number: u64, line: &[u8]) -> anyhow::Result<()> {
    let event: Value = match serde_json::from_slice(line) {
        Ok(event) => event,
        // The text of the error could quote the event.
        Err(error) => bail!("it is not JSON (column {})", error.column()),
    };
    match &event["seq"] {
        seq if *seq == number => Ok(()),
        Value::Null => bail!("it is not an event"),
        seq => bail!("it has the event of number {seq}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Journal, check_numbered};
    use rstest::rstest;
    use serde_json::{Value, json};
    use std::path::Path;
    use tempfile::TempDir;

    /// A file of numbered events of different sizes; every tenth is a large one.
    fn events(directory: &TempDir, count: u64) -> std::path::PathBuf {
        let path = directory.path().join("events.jsonl");
        let text = |seq: u64| "ü".repeat(if seq % 10 == 9 { 100_000 } else { (seq % 7) as usize });
        let lines = (1..=count).map(|seq| format!("{}\n", json!({"text": text(seq), "seq": seq})));
        std::fs::write(&path, lines.collect::<String>()).unwrap();
        path
    }

    fn open(path: &Path) -> anyhow::Result<Journal> {
        Journal::open(path, 0, check_numbered)
    }

    fn numbers(lines: &[Value]) -> Vec<u64> {
        lines.iter().map(|line| line["seq"].as_u64().unwrap()).collect()
    }

    #[rstest]
    #[case::none(0..0, &[])]
    #[case::first(0..2, &[1, 2])]
    #[case::large(7..11, &[8, 9, 10, 11])]
    #[case::beyond_the_end(58..100, &[59, 60])]
    #[case::behind_the_end(60..70, &[])]
    #[case::far_behind_the_end(usize::MAX..usize::MAX, &[])]
    fn a_range_of_lines_is_read(#[case] range: std::ops::Range<usize>, #[case] expected: &[u64]) {
        let directory = tempfile::tempdir().unwrap();
        let mut journal = open(&events(&directory, 60)).unwrap();
        assert_eq!(numbers(&journal.lines(range).unwrap()), expected);
    }

    #[test]
    fn appended_lines_survive_and_an_incomplete_one_is_cut_off() {
        let directory = tempfile::tempdir().unwrap();
        let path = events(&directory, 3);
        let mut journal = open(&path).unwrap();
        assert_eq!(journal.lines(0..1).unwrap().len(), 1, "the end is found again");
        journal.append([&json!({"seq": 4}), &json!({"seq": 5})]).unwrap();
        assert_eq!(numbers(&journal.lines(2..9).unwrap()), [3, 4, 5]);
        drop(journal);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{text}{{\"seq\":6,\"te")).unwrap();
        let mut journal = open(&path).unwrap();
        assert_eq!((journal.len(), std::fs::read_to_string(&path).unwrap()), (5, text));
        journal.append([&json!({"seq": 6})]).unwrap();
        assert_eq!(numbers(&open(&path).unwrap().lines(4..6).unwrap()), [5, 6]);
    }

    #[rstest]
    #[case::not_json(b"oops", "it is not JSON (column ")]
    #[case::incomplete(b"{\"seq\":50,\"te", "it is not JSON (column ")]
    #[case::empty(b"", "it is not JSON")]
    #[case::no_text(b"{\"seq\":50,\"text\":\"\xff\"}", "it is not JSON")]
    #[case::no_number(b"{\"text\":\"x\"}", "it is not an event")]
    #[case::another_type(b"[50]", "it is not an event")]
    #[case::previous(b"{\"seq\":49}", "it has the event of number 49")]
    #[case::next(b"{\"seq\":51}", "it has the event of number 51")]
    #[case::a_number_as_text(b"{\"seq\":\"50\"}", "it has the event of number \"50\"")]
    fn a_damaged_line_is_named_with_the_remedy(#[case] line: &[u8], #[case] expected: &str) {
        let directory = tempfile::tempdir().unwrap();
        let path = events(&directory, 60);
        let text = std::fs::read(&path).unwrap();
        let mut lines: Vec<_> = text.split(|byte| *byte == b'\n').collect();
        lines[49] = line;
        std::fs::write(&path, lines.join(&b'\n')).unwrap();
        let error = format!("{:#}", open(&path).unwrap_err());
        assert!(error.contains(&format!("line 50 is damaged: {expected}")), "{error}");
        assert!(error.contains("move it away"), "{error}");
    }

    #[test]
    fn a_file_without_its_end_is_refused_and_stays_as_it_is() {
        let home = TempDir::new().unwrap();
        let path = home.path().join("journal");
        let text = (1..=5).map(|seq| format!("{{\"seq\":{seq}}}\n")).collect::<String>();
        let least = text.len() as u64;
        for left in [text.len() - 1, text.len() - 10, 10, 3, 0] {
            std::fs::write(&path, &text[..left]).unwrap();
            let error = Journal::open(&path, least, check_numbered).unwrap_err();
            let error = format!("{error:#}");
            assert!(error.contains(&format!("last {} bytes", text.len() - left)), "{error}");
            assert!(error.contains("move it away"), "{error}");
            assert_eq!(std::fs::read(&path).unwrap(), text.as_bytes()[..left]);
        }
        std::fs::write(&path, format!("{text}{{\"seq\":6}}\n{{")).unwrap();
        assert_eq!(Journal::open(&path, least, check_numbered).unwrap().len(), 6);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(Journal::open(&path, least, check_numbered).unwrap().len(), 0);
    }
}
