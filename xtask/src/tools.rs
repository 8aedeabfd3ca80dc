//! The tools that building needs besides cargo, and the commands that install them. `build` refuses to
//! begin without them, `doctor` lists them.

use crate::cargo::{self, ask, rustc, succeeds};
use anyhow::{Result, bail};
use std::path::Path;
use std::process::Command;
use users_template::Architecture;
use xtask_cli::doctor::{Check, State};

/// Fails when tools are missing, with the list of them.
pub(crate) fn check(architecture: Architecture) -> Result<()> {
    let missing = missing(&[cargo_lambda(), zig(), standard_library(architecture)?]);
    if !missing.is_empty() {
        bail!("building the functions needs more than is installed:\n{}", missing.join("\n"));
    }
    Ok(())
}

/// The missing tools, with the commands that install them.
fn missing(checks: &[Check]) -> Vec<String> {
    let missing = checks.iter().filter(|check| check.state == State::Missing);
    let text = |Check { name, detail, fix, .. }: &Check| {
        let fix = fix.as_deref().unwrap_or_default().replace('\n', "\n    ");
        format!("  {name}: {detail}\n    {fix}")
    };
    missing.map(text).collect()
}

/// cargo-lambda.
pub(crate) fn cargo_lambda() -> Check {
    let fix = "cargo install --locked cargo-lambda\n\
               (or `brew install cargo-lambda/tap/cargo-lambda`, or `pip install cargo-lambda`)";
    tool("cargo-lambda", cargo::has("lambda"), "it compiles for Lambda", fix)
}

/// Zig.
pub(crate) fn zig() -> Check {
    let fix = match std::env::consts::OS {
        "macos" => "brew install zig",
        "windows" => "winget install zig.zig",
        _ => {
            "pip install ziglang\n\
             (or unpack https://ziglang.org/download/ onto the PATH)"
        }
    };
    tool("Zig", has_zig(), "it links for Lambda", fix)
}

/// Rust's standard library for an architecture.
///
/// # Errors
/// When `rustc` cannot be run.
pub(crate) fn standard_library(architecture: Architecture) -> Result<Check> {
    let triple = triple(architecture);
    let directory = ask(rustc().args(["--print", "target-libdir", "--target", triple]))?;
    let is_installed = Path::new(directory.trim()).is_dir();
    let fix = format!("rustup target add {triple}");
    Ok(tool(&library_name(architecture), is_installed, "it is linked into the functions", &fix))
}

/// The name of the check of [`standard_library`].
pub(crate) fn library_name(architecture: Architecture) -> String {
    format!("Rust's standard library for {}", architecture.as_str())
}

/// Rust's name of a target.
pub(crate) fn triple(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::Arm64 => "aarch64-unknown-linux-gnu",
        Architecture::X8664 => "x86_64-unknown-linux-gnu",
    }
}

fn tool(name: &str, is_installed: bool, purpose: &str, fix: &str) -> Check {
    match is_installed {
        true => Check::ok(name, "found"),
        false => Check::of(State::Missing, name, format!("not found; {purpose}"), fix),
    }
}

/// Looks for Zig where cargo-lambda does.
fn has_zig() -> bool {
    let named = std::env::var_os("CARGO_ZIGBUILD_ZIG_PATH");
    named.is_some_and(|path| succeeds(Command::new(path).arg("version")))
        || succeeds(Command::new("zig").arg("version"))
        || ["python3", "python"]
            .into_iter()
            .any(|python| succeeds(Command::new(python).args(["-m", "ziglang", "version"])))
}

#[cfg(test)]
mod tests {
    use super::{missing, tool};

    #[test]
    fn missing_tools_are_listed_with_their_commands() {
        let hammer = |is_installed, fix| tool("Hammer", is_installed, "it drives nails", fix);
        assert_eq!(
            missing(&[
                hammer(false, "buy one\n(or make one)"),
                hammer(true, ""),
                hammer(false, "x")
            ]),
            [
                "  Hammer: not found; it drives nails\n    buy one\n    (or make one)",
                "  Hammer: not found; it drives nails\n    x",
            ]
        );
    }
}
