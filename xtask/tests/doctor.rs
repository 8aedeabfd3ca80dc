//! Runs `doctor` on machines that lack one requirement each: their PATH has only programs of the test.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One machine at a time: a new program cannot be run while a process that another test starts still has
/// it open.
static ALONE: Mutex<()> = Mutex::new(());

/// A machine with all requirements, and a project on it.
struct Machine {
    _alone: MutexGuard<'static, ()>,
    home: tempfile::TempDir,
    command: Command,
}

impl Machine {
    fn new() -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let home = tempfile::tempdir().unwrap();
        let command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        let mut machine = Self { _alone: alone, command, home };
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        fs::create_dir_all(machine.path("project/xtask")).unwrap();
        fs::create_dir(machine.path("bin")).unwrap();
        machine.file("project/stages.toml", "[dev]\n[prod]\narchitecture = \"x86_64\"\n");
        let toolchain = fs::read_to_string(root.join("rust-toolchain.toml")).unwrap();
        machine.file("project/rust-toolchain.toml", &toolchain);
        let version = toolchain.split_once("channel = \"").unwrap().1.split('"').next().unwrap();
        for target in ["aarch64-unknown-linux-gnu", "x86_64-unknown-linux-gnu"] {
            fs::create_dir_all(machine.path(target)).unwrap();
        }
        let libraries = machine.home.path().display();
        machine.program(
            "rustc",
            &format!(
                "case \"$1\" in --version) echo 'rustc {version} (0 2026-01-01)';; \
                 *) echo {libraries}/$4;; esac"
            ),
        );
        for name in ["cc", "cargo-lambda", "docker", "zig"] {
            machine.program(name, "exit 0");
        }
        machine.program("cargo", "case \"$1\" in lambda) exec cargo-lambda;; esac; exit 9");
        let path = machine.path("bin");
        machine
            .command
            .env_clear()
            .env("PATH", path)
            .env("HOME", machine.home.path())
            .env("CARGO_MANIFEST_DIR", machine.home.path().join("project/xtask"));
        let synth = Command::new(env!("CARGO_BIN_EXE_xtask"))
            .arg("synth")
            .env("CARGO_MANIFEST_DIR", machine.path("project/xtask"))
            .output()
            .unwrap();
        assert!(synth.status.success(), "{}", String::from_utf8_lossy(&synth.stderr));
        machine.command.args(["doctor", "--output", "json"]);
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn file(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// A program of the shell.
    fn program(&self, name: &str, script: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn without(self, program: &str) -> Self {
        fs::remove_file(self.path("bin").join(program)).unwrap();
        self
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    fn args(mut self, arguments: &[&str]) -> Self {
        self.command.args(arguments);
        self
    }

    fn run(mut self) -> Output {
        self.command.output().unwrap()
    }

    /// The report and the exit status.
    #[track_caller]
    fn examine(self) -> (Report, i32) {
        let output = self.run();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        let Ok(report) = serde_json::from_slice(&output.stdout) else { panic!("{errors}") };
        (Report(report), output.status.code().unwrap())
    }
}

struct Report(Value);

impl Report {
    /// State, detail and fix of a check.
    #[track_caller]
    fn check(&self, name: &str) -> (&str, &str, &str) {
        let checks = self.0["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["name"] == name);
        let check = check.unwrap_or_else(|| panic!("no check {name} in {}", self.0));
        let text = |member: &str| check[member].as_str().unwrap_or_default();
        (text("state"), text("detail"), text("fix"))
    }

    /// The names of the checks in a state.
    fn names(&self, state: &str) -> Vec<&str> {
        let checks = self.0["checks"].as_array().unwrap().iter();
        checks.filter(|it| it["state"] == state).map(|it| it["name"].as_str().unwrap()).collect()
    }
}

/// Checks a machine that lacks one requirement.
#[track_caller]
fn assert_missing(machine: Machine, name: &str, detail: &str, fix: &str) {
    let (report, status) = machine.examine();
    assert_eq!(report.names("missing"), [name], "{}", report.0);
    let (_, found_detail, found_fix) = report.check(name);
    assert!(found_detail.contains(detail), "{found_detail}");
    assert!(found_fix.contains(fix), "{found_fix}");
    assert_eq!((&report.0["ok"], status), (&Value::from(false), 1));
}

#[test]
fn a_complete_machine_passes() {
    let (report, status) = Machine::new().env("LOCALSTACK_AUTH_TOKEN", "t").examine();
    assert_eq!(report.names("missing"), Vec::<&str>::new());
    assert_eq!(report.names("unchecked"), ["AWS"]);
    for name in [
        "Rust",
        "C compiler",
        "cargo-lambda",
        "Zig",
        "Rust's standard library for arm64",
        "Rust's standard library for x86_64",
        "stages.toml",
        "templates/",
        "Docker",
        "LOCALSTACK_AUTH_TOKEN",
    ] {
        assert_eq!(report.check(name).0, "ok", "{name}: {}", report.0);
    }
    assert_eq!((&report.0["ok"], status), (&Value::from(true), 0));
}

#[test]
fn the_text_has_a_line_for_each_check() {
    let mut machine = Machine::new().without("zig");
    machine.command = {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.arg("doctor").env_clear().env("PATH", machine.path("bin"));
        command.env("HOME", machine.home.path());
        command.env("CARGO_MANIFEST_DIR", machine.path("project/xtask"));
        command
    };
    let output = machine.run();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    for part in ["✓ cargo-lambda ", "✗ Zig ", "! LOCALSTACK_AUTH_TOKEN ", "- AWS "] {
        assert!(text.lines().any(|line| line.starts_with(part)), "{part}\n{text}");
    }
    assert!(text.ends_with("\n1 requirement is missing.\n"), "{text}");
}

#[test]
fn a_missing_c_compiler_is_named() {
    let machine = Machine::new().without("cc");
    assert_missing(machine, "C compiler", "`cc` not found", "install");
}

#[test]
fn a_compiler_of_the_environment_is_found() {
    let machine = Machine::new().without("cc").env("CC", "clang");
    machine.program("clang", "exit 0");
    let (report, status) = machine.examine();
    assert_eq!(report.check("C compiler").1, "clang");
    assert_eq!(status, 0);
}

#[test]
fn a_missing_cargo_lambda_is_named() {
    let fix = "cargo install --locked cargo-lambda";
    assert_missing(Machine::new().without("cargo-lambda"), "cargo-lambda", "not found", fix);
}

#[test]
fn a_missing_zig_is_named() {
    assert_missing(Machine::new().without("zig"), "Zig", "not found", "install zig");
}

#[test]
fn zig_as_a_python_package_is_found() {
    let machine = Machine::new().without("zig");
    machine.program("python3", "[ \"$*\" = '-m ziglang version' ]");
    let (report, status) = machine.examine();
    assert_eq!((report.check("Zig").0, status), ("ok", 0));
}

#[test]
fn a_missing_standard_library_is_named() {
    for (arch, target) in
        [("arm64", "aarch64-unknown-linux-gnu"), ("x86_64", "x86_64-unknown-linux-gnu")]
    {
        let machine = Machine::new();
        fs::remove_dir(machine.path(target)).unwrap();
        let name = format!("Rust's standard library for {arch}");
        assert_missing(machine, &name, "not found", &format!("rustup target add {target}"));
    }
}

#[test]
fn only_the_architecture_of_the_stage_is_checked() {
    let machine = Machine::new();
    fs::remove_dir(machine.path("aarch64-unknown-linux-gnu")).unwrap();
    let checks = r#"[{"name": "AWS account", "state": "ok", "detail": "123456789012"}]"#;
    let says = format!("case \"$1\" in lambda) exit 0;; run) echo '{checks}';; esac");
    machine.program("cargo", &says);
    let (report, status) = machine.args(&["--stage", "prod"]).examine();
    assert_eq!(report.names("missing"), Vec::<&str>::new());
    assert_eq!(report.check("AWS account").1, "123456789012");
    assert_eq!(status, 0);
}

#[test]
fn an_older_rust_is_a_failure_and_a_newer_one_a_warning() {
    let says = |version: &str| {
        let machine = Machine::new();
        let libraries = machine.home.path().display().to_string();
        machine.program(
            "rustc",
            &format!(
                "case \"$1\" in --version) echo 'rustc {version} (0 2020-01-01)';; \
                 *) echo {libraries}/$4;; esac"
            ),
        );
        machine
    };
    assert_missing(says("1.80.1"), "Rust", "1.80.1, but", "rustup toolchain install 1.");
    let (report, status) = says("1.999.0-nightly").examine();
    assert_eq!((report.check("Rust").0, status), ("warning", 0));
}

#[test]
fn invalid_stages_are_reported_with_the_line() {
    let machine = Machine::new();
    machine.file("project/stages.toml", "[dev]\nmemory_mb = 1\n");
    assert_missing(machine, "stages.toml", "stages.toml:2:1: [dev] memory_mb: ", "rules");
}

#[test]
fn an_unknown_stage_is_reported_with_the_known_ones() {
    let machine = Machine::new().args(&["--stage", "pord"]);
    machine.program("cargo", "case \"$1\" in lambda) exit 0;; esac; exit 9");
    let (report, status) = machine.examine();
    assert!(report.check("stages.toml").1.contains("no stage `pord`; it has: dev, prod"));
    assert_eq!(status, 1);
}

#[test]
fn outdated_templates_are_a_warning() {
    let machine = Machine::new();
    machine.file("project/templates/openapi.json", "{}");
    let (report, status) = machine.examine();
    let expected = ("warning", "out of date: openapi.json", "cargo xtask synth");
    assert_eq!((report.check("templates/"), status), (expected, 0));
}

#[test]
fn missing_requirements_of_localstack_are_warnings() {
    let (report, status) = Machine::new().without("docker").examine();
    let (state, detail, fix) = report.check("Docker");
    assert_eq!((state, status), ("warning", 0));
    assert!(detail.contains("only `test-local --localstack`") && fix.starts_with("https://"));
    assert_eq!(report.check("LOCALSTACK_AUTH_TOKEN").0, "warning");
}

#[test]
fn aws_is_not_asked_without_a_compiler() {
    let machine = Machine::new().without("cc").args(&["--stage", "dev"]);
    let (report, status) = machine.examine();
    let (state, detail, _) = report.check("AWS");
    assert_eq!((state, status), ("unchecked", 1));
    assert!(detail.contains("cannot be compiled"), "{detail}");
}

#[test]
fn credentials_are_required_for_a_stage_only() {
    let check =
        r#"{"name": "AWS credentials", "state": "missing", "detail": "none", "fix": "get"}"#;
    for (arguments, state, status) in
        [(&["--stage", "dev"][..], "missing", 1), (&[][..], "warning", 0)]
    {
        let machine = Machine::new().env("AWS_PROFILE", "work").args(arguments);
        let says = format!("case \"$1\" in lambda) exit 0;; run) echo '[{check}]';; esac");
        machine.program("cargo", &says);
        let (report, found) = machine.examine();
        assert_eq!((report.check("AWS credentials"), found), ((state, "none", "get"), status));
    }
}

#[test]
fn a_failure_to_ask_aws_is_reported() {
    let machine = Machine::new().args(&["--stage", "dev"]);
    machine.program(
        "cargo",
        "case \"$1\" in lambda) exit 0;; run) echo 'error: no network' >&2; exit 1;; esac",
    );
    let (report, status) = machine.examine();
    assert_eq!((report.check("AWS").0, status), ("missing", 1));
    assert_eq!(report.check("AWS").1, "not checked: no network");
}
