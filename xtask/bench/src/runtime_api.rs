//! The [Runtime API] of one function.
//!
//! [Runtime API]: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html

use crate::http::Connection;
use anyhow::{Context, Result, bail};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Longest wait for anything a function does; under a profiler it takes seconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// An invocation as it is handed out.
#[derive(Debug, Default)]
pub(crate) struct Invocation {
    /// Distinguishes its request id and its trace.
    pub(crate) number: u64,
    pub(crate) is_sampled: bool,
    pub(crate) event: Vec<u8>,
    /// Whether the answer is refused, as after the function's timeout.
    pub(crate) times_out: bool,
}

/// The answer of an invocation.
#[derive(Debug)]
pub(crate) struct Answer {
    /// When all of it had arrived.
    pub(crate) at: Instant,
    /// Whether the function reported an error in place of a response.
    pub(crate) is_error: bool,
    pub(crate) body: Vec<u8>,
}

enum Call {
    Next(Instant),
    Answer(Answer),
}

/// The server. It serves until it is dropped.
pub(crate) struct RuntimeApi {
    /// For `AWS_LAMBDA_RUNTIME_API`.
    pub(crate) address: SocketAddr,
    invocations: Sender<Invocation>,
    calls: Receiver<Call>,
    shared: Arc<Shared>,
}

struct Shared {
    invocations: Mutex<Receiver<Invocation>>,
    calls: Sender<Call>,
    times_out: AtomicBool,
    is_closed: AtomicBool,
}

impl RuntimeApi {
    pub(crate) fn start() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("cannot listen")?;
        let address = listener.local_addr().context("cannot listen")?;
        let (invocations, queue) = channel();
        let (called, calls) = channel();
        let shared = Arc::new(Shared {
            invocations: Mutex::new(queue),
            calls: called,
            times_out: AtomicBool::new(false),
            is_closed: AtomicBool::new(false),
        });
        let server = Arc::clone(&shared);
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if server.is_closed.load(Ordering::Relaxed) {
                    break;
                }
                let server = Arc::clone(&server);
                // A connection that breaks is that of a function which has ended.
                thread::spawn(move || server.converse(stream));
            }
        });
        Ok(Self { address, invocations, calls, shared })
    }

    /// Waits until the function asks for an invocation, and says when it did.
    pub(crate) fn wait_for_next(&self) -> Result<Instant> {
        match self.calls.recv_timeout(PATIENCE) {
            Ok(Call::Next(at)) => Ok(at),
            Ok(Call::Answer(_)) => bail!("an answer came without an invocation"),
            Err(_) => bail!("the function does not ask for an invocation"),
        }
    }

    /// Hands out an invocation and waits for its answer.
    pub(crate) fn invoke(&self, invocation: Invocation) -> Result<Answer> {
        self.invocations.send(invocation).ok().context("the Runtime API has ended")?;
        match self.calls.recv_timeout(PATIENCE) {
            Ok(Call::Answer(answer)) => Ok(answer),
            Ok(Call::Next(_)) => bail!("the function asks for an invocation before it answers"),
            Err(_) => bail!("the function does not answer"),
        }
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.shared.is_closed.store(true, Ordering::Relaxed);
        // Wakes the listener, which then ends.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn converse(&self, stream: TcpStream) -> Result<()> {
        stream.set_nodelay(true)?;
        let mut connection = Connection::new(stream);
        while let Some(request) = connection.request()? {
            let at = Instant::now();
            if request.method == "GET" {
                self.calls.send(Call::Next(at)).ok().context("the measurement is over")?;
                let queue = self.invocations.lock().unwrap_or_else(PoisonError::into_inner);
                let next = queue.recv().context("the measurement is over")?;
                self.times_out.store(next.times_out, Ordering::Relaxed);
                connection.answer("200 OK", &headers(&next), &next.event)?;
                continue;
            }
            let is_error = !request.path.ends_with("/response");
            let answer = Answer { at, is_error, body: request.body };
            self.calls.send(Call::Answer(answer)).ok().context("the measurement is over")?;
            let times_out = self.times_out.load(Ordering::Relaxed);
            let status = if times_out { "410 Gone" } else { "202 Accepted" };
            connection.answer(status, "", br#"{"status":"OK"}"#)?;
        }
        Ok(())
    }
}

fn headers(invocation: &Invocation) -> String {
    let Invocation { number, is_sampled, .. } = invocation;
    format!(
        "lambda-runtime-aws-request-id: {number:08x}-e9f4-11e8-9739-2dfe598c3fcd\r\n\
         lambda-runtime-deadline-ms: {}\r\n\
         lambda-runtime-invocation-id: invocation-{number}\r\n\
         lambda-runtime-invoked-function-arn: arn:aws:lambda:us-east-1:123456789012:function:f\r\n\
         lambda-runtime-trace-id: Root=1-5bef4de7-{number:024x};Parent={number:016x};Sampled={}\r\n",
        deadline_ms(),
        u8::from(*is_sampled)
    )
}

/// The deadline of an invocation that begins now.
#[expect(clippy::disallowed_methods, reason = "functions compare it with the real clock")]
fn deadline_ms() -> u128 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    (now.unwrap_or_default() + Duration::from_secs(29)).as_millis()
}
