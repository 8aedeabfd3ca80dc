//! Processes by their id.

use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process};
use std::time::{Duration, Instant};

/// How long a process that must end may take.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);

/// Sends a signal to one process.
#[track_caller]
pub(crate) fn signal(pid: u32, signal: Signal) {
    if let Err(error) = kill_process(id(pid), signal) {
        panic!("cannot send {signal:?} to process {pid}: {error}");
    }
}

/// Sends a signal to a whole process group, as a terminal does at Ctrl-C.
#[track_caller]
pub(crate) fn signal_group(leader: u32, signal: Signal) {
    if let Err(error) = kill_process_group(id(leader), signal) {
        panic!("cannot send {signal:?} to the process group {leader}: {error}");
    }
}

/// Whether a process runs or is stopped. A zombie does not count: the
/// system's first process reaps orphans in its own time.
pub(crate) fn is_alive(pid: u32) -> bool {
    test_kill_process(id(pid)).is_ok() && !is_zombie(pid)
}

fn is_zombie(pid: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    // `pid (name) state ...`; the name can hold anything.
    let state = stat.rsplit_once(')').and_then(|(_, rest)| rest.trim_start().chars().next());
    matches!(state, Some('Z' | 'X'))
}

/// Fails if any of these processes still exists.
#[track_caller]
pub(crate) fn expect_gone(pids: &[u32]) {
    let left: Vec<_> = pids.iter().filter(|pid| is_alive(**pid)).collect();
    assert!(left.is_empty(), "still there: {left:?} of {pids:?}");
}

/// Waits until all of these processes are gone.
pub(crate) async fn wait_until_gone(pids: &[u32]) {
    let begun = Instant::now();
    while pids.iter().any(|pid| is_alive(*pid)) {
        if begun.elapsed() > PATIENCE {
            expect_gone(pids);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

#[track_caller]
fn id(pid: u32) -> Pid {
    let raw = i32::try_from(pid).ok().and_then(Pid::from_raw);
    match raw {
        Some(id) => id,
        None => panic!("{pid} is no process"),
    }
}

#[test]
fn the_end_of_a_process_is_noticed_before_and_after_it_is_waited_for() {
    let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
    assert!(is_alive(child.id()));
    signal(child.id(), Signal::STOP);
    assert!(is_alive(child.id()));
    signal(child.id(), Signal::KILL);
    let begun = Instant::now();
    while is_alive(child.id()) {
        assert!(begun.elapsed() < PATIENCE);
        // Where the state of a process cannot be read, only waiting shows its end.
        if !std::path::Path::new("/proc/self/stat").exists() {
            child.wait().unwrap();
        }
    }
    child.wait().unwrap();
    expect_gone(&[child.id()]);
}
