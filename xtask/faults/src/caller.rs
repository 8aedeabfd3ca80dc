//! Clients that behave as real ones do, and write down what they see.

use anyhow::{Context, Result, bail};
use http::Method;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use users_client::{Client, Response};
use users_faults::history::{Answer, Attempt, Outcome, Request, Sight};

/// How long a request is sent again and again until its client gives up.
const PATIENCE: Duration = Duration::from_secs(90);
/// Longest pause before the second sending; it doubles from one to the next.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(800);

/// Everything that is sent in one run, and what was seen of it.
#[derive(Debug)]
pub(crate) struct Log {
    begun: Instant,
    requests: AtomicU64,
    sights: Mutex<Vec<Sight>>,
}

/// A request that has a name and was not sent yet.
#[derive(Clone, Debug)]
pub(crate) struct Ticket(u64);

impl Ticket {
    /// The correlation id of an attempt, from 1. None is part of another.
    pub(crate) fn correlation_id(&self, attempt: usize) -> String {
        format!("f{:07}a{attempt:03}e", self.0)
    }

    fn id(&self) -> String {
        format!("r{:07}", self.0)
    }
}

impl Log {
    /// An empty one.
    pub(crate) fn new() -> Arc<Self> {
        let (requests, sights) = (AtomicU64::new(0), Mutex::default());
        Arc::new(Self { begun: Instant::now(), requests, sights })
    }

    /// A name for a request to come.
    pub(crate) fn ticket(&self) -> Ticket {
        Ticket(self.requests.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Microseconds since the run began.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Everything that was seen so far.
    pub(crate) fn sights(&self) -> Vec<Sight> {
        self.sights.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn add(&self, sight: Sight) {
        self.sights.lock().unwrap_or_else(PoisonError::into_inner).push(sight);
    }
}

/// A client.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    client: Client,
    log: Arc<Log>,
    part_of: String,
}

impl Caller {
    /// A client whose requests are part of something that has a name.
    pub(crate) fn new(client: Client, log: &Arc<Log>, part_of: impl Into<String>) -> Self {
        Self { client, log: Arc::clone(log), part_of: part_of.into() }
    }

    /// The log that it writes.
    pub(crate) fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// The same client as part of something else.
    pub(crate) fn part_of(&self, name: impl Into<String>) -> Self {
        Self { part_of: name.into(), ..self.clone() }
    }

    /// Sends a request that must succeed, as a preparation does.
    pub(crate) async fn succeed(&self, request: Request) -> Result<Answer> {
        let sight = self.send(request).await?;
        match sight.last_answer() {
            Some(answer) if answer.is_success() => Ok(answer.clone()),
            other => bail!("{}: a preparation came to {other:?}", self.part_of),
        }
    }

    /// Sends a request until it is settled.
    pub(crate) async fn send(&self, request: Request) -> Result<Sight> {
        self.send_as(&self.log.ticket(), request).await
    }

    /// Sends a request that has a name already until it is settled: again after a lost connection,
    /// a 5xx, a 429 and a conflict, when it has a key or only reads.
    pub(crate) async fn send_as(&self, ticket: &Ticket, request: Request) -> Result<Sight> {
        let begun = Instant::now();
        let is_repeatable = request.key.is_some() || !request.operation.is_write();
        let mut attempts = Vec::new();
        loop {
            let attempt = self.attempt(ticket.correlation_id(attempts.len() + 1), &request).await?;
            let is_settled = match &attempt.outcome {
                Outcome::Lost => !is_repeatable,
                Outcome::Answer(answer) => {
                    answer.is_final() || (!is_repeatable && answer.status != 429)
                }
            };
            attempts.push(attempt);
            if is_settled || begun.elapsed() > PATIENCE {
                let part_of = self.part_of.clone();
                let sight = Sight { id: ticket.id(), part_of, request, attempts };
                self.log.add(sight.clone());
                return Ok(sight);
            }
            let doubled = FIRST_PAUSE.saturating_mul(1 << attempts.len().min(16));
            tokio::time::sleep(doubled.min(LONGEST_PAUSE).mul_f64(fastrand::f64())).await;
        }
    }

    async fn attempt(&self, correlation_id: String, request: &Request) -> Result<Attempt> {
        let method: Method = request.operation.method().parse().context("no method")?;
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
        let outcome = match result {
            Ok(response) => Outcome::Answer(answer(&response)),
            Err(error) if error.is_lost() => Outcome::Lost,
            Err(error) => return Err(error).context("a request cannot be sent"),
        };
        Ok(Attempt { correlation_id, begun, ended, outcome })
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
