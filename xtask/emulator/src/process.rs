//! Cargo, and the programs that it builds.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command;

/// Builds one program and returns its file, so that all steps run the same program, even when a
/// source file is edited meanwhile.
pub(crate) async fn build(name: &str, arguments: &[&str]) -> Result<PathBuf> {
    let mut command = cargo();
    command.args(arguments).args(["--quiet", "--locked", "--message-format"]);
    command.arg("json-render-diagnostics");
    let output = run_showing_errors(&mut command, |_| true).await?;
    if !output.status.success() {
        bail!("{name} cannot be built");
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    executable(&messages, name).with_context(|| format!("cargo built no program {name}"))
}

/// Finds a program in cargo's messages, one JSON document a line.
fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    messages.lines().find_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        let file = message["executable"].as_str()?;
        (message["target"]["name"] == name).then(|| PathBuf::from(file))
    })
}

/// The cargo that called us, in the project's root. It is killed on drop.
fn cargo() -> Command {
    let mut command = Command::from(users_support::project::cargo());
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// A program that was built. It is killed on drop.
pub(crate) fn program(file: &Path) -> Command {
    let mut command = Command::new(file);
    command.current_dir(users_support::project::root()).stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Runs a command to its end, and shows some lines of its standard error as they come.
pub(crate) async fn run_showing_errors(
    command: &mut Command,
    is_shown: impl Fn(&str) -> bool,
) -> Result<Output> {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot run a program")?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (output, errors, status) =
        tokio::join!(read(stdout, |_| false), read(stderr, is_shown), child.wait());
    Ok(Output {
        status: status.context("cannot wait for a program")?,
        stdout: output.into_bytes(),
        stderr: errors.into_bytes(),
    })
}

/// Reads a stream to its end.
async fn read(stream: Option<impl AsyncRead + Unpin>, is_shown: impl Fn(&str) -> bool) -> String {
    let mut text = String::new();
    let Some(stream) = stream else { return text };
    let mut lines = BufReader::new(stream).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if is_shown(&line) {
            eprintln!("   | {line}");
        }
        text.push_str(&line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::executable;
    use std::path::Path;

    #[test]
    fn a_program_is_found_in_cargos_messages() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"lib"},"executable":null}
not json
{"reason":"compiler-artifact","target":{"name":"other"},"executable":"/t/other"}
{"reason":"compiler-artifact","target":{"name":"api"},"executable":"/t/deps/api-1"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(executable(messages, "api").as_deref(), Some(Path::new("/t/deps/api-1")));
        assert_eq!(executable(messages, "lib"), None);
        assert_eq!(executable("", "api"), None);
    }
}
