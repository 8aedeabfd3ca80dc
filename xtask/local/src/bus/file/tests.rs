//! Tests of the file of events.

use super::{check, complete_length, page, tail};
use rstest::rstest;
use serde_json::{Value, json};
use std::io::{Cursor, Read, Result, Seek, SeekFrom};

/// Counts what is read of a file.
struct Counting {
    file: Cursor<Vec<u8>>,
    read: u64,
}

impl Counting {
    fn of(text: impl Into<Vec<u8>>) -> Self {
        Self { file: Cursor::new(text.into()), read: 0 }
    }

    fn length(&self) -> u64 {
        self.file.get_ref().len() as u64
    }
}

impl Read for Counting {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let bytes = self.file.read(buffer)?;
        self.read += bytes as u64;
        Ok(bytes)
    }
}

impl Seek for Counting {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        self.file.seek(to)
    }
}

/// Events of different sizes; every thousandth is a large one.
fn lines(count: u64) -> String {
    let text =
        |seq: u64| "x".repeat(if seq % 1000 == 999 { 200_000 } else { (seq % 700) as usize });
    (1..=count).map(|seq| format!("{}\n", json!({"text": text(seq), "seq": seq}))).collect()
}

fn numbers(events: &[Value]) -> Vec<u64> {
    events.iter().map(|event| event["seq"].as_u64().unwrap()).collect()
}

#[test]
fn a_page_of_a_hundred_thousand_events_reads_little_of_them() {
    let mut file = Counting::of(lines(100_000));
    let length = file.length();
    assert!(length > 50_000_000);
    for after in [0, 1, 17, 998, 999, 50_000, 77_777, 99_899, 99_998, 99_999, 100_000, u64::MAX] {
        file.read = 0;
        let events = page(&mut file, length, after, 100).unwrap();
        let expected: Vec<u64> = (1..=100_000).skip_while(|seq| *seq <= after).take(100).collect();
        assert_eq!(numbers(&events), expected, "after {after}");
        // A page with a large event, some looks for its place, and what is read ahead.
        assert!(file.read < 1_500_000, "{} bytes after {after}", file.read);
    }
}

#[test]
fn a_start_reads_the_end_of_a_file_only() {
    let mut file = Counting::of(lines(100_000));
    let length = file.length();
    assert_eq!(complete_length(&mut file).unwrap(), length);
    let (window, last) = tail(&mut file, length, 100).unwrap();
    assert_eq!((window.len(), last), (100, 100_000));
    assert!(window[0].contains("\"seq\":99901"), "{}", window[0]);
    assert!(file.read < 1_000_000, "{} bytes", file.read);
}

#[rstest]
#[case::nothing("", 0)]
#[case::half_a_line("{\"seq\"", 0)]
#[case::a_line("{}\n", 3)]
#[case::a_line_and_a_half("{}\n{\"se", 3)]
#[case::two_lines("{}\n{}\n", 6)]
fn half_a_line_at_the_end_does_not_count(#[case] text: &str, #[case] expected: u64) {
    assert_eq!(complete_length(&mut Counting::of(text)).unwrap(), expected);
}

#[rstest]
#[case::none(3, 0, 0)]
#[case::some(3, 2, 2)]
#[case::all(3, 3, 3)]
#[case::more_than_there_are(3, 9, 3)]
#[case::of_no_events(0, 9, 0)]
fn the_window_has_the_last_events(
    #[case] count: u64,
    #[case] most: usize,
    #[case] expected: usize,
) {
    let mut file = Counting::of(lines(count));
    let length = file.length();
    let (window, last) = tail(&mut file, length, most).unwrap();
    assert_eq!((window.len(), last), (expected, count));
    check(&mut file, length).unwrap();
}

#[rstest]
#[case::no_json("oops", "line 50 is not an event (column ")]
#[case::half_a_line("{\"seq\":50,\"te", "line 50 is not an event (column ")]
#[case::nothing("", "line 50 is not an event")]
#[case::no_number("{\"text\":\"x\"}", "line 50 is not an event")]
#[case::another_type("[50]", "line 50 is not an event")]
#[case::the_event_before("{\"seq\":49}", "line 50 has the event of number 49")]
#[case::the_event_behind("{\"seq\":51}", "line 50 has the event of number 51")]
#[case::a_number_as_text("{\"seq\":\"50\"}", "line 50 has the event of number \"50\"")]
fn a_damaged_line_is_named(#[case] line: &str, #[case] expected: &str) {
    let text = lines(100);
    let damaged: Vec<_> =
        text.lines().enumerate().map(|(at, it)| if at == 49 { line } else { it }).collect();
    let mut file = Counting::of(format!("{}\n", damaged.join("\n")));
    let length = file.length();
    let error = check(&mut file, length).unwrap_err().to_string();
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn bytes_that_are_no_text_and_lines_that_are_gone_are_named_too() {
    let mut bytes = lines(60).into_bytes();
    let fiftieth = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(48).unwrap().0;
    bytes[fiftieth + 10] = 0xFF;
    let mut file = Counting::of(bytes);
    let length = file.length();
    let error = check(&mut file, length).unwrap_err().to_string();
    assert!(error.starts_with("line 50 is not an event"), "{error}");

    let text = lines(60);
    let kept: Vec<_> =
        text.lines().enumerate().filter(|(at, _)| *at != 49).map(|it| it.1).collect();
    let mut file = Counting::of(format!("{}\n", kept.join("\n")));
    let length = file.length();
    let error = check(&mut file, length).unwrap_err().to_string();
    assert_eq!(error, "line 50 has the event of number 51");
}
