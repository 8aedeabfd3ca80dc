//! Memory of the stack and of the functions' processes over the run, and whether it stays flat.
//!
//! What is counted is anonymous memory: pages of files that the kernel keeps and gives up by itself
//! say nothing about a leak.

use crate::stack::Stack;
use std::fmt;
use std::time::{Duration, Instant};

/// Samples of a run; more would cost more than they tell.
const SAMPLES: u32 = 120;
/// Shortest run that is judged. Before, buffers of connections, the page cache of the database and
/// what the stack keeps of the latest calls are still filling, each up to its bound.
const SHORTEST: Duration = Duration::from_secs(170);
/// Fewest samples that say anything.
const FEWEST: usize = 12;
/// Growth from the middle third to the last that a process may have, in percent and in bytes. The
/// first third is the warm-up. Allocators return memory in steps, and a few steps are no leak.
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
    /// Medians of the first third, the middle and the last.
    pub(crate) thirds: [f64; 3],
    /// The slope of the line through the second half, by least squares, per minute.
    pub(crate) slope: f64,
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
        if self.0.last().is_none_or(|sample| sample.at < SHORTEST) {
            return Vec::new();
        }
        [("the stack", self.stack()), ("a function", self.function())]
            .into_iter()
            .filter_map(|(who, course)| Some((who, course?)))
            .filter(|(_, course)| !course.is_flat())
            .map(|(who, course)| format!("the memory of {who} goes on growing: {course}"))
            .collect()
    }

    fn course(&self, value: impl Fn(&Sample) -> f64) -> Option<Course> {
        let points: Vec<_> =
            self.0.iter().map(|sample| (sample.at.as_secs_f64() / 60.0, value(sample))).collect();
        Course::of(&points)
    }
}

impl Course {
    /// The course of (minute, bytes); none when there are too few.
    fn of(points: &[(f64, f64)]) -> Option<Self> {
        if points.len() < FEWEST {
            return None;
        }
        let third = points.len() / 3;
        let last = points.len() - third;
        Some(Self {
            thirds: [&points[..third], &points[third..last], &points[last..]].map(median),
            slope: slope(&points[points.len() / 2..]),
        })
    }

    /// Whether the last third needs hardly more than the middle one.
    pub(crate) fn is_flat(&self) -> bool {
        let [_, middle, last] = self.thirds;
        last - middle <= f64::max(middle * GROWTH_PERCENT / 100.0, GROWTH_BYTES)
    }
}

impl fmt::Display for Course {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, middle, last] = self.thirds.map(|bytes| bytes / MIB);
        let slope = self.slope / MIB;
        write!(
            formatter,
            "{first:.1}, {middle:.1}, {last:.1} MiB (medians of the thirds); {slope:+.2} MiB a \
             minute in the second half"
        )
    }
}

fn median(points: &[(f64, f64)]) -> f64 {
    let mut values: Vec<_> = points.iter().map(|(_, value)| *value).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// The slope of the line through the points by least squares.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len().max(1) as f64;
    let mean_x = points.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / count;
    let above: f64 = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let below: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    if below == 0.0 { 0.0 } else { above / below }
}

#[cfg(test)]
mod tests {
    use super::{Course, MIB, Memory, Sample, median, read_anonymous_bytes, slope};
    use std::time::Duration;

    /// A hundred samples over ten minutes.
    fn course(mebibytes: impl Fn(f64) -> f64) -> Course {
        let minutes = (0..100).map(|sample| f64::from(sample) / 10.0);
        let points: Vec<_> = minutes.map(|minute| (minute, mebibytes(minute) * MIB)).collect();
        Course::of(&points).unwrap()
    }

    #[test]
    fn a_warm_up_is_flat_and_a_leak_is_not() {
        assert!(course(|minute| 50.0 + 50.0 * (1.0 - (-2.0 * minute).exp())).is_flat());
        assert!(course(|minute| 80.0 + 5.0 * (minute * 20.0).sin()).is_flat());
        let leak = course(|minute| 50.0 + 6.0 * minute);
        assert!(!leak.is_flat());
        assert!((leak.slope / MIB - 6.0).abs() < 0.01);
        // A small process may grow by an allocator's step, and a large one by as many percent.
        assert!(course(|minute| if minute < 7.0 { 4.0 } else { 5.5 }).is_flat());
        assert!(!course(|minute| if minute < 6.0 { 4.0 } else { 7.0 }).is_flat());
    }

    #[test]
    fn a_leak_is_told_when_the_run_was_long_enough() {
        let leak = |seconds: u64| {
            let sample = |number: u64| Sample {
                at: Duration::from_secs(seconds * number / 60),
                stack: number * 1024 * 1024,
                functions: 2 * 1024 * 1024,
                processes: 1,
            };
            Memory((1..=60).map(sample).collect()).broken()
        };
        assert_eq!(leak(30), Vec::<String>::new());
        let broken = leak(300);
        assert!(matches!(&broken[..], [one] if one.contains("of the stack")), "{broken:?}");
    }

    #[test]
    fn too_few_samples_say_nothing() {
        assert_eq!(Course::of(&[(0.0, 1.0); 11]), None);
    }

    #[test]
    fn medians_and_slopes_are_those_of_the_textbook() {
        assert!((median(&[(0.0, 9.0), (1.0, 1.0), (2.0, 5.0)]) - 5.0).abs() < f64::EPSILON);
        assert!((slope(&[(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]) - 2.0).abs() < f64::EPSILON);
        assert!(slope(&[(1.0, 1.0)]).abs() < f64::EPSILON);
    }

    #[test]
    fn anonymous_memory_is_read_as_linux_writes_it() {
        let status = "Name:\tx\nVmRSS:\t   9000 kB\nRssAnon:\t    1234 kB\nRssFile:\t 1 kB\n";
        assert_eq!(read_anonymous_bytes(status), Some(1234 * 1024));
        assert_eq!(read_anonymous_bytes("VmRSS:\t 1 kB\n"), None);
    }
}
