//! File descriptors: every connection and every pipe of a function takes one.

use crate::console::Console;
use std::io;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The descriptors of the stack itself.
const OWN: u64 = 80;
/// The descriptors of an instance: its pipes and its process, its connection of the Runtime API, and
/// those of its calls of AWS.
const PER_INSTANCE: u64 = 10;

/// The maximum number of connections of a listener.
const CONNECTIONS: usize = 1024;
/// The interval of reports.
const WARNING_PAUSE: Duration = Duration::from_secs(10);

/// Raises the limit of descriptors as far as the system allows.
#[cfg(unix)]
pub fn raise_descriptor_limit() {
    // Should this fail, there are only fewer.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
}

#[cfg(not(unix))]
pub fn raise_descriptor_limit() {}

/// The limit of descriptors.
#[cfg(unix)]
pub(crate) fn limit() -> u64 {
    rlimit::getrlimit(rlimit::Resource::NOFILE).map_or(u64::MAX, |(soft, _)| soft)
}

#[cfg(not(unix))]
pub(crate) fn limit() -> u64 {
    u64::MAX
}

/// The possible number of instances of each function, from one to `wanted`.
pub(crate) fn instances_of_each(limit: u64, functions: usize, wanted: usize) -> usize {
    let functions = u64::try_from(functions).unwrap_or(u64::MAX).max(1);
    let possible = limit.saturating_sub(OWN) / PER_INSTANCE / functions;
    usize::try_from(possible).unwrap_or(usize::MAX).clamp(1, wanted.max(1))
}

/// The end of an error's text where a lack of descriptors is a likely cause.
pub(crate) fn hint() -> String {
    let limit = limit();
    match limit < OWN + PER_INSTANCE {
        true => format!("; {limit} file descriptors are few, and `ulimit -n` raises the limit"),
        false => String::new(),
    }
}

/// The maximum number of connections of a listener.
pub(crate) fn connections() -> usize {
    connections_within(limit())
}

/// All listeners together must leave enough descriptors for the functions.
fn connections_within(limit: u64) -> usize {
    usize::try_from(limit / 4).unwrap_or(usize::MAX).clamp(1, CONNECTIONS)
}

/// Reports connections beyond the limit, at intervals: they can be many.
#[derive(Debug, Default)]
pub(crate) struct Shortage(Mutex<Option<Instant>>);

impl Shortage {
    pub(crate) fn warn(&self, console: &Console) {
        let mut latest = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if latest.is_some_and(|at| at.elapsed() < WARNING_PAUSE) {
            return;
        }
        *latest = Some(Instant::now());
        let (limit, most) = (limit(), connections());
        console.line(
            "gateway",
            &format!(
                "WARN over {most} connections: further calls are answered 503 ({limit} file \
                 descriptors; `ulimit -n` raises the limit)"
            ),
        );
    }
}

/// Whether an error is a lack of descriptors.
#[cfg(unix)]
pub(crate) fn are_exhausted(error: &io::Error) -> bool {
    use rustix::io::Errno;
    Errno::from_io_error(error).is_some_and(|errno| [Errno::MFILE, Errno::NFILE].contains(&errno))
}

#[cfg(not(unix))]
pub(crate) fn are_exhausted(_error: &io::Error) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::{are_exhausted, connections_within, instances_of_each};
    use rstest::rstest;

    #[rstest]
    #[case::plenty(20_000, 9, 10, 10)]
    #[case::a_usual_limit(1024, 9, 10, 10)]
    #[case::few(512, 9, 10, 4)]
    #[case::very_few(256, 9, 10, 1)]
    #[case::next_to_none(20, 9, 10, 1)]
    #[case::no_limit(u64::MAX, 9, 10, 10)]
    #[case::no_functions(1024, 0, 10, 10)]
    fn instances_are_as_many_as_descriptors_allow(
        #[case] limit: u64,
        #[case] functions: usize,
        #[case] wanted: usize,
        #[case] expected: usize,
    ) {
        assert_eq!(instances_of_each(limit, functions, wanted), expected);
    }

    #[rstest]
    #[case::plenty(20_000, 1024)]
    #[case::a_usual_limit(1024, 256)]
    #[case::few(256, 64)]
    #[case::next_to_none(3, 1)]
    #[case::no_limit(u64::MAX, 1024)]
    fn connections_leave_descriptors_for_functions(#[case] limit: u64, #[case] expected: usize) {
        assert_eq!(connections_within(limit), expected);
    }

    #[cfg(unix)]
    #[test]
    fn only_a_lack_of_descriptors_counts() {
        assert!(are_exhausted(&std::io::Error::from_raw_os_error(24)));
        assert!(are_exhausted(&std::io::Error::from_raw_os_error(23)));
        assert!(!are_exhausted(&std::io::Error::from_raw_os_error(12)));
        assert!(!are_exhausted(&std::io::Error::other("Too many open files")));
    }
}
