//! Child processes that end with their parent, however the parent ends.
//!
//! The parent holds the other end of the child's standard input. The operating system closes it
//! when the parent ends, even by SIGKILL. The local stack watches its standard input itself
//! ([`when_stdin_ends`]). Cargo and others do not, so a guard stands in between: a second instance
//! of this program, which ends the command's whole process group.

use std::io;
use std::process::{Command, ExitStatus, Stdio};

/// The first argument of a guard, followed by the command to guard.
const GUARD: &str = "__guard";

/// Calls a function when standard input ends, that is, when the parent ends.
pub fn when_stdin_ends(then: impl FnOnce() + Send + 'static) {
    std::thread::spawn(move || {
        // A read error also means that nobody holds the other end.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        then();
    });
}

/// Turns this program into a guard if [`status`] started it as one. Call it at the beginning of
/// `main`.
pub fn guard_if_asked() {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == GUARD)
        && let Some(program) = arguments.next()
    {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null());
        std::process::exit(platform::guard(command));
    }
}

/// Runs a command to its end, without standard input. The command and its children end when this
/// process ends. `main` must begin with [`guard_if_asked`].
///
/// # Errors
/// When the guard cannot be started.
pub fn status(command: &Command) -> io::Result<ExitStatus> {
    let mut guard = platform::this_program()?;
    guard.arg(GUARD).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => guard.env(name, value),
            None => guard.env_remove(name),
        };
    }
    if let Some(directory) = command.get_current_dir() {
        guard.current_dir(directory);
    }
    let mut guard = guard.stdin(Stdio::piped()).spawn()?;
    // Waiting would close the input, which would end the command.
    let held = guard.stdin.take();
    let status = guard.wait();
    drop(held);
    status
}

#[cfg(unix)]
mod platform {
    use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
    use std::io;
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::Command;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::{Duration, Instant};

    /// The time in which a command may end by itself.
    const GRACE: Duration = Duration::from_secs(2);
    const PAUSE: Duration = Duration::from_millis(20);
    /// A shell reports the signal that ended a command as this number plus the signal's.
    const SIGNALLED: i32 = 128;

    static ENDING: AtomicBool = AtomicBool::new(false);

    /// This program, even if its file was replaced meanwhile. It has a process group of its own, so
    /// that signals for the caller's group reach only the caller.
    pub(super) fn this_program() -> io::Result<Command> {
        let mut command = match cfg!(target_os = "linux") {
            true => Command::new("/proc/self/exe"),
            false => Command::new(std::env::current_exe()?),
        };
        command.process_group(0);
        Ok(command)
    }

    /// Runs a command and returns its exit status.
    pub(super) fn guard(mut command: Command) -> i32 {
        let mut child = match command.process_group(0).spawn() {
            Ok(child) => child,
            Err(error) => {
                let program = command.get_program().display();
                crate::eprintln!("error: cannot run {program}: {error}");
                return 1;
            }
        };
        let group = Pid::from_child(&child);
        super::when_stdin_ends(move || {
            ENDING.store(true, Ordering::SeqCst);
            end(group);
            // The main thread has reaped the command, unless it cannot be killed.
            std::process::exit(1);
        });
        let status = child.wait();
        if ENDING.load(Ordering::SeqCst) {
            // The other thread may still have to end the command's children, and then exits.
            loop {
                std::thread::park();
            }
        }
        match status {
            Ok(status) => status
                .code()
                .or_else(|| status.signal().map(|signal| SIGNALLED + signal))
                .unwrap_or(1),
            Err(_) => 1,
        }
    }

    fn end(group: Pid) {
        // An error means that no process is left.
        let _ = kill_process_group(group, Signal::TERM);
        let begun = Instant::now();
        while begun.elapsed() < GRACE && test_kill_process_group(group).is_ok() {
            std::thread::sleep(PAUSE);
        }
        let _ = kill_process_group(group, Signal::KILL);
    }
}

#[cfg(not(unix))]
mod platform {
    use std::io;
    use std::process::Command;

    pub(super) fn this_program() -> io::Result<Command> {
        std::env::current_exe().map(Command::new)
    }

    /// Without process groups, the command continues when its parent is killed.
    pub(super) fn guard(mut command: Command) -> i32 {
        command.status().ok().and_then(|status| status.code()).unwrap_or(1)
    }
}
