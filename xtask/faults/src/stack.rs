//! A local stack: started, killed, and restarted on the same data.

mod control;

pub(crate) use control::Control;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use users_client::{Client, Credentials};
use users_support::Scratch;

/// How long a stack may take to start or to end.
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(20);
/// The stack's standard error, in its scratch folder.
const LOG: &str = "local-stack.log";

/// The files that a stack runs.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Programs {
    /// The program of the local stack.
    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) stack: PathBuf,
    /// The folder of the functions.
    #[arg(long, value_name = "DIR", hide = true)]
    pub(crate) functions: PathBuf,
    /// The template.
    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) template: PathBuf,
}

/// A running stack with its own data. It is killed when dropped.
#[derive(Debug)]
pub(crate) struct Stack {
    programs: Programs,
    options: Vec<String>,
    /// Dropped, and so killed, before its data are removed.
    child: Child,
    /// Held apart from the child, because waiting for a child closes its standard input, and the
    /// stack stops when that closes.
    stdin: Option<ChildStdin>,
    directory: Scratch,
    port: u16,
    url: String,
    control: Client,
}

impl Stack {
    /// Starts a stack without data, whose functions get these variables. Its data are kept in
    /// memory, which survives a killed process as a disk does.
    pub(crate) async fn start(programs: &Programs, variables: &[(&str, &str)]) -> Result<Self> {
        let directory = Scratch::in_memory("users-faults")?;
        let offset = clock_file(&directory).display().to_string();
        let variables = variables.iter().copied().chain([("CLOCK_OFFSET_FILE", offset.as_str())]);
        let option = |(name, value)| ["--function-variable".to_owned(), format!("{name}={value}")];
        let options = variables.flat_map(option).collect();
        Self::start_in(directory, programs.clone(), options).await
    }

    /// Starts a stack with its data in a folder, and with more options.
    pub(crate) async fn start_in(
        directory: Scratch,
        programs: Programs,
        options: Vec<String>,
    ) -> Result<Self> {
        let (mut child, ready) = launch(&programs, &options, directory.path(), 0).await?;
        let stdin = child.stdin.take();
        let text = |name: &str| ready[name].as_str().unwrap_or_default().to_owned();
        let url = text("url");
        let control = Client::new(&text("control"), "unsigned", credentials())
            .context("the stack's control address is not valid")?;
        let uri: http::Uri = url.parse().context("the stack's address is not valid")?;
        let port = uri.port_u16().context("the stack's address has no port")?;
        Ok(Self { programs, options, directory, child, stdin, port, url, control })
    }

    /// The API's base URL.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// A client of the API, with its own connections.
    pub(crate) fn client(&self) -> Result<Client> {
        let client = Client::new(&self.url, "us-east-1", credentials());
        client.context("the stack's address is not valid")
    }

    pub(crate) fn control(&self) -> Control {
        Control::new(self.control.clone())
    }

    /// The id of the stack's process; `None` when it has ended.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Sets the clocks of the functions wrong, by milliseconds.
    pub(crate) fn set_clock(&self, offset: i64) -> Result<()> {
        // Renamed into place, since functions read it at any time.
        let path = clock_file(&self.directory);
        let fresh = path.with_extension("new");
        std::fs::write(&fresh, offset.to_string())
            .and_then(|()| std::fs::rename(&fresh, &path))
            .context("cannot set the clock")
    }

    /// Kills the stack and its functions.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        let functions = self.control().function_pids().await?;
        self.child.start_kill().context("cannot kill the stack")?;
        let pids = functions.into_iter().filter_map(|pid| i32::try_from(pid).ok());
        for pid in pids.filter_map(rustix::process::Pid::from_raw) {
            // It may have ended already.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        self.expect_killed().await
    }

    /// Waits until the stack was killed. It is an error when it ends in another way.
    pub(crate) async fn expect_killed(&mut self) -> Result<()> {
        let status = tokio::time::timeout(PATIENCE, self.child.wait())
            .await
            .context("the stack was not killed")?
            .context("cannot wait for the stack")?;
        if status.code().is_some() {
            let log = end_of_log(self.directory.path());
            bail!("the stack was to be killed, but exited ({status}); {log}");
        }
        Ok(())
    }

    /// Starts the stack again, on the same data and port.
    pub(crate) async fn restart(&mut self) -> Result<()> {
        let begun = Instant::now();
        loop {
            let directory = self.directory.path();
            match launch(&self.programs, &self.options, directory, self.port).await {
                Ok((mut child, _)) => {
                    self.stdin = child.stdin.take();
                    self.child = child;
                    return Ok(());
                }
                // An outgoing connection of another program may have taken the port meanwhile.
                Err(error) if begun.elapsed() > PATIENCE => return Err(error),
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// Ends the stack and keeps its log; returns the path.
    pub(crate) fn keep_log(self) -> Result<PathBuf> {
        self.directory.keep(LOG)
    }
}

fn credentials() -> Credentials {
    Credentials::from_keys("test", "test", None)
}

fn clock_file(directory: &Scratch) -> PathBuf {
    directory.path().join("clock-offset")
}

fn end_of_log(directory: &Path) -> String {
    const LINES: usize = 15;
    let log = std::fs::read(directory.join(LOG)).unwrap_or_default();
    let text = String::from_utf8_lossy(&log).into_owned();
    let lines: Vec<_> = text.lines().collect();
    let last = lines[lines.len().saturating_sub(LINES)..].join("\n");
    format!("its log ends with:\n{last}")
}

async fn launch(
    programs: &Programs,
    options: &[String],
    directory: &Path,
    port: u16,
) -> Result<(Child, Value)> {
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(directory.join(LOG))
        .context("cannot create the stack's log")?;
    let mut child = Command::new(&programs.stack)
        .arg("--template")
        .arg(&programs.template)
        .arg("--functions")
        .arg(&programs.functions)
        .arg("--data")
        .arg(directory.join("data"))
        .args(["--port", &port.to_string(), "--output", "json", "--end-with-stdin"])
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .context("cannot start the local stack")?;
    let output = child.stdout.take().context("the local stack has no output")?;
    let mut line = String::new();
    // It prints one line when it is ready, and none when it fails.
    let _ = tokio::time::timeout(PATIENCE, BufReader::new(output).read_line(&mut line))
        .await
        .context("the local stack was not ready in time")?;
    match serde_json::from_str(&line) {
        Ok(ready) => Ok((child, ready)),
        Err(_) => bail!("the local stack did not start; {}", end_of_log(directory)),
    }
}
