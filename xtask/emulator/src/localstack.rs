//! LocalStack in Docker, started for one run at a pinned version and stopped after it.

use crate::steps::{interrupted, report};
use anyhow::{Context, Result, anyhow, bail};
use std::ffi::{OsStr, OsString};
use std::process::{Output, Stdio};
use std::time::Duration;
use tokio::process::Command;
use tokio::time::Instant;

/// The pinned version.
const IMAGE: &str = "localstack/localstack:2026.09.0";

/// Where LocalStack listens in its container, and by default outside.
const PORT: u16 = 4566;

/// The variable of LocalStack's licence.
const TOKEN: &str = "LOCALSTACK_AUTH_TOKEN";

/// How long the first start may take once the image is there.
const PATIENCE: Duration = Duration::from_secs(180);

/// The alternatives, for errors.
const INSTEAD: &str = "Without it, any of these works too:
  cargo xtask test-local                      the embedded stack, which needs nothing
  pip install ministack && AUTH=true ministack
  cargo xtask test-local --endpoint-url http://127.0.0.1:4566";

/// How to start it.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    docker: OsString,
    token: Option<OsString>,
    port: u16,
    patience: Duration,
    pause: Duration,
}

/// A container that runs.
#[derive(Debug)]
pub(crate) struct LocalStack {
    docker: OsString,
    container: String,
    endpoint: String,
}

impl Settings {
    /// Docker from the path, the token from the environment.
    pub(crate) fn from_env() -> Self {
        Self {
            docker: "docker".into(),
            token: std::env::var_os(TOKEN),
            port: PORT,
            patience: PATIENCE,
            pause: Duration::from_secs(1),
        }
    }
}

/// Starts LocalStack and waits until it is ready.
pub(crate) async fn start(settings: &Settings) -> Result<LocalStack> {
    let Some(token) = settings.token.as_ref().filter(|token| !token.is_empty()) else {
        bail!(
            "LocalStack needs a token: set {TOKEN} (https://app.localstack.cloud/workspace/auth-tokens).\n\
             {INSTEAD}"
        );
    };
    let localstack = LocalStack {
        docker: settings.docker.clone(),
        container: format!("users-localstack-{}", std::process::id()),
        endpoint: format!("http://127.0.0.1:{}", settings.port),
    };
    let result = tokio::select! {
        result = localstack.start(settings, token) => result,
        () = interrupted() => Err(anyhow!("interrupted")),
    };
    if let Err(error) = result {
        localstack.stop(false).await;
        return Err(error);
    }
    Ok(localstack)
}

impl LocalStack {
    /// Its address.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Starts the container and waits until LocalStack is ready.
    async fn start(&self, settings: &Settings, token: &OsStr) -> Result<()> {
        eprintln!("Starting {IMAGE} in Docker; the first time it is downloaded ...");
        let mut command = Command::new(&self.docker);
        command.args(["run", "--detach", "--name", &self.container]);
        command.args(["--publish", &format!("127.0.0.1:{}:{PORT}", settings.port)]);
        // It runs functions in containers beside its own.
        command.args(["--volume", "/var/run/docker.sock:/var/run/docker.sock"]);
        // Docker takes the value from its environment, so that the list of processes does not show it.
        command.env(TOKEN, token).args(["--env", TOKEN, "--env", "ENFORCE_IAM=1", IMAGE]);
        match output(&mut command).await {
            Ok(started) if started.status.success() => {}
            Ok(started) => bail!("Docker does not run {IMAGE}: {}\n{INSTEAD}", text_of(&started)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                bail!("LocalStack needs Docker, and there is no `docker` on the path.\n{INSTEAD}")
            }
            Err(error) => return Err(error).context("cannot run docker"),
        }
        let Err(error) = self.wait(settings).await else { return Ok(()) };
        let logs = self.docker(&["logs", "--tail", "20"]).await;
        Err(error.context(format!("the last log lines of LocalStack:\n{logs}")))
    }

    async fn wait(&self, settings: &Settings) -> Result<()> {
        let begun = Instant::now();
        loop {
            let Err(error) = users_emulator::recognise(&self.endpoint).await else {
                return Ok(());
            };
            let state = self.docker(&["inspect", "--format", "{{.State.Running}}"]).await;
            if state.trim() == "false" {
                bail!("LocalStack ended at once; is the token valid?");
            }
            if begun.elapsed() > settings.patience {
                let seconds = settings.patience.as_secs();
                return Err(error.context(format!("LocalStack was not ready within {seconds} s")));
            }
            tokio::time::sleep(settings.pause).await;
        }
    }

    /// Ends and removes the container, unless it is to be kept.
    pub(crate) async fn stop(&self, keep: bool) {
        if keep {
            report(format!("LocalStack still runs: docker rm --force {}", self.container));
            return;
        }
        self.docker(&["rm", "--force", "--volumes"]).await;
    }

    /// Runs a command about the container, and returns its output.
    async fn docker(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(&self.docker);
        command.args(arguments).arg(&self.container);
        output(&mut command).await.map(|output| text_of(&output)).unwrap_or_default()
    }
}

async fn output(command: &mut Command) -> std::io::Result<Output> {
    command.stdin(Stdio::null()).kill_on_drop(true).output().await
}

fn text_of(output: &Output) -> String {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&text).trim().to_owned()
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
