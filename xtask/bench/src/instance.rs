//! One execution environment: a function's process, and the Runtime API that it talks to.

use crate::cpu::Share;
use crate::endpoint::{Asked, Endpoint};
use crate::engine::{IDEMPOTENCY, USERS};
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc};

/// Longest wait for anything a function does; under a profiler it takes seconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// What to start a function with.
#[derive(Clone)]
pub(crate) struct Launch {
    /// Its program.
    pub(crate) program: PathBuf,
    /// What to tell the program.
    pub(crate) arguments: Vec<String>,
    /// What runs the program, such as a profiler with its options.
    pub(crate) wrapper: Vec<String>,
    /// What it calls.
    pub(crate) endpoint: Endpoint,
    /// Whom it trusts.
    pub(crate) roots: PathBuf,
    /// Where somebody takes its traces.
    pub(crate) daemon: SocketAddr,
    /// What it tells.
    pub(crate) told: Told,
}

/// What a function tells of its invocations.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Told {
    /// Nothing.
    Nothing,
    /// Lines and metrics, as of an invocation that is not sampled.
    Lines,
    /// A trace, too.
    Traces,
}

/// One invocation.
#[derive(Debug)]
pub(crate) struct Invoked {
    /// From the event's being handed over to the whole answer.
    pub(crate) took: Duration,
    /// What it asked for meanwhile.
    pub(crate) asked: Asked,
    /// The status of the answer, when it has one.
    pub(crate) status: Option<u64>,
    /// The body of the answer, when it is JSON.
    pub(crate) body: Value,
}

impl Invoked {
    /// The time that was not the backend's, in milliseconds.
    pub(crate) fn own_ms(&self) -> f64 {
        self.took.saturating_sub(self.asked.busy).as_secs_f64() * 1000.0
    }
}

/// A running function.
pub(crate) struct Instance {
    child: Child,
    process: u32,
    /// CPU time of the shell that became the program.
    shell_cpu: Duration,
    endpoint: Endpoint,
    work: mpsc::UnboundedSender<Bytes>,
    ready: mpsc::UnboundedReceiver<Instant>,
    answers: mpsc::UnboundedReceiver<(Instant, Result<Bytes, String>)>,
    /// From the start of the program to its first request for work.
    pub(crate) initialisation: Duration,
    server: tokio::task::JoinHandle<()>,
}

impl Instance {
    /// Starts a function and waits until it asks for work.
    pub(crate) async fn start(launch: &Launch, share: Option<&Share>) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("cannot listen")?;
        let address = listener.local_addr().context("cannot listen")?.to_string();
        let (work, queue) = mpsc::unbounded_channel();
        let (asks, mut ready) = mpsc::unbounded_channel();
        let (answered, answers) = mpsc::unbounded_channel();
        let trace = trace_header(launch.told);
        let api = Api { queue: Arc::new(Mutex::new(queue)), asks, answered, trace };
        let server = tokio::spawn(api.serve(listener));

        let mut child = command(launch, &address).spawn().context("cannot start a shell")?;
        let process = child.id().context("the shell ended at once")?;
        let mut lines = child.stdout.take().context("the shell has no standard output")?;
        // The shell says that it is there, and becomes the program when it has read a line: its own
        // start is neither counted nor does it use up any of the quota.
        lines.read_u8().await.context("the shell does not start")?;
        // Lambda reads the lines from a pipe, too. Until the function ends, or nobody cares.
        tokio::spawn(async move { tokio::io::copy(&mut lines, &mut tokio::io::sink()).await });
        if let Some(share) = share {
            share.add(process)?;
            share.rest().await;
        }
        let mut gate = child.stdin.take().context("the shell has no standard input")?;
        let shell_cpu = cpu_time(process)?;
        let begun = Instant::now();
        gate.write_all(b"\n").await.context("the shell does not read")?;
        let Ok(Some(asked)) = tokio::time::timeout(PATIENCE, ready.recv()).await else {
            bail!("{} did not ask for work", launch.program.display());
        };
        let endpoint = launch.endpoint.clone();
        // What it asked for by now is part of its initialisation.
        endpoint.take();
        Ok(Self {
            child,
            process,
            endpoint,
            work,
            ready,
            answers,
            shell_cpu,
            initialisation: asked.saturating_duration_since(begun),
            server,
        })
    }

    /// Invokes the function, and waits until it asks for more.
    pub(crate) async fn invoke(&mut self, event: &Value) -> Result<Invoked> {
        let event = Bytes::from(event.to_string());
        let begun = Instant::now();
        self.work.send(event).ok().context("the Runtime API has ended")?;
        let answer = tokio::time::timeout(PATIENCE, self.answers.recv()).await;
        let Ok(Some((ended, answer))) = answer else {
            bail!("no answer came");
        };
        let asked = self.endpoint.take();
        if tokio::time::timeout(PATIENCE, self.ready.recv()).await.is_err() {
            bail!("after an answer it did not ask for more");
        }
        let answer = answer.map_err(|error| anyhow::anyhow!("the invocation failed: {error}"))?;
        let answer: Value = serde_json::from_slice(&answer).context("the answer is no JSON")?;
        let body = answer["body"].as_str().and_then(|body| serde_json::from_str(body).ok());
        Ok(Invoked {
            took: ended - begun,
            asked,
            status: answer["statusCode"].as_u64(),
            body: body.unwrap_or_default(),
        })
    }

    /// CPU time of all its threads so far.
    pub(crate) fn cpu_time(&self) -> Result<Duration> {
        Ok(cpu_time(self.process)?.saturating_sub(self.shell_cpu))
    }

    /// The most memory that it ever had, in KiB.
    pub(crate) fn peak_memory_kib(&self) -> Result<u64> {
        let path = format!("/proc/{}/status", self.process);
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        text.lines()
            .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok())
            .with_context(|| format!("{path} has no VmHWM"))
    }

    /// Ends the function with SIGTERM, as a profiler wants it, and waits for its end.
    pub(crate) async fn terminate(mut self) -> Result<()> {
        let mut kill = Command::new("kill");
        kill.args(["-TERM", &self.process.to_string()]);
        kill.status().await.context("cannot run kill")?;
        tokio::time::timeout(PATIENCE, self.child.wait()).await.context("it does not end")??;
        Ok(())
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// CPU time of all threads of a process so far.
fn cpu_time(process: u32) -> Result<Duration> {
    let mut nanoseconds = 0;
    let tasks = format!("/proc/{process}/task");
    for task in std::fs::read_dir(&tasks).with_context(|| format!("cannot list {tasks}"))? {
        let statistics = task.context("cannot list threads")?.path().join("schedstat");
        // A thread may end in between.
        let text = std::fs::read_to_string(statistics).unwrap_or_default();
        nanoseconds += text.split(' ').next().and_then(|it| it.parse().ok()).unwrap_or(0);
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// How to start a function; it begins when it can read a line.
pub(crate) fn command(launch: &Launch, runtime_api: &str) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", "echo && read -r go && exec \"$@\"", "sh"])
        .args(&launch.wrapper)
        .arg(&launch.program)
        .args(&launch.arguments)
        .env_clear()
        .envs([
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            // As long as Lambda's, since it is part of what is signed.
            ("AWS_SESSION_TOKEN", &*"token".repeat(200)),
            ("AWS_REGION", "us-east-1"),
            ("AWS_LAMBDA_RUNTIME_API", runtime_api),
            ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "bench"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "bench"),
            ("AWS_ENDPOINT_URL", &launch.endpoint.url),
            ("USERS_TABLE", USERS),
            ("IDEMPOTENCY_TABLE", IDEMPOTENCY),
            ("DEAD_LETTERS_URL", "https://sqs.us-east-1.amazonaws.com/000000000000/letters"),
            ("EVENT_BUS_NAME", "bus"),
            ("CORS_ALLOW_ORIGIN", "*"),
        ])
        .env("SSL_CERT_FILE", &launch.roots)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    match launch.told {
        Told::Nothing => command.env("LOG_LEVEL", "off"),
        // As a stage sets them. A document goes to the daemon for the invocations that the trace
        // header says are sampled.
        Told::Lines | Told::Traces => command
            .env("LOG_LEVEL", "info")
            .env("METRICS_STACK", "bench")
            .env("AWS_XRAY_DAEMON_ADDRESS", launch.daemon.to_string()),
    };
    command
}

/// The trace header of an invocation.
fn trace_header(told: Told) -> &'static str {
    match told {
        Told::Nothing | Told::Lines => {
            "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=53995c3f42cd8ad8;Sampled=0"
        }
        Told::Traces => {
            "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=53995c3f42cd8ad8;Sampled=1"
        }
    }
}

/// The Runtime API: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>.
#[derive(Clone)]
struct Api {
    queue: Arc<Mutex<mpsc::UnboundedReceiver<Bytes>>>,
    asks: mpsc::UnboundedSender<Instant>,
    answered: mpsc::UnboundedSender<(Instant, Result<Bytes, String>)>,
    trace: &'static str,
}

impl Api {
    async fn serve(self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            // Should it fail, the connection is merely slower.
            let _ = stream.set_nodelay(true);
            let api = self.clone();
            tokio::spawn(async move {
                let service = service_fn(|request| {
                    let api = api.clone();
                    async move { Ok::<_, Infallible>(api.answer(request).await) }
                });
                let server = hyper::server::conn::http1::Builder::new();
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let arrived = Instant::now();
        if request.method() == Method::GET {
            // Whoever waits for this may have gone.
            let _ = self.asks.send(arrived);
            let event = self.queue.lock().await.recv().await.unwrap_or_default();
            let mut response = Response::new(Full::new(event));
            let deadline = deadline_ms().to_string();
            for (name, value) in [
                ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd"),
                ("lambda-runtime-deadline-ms", &deadline),
                ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:1:function:f"),
                ("lambda-runtime-trace-id", self.trace),
            ] {
                if let Ok(value) = value.parse() {
                    response.headers_mut().insert(name, value);
                }
            }
            return response;
        }
        let succeeded = request.uri().path().ends_with("/response");
        let body = request.into_body().collect().await.map(|it| it.to_bytes());
        let ended = Instant::now();
        let answer = match body {
            Ok(body) if succeeded => Ok(body),
            Ok(body) => Err(String::from_utf8_lossy(&body).into_owned()),
            Err(error) => Err(error.to_string()),
        };
        let _ = self.answered.send((ended, answer));
        let mut response = Response::new(Full::new(Bytes::new()));
        *response.status_mut() = StatusCode::ACCEPTED;
        response
    }
}

/// When an invocation that begins now has to be over.
#[expect(clippy::disallowed_methods, reason = "functions compare it with the real clock")]
pub(crate) fn deadline_ms() -> u128 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    (now.unwrap_or_default() + Duration::from_secs(29)).as_millis()
}
