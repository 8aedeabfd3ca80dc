//! Memory of the stack and of the functions' processes over the run, and whether it stays flat.
//!
//! What is counted is anonymous memory: pages of files that the kernel keeps and gives up by itself
//! say nothing about a leak.

use crate::stack::Stack;
use std::fmt;
use std::time::{Duration, Instant};

/// Samples of a run; more would cost more than they tell.
const SAMPLES: u32 = 120;
/// How long memory is expected to fill. DynamoDB keeps what it answered to a transaction for ten
/// minutes, in case it is asked again with the same token, and so does the engine of the stack; all
/// else that is kept has reached its bound long before.
const WARM_UP: Duration = Duration::from_secs(11 * 60);
/// Shortest time after the warm-up that is judged.
const SHORTEST: Duration = Duration::from_secs(5 * 60);
/// Fewest samples that say anything.
const FEWEST: usize = 12;
/// Growth from the first half after the warm-up to the second that a process may have, in percent
/// and in bytes. Allocators return memory in steps, and a few steps are no leak.
const GROWTH_PERCENT: f64 = 10.0;
const GROWTH_BYTES: f64 = 2.0 * MIB;

pub(crate) const MIB: f64 = 1024.0 * 1024.0;

/// Memory at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Since the load began.
    pub(crate) at: Duration,
    /// Of the stack, in bytes.
    pub(crate) stack: u64,
    /// Of all functions together, in bytes.
    pub(crate) functions: u64,
    /// How many processes these are.
    pub(crate) processes: usize,
}

/// All samples of a run; none where the system does not tell.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory(pub(crate) Vec<Sample>);

/// Takes samples until the time is over.
pub(crate) async fn sample(stack: &Stack, until: Instant) -> Memory {
    let begun = Instant::now();
    let pause = until.saturating_duration_since(begun) / SAMPLES;
    let mut samples = Vec::new();
    loop {
        let next = Instant::now() + pause;
        if next >= until {
            break;
        }
        tokio::time::sleep_until(next.into()).await;
        let stack_bytes = stack.pid().and_then(anonymous_bytes);
        let functions = stack.function_pids().await.unwrap_or_default();
        // An instance may end between being listed and being looked at.
        let functions: Vec<_> = functions.into_iter().filter_map(anonymous_bytes).collect();
        if let Some(stack_bytes) = stack_bytes {
            samples.push(Sample {
                at: begun.elapsed(),
                stack: stack_bytes,
                functions: functions.iter().sum(),
                processes: functions.len(),
            });
        }
    }
    tokio::time::sleep_until(until.into()).await;
    Memory(samples)
}

/// The anonymous memory of a process that is resident, as Linux tells it.
fn anonymous_bytes(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    read_anonymous_bytes(&status)
}

fn read_anonymous_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// How memory went over a run, all in bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Course {
    /// Median during the warm-up.
    pub(crate) warm_up: f64,
    /// Medians of the halves after it; none when they are too short to say anything.
    pub(crate) halves: Option<[f64; 2]>,
}

impl Memory {
    /// The course of the stack's memory.
    pub(crate) fn stack(&self) -> Option<Course> {
        self.course(|sample| sample.stack as f64)
    }

    /// The course of the memory of a function's process on average: new processes, which more
    /// callers at once bring, are no growth.
    pub(crate) fn function(&self) -> Option<Course> {
        self.course(|sample| sample.functions as f64 / sample.processes.max(1) as f64)
    }

    /// What did not stay flat, in a run that is long enough to tell.
    pub(crate) fn broken(&self) -> Vec<String> {
        [("the stack", self.stack()), ("a function", self.function())]
            .into_iter()
            .filter_map(|(who, course)| Some((who, course?)))
            .filter(|(_, course)| !course.is_flat())
            .map(|(who, course)| format!("the memory of {who} goes on growing: {course}"))
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
    /// Whether the second half needs hardly more than the first; of a short run nobody can say.
    pub(crate) fn is_flat(&self) -> bool {
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

fn median(samples: &[Sample], value: impl Fn(&Sample) -> f64) -> f64 {
    let mut values: Vec<_> = samples.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{MIB, Memory, Sample, read_anonymous_bytes};
    use std::time::Duration;

    /// Samples of a run of so many minutes.
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
        let broken = |mebibytes: fn(f64) -> f64| run(30, mebibytes).broken();
        let nothing = Vec::<String>::new();
        // What is kept for ten minutes and then let go.
        assert_eq!(broken(|minute| 20.0 + 3.0 * minute.min(10.0)), nothing);
        assert_eq!(broken(|minute| 80.0 + 5.0 * (minute * 20.0).sin()), nothing);
        let leak = broken(|minute| 20.0 + 3.0 * minute);
        assert!(matches!(&leak[..], [one] if one.contains("of the stack")), "{leak:?}");
        // A small process may grow by an allocator's step, and a large one by as many percent.
        assert_eq!(broken(|minute| if minute < 25.0 { 4.0 } else { 5.5 }), nothing);
        assert_ne!(broken(|minute| if minute < 20.0 { 4.0 } else { 7.0 }), nothing);
    }

    #[test]
    fn a_short_run_is_not_judged() {
        assert_eq!(run(15, |minute| 20.0 + 3.0 * minute).broken(), Vec::<String>::new());
        assert_eq!(Memory::default().stack(), None);
        let told = run(5, |_| 30.0).stack().unwrap().to_string();
        assert_eq!(told, "30.0 MiB (median; too short a run to judge growth)");
        let told = run(20, |minute| if minute < 11.0 { 30.0 } else { 40.0 }).stack().unwrap();
        let expected =
            "30.0 MiB in the warm-up, 40.0 and 40.0 MiB in the halves after it (medians)";
        assert_eq!(told.to_string(), expected);
    }

    #[test]
    fn anonymous_memory_is_read_as_linux_writes_it() {
        let status = "Name:\tx\nVmRSS:\t   9000 kB\nRssAnon:\t    1234 kB\nRssFile:\t 1 kB\n";
        assert_eq!(read_anonymous_bytes(status), Some(1234 * 1024));
        assert_eq!(read_anonymous_bytes("VmRSS:\t 1 kB\n"), None);
    }
}
