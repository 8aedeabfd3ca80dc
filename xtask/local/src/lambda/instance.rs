//! One instance of a function: a process and its current invocation.

use super::error::{InvokeError, OUT_OF_MEMORY};
use crate::descriptors;
use crate::faults::Invocation;
use crate::names::uuid;
use crate::observe::TraceHeader;
use crate::template::FunctionPlan;
use bytes::Bytes;
use jiff::Timestamp;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use subtle::ConstantTimeEq;
use tokio::sync::{Notify, mpsc, oneshot, watch};

/// The number of lines kept for the message of a function that does not start.
const KEPT_LINES: usize = 12;

/// An invocation for an instance.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) request_id: String,
    pub(super) event: Bytes,
    pub(super) deadline_ms: i64,
    pub(super) arn: String,
    pub(super) trace: String,
}

/// The outcome of an invocation at an instance.
#[derive(Debug)]
pub(super) enum Run {
    /// The process ended before it took the invocation, so another instance can safely take it.
    NotTaken,
    /// The invocation is over.
    Done(Result<Bytes, InvokeError>),
}

/// The phase of an instance.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Phase {
    Starting,
    Ready,
    Ended(String),
}

/// One instance.
#[derive(Debug)]
pub(super) struct Instance {
    pid: Option<u32>,
    access_key: String,
    /// The secret in its path of the Runtime API.
    secret: String,
    work: mpsc::UnboundedSender<Work>,
    inbox: tokio::sync::Mutex<mpsc::UnboundedReceiver<Work>>,
    current: Mutex<Option<Current>>,
    phase: watch::Sender<Phase>,
    kill: Arc<Notify>,
    /// Set once it exceeded its memory: the limit and the memory used.
    over_memory: OnceLock<String>,
    lines: Mutex<VecDeque<String>>,
    /// The request id and the trace id of the latest invocation.
    latest: Mutex<Option<(String, String)>>,
}

#[derive(Debug)]
struct Current {
    request_id: String,
    taken: bool,
    reply: oneshot::Sender<Run>,
}

impl Instance {
    pub(super) fn new(pid: Option<u32>, access_key: String, secret: String) -> Self {
        let (work, inbox) = mpsc::unbounded_channel();
        Self {
            pid,
            access_key,
            secret,
            work,
            inbox: tokio::sync::Mutex::new(inbox),
            current: Mutex::default(),
            phase: watch::Sender::new(Phase::Starting),
            kill: Arc::new(Notify::new()),
            over_memory: OnceLock::new(),
            lines: Mutex::default(),
            latest: Mutex::default(),
        }
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// The access key of its calls of AWS.
    pub(super) fn access_key(&self) -> &str {
        &self.access_key
    }

    /// Whether this is the secret of its path.
    pub(super) fn is_addressed_by(&self, secret: &str) -> bool {
        self.secret.as_bytes().ct_eq(secret.as_bytes()).into()
    }

    /// Ends the process when it is notified.
    pub(super) fn kill_switch(&self) -> &Arc<Notify> {
        &self.kill
    }

    pub(super) fn is_busy(&self) -> bool {
        self.lock().is_some()
    }

    pub(super) fn is_alive(&self) -> bool {
        *self.phase.borrow() == Phase::Ready && self.over_memory.get().is_none()
    }

    /// Waits until the process asks for its first invocation.
    ///
    /// # Errors
    /// The cause, with the last lines of the process.
    pub(super) async fn started(&self, limit: Duration) -> Result<(), String> {
        let mut phase = self.phase.subscribe();
        let reached =
            tokio::time::timeout(limit, phase.wait_for(|phase| *phase != Phase::Starting)).await;
        let problem = match reached.as_ref().map(|reached| reached.as_deref()) {
            Ok(Ok(Phase::Ready)) => return Ok(()),
            Ok(Ok(Phase::Ended(how))) => format!("it ended while starting ({how})"),
            Ok(Ok(Phase::Starting) | Err(_)) => "it ended while starting".to_owned(),
            Err(_) => {
                format!("it was not ready after {} seconds{}", limit.as_secs(), descriptors::hint())
            }
        };
        drop(reached);
        self.kill();
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<_> = lines.iter().map(|line| format!("\n  | {line}")).collect();
        Err(match lines.is_empty() {
            true => format!("{problem}; it wrote nothing"),
            false => format!("{problem}; its last lines:{}", lines.concat()),
        })
    }

    /// Hands the instance an invocation and waits for its end.
    pub(super) async fn run(
        &self,
        event: Bytes,
        trace: &TraceHeader,
        plan: &FunctionPlan,
        watched: Option<&Arc<Invocation>>,
    ) -> Run {
        let timeout = Duration::from_secs(plan.timeout_seconds);
        let timeout_ms = i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX);
        let request_id = uuid();
        let (reply, result) = oneshot::channel();
        {
            let mut current = self.lock();
            if !self.is_alive() {
                return Run::NotTaken;
            }
            *self.latest.lock().unwrap_or_else(PoisonError::into_inner) =
                Some((request_id.clone(), trace.root.clone()));
            *current = Some(Current { request_id: request_id.clone(), taken: false, reply });
        }
        let work = Work {
            request_id,
            event,
            deadline_ms: Timestamp::now().as_millisecond().saturating_add(timeout_ms),
            arn: plan.arn.clone(),
            trace: trace.to_string(),
        };
        // The other end lives in `self`, so this cannot fail.
        let _ = self.work.send(work);
        let over = async {
            match watched {
                Some(invocation) => {
                    tokio::select! {
                        () = invocation.timed_out.notified() => {}
                        () = tokio::time::sleep(timeout) => {}
                    }
                }
                None => tokio::time::sleep(timeout).await,
            }
        };
        tokio::select! {
            biased;
            run = result => run.unwrap_or_else(|_| {
                Run::Done(Err(InvokeError::Crashed("it was dropped".to_owned())))
            }),
            () = over => {
                self.kill();
                Run::Done(Err(InvokeError::TimedOut(plan.timeout_seconds)))
            }
        }
    }

    /// The process asks for its next invocation.
    pub(super) async fn next(&self) -> Option<Work> {
        self.phase.send_if_modified(|phase| {
            let starting = *phase == Phase::Starting;
            if starting {
                *phase = Phase::Ready;
            }
            starting
        });
        let work = self.inbox.lock().await.recv().await?;
        if let Some(current) = self.lock().as_mut() {
            current.taken = true;
        }
        Some(work)
    }

    /// Takes a result of the process. False when it does not have that invocation.
    pub(super) fn finish(&self, request_id: &str, result: Result<Bytes, InvokeError>) -> bool {
        let mut current = self.lock();
        if current.as_ref().is_none_or(|current| current.request_id != request_id) {
            return false;
        }
        if let Some(current) = current.take() {
            // The receiver is gone if the invocation has just timed out.
            let _ = current.reply.send(Run::Done(result));
        }
        true
    }

    /// Keeps a line of the process.
    pub(super) fn note(&self, line: &str) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT_LINES {
            lines.pop_front();
        }
        lines.push_back(line.to_owned());
    }

    /// The request id and the trace id for a line without its own: those of the latest invocation,
    /// since a line is often read after the end of its invocation.
    pub(super) fn latest_invocation(&self) -> Option<(String, String)> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Requests the end of the process.
    pub(super) fn kill(&self) {
        self.kill.notify_one();
    }

    /// Requests the end of the process because it exceeded its memory. False when that happened
    /// before.
    pub(super) fn end_for_memory(&self, limit_mb: u64, used_mb: u64) -> bool {
        let how = format!("memory limit exceeded: {used_mb} MB used of {limit_mb} MB");
        let is_first = self.over_memory.set(how).is_ok();
        if is_first {
            self.kill();
        }
        is_first
    }

    /// Waits for a request to end the process.
    pub(super) async fn killed(&self) {
        self.kill.notified().await;
    }

    /// The process has ended.
    pub(super) fn end(&self, how: &str) {
        let over_memory = self.over_memory.get();
        let mut current = self.lock();
        // Under the lock of `current`, so that no invocation comes after this.
        let how = over_memory.map_or(how, String::as_str);
        self.phase.send_replace(Phase::Ended(how.to_owned()));
        if let Some(current) = current.take() {
            let run = match (current.taken, over_memory) {
                (false, _) => Run::NotTaken,
                (true, None) => Run::Done(Err(InvokeError::Crashed(how.to_owned()))),
                (true, Some(how)) => Run::Done(Err(InvokeError::OutOfMemory(format!(
                    "{OUT_OF_MEMORY}: RequestId: {} Error: Runtime exited with error: \
                     signal: killed ({how})",
                    current.request_id
                )))),
            };
            let _ = current.reply.send(run);
        }
    }

    /// Waits for the end of the process.
    pub(super) async fn ended(&self) {
        let mut phase = self.phase.subscribe();
        // An error would mean that the instance is gone.
        let _ = phase.wait_for(|phase| matches!(phase, Phase::Ended(_))).await;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Current>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
