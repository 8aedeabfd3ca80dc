//! A local stack of the test's own, and calls of its API.

use anyhow::{Context, Result, ensure};
use http::Method;
use serde_json::Value;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use users_client::{Client, Credentials, Signing};

/// A stack that runs; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Stack {
    child: Child,
    client: Client,
    control: Client,
    /// The address of the console.
    pub(crate) console: String,
    _directory: tempfile::TempDir,
}

impl Stack {
    /// Builds what is needed and starts a stack on a free port, with data that go away with it.
    pub(crate) async fn start() -> Result<Self> {
        let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut child = Command::new(cargo)
            .args(["xtask", "local", "--port", "0", "--ephemeral", "--output", "json"])
            // So that nothing is left when this program is killed.
            .arg("--end-with-stdin")
            .env("USERS_LOCAL_READY_FILE", directory.path().join("ready.json"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start the local stack")?;
        let output = child.stdout.take().context("the local stack has no output")?;
        let errors = child.stderr.take().context("the local stack has no error output")?;
        // Read on, so that it never waits for somebody to read.
        let said = tokio::spawn(async move {
            let mut lines = BufReader::new(errors).lines();
            let mut said = Vec::new();
            while let Ok(Some(line)) = lines.next_line().await {
                said.push(line);
            }
            said.join("\n")
        });
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).await.context("cannot read from the stack")?;
        let Ok(ready) = serde_json::from_str::<Value>(&line) else {
            let said = said.await.unwrap_or_default();
            anyhow::bail!("the local stack did not start:\n{said}");
        };
        let text = |name: &str| {
            ready[name].as_str().with_context(|| format!("the stack does not say its {name}"))
        };
        let credentials = Credentials::from_keys("test", "test", None);
        Ok(Self {
            control: Client::new(text("control")?, "unsigned", credentials.clone())?,
            client: Client::new(text("url")?, text("region")?, credentials)?,
            console: text("console")?.to_owned(),
            child,
            _directory: directory,
        })
    }

    /// Makes a call with a correlation id, which must have a status, and gives its body.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        correlation_id: &str,
        body: Option<Value>,
        status: u16,
    ) -> Result<Value> {
        let mut call = self.client.call(method, path).header("X-Correlation-Id", correlation_id);
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

    /// The answer of a control endpoint.
    pub(crate) async fn control(&self, path: &str) -> Result<Value> {
        let call = self.control.call(Method::GET, &format!("/{path}")).signing(Signing::None);
        Ok(call.send().await?.json()?)
    }

    /// Ends it.
    pub(crate) async fn stop(mut self) -> Result<()> {
        self.child.kill().await.context("cannot end the local stack")
    }
}
