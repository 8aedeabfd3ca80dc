//! Clients that retry as real ones do, and log every attempt.

use crate::history::{Answer, Attempt, Exchange, Request};
use anyhow::{Context, Result, bail};
use http::Method;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use users_client::{Client, Response};

/// How long a client retries a request before it gives up.
const PATIENCE: Duration = Duration::from_secs(90);
/// Longest pause before the first retry; it doubles with each retry.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(800);

/// Every request of a run.
#[derive(Debug)]
pub(crate) struct Log {
    begun: Instant,
    requests: AtomicU64,
    exchanges: Mutex<Vec<Exchange>>,
}

/// The number of a request that was not sent yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestId(u64);

impl RequestId {
    /// The correlation id of an attempt, counted from 1. No id contains another.
    pub(crate) fn correlation_id(self, attempt: usize) -> String {
        format!("f{:07}a{attempt:03}e", self.0)
    }
}

impl Log {
    pub(crate) fn new() -> Arc<Self> {
        let (requests, exchanges) = (AtomicU64::new(0), Mutex::default());
        Arc::new(Self { begun: Instant::now(), requests, exchanges })
    }

    pub(crate) fn next_id(&self) -> RequestId {
        RequestId(self.requests.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Microseconds since the run began.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    pub(crate) fn exchanges(&self) -> Vec<Exchange> {
        self.lock().clone()
    }

    /// Takes the exchanges out, at the end of a run.
    pub(crate) fn take(&self) -> Vec<Exchange> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Exchange>> {
        self.exchanges.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Caller {
    client: Client,
    log: Arc<Log>,
    label: String,
}

impl Caller {
    /// A client whose requests carry a label in the log.
    pub(crate) fn new(client: Client, log: &Arc<Log>, label: impl Into<String>) -> Self {
        Self { client, log: Arc::clone(log), label: label.into() }
    }

    pub(crate) fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// The same client under another label.
    pub(crate) fn labelled(&self, label: impl Into<String>) -> Self {
        Self { label: label.into(), ..self.clone() }
    }

    /// Sends a request that must succeed, to prepare a test case.
    pub(crate) async fn succeed(&self, request: Request) -> Result<Answer> {
        let exchange = self.send(request).await?;
        match exchange.last_answer() {
            Some(answer) if answer.is_success() => Ok(answer.clone()),
            other => bail!("{}: the preparation was answered {other:?}", self.label),
        }
    }

    /// Sends a request until it is settled.
    pub(crate) async fn send(&self, request: Request) -> Result<Exchange> {
        self.send_as(self.log.next_id(), request).await
    }

    /// Sends a numbered request until it is settled. A repeatable one is sent again after a lost
    /// connection, a 5xx or a conflict, every one after a 429.
    pub(crate) async fn send_as(&self, id: RequestId, request: Request) -> Result<Exchange> {
        let begun = Instant::now();
        let mut attempts = Vec::new();
        loop {
            let attempt = self.attempt(id.correlation_id(attempts.len() + 1), &request).await?;
            let is_settled = match &attempt.answer {
                None => !request.is_repeatable(),
                Some(answer) => {
                    answer.is_final() || (!request.is_repeatable() && answer.status != 429)
                }
            };
            attempts.push(attempt);
            if is_settled || begun.elapsed() > PATIENCE {
                let (id, label) = (format!("r{:07}", id.0), self.label.clone());
                let exchange = Exchange { id, label, request, attempts };
                self.log.lock().push(exchange.clone());
                return Ok(exchange);
            }
            let doubled = FIRST_PAUSE.saturating_mul(1 << attempts.len().min(16));
            tokio::time::sleep(doubled.min(LONGEST_PAUSE).mul_f64(fastrand::f64())).await;
        }
    }

    async fn attempt(&self, correlation_id: String, request: &Request) -> Result<Attempt> {
        let method: Method = request.operation.method().parse().context("unknown method")?;
        let mut call = self.client.call(method, &request.path());
        for (name, value) in &request.query {
            call = call.query(name, value);
        }
        call = call.header("X-Correlation-Id", &correlation_id);
        if let Some(key) = &request.key {
            call = call.idempotency_key(key);
        }
        if let Some(version) = request.if_match {
            call = call.header("If-Match", format!("\"{version}\""));
        }
        if let Some(version) = request.if_none_match {
            call = call.header("If-None-Match", format!("\"{version}\""));
        }
        if let Some(body) = &request.body {
            call = call.json(body);
        }
        let begun = self.log.now();
        let result = call.send().await;
        let ended = self.log.now();
        let answer = match result {
            Ok(response) => Some(answer(&response)),
            Err(error) if error.is_lost() => None,
            Err(error) => return Err(error).context("a request cannot be sent"),
        };
        Ok(Attempt { correlation_id, begun, ended, answer })
    }
}

fn answer(response: &Response) -> Answer {
    let header = |name: &str| response.header(name).map(str::to_owned);
    Answer {
        status: response.status.as_u16(),
        body: String::from_utf8_lossy(&response.body).into_owned(),
        etag: header("etag"),
        location: header("location"),
        replayed: header("idempotent-replayed").as_deref() == Some("true"),
    }
}
