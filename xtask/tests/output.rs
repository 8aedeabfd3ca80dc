//! Commands whose output has no reader or cannot be written.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Commands that print something in any case.
const COMMANDS: &[&[&str]] = &[
    &["--help"],
    &["synth", "--check"],
    &["synth", "--help"],
    &["call", "GET", "/users", "--url", "http://127.0.0.1:9/prod"],
    &["call", "GET", "no-path"],
    &["trace", "some-id", "--port", "9"],
    &["logs", "--stage", "local", "--port", "9"],
    &["redeliver", "--stage", "local", "--port", "9"],
    &["status", "--stage", "dev"],
    &["doctor"],
    &["doctor", "--output", "json"],
    &["local", "--port", "0", "--ephemeral"],
    &["local", "--stage", "nowhere"],
    &["test"],
    &["test-local", "--suite", "api"],
    &["test-load"],
    &["test-faults"],
    &["bench"],
    &["build"],
    &["check"],
    &["cost"],
    &["diff", "--stage", "dev"],
    &["no-command"],
];

/// The command, with a cargo that fails, as cargo does when it cannot write its own output.
fn command(home: &TempDir, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command
        .args(words)
        .env("CARGO", cargo(home))
        .env("USERS_LOCAL_READY_FILE", home.path().join("ready.json"))
        .env_remove("AWS_ENDPOINT_URL")
        .stdin(Stdio::null());
    command
}

fn cargo(home: &TempDir) -> PathBuf {
    let path = home.path().join("cargo");
    if !path.exists() {
        fs::write(&path, "#!/bin/sh\nexit 101\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    path
}

/// A pipe whose reader has gone.
fn closed() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

fn full() -> Stdio {
    File::options().write(true).open("/dev/full").unwrap().into()
}

/// The exit status and standard error of a command.
fn run(words: &[&str], stdout: Stdio, stderr: Option<Stdio>) -> (Option<i32>, String) {
    let home = tempfile::tempdir().unwrap();
    let said = home.path().join("said");
    let stderr = stderr.unwrap_or_else(|| File::create(&said).unwrap().into());
    let mut child = command(&home, words).stdout(stdout).stderr(stderr).spawn().unwrap();
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if begun.elapsed() > Duration::from_secs(120) {
            let _ = child.kill();
            panic!("{words:?} does not end");
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    (status.code(), fs::read_to_string(said).unwrap_or_default())
}

#[test]
fn no_command_panics_when_its_output_cannot_be_written() {
    const PANICKED: Option<i32> = Some(101);
    for words in COMMANDS {
        for stdout in [closed, full] {
            let (status, said) = run(words, stdout(), None);
            assert!(!said.contains("panicked"), "{words:?}: {said}");
            assert!(status.is_some() && status != PANICKED, "{words:?}: {status:?} {said}");
        }
        for stderr in [closed, full] {
            let (status, _) = run(words, Stdio::null(), Some(stderr()));
            assert!(status.is_some() && status != PANICKED, "{words:?}: {status:?}");
        }
    }
}

#[test]
fn a_full_device_is_an_error_and_a_closed_pipe_is_quiet() {
    for words in [
        &["synth", "--check"][..],
        &["check", "--list"],
        &["doctor"],
        &["doctor", "--output", "json"],
    ] {
        let (status, said) = run(words, full(), None);
        assert_eq!(status, Some(1), "{words:?}");
        assert!(said.contains("No space left on device"), "{words:?}: {said}");
        let (_, said) = run(words, closed(), None);
        assert!(!said.contains("error:"), "{words:?}: {said}");
    }
}
