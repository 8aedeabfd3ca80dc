//! The checks of this machine's tools.

use crate::cargo::{ask, rustc, succeeds};
use crate::local;
use crate::tools;
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;
use users_template::Stage;
use xtask_cli::doctor::{Check, State};

const RUST: &str = "Rust";
const COMPILER: &str = "C compiler";

/// The checks without which the commands that ask AWS cannot be compiled.
pub(super) const NEEDED_TO_COMPILE: &[&str] = &[RUST, COMPILER];

/// The required tools.
pub(super) fn checks(stages: &[Stage]) -> Vec<Check> {
    let mut checks = vec![rust(), compiler(), tools::cargo_lambda(), tools::zig()];
    let architectures: BTreeSet<_> = stages.iter().map(|stage| stage.architecture).collect();
    for architecture in architectures {
        checks.push(tools::standard_library(architecture).unwrap_or_else(|error| {
            let (name, detail) =
                (tools::library_name(architecture), format!("not checked: {error:#}"));
            Check::of(State::Unchecked, name, detail, "install Rust first")
        }));
    }
    checks
}

/// The tools of some commands only.
pub(super) fn optional() -> Vec<Check> {
    vec![docker(), token(), port()]
}

/// The version in `rust-toolchain.toml`. A newer one works too, but `build` then makes other archives.
fn rust() -> Check {
    let wanted = match wanted_rust(&users_support::project::root()) {
        Ok(wanted) => wanted,
        Err(error) => {
            let fix = "git restore rust-toolchain.toml";
            return Check::of(State::Missing, RUST, format!("{error:#}"), fix);
        }
    };
    let fix = format!(
        "rustup toolchain install {wanted}\n(rustup is at https://rustup.rs, and picks that version \
         by itself)"
    );
    let found = match found_rust() {
        Ok(found) if found == wanted => return Check::ok(RUST, found),
        Ok(found) => found,
        Err(error) => return Check::of(State::Missing, RUST, format!("{error:#}"), fix),
    };
    let state = if version(&found) < version(&wanted) { State::Missing } else { State::Warning };
    let detail = format!("{found}, but rust-toolchain.toml wants {wanted}");
    Check::of(state, RUST, detail, fix)
}

fn wanted_rust(root: &Path) -> Result<String> {
    let path = root.join("rust-toolchain.toml");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    // `channel = "1.95.0"`
    let channel = text.lines().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        (name.trim() == "channel").then(|| value.trim().trim_matches('"').to_owned())
    });
    channel.with_context(|| format!("{} names no channel", path.display()))
}

/// `rustc 1.95.0 (59807616e 2026-04-14)`
fn found_rust() -> Result<String> {
    let said = ask(rustc().arg("--version"))?;
    let version = said.split_whitespace().nth(1).map(str::to_owned);
    version.with_context(|| format!("`rustc --version` says {}", said.trim()))
}

/// The numbers of a version, to compare them; a suffix as in `1.96.0-nightly` is ignored.
fn version(text: &str) -> Vec<u32> {
    let numbers = text.split('-').next().unwrap_or(text);
    numbers.split('.').map(|part| part.parse().unwrap_or(0)).collect()
}

fn compiler() -> Check {
    let named = std::env::var_os("CC").filter(|name| !name.is_empty());
    let program = named.unwrap_or_else(|| "cc".into());
    if succeeds(Command::new(&program).arg("--version")) {
        return Check::ok(COMPILER, program.to_string_lossy());
    }
    let fix = match std::env::consts::OS {
        "macos" => "xcode-select --install",
        "windows" => "install the C++ build tools of Visual Studio",
        _ => "sudo apt-get install gcc libc6-dev    (or the same of your distribution)",
    };
    let detail = format!(
        "`{}` not found; it links, and compiles SQLite and the cryptography of TLS",
        program.to_string_lossy()
    );
    Check::of(State::Missing, COMPILER, detail, fix)
}

fn docker() -> Check {
    // LocalStack needs the server, not only the program.
    if succeeds(Command::new("docker").args(["version", "--format", "{{.Server.Version}}"])) {
        return Check::ok("Docker", "found (for `test-local --localstack` only)");
    }
    Check::of(
        State::Warning,
        "Docker",
        "not found or not running; only `test-local --localstack` needs it",
        "https://docs.docker.com/get-started/get-docker/",
    )
}

fn token() -> Check {
    let name = "LOCALSTACK_AUTH_TOKEN";
    if std::env::var_os(name).is_some_and(|token| !token.is_empty()) {
        return Check::ok(name, "set (for `test-local --localstack` only)");
    }
    Check::of(
        State::Warning,
        name,
        "not set; only `test-local --localstack` needs it",
        format!("export {name}=<the token of your LocalStack account>"),
    )
}

fn port() -> Check {
    let name = format!("port {}", local::PORT);
    match TcpListener::bind((Ipv4Addr::LOCALHOST, local::PORT)) {
        Ok(_) => Check::ok(name, "free (for `cargo xtask local`)"),
        Err(error) => Check::of(
            State::Warning,
            name,
            format!("not free: {error}; a local stack may be running"),
            "cargo xtask local --port 0",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::{version, wanted_rust};

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(version("1.95.0") < version("1.100.0"));
        assert!(version("1.96.0-nightly") > version("1.95.0"));
        assert!(version("1.95.0") == version("1.95.0-beta.1"));
    }

    #[test]
    fn the_expected_version_is_that_of_the_project() {
        let wanted = wanted_rust(&users_support::project::root()).unwrap();
        assert!(wanted.starts_with(env!("CARGO_PKG_RUST_VERSION")), "{wanted}");
    }

    #[test]
    fn a_file_without_a_channel_is_named() {
        let directory = tempfile::tempdir().unwrap();
        assert!(wanted_rust(directory.path()).unwrap_err().to_string().contains("cannot read"));
        std::fs::write(directory.path().join("rust-toolchain.toml"), "[toolchain]\n").unwrap();
        assert!(wanted_rust(directory.path()).unwrap_err().to_string().contains("no channel"));
    }
}
