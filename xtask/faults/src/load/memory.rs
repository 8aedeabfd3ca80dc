//! Memory of the stack and of the functions' processes, and whether it stays flat.
//!
//! Only anonymous memory counts: the kernel frees pages of files by itself, so they are no leak.

use crate::stack::Stack;
use std::fmt;
use std::time::{Duration, Instant};

/// Samples of a run.
const SAMPLES: u32 = 120;
/// How long memory may fill. DynamoDB keeps the results of transactions for ten minutes, for clients
/// that repeat a request token, and so does the engine of the stack.
const WARM_UP: Duration = Duration::from_secs(11 * 60);
/// Shortest time after the warm-up from which growth can be judged.
const SHORTEST: Duration = Duration::from_secs(5 * 60);
/// Fewest samples after the warm-up from which growth can be judged.
const FEWEST: usize = 12;
/// Growth that a process may have from the first half after the warm-up to the second, in percent or
/// in bytes, whichever is more. Allocators return memory in steps, and a few steps are no leak.
const GROWTH_PERCENT: f64 = 10.0;
const GROWTH_BYTES: f64 = 2.0 * MIB;

const MIB: f64 = 1024.0 * 1024.0;

/// Memory at one moment, in bytes.
#[derive(Clone, Copy, Debug)]
struct Sample {
    /// Since the load began.
    at: Duration,
    stack: u64,
    /// All functions together.
    functions: u64,
    /// The number of the functions' processes.
    processes: usize,
}

/// The samples of a run; none where the operating system has no `/proc`.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory(Vec<Sample>);

/// Takes samples until the end of the load.
pub(super) async fn sample(stack: &Stack, end: Instant) -> Memory {
    let begun = Instant::now();
    let pause = end.saturating_duration_since(begun) / SAMPLES;
    let mut samples = Vec::new();
    loop {
        let next = Instant::now() + pause;
        if next >= end {
            break;
        }
        tokio::time::sleep_until(next.into()).await;
        let functions = stack.control().function_pids().await.unwrap_or_default();
        // An instance may end before its memory is read.
        let functions: Vec<_> = functions.into_iter().filter_map(anonymous_bytes).collect();
        if let Some(stack) = stack.pid().and_then(anonymous_bytes) {
            samples.push(Sample {
                at: begun.elapsed(),
                stack,
                functions: functions.iter().sum(),
                processes: functions.len(),
            });
        }
    }
    tokio::time::sleep_until(end.into()).await;
    Memory(samples)
}

/// The resident anonymous memory of a process, from Linux.
fn anonymous_bytes(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    read_anonymous_bytes(&status)
}

fn read_anonymous_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// Medians of a run, in bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Course {
    warm_up: f64,
    /// The halves after the warm-up; `None` when they are too short to judge.
    halves: Option<[f64; 2]>,
}

impl Memory {
    fn stack(&self) -> Option<Course> {
        self.course(|sample| sample.stack as f64)
    }

    /// An average process of a function, since more concurrency brings more processes.
    fn function(&self) -> Option<Course> {
        self.course(|sample| sample.functions as f64 / sample.processes.max(1) as f64)
    }

    /// The processes whose memory does not stay flat.
    pub(super) fn failures(&self) -> Vec<String> {
        [("the stack", self.stack()), ("a function", self.function())]
            .into_iter()
            .filter_map(|(process, course)| Some((process, course?)))
            .filter(|(_, course)| !course.is_flat())
            .map(|(process, course)| format!("the memory of {process} keeps growing: {course}"))
            .collect()
    }

    fn course(&self, value: impl Fn(&Sample) -> f64) -> Option<Course> {
        let warm = self.0.partition_point(|sample| sample.at < WARM_UP);
        let (warm_up, judged) = self.0.split_at(warm);
        let span = self.0.last()?.at.saturating_sub(WARM_UP);
        let (first, second) = judged.split_at(judged.len() / 2);
        let long_enough = span >= SHORTEST && judged.len() >= FEWEST;
        Some(Course {
            warm_up: median(warm_up, &value),
            halves: long_enough.then(|| [first, second].map(|half| median(half, &value))),
        })
    }
}

impl Course {
    /// Whether the second half needs hardly more than the first. A short run counts as flat.
    fn is_flat(&self) -> bool {
        self.halves.is_none_or(|[first, second]| {
            second - first <= f64::max(first * GROWTH_PERCENT / 100.0, GROWTH_BYTES)
        })
    }
}

impl fmt::Display for Course {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let warm_up = self.warm_up / MIB;
        match self.halves.map(|halves| halves.map(|bytes| bytes / MIB)) {
            None => write!(formatter, "{warm_up:.1} MiB (median; too short a run to judge growth)"),
            Some([first, second]) => write!(
                formatter,
                "{warm_up:.1} MiB in the warm-up, {first:.1} and {second:.1} MiB in the halves \
                 after it (medians)"
            ),
        }
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (process, course) in [("stack", self.stack()), ("a function", self.function())] {
            match course {
                Some(course) => writeln!(formatter, "  {process:<11} {course}")?,
                None => writeln!(formatter, "  {process:<11} not measured")?,
            }
        }
        let (bytes, processes) = self.0.last().map_or((0, 0), |it| (it.functions, it.processes));
        let mebibytes = bytes as f64 / MIB;
        writeln!(formatter, "  {:<11} {mebibytes:.0} MiB in {processes} processes", "functions")
    }
}

fn median(samples: &[Sample], value: impl Fn(&Sample) -> f64) -> f64 {
    let mut values: Vec<_> = samples.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{MIB, Memory, Sample, read_anonymous_bytes};
    use std::time::Duration;

    /// Samples of a run of this many minutes.
    fn run(minutes: u64, mebibytes: impl Fn(f64) -> f64) -> Memory {
        let sample = |number: u64| {
            let at = Duration::from_secs(number * minutes * 60 / 120);
            Sample {
                at,
                stack: (mebibytes(at.as_secs_f64() / 60.0) * MIB) as u64,
                functions: 2 * 1024 * 1024,
                processes: 1,
            }
        };
        Memory((1..=120).map(sample).collect())
    }

    #[test]
    fn a_warm_up_is_flat_and_a_leak_is_not() {
        let failures = |mebibytes: fn(f64) -> f64| run(30, mebibytes).failures();
        let nothing = Vec::<String>::new();
        // Memory that is kept for ten minutes and then freed.
        assert_eq!(failures(|minute| 20.0 + 3.0 * minute.min(10.0)), nothing);
        assert_eq!(failures(|minute| 80.0 + 5.0 * (minute * 20.0).sin()), nothing);
        let leak = failures(|minute| 20.0 + 3.0 * minute);
        assert!(matches!(&leak[..], [one] if one.contains("of the stack")), "{leak:?}");
        // A small process may grow by an allocator's step, and a large one by as many percent.
        assert_eq!(failures(|minute| if minute < 25.0 { 4.0 } else { 5.5 }), nothing);
        assert_ne!(failures(|minute| if minute < 20.0 { 4.0 } else { 7.0 }), nothing);
    }

    #[test]
    fn a_short_run_is_not_judged() {
        assert_eq!(run(15, |minute| 20.0 + 3.0 * minute).failures(), Vec::<String>::new());
        assert_eq!(Memory::default().stack(), None);
        let shown = run(5, |_| 30.0).stack().unwrap().to_string();
        assert_eq!(shown, "30.0 MiB (median; too short a run to judge growth)");
        let shown = run(20, |minute| if minute < 11.0 { 30.0 } else { 40.0 }).stack().unwrap();
        let expected =
            "30.0 MiB in the warm-up, 40.0 and 40.0 MiB in the halves after it (medians)";
        assert_eq!(shown.to_string(), expected);
    }

    #[test]
    fn anonymous_memory_is_read_in_the_format_of_linux() {
        let status = "Name:\tx\nVmRSS:\t   9000 kB\nRssAnon:\t    1234 kB\nRssFile:\t 1 kB\n";
        assert_eq!(read_anonymous_bytes(status), Some(1234 * 1024));
        assert_eq!(read_anonymous_bytes("VmRSS:\t 1 kB\n"), None);
    }
}
