//! Processes that end with the one that started them, however that one ends.
//!
//! Whoever starts a process holds the other end of its standard input. The operating system closes
//! it when the holder ends, by SIGKILL as well. The local stack watches its standard input itself
//! ([`when_stdin_ends`]). For programs that do not, such as cargo, there is a guard in between: this
//! program once more, which ends the command and everything that it started in its process group.

use std::io;
use std::process::{Command, ExitStatus, Stdio};

/// The first argument of a program that is to guard the command that follows.
const GUARD: &str = "__guard";

/// Calls a function when standard input ends, which is when the process that holds it ends.
pub fn when_stdin_ends(then: impl FnOnce() + Send + 'static) {
    std::thread::spawn(move || {
        // An input that cannot be read has nobody at its other end either.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        then();
    });
}

/// Guards a command instead, when the program was started for that by [`status`]. It belongs at the
/// beginning of `main`.
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

/// Runs a command to its end. It has no standard input, and ends, with what it started, when this
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
    // Waiting would close it.
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

    /// How long a command may take to end by itself.
    const GRACE: Duration = Duration::from_secs(2);
    const PAUSE: Duration = Duration::from_millis(20);
    /// The exit status of a shell's command that a signal ended, without the signal.
    const SIGNALLED: i32 = 128;

    static ENDING: AtomicBool = AtomicBool::new(false);

    /// This program, also when its file was replaced meanwhile, in a process group of its own: a
    /// signal for the group of the caller is the caller's.
    pub(super) fn this_program() -> io::Result<Command> {
        let mut command = match cfg!(target_os = "linux") {
            true => Command::new("/proc/self/exe"),
            false => Command::new(std::env::current_exe()?),
        };
        command.process_group(0);
        Ok(command)
    }

    /// Runs a command and gives its exit status.
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
            // It has been waited for, unless it cannot be killed.
            std::process::exit(1);
        });
        let status = child.wait();
        if ENDING.load(Ordering::SeqCst) {
            // What the command started may still have to be ended.
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
        // An error means that there is nothing left to end.
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

    /// There are no process groups here, so the command goes on when its caller is killed.
    pub(super) fn guard(mut command: Command) -> i32 {
        command.status().ok().and_then(|status| status.code()).unwrap_or(1)
    }
}
