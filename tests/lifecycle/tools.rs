//! However a command of `cargo xtask` ends, its processes end within seconds, and the next run removes
//! the files it left.
//!
//! Every command runs in a session of its own, by which all its processes can be found. Its cargo is
//! a script: it hangs with compilers if the build is to be interrupted, and otherwise does nothing,
//! because the programs exist already.

use crate::process;
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use users_tests::stack::required;

/// How long a command may take to reach the moment at which it is ended.
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(10);
const SIGNALS: [Signal; 3] = [Signal::INT, Signal::TERM, Signal::KILL];

/// Waits for its compilers if called with the subcommand in `$HANGS`; otherwise succeeds at once.
const CARGO: &str = "#!/bin/sh
if [ \"$1\" = \"$HANGS\" ]; then
  sleep 600 & sleep 600 &
  echo $! > \"$HANGS_FILE\"
  wait
fi
";

/// When a command is interrupted.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// While this subcommand of cargo runs.
    Cargo(&'static str),
    /// As soon as its stack is a process.
    Starting,
    /// When the stack is ready and the command's work on it has begun.
    Busy,
}

/// Where a command runs again and again.
#[derive(Debug)]
struct Place {
    directory: TempDir,
    /// Folders outside of the directory that runs have had.
    left: BTreeSet<PathBuf>,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let cargo = directory.path().join("cargo");
        fs::write(&cargo, CARGO).unwrap();
        fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(directory.path().join("tmp")).unwrap();
        Self { directory, left: BTreeSet::new() }
    }

    fn temporary(&self) -> PathBuf {
        self.directory.path().join("tmp")
    }

    fn start(&self, words: &[&str], moment: Moment) -> Running {
        let hangs_file = self.directory.path().join("hangs");
        let _ = fs::remove_file(&hangs_file);
        let said = self.directory.path().join("said");
        let output = File::create(&said).unwrap();
        // Its process id is then also the id of the session.
        let child = Command::new("setsid")
            .arg(required("USERS_XTASK"))
            .args(words)
            .env("CARGO", self.directory.path().join("cargo"))
            .env("HANGS", if let Moment::Cargo(subcommand) = moment { subcommand } else { "" })
            .env("HANGS_FILE", &hangs_file)
            .env("TMPDIR", self.temporary())
            .env("USERS_LOCAL_READY_FILE", self.directory.path().join("ready.json"))
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        Running { child, said, hangs_file }
    }

    /// The scratch folders of commands and stacks, here and in shared memory.
    fn folders(&self, pids: &BTreeSet<u32>) -> BTreeSet<PathBuf> {
        let here = entries(&self.temporary());
        let is_theirs = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            pids.iter().any(|pid| name.contains(&format!("-{pid}-")))
        };
        let memory = entries(Path::new("/dev/shm"));
        here.into_iter().chain(memory.into_iter().filter(is_theirs)).collect()
    }
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

/// A command that runs. All of it is killed when this is dropped.
#[derive(Debug)]
struct Running {
    child: Child,
    said: PathBuf,
    hangs_file: PathBuf,
}

impl Drop for Running {
    fn drop(&mut self) {
        for pid in self.processes() {
            let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
            let _ = pid.map(|pid| rustix::process::kill_process(pid, Signal::KILL));
        }
        let _ = self.child.wait();
    }
}

impl Running {
    /// The processes of the session that have not ended.
    fn processes(&self) -> BTreeSet<u32> {
        let ids = entries(Path::new("/proc"));
        let ids = ids.iter().filter_map(|path| path.file_name()?.to_str()?.parse().ok());
        ids.filter(|id| session_of(*id) == Some(self.child.id()) && process::is_alive(*id))
            .collect()
    }

    fn has_program(&self, name: &str) -> bool {
        let is_it = |id: &u32| {
            let program = fs::read_link(format!("/proc/{id}/exe"));
            program.is_ok_and(|path| path.file_name().is_some_and(|it| it == name))
        };
        self.processes().iter().any(is_it)
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.said).unwrap_or_default()
    }

    /// Waits until the command reaches the moment at which it is ended.
    fn reach(&mut self, moment: Moment, busy: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        loop {
            let is_there = match moment {
                Moment::Cargo(_) => self.hangs_file.exists(),
                Moment::Starting => self.has_program("local-stack"),
                Moment::Busy => self.has_program("local-stack") && busy(self),
            };
            if is_there {
                return;
            }
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "{moment:?}: it ended ({ended:?}): {}", self.said());
            assert!(begun.elapsed() < PATIENCE, "{moment:?} never came: {}", self.said());
            std::thread::sleep(PAUSE);
        }
    }

    /// Waits until nothing is left of it.
    fn expect_gone(&mut self, how: &str) {
        let begun = Instant::now();
        loop {
            // Without this it would stay a zombie.
            let _ = self.child.try_wait().unwrap();
            let left = self.processes();
            if left.is_empty() {
                return;
            }
            let names: Vec<_> = left
                .iter()
                .map(|id| fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default())
                .collect();
            assert!(begun.elapsed() < PATIENCE, "{how}: still there: {names:?}");
            std::thread::sleep(PAUSE);
        }
    }
}

fn session_of(id: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // `pid (name) state ppid pgrp session ...`; the name can hold anything.
    stat.rsplit_once(')')?.1.split_whitespace().nth(3)?.parse().ok()
}

/// Ends a command at each moment by each signal. `busy` says whether it is at work with its stack.
fn expect_nothing_left(words: &[&str], moments: &[Moment], busy: impl Fn(&Running) -> bool + Copy) {
    let mut place = Place::new();
    for moment in moments {
        for signal in SIGNALS {
            let mut running = place.start(words, *moment);
            running.reach(*moment, busy);
            let before = running.processes();
            assert!(!before.is_empty());
            if matches!(moment, Moment::Cargo(_)) {
                assert!(before.len() >= 4, "a command, a cargo and its compilers: {before:?}");
            }
            process::signal(running.child.id(), signal);
            running.expect_gone(&format!("{words:?} at {moment:?} by {signal:?}"));
            let folders = place.folders(&before);
            place.left.extend(folders);
        }
    }
    // The next run removes the leftovers of earlier runs, and itself ends in order.
    let last = *moments.last().unwrap();
    let mut running = place.start(words, last);
    running.reach(last, busy);
    let pids = running.processes();
    let left: Vec<_> = place.left.iter().filter(|folder| folder.exists()).collect();
    assert!(left.is_empty(), "{words:?}: a later run left {left:?}");
    assert!(!place.folders(&pids).is_empty() || matches!(last, Moment::Cargo(_)));
    process::signal(running.child.id(), Signal::TERM);
    running.expect_gone("the last run");
}

#[test]
fn nothing_is_left_of_local() {
    let moments = [Moment::Cargo("build"), Moment::Starting, Moment::Busy];
    let words = ["local", "--port", "0", "--ephemeral", "--output", "json"];
    expect_nothing_left(&words, &moments, |running| running.said().contains("\"url\""));
}

#[test]
fn nothing_is_left_of_a_load_test() {
    let moments = [Moment::Cargo("build"), Moment::Starting, Moment::Busy];
    let words = ["test-load", "--minutes", "30"];
    expect_nothing_left(&words, &moments, |running| running.said().contains("32 connections"));
}

#[test]
fn nothing_is_left_of_the_black_box_tests() {
    let moments = [Moment::Cargo("build"), Moment::Starting, Moment::Cargo("test")];
    let words = ["test-local", "--suite", "api"];
    expect_nothing_left(&words, &moments, |_| true);
}

#[test]
fn nothing_is_left_of_all_tests() {
    let moments = [Moment::Cargo("fmt"), Moment::Cargo("clippy"), Moment::Starting];
    expect_nothing_left(&["test"], &moments, |_| true);
}

#[test]
fn nothing_is_left_of_the_fault_tests() {
    let moments = [Moment::Cargo("build"), Moment::Starting, Moment::Busy];
    let words = ["test-faults", "--part", "random", "--minutes", "30"];
    expect_nothing_left(&words, &moments, |running| {
        running.said().contains("Random rounds") && running.has_program("users-role-assign")
    });
}

#[test]
fn nothing_is_left_of_a_measurement_that_is_being_built() {
    expect_nothing_left(&["bench"], &[Moment::Cargo("build")], |_| true);
}
