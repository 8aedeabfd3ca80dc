//! One execution environment: the process of a function, with the Runtime API and the endpoint that
//! it talks to.

use crate::cpu::Share;
use crate::endpoint::{Endpoint, Exchange};
use crate::engine::{IDEMPOTENCY, USERS};
use crate::runtime_api::{Answer, Invocation, RuntimeApi};
use crate::usage::{Usage, served};
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How to start a function.
#[derive(Clone)]
pub(crate) struct Launch {
    /// Its program and arguments.
    pub(crate) command: Vec<OsString>,
    /// The endpoint that it calls in place of AWS.
    pub(crate) endpoint: Endpoint,
    /// The certificates that it trusts.
    pub(crate) roots: PathBuf,
    /// The X-Ray daemon.
    pub(crate) daemon: SocketAddr,
}

/// One invocation.
#[derive(Debug)]
pub(crate) struct Invoked {
    /// From the handing out of the event to the end of the answer.
    took: Duration,
    pub(crate) exchanges: Vec<Exchange>,
    /// The body of the answer; null when it is not JSON.
    pub(crate) body: Value,
}

impl Invoked {
    /// The time without the backend's, in milliseconds.
    pub(crate) fn own_ms(&self) -> f64 {
        let (busy, _) = served(&self.exchanges);
        self.took.saturating_sub(busy).as_secs_f64() * 1000.0
    }

    pub(crate) fn usage(&self) -> Usage {
        Usage::of(&self.exchanges, &self.body)
    }
}

/// A running function. It is killed when this is dropped.
pub(crate) struct Function {
    child: Child,
    api: RuntimeApi,
    endpoint: Endpoint,
    /// From the start of the program to its first request for an invocation, in milliseconds.
    pub(crate) initialisation_ms: f64,
}

impl Function {
    /// Starts a function and waits until it asks for an invocation.
    pub(crate) fn start(launch: &Launch, share: Option<&Share>) -> Result<Self> {
        let api = RuntimeApi::start()?;
        let child = command(launch, api.address).spawn().context("cannot start a shell")?;
        let endpoint = launch.endpoint.clone();
        let mut function = Self { child, api, endpoint, initialisation_ms: 0.0 };
        // The shell writes when it is ready and becomes the program when it has read a line, so its
        // own start is not counted and uses nothing of the quota.
        let mut output = function.child.stdout.take().context("the shell has no output")?;
        output.read_exact(&mut [0]).context("the shell does not start")?;
        // Lambda reads log lines from a pipe, too.
        thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        if let Some(share) = share {
            share.add(function.child.id())?;
            share.rest();
        }
        let mut gate = function.child.stdin.take().context("the shell has no input")?;
        let begun = Instant::now();
        gate.write_all(b"\n").context("the shell does not read")?;
        let next = function.api.wait_for_next().with_context(|| format!("{:?}", launch.command))?;
        function.initialisation_ms = (next - begun).as_secs_f64() * 1000.0;
        // These belong to the initialisation.
        function.endpoint.take();
        Ok(function)
    }

    /// Hands out an invocation, and waits until the function asks for another.
    pub(crate) fn hand_out(&self, invocation: Invocation) -> Result<Answer> {
        let answer = self.api.invoke(invocation)?;
        self.api.wait_for_next()?;
        Ok(answer)
    }

    /// Invokes the function. An answer other than success is an error, since refusals are fast.
    pub(crate) fn invoke(&self, event: &Value) -> Result<Invoked> {
        let event = event.to_string().into_bytes();
        let begun = Instant::now();
        let answer = self.hand_out(Invocation { event, ..Invocation::default() })?;
        let exchanges = self.endpoint.take();
        let text = String::from_utf8_lossy(&answer.body);
        ensure!(!answer.is_error, "the invocation failed: {text}");
        let response: Value = serde_json::from_str(&text).context("the answer is not JSON")?;
        let status = response["statusCode"].as_u64().unwrap_or(200);
        if !(200..300).contains(&status) {
            bail!("the function answered {status}: {text}");
        }
        let body = response["body"].as_str().and_then(|body| serde_json::from_str(body).ok());
        Ok(Invoked { took: answer.at - begun, exchanges, body: body.unwrap_or_default() })
    }

    /// A size in KiB from a file of the process in `/proc`.
    pub(crate) fn kib(&self, file: &str, field: &str) -> Result<f64> {
        let path = format!("/proc/{}/{file}", self.child.id());
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        let value = |line: &str| line.strip_prefix(field)?.trim().strip_suffix(" kB")?.parse().ok();
        text.lines().find_map(value).with_context(|| format!("{path} has no {field}"))
    }

    /// Ends the function with SIGTERM, on which a profiler writes its profile.
    pub(crate) fn terminate(mut self) -> Result<()> {
        let kill = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        kill.context("cannot run kill")?;
        self.child.wait().context("cannot wait for a function")?;
        Ok(())
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A shell that becomes the function when it can read a line.
fn command(launch: &Launch, runtime_api: SocketAddr) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", "echo && read -r go && exec \"$@\"", "sh"])
        .args(&launch.command)
        .env_clear()
        .envs([
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            // As long as Lambda's, since it is part of what is signed.
            ("AWS_SESSION_TOKEN", &*"token".repeat(200)),
            ("AWS_REGION", "us-east-1"),
            ("AWS_LAMBDA_RUNTIME_API", &runtime_api.to_string()),
            ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "bench"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "bench"),
            ("AWS_ENDPOINT_URL", &launch.endpoint.url),
            ("AWS_XRAY_DAEMON_ADDRESS", &launch.daemon.to_string()),
            ("USERS_TABLE", USERS),
            ("IDEMPOTENCY_TABLE", IDEMPOTENCY),
            ("DEAD_LETTERS_URL", "https://sqs.us-east-1.amazonaws.com/000000000000/letters"),
            ("EVENT_BUS_NAME", "bus"),
            ("CORS_ALLOW_ORIGIN", "*"),
            ("LOG_LEVEL", "info"),
            ("METRICS_STACK", "bench"),
        ])
        .env("SSL_CERT_FILE", &launch.roots)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}
