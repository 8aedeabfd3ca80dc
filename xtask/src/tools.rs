//! The tools that building needs and cargo does not bring: whether they are there, and the command
//! that installs them. `build` refuses to begin without them, `doctor` lists them.

use crate::build::Arch;
use crate::build::compile::{ask, rustc};
use crate::cargo;
use anyhow::{Result, bail};
use std::path::Path;
use std::process::{Command, Stdio};

/// A tool.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Tool {
    pub(crate) name: String,
    /// What it does, to stand after “which”.
    pub(crate) purpose: &'static str,
    /// The command that installs it.
    pub(crate) install: String,
    /// Other commands that do.
    pub(crate) alternatives: Option<&'static str>,
    pub(crate) found: bool,
}

/// Fails when a tool is missing, naming all that are.
pub(crate) fn check(arch: Arch) -> Result<()> {
    let missing = missing(&[cargo_lambda(), zig(), standard_library(arch)?]);
    if !missing.is_empty() {
        bail!("building the functions needs more than is installed:\n{}", missing.join("\n"));
    }
    Ok(())
}

/// A line or two for each tool that is missing.
fn missing(tools: &[Tool]) -> Vec<String> {
    let lines = |tool: &Tool| {
        let Tool { name, purpose, install, .. } = tool;
        let alternatives =
            tool.alternatives.map(|other| format!("\n    ({other})")).unwrap_or_default();
        format!("  {name}, which {purpose}:\n    {install}{alternatives}")
    };
    tools.iter().filter(|tool| !tool.found).map(lines).collect()
}

/// cargo-lambda.
pub(crate) fn cargo_lambda() -> Tool {
    Tool {
        name: "cargo-lambda".to_owned(),
        purpose: "compiles for Lambda",
        install: "cargo install --locked cargo-lambda".to_owned(),
        alternatives: Some(
            "or `brew install cargo-lambda/tap/cargo-lambda`, or `pip install cargo-lambda`",
        ),
        found: cargo::has("lambda"),
    }
}

/// Zig.
pub(crate) fn zig() -> Tool {
    let (install, alternatives) = match std::env::consts::OS {
        "macos" => ("brew install zig", None),
        "windows" => ("winget install zig.zig", None),
        _ => ("pip install ziglang", Some("or unpack https://ziglang.org/download/ onto the PATH")),
    };
    Tool {
        name: "Zig".to_owned(),
        purpose: "links for Lambda",
        install: install.to_owned(),
        alternatives,
        found: has_zig(),
    }
}

/// Rust's standard library for what the functions run on.
///
/// # Errors
/// When `rustc` cannot be asked.
pub(crate) fn standard_library(arch: Arch) -> Result<Tool> {
    let directory = ask(rustc().args(["--print", "target-libdir", "--target", arch.triple()]))?;
    Ok(Tool {
        name: format!("Rust's standard library for {}", arch.as_str()),
        purpose: "the functions are linked with",
        install: format!("rustup target add {}", arch.triple()),
        alternatives: None,
        found: Path::new(directory.trim()).is_dir(),
    })
}

/// The places in which cargo-lambda looks for Zig.
fn has_zig() -> bool {
    let named = std::env::var_os("CARGO_ZIGBUILD_ZIG_PATH");
    named.is_some_and(|path| succeeds(Command::new(path).arg("version")))
        || succeeds(Command::new("zig").arg("version"))
        || ["python3", "python"]
            .into_iter()
            .any(|python| succeeds(Command::new(python).args(["-m", "ziglang", "version"])))
}

/// Whether a program is there and does what it is asked, without a word.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::{Tool, missing};

    fn tool(found: bool) -> Tool {
        Tool {
            name: "Hammer".to_owned(),
            purpose: "drives nails",
            install: "brew install hammer".to_owned(),
            alternatives: Some("or make one"),
            found,
        }
    }

    #[test]
    fn everything_that_is_missing_is_named_with_its_command() {
        let other = Tool { alternatives: None, ..tool(false) };
        assert_eq!(
            missing(&[tool(false), tool(true), other]),
            [
                "  Hammer, which drives nails:\n    brew install hammer\n    (or make one)",
                "  Hammer, which drives nails:\n    brew install hammer",
            ]
        );
    }

    #[test]
    fn nothing_is_said_when_nothing_is_missing() {
        assert!(missing(&[tool(true), tool(true)]).is_empty());
    }
}
