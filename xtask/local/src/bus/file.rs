//! The file of events: a line of JSON for each, numbered by its member `seq`, which is the number of
//! the line. It can be large, so that neither a start nor a page reads all of it.

use anyhow::{Context, bail};
use serde::Deserialize;
use serde_json::Value;
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};

/// Bytes read at once.
const CHUNK: u64 = 64 * 1024;
/// Bytes read at once where a line or two are looked for.
const PROBE: usize = 4 * 1024;

#[derive(Deserialize)]
struct Numbered {
    seq: u64,
}

/// The length of the file's complete lines: half a line at its end is left by a kill.
pub(super) fn complete_length(file: &mut (impl Read + Seek)) -> std::io::Result<u64> {
    let length = file.seek(SeekFrom::End(0))?;
    begin_of_last(file, length, 0)
}

/// The last lines of the first `length` bytes, at most `most`, and the number of the last.
pub(super) fn tail(
    file: &mut (impl Read + Seek),
    length: u64,
    most: usize,
) -> anyhow::Result<(VecDeque<Box<str>>, u64)> {
    // At least the last one, which has the number.
    let begin = begin_of_last(file, length, most.max(1))?;
    file.seek(SeekFrom::Start(begin))?;
    let mut lines = VecDeque::new();
    for line in BufReader::new(file.take(length - begin)).lines() {
        lines.push_back(line?.into_boxed_str());
    }
    let last = lines.back().map(|line| number(line.as_bytes())).transpose()?.unwrap_or(0);
    while lines.len() > most {
        lines.pop_front();
    }
    Ok((lines, last))
}

/// Up to `limit` events of the first `length` bytes whose numbers are above `after`.
pub(super) fn page(
    file: &mut (impl Read + Seek),
    length: u64,
    after: u64,
    limit: usize,
) -> anyhow::Result<Vec<Value>> {
    // Lines that begin before `low` have numbers up to `after`, those from `high` on larger ones.
    let (mut low, mut high) = (0, length);
    while high - low > CHUNK {
        let middle = low + (high - low) / 2;
        file.seek(SeekFrom::Start(middle))?;
        let mut reader = BufReader::with_capacity(PROBE, (&mut *file).take(length - middle));
        let mut line = Vec::new();
        let begin = middle + reader.read_until(b'\n', &mut line)? as u64;
        line.clear();
        // One line can reach from the middle to the end.
        if begin >= high || {
            reader.read_until(b'\n', &mut line)?;
            number(&line)? > after
        } {
            high = middle;
        } else {
            low = begin + line.len() as u64;
        }
    }
    file.seek(SeekFrom::Start(low))?;
    let lines = BufReader::with_capacity(CHUNK as usize, file.take(length - low)).lines();
    let mut events = Vec::new();
    for line in lines {
        if events.len() == limit {
            break;
        }
        let event: Value = serde_json::from_str(&line?).context("a line of it is not an event")?;
        if event["seq"].as_u64().is_some_and(|seq| seq > after) {
            events.push(event);
        }
    }
    Ok(events)
}

/// Fails unless each line is an event and has the right number.
pub(super) fn check(file: &mut (impl Read + Seek), length: u64) -> anyhow::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    let mut reader = BufReader::new(file.take(length));
    let mut line = Vec::new();
    for expected in 1_u64.. {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let event = serde_json::from_slice::<Value>(&line);
        match event.as_ref().map(|event| &event["seq"]) {
            Ok(seq) if *seq == expected => {}
            Ok(Value::Null) => bail!("line {expected} is not an event"),
            Ok(seq) => bail!("line {expected} has the event of number {seq}"),
            Err(error) => bail!("line {expected} is not an event (column {})", error.column()),
        }
    }
    Ok(())
}

fn number(line: &[u8]) -> anyhow::Result<u64> {
    let numbered: Numbered =
        serde_json::from_slice(line).context("a line of it is not an event")?;
    Ok(numbered.seq)
}

/// Where the last `lines` complete lines of the first `length` bytes begin.
fn begin_of_last(file: &mut (impl Read + Seek), length: u64, lines: usize) -> std::io::Result<u64> {
    // Each line ends with a newline, and begins behind that of the line before.
    let mut newlines = 0;
    let mut end = length;
    let mut bytes = Vec::new();
    while end > 0 {
        let begin = end.saturating_sub(CHUNK);
        file.seek(SeekFrom::Start(begin))?;
        bytes.clear();
        (&mut *file).take(end - begin).read_to_end(&mut bytes)?;
        for (at, _) in bytes.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n') {
            if newlines == lines {
                return Ok(begin + at as u64 + 1);
            }
            newlines += 1;
        }
        end = begin;
    }
    Ok(0)
}

#[cfg(test)]
mod tests;
