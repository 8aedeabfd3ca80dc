//! The tools that building needs and cargo does not bring; whatever is missing is named with the
//! command that installs it.

use super::Arch;
use super::compile::{ask, rustc};
use crate::cargo;
use anyhow::{Result, bail};
use std::path::Path;
use std::process::{Command, Stdio};

/// Fails when a tool is missing, naming all that are.
pub(super) fn check(arch: Arch) -> Result<()> {
    let found =
        Found { cargo_lambda: cargo::has("lambda"), zig: has_zig(), target: has_target(arch)? };
    let missing = found.missing(arch);
    if !missing.is_empty() {
        bail!("building the functions needs more than is installed:\n{}", missing.join("\n"));
    }
    Ok(())
}

/// What is installed.
struct Found {
    cargo_lambda: bool,
    zig: bool,
    target: bool,
}

impl Found {
    /// A line for each thing that is missing.
    fn missing(&self, arch: Arch) -> Vec<String> {
        let mut missing = Vec::new();
        if !self.cargo_lambda {
            missing.push(
                "  cargo-lambda, which compiles for Lambda:\n    \
                 cargo install --locked cargo-lambda\n    \
                 (or `brew install cargo-lambda/tap/cargo-lambda`, or `pip install cargo-lambda`)"
                    .to_owned(),
            );
        }
        if !self.zig {
            missing.push(format!("  Zig, which links for Lambda:\n    {}", zig_command()));
        }
        if !self.target {
            missing.push(format!(
                "  Rust's standard library for {}:\n    rustup target add {}",
                arch.as_str(),
                arch.triple()
            ));
        }
        missing
    }
}

fn zig_command() -> &'static str {
    match std::env::consts::OS {
        "macos" => "brew install zig",
        "windows" => "winget install zig.zig",
        _ => "pip install ziglang    (or unpack https://ziglang.org/download/ onto the PATH)",
    }
}

/// The places in which cargo-lambda looks for Zig.
fn has_zig() -> bool {
    let named = std::env::var_os("CARGO_ZIGBUILD_ZIG_PATH");
    let succeeds = |command: &mut Command| {
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    named.is_some_and(|path| succeeds(Command::new(path).arg("version")))
        || succeeds(Command::new("zig").arg("version"))
        || ["python3", "python"]
            .into_iter()
            .any(|python| succeeds(Command::new(python).args(["-m", "ziglang", "version"])))
}

fn has_target(arch: Arch) -> Result<bool> {
    let directory = ask(rustc().args(["--print", "target-libdir", "--target", arch.triple()]))?;
    Ok(Path::new(directory.trim()).is_dir())
}

#[cfg(test)]
mod tests {
    use super::{Arch, Found};

    #[test]
    fn everything_that_is_missing_is_named_with_its_command() {
        let missing = Found { cargo_lambda: false, zig: false, target: false }.missing(Arch::Arm64);
        assert_eq!(missing.len(), 3);
        assert!(missing[0].contains("cargo install --locked cargo-lambda"), "{}", missing[0]);
        assert!(missing[1].contains("Zig") && missing[1].contains("install"), "{}", missing[1]);
        let command = "rustup target add aarch64-unknown-linux-gnu";
        assert!(missing[2].contains(command), "{}", missing[2]);
    }

    #[test]
    fn nothing_is_said_when_nothing_is_missing() {
        let found = Found { cargo_lambda: true, zig: true, target: true };
        assert!(found.missing(Arch::X8664).is_empty());
        let found = Found { target: false, ..found };
        assert_eq!(found.missing(Arch::X8664).len(), 1);
    }
}
