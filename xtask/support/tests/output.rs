//! The end of a program whose output cannot be written.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The example of this crate. `cargo test` builds it with the tests.
fn printer(words: &[&str]) -> Command {
    let tests = std::env::current_exe().unwrap();
    let target = tests.parent().and_then(Path::parent).unwrap();
    let path: PathBuf = target.join("examples/printer");
    assert!(
        path.is_file(),
        "{} is missing: cargo build -p users-support --examples",
        path.display()
    );
    let mut command = Command::new(path);
    command.args(words);
    command
}

/// A pipe without a reader.
fn closed() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

fn full() -> Stdio {
    File::options().write(true).open("/dev/full").unwrap().into()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_reader_receives_everything() {
    let output = printer(&["both"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stdout, output.stderr);
    assert_eq!(said(&output).lines().count(), 20_000);
    let output = printer(&["nothing"]).output().unwrap();
    assert!(output.stdout.ends_with(b"line 19999\n\n"));
}

#[test]
fn a_closed_pipe_ends_the_program_silently() {
    for words in [&["output"][..], &["output", "parts"], &["both"]] {
        let output = printer(words).stdout(closed()).output().unwrap();
        assert_eq!(output.status.code(), Some(141), "{words:?}: {}", said(&output));
        assert!(!said(&output).contains("panicked"), "{words:?}");
        assert!(!said(&output).contains("error:"), "{words:?}");
    }
    for words in [&["error"][..], &["error", "parts"], &["both"]] {
        let status = printer(words).stdout(Stdio::null()).stderr(closed()).status().unwrap();
        assert_eq!(status.code(), Some(141), "{words:?}");
    }
    let both = printer(&["both"]).stdout(closed()).stderr(closed()).status().unwrap();
    assert_eq!(both.code(), Some(141));
}

#[test]
fn a_reader_that_stops_early_ends_the_program() {
    let script = "\"$0\" output | head -2; \"$0\" both 2>&1 | head -1; \"$0\" output parts | true";
    let printer = printer(&[]).get_program().to_owned();
    let output = Command::new("sh").arg("-c").arg(script).arg(printer).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout.clone()).unwrap(), "line 0\nline 1\nline 0\n");
    assert_eq!(said(&output), "");
}

#[test]
fn a_full_device_is_an_error() {
    for words in [&["output"][..], &["output", "parts"], &["both"]] {
        let output = printer(words).stdout(full()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        let error = "error: cannot write to standard output: No space left on device";
        assert!(said(&output).contains(error), "{words:?}: {}", said(&output));
        assert!(!said(&output).contains("panicked"), "{words:?}");
    }
    for words in [&["error"][..], &["error", "parts"], &["both"]] {
        let status = printer(words).stdout(Stdio::null()).stderr(full()).status().unwrap();
        assert_eq!(status.code(), Some(1), "{words:?}");
    }
}
