//! A local stack of the test's own, and calls of its API.

use anyhow::{Context, Result, ensure};
use http::Method;
use serde_json::Value;
use std::time::Duration;
use tokio::process::Command;
pub(crate) use users_tests::stack::Stack;
use users_tests::stack::Starting;

/// How long the stack may take to start, building its programs included.
const PATIENCE: Duration = Duration::from_secs(1800);

/// Builds what is needed and starts a stack on a free port, with ephemeral data.
pub(crate) async fn start() -> Result<Stack> {
    let directory = tempfile::tempdir().context("cannot create a temporary directory")?;
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .args(["xtask", "local", "--port", "0", "--ephemeral", "--output", "json"])
        // So that nothing is left when this program is killed.
        .arg("--end-with-stdin")
        .env("USERS_LOCAL_READY_FILE", directory.path().join("ready.json"));
    Ok(Starting::spawn(command, Some(directory)).ready(PATIENCE).await)
}

/// Makes a call with a correlation id, which must have a status, and gives its body.
pub(crate) async fn call(
    stack: &Stack,
    method: Method,
    path: &str,
    correlation_id: &str,
    body: Option<Value>,
    status: u16,
) -> Result<Value> {
    let mut call = stack.call(method, path).header("X-Correlation-Id", correlation_id);
    if let Some(body) = body {
        call = call.json(&body);
    }
    let response = call.send().await?;
    ensure!(
        response.status.as_u16() == status,
        "{path} answers {} instead of {status}",
        response.status
    );
    Ok(serde_json::from_slice(&response.body).unwrap_or_default())
}
