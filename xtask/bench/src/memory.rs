//! Memory of a function over many invocations of one process: what it keeps of each of them.
//!
//! Invocations differ in everything that a function could keep by: user, caller, correlation id,
//! idempotency key, trace. Some are refused, some cannot be read, and the answers of some are
//! refused. The backend replays what an engine answered the first of them ([`replay`]).
//!
//! What counts is anonymous memory that is resident, as the kernel sums it up over all mappings: the
//! median of some samples before each of two invocations, since allocators give memory back when
//! they see fit.

pub(crate) mod keeper;
mod replay;
mod template;
mod wire;

use crate::instance::{self, Instance, Launch};
use crate::measure::{Lab, check};
use crate::scenario::{Case, Kind, list};
use crate::stats::median;
use anyhow::{Context, Result, ensure};
use replay::Replay;
use serde::Serialize;
use serde_json::{Value, json};
use std::fmt::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};
use template::{MARK, Template};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use wire::Connection;

/// The invocation that memory is compared with; by then everything that is made once is there.
const EARLY: u64 = 50_000;
/// Samples are taken over so many invocations before the one that counts.
const WINDOW: u64 = 10_000;
/// Invocations between two samples.
const STEP: u64 = 500;
/// The most that may be kept of an invocation, in bytes: what keeps one is found.
const LIMIT_BYTES: f64 = 0.75;
/// The most that memory may grow, in KiB, however many invocations there are.
const LIMIT_KIB: f64 = 1024.0;
/// Functions that are measured at a time.
const AT_ONCE: usize = 2;
/// Invocations that may fail: where a machine stands still for a while, a call runs into its limit.
const STALLED: u64 = 100;
/// Longest wait for anything a function does.
const PATIENCE: Duration = Duration::from_secs(120);

/// Memory of a function.
#[derive(Debug, Serialize)]
struct Growth {
    function: String,
    early_kib: f64,
    late_kib: f64,
    /// Successful invocations a second, with all that runs beside them.
    per_second: f64,
}

impl Growth {
    fn kib(&self) -> f64 {
        self.late_kib - self.early_kib
    }
}

/// All that was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    early: u64,
    invocations: u64,
    limit_kib: f64,
    functions: Vec<Growth>,
    /// Functions that could not be measured, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failures: Vec<String>,
}

impl Report {
    /// Whether no function grew by more than the limit.
    pub(crate) fn holds(&self) -> bool {
        self.failures.is_empty() && self.functions.iter().all(|it| it.kib() <= self.limit_kib)
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let (early, late, limit) = (self.early, self.invocations, self.limit_kib);
        // A string takes everything.
        let _ = writeln!(text, "Anonymous resident memory, KiB; limit of growth {limit:.0}");
        let _ = writeln!(
            text,
            "{:<24}{:>12}{:>12}{:>10}{:>8}",
            "after invocations", early, late, "growth", "per s"
        );
        for it in &self.functions {
            let verdict = if it.kib() > limit { "  OVER THE LIMIT" } else { "" };
            let _ = writeln!(
                text,
                "{:<24}{:>12.0}{:>12.0}{:>+10.0}{:>8.0}{verdict}",
                it.function,
                it.early_kib,
                it.late_kib,
                it.kib(),
                it.per_second
            );
        }
        for failure in &self.failures {
            let _ = writeln!(text, "NOT MEASURED: {failure}");
        }
        text
    }
}

/// The growth that is still fine.
fn limit_kib(invocations: u64) -> f64 {
    ((invocations - EARLY) as f64 * LIMIT_BYTES / 1024.0).min(LIMIT_KIB)
}

/// Measures the functions of these cases, after the measurement itself.
///
/// # Errors
/// When a function that keeps one byte of an invocation is not found, or one that keeps nothing is.
pub(crate) async fn measure(lab: &mut Lab, cases: &[Case], invocations: u64) -> Result<Report> {
    let limit_kib = limit_kib(invocations);
    let [nothing, one] = [keeping(lab, 0)?, keeping(lab, 1)?];
    let (nothing, one) = tokio::try_join!(nothing.measure(invocations), one.measure(invocations))?;
    for growth in [&nothing, &one] {
        eprintln!("{}: {:+.0} KiB", growth.function, growth.kib());
    }
    ensure!(nothing.kib() <= limit_kib, "a program that keeps nothing is over the limit");
    ensure!(one.kib() > limit_kib, "a program that keeps one byte an invocation is not found");

    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut measured = Vec::with_capacity(cases.len());
    for case in cases {
        let subject = Subject::of(lab, case).await?;
        let turns = Arc::clone(&turns);
        measured.push(tokio::spawn(async move {
            let _turn = turns.acquire().await?;
            let measured = subject.measure(invocations).await.context(subject.function);
            match &measured {
                Ok(growth) => eprintln!("{}: {:+.0} KiB", growth.function, growth.kib()),
                Err(error) => eprintln!("{error:#}"),
            }
            measured
        }));
    }
    let (mut functions, mut failures) = (Vec::new(), Vec::new());
    for it in measured {
        match it.await? {
            Ok(growth) => functions.push(growth),
            Err(error) => failures.push(format!("{error:#}")),
        }
    }
    Ok(Report { early: EARLY, invocations, limit_kib, functions, failures })
}

/// This program as a function that keeps some bytes of each invocation.
fn keeping(lab: &Lab, bytes: u8) -> Result<Subject> {
    let mut launch = lab.launch_of(std::env::current_exe().context("where is this program?")?);
    launch.arguments = vec!["--keep-bytes".to_owned(), bytes.to_string()];
    let event = || Template::new("{}", None);
    let function = if bytes == 0 { "keeps nothing" } else { "keeps one byte" };
    Ok(Subject { function, kind: Kind::Floor, launch, good: event(), refused: event() })
}

/// A function that is measured.
struct Subject {
    function: &'static str,
    kind: Kind,
    launch: Launch,
    good: Template,
    refused: Template,
}

/// What an invocation is to come to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Wanted {
    Success,
    /// The answer is an error of the caller's.
    Refusal,
    /// The event cannot be read, so the invocation has no answer.
    Failure,
}

impl Wanted {
    /// Of the invocation of a number: one of ten is refused, one of a hundred fails.
    fn of(number: u64) -> Self {
        match number % 100 {
            99 => Self::Failure,
            it if it % 10 == 9 => Self::Refusal,
            _ => Self::Success,
        }
    }

    /// Whether a function posted that to this call of the Runtime API.
    fn is(self, kind: Kind, call: &str, answer: &[u8]) -> bool {
        let has_answer = call.ends_with("/response HTTP/1.1");
        let status = memchr::memmem::find(answer, br#""statusCode":"#);
        let class = status.and_then(|it| answer.get(it + 13)).copied();
        match (self, kind) {
            (Self::Failure, Kind::Floor) => has_answer,
            (Self::Failure, _) => call.ends_with("/error HTTP/1.1"),
            (_, Kind::Relay | Kind::Floor) => has_answer,
            (Self::Success, _) => has_answer && class == Some(b'2'),
            (Self::Refusal, _) => has_answer && class == Some(b'4'),
        }
    }
}

impl Subject {
    /// Invokes a function once over the engine, and has the backend replay what that took.
    async fn of(lab: &mut Lab, case: &Case) -> Result<Self> {
        let mut event = match case.pages() {
            // Short, since what is kept of a page does not depend on its length.
            Some(_) => list(&[("limit", "5")]),
            None => case.event(&lab.world, MARK as usize),
        };
        let mut refused = event.clone();
        if case.kind != Kind::Relay {
            distinguish(&mut event);
            distinguish(&mut refused);
            // No operation has this parameter.
            let value = MARK.to_string();
            refused["queryStringParameters"] = json!({"unknown": value});
            refused["multiValueQueryStringParameters"] = json!({"unknown": [value]});
        }
        let mut launch = lab.launch(case.function)?;
        let mut function = Instance::start(&launch, None).await?;
        lab.endpoint.record();
        let invoked = function.invoke(&event).await?;
        let recorded = lab.endpoint.recorded();
        check(case, invoked.status, &invoked.body)?;

        let image = &event["Records"][0]["dynamodb"]["Keys"]["pk"]["S"];
        let user_id = event["pathParameters"]["userId"]
            .as_str()
            .or_else(|| image.as_str()?.strip_prefix("USER#"));
        let tls = Arc::clone(&lab.endpoint.tls);
        launch.endpoint.url = Replay::new(recorded, user_id)?.serve(tls)?;
        Ok(Self {
            function: case.function,
            kind: case.kind,
            launch,
            good: Template::new(&event.to_string(), user_id),
            refused: Template::new(&refused.to_string(), user_id),
        })
    }

    async fn measure(&self, invocations: u64) -> Result<Growth> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("cannot listen")?;
        let address = listener.local_addr().context("cannot listen")?.to_string();
        let mut child = instance::command(&self.launch, &address).spawn()?;
        let process = child.id().context("the function ended at once")?;
        let mut lines = child.stdout.take().context("the function has no standard output")?;
        let mut gate = child.stdin.take().context("the shell has no standard input")?;
        lines.read_u8().await.context("the shell does not start")?;
        tokio::spawn(async move { tokio::io::copy(&mut lines, &mut tokio::io::sink()).await });
        gate.write_all(b"\n").await.context("the shell does not read")?;
        let accepted = tokio::time::timeout(PATIENCE, listener.accept()).await;
        let (stream, _) = accepted.context("the function asks for no work")??;
        let stream = stream.into_std().context("cannot wait for the function")?;
        stream.set_nonblocking(false).context("cannot wait for the function")?;
        stream.set_read_timeout(Some(PATIENCE)).context("cannot wait for the function")?;
        stream.set_nodelay(true).context("cannot hurry the function")?;
        tokio::task::block_in_place(|| self.drive(stream, process, invocations))
    }

    /// Hands out invocations until so many were successful.
    fn drive(&self, stream: TcpStream, process: u32, invocations: u64) -> Result<Growth> {
        let mut api = Connection::new(stream);
        let (mut event, mut headers) = (Vec::new(), String::new());
        let (mut early, mut late) = (Vec::new(), Vec::new());
        let (mut number, mut succeeded, mut stalled) = (0, 0, 0);
        let begun = Instant::now();
        while succeeded < invocations {
            let wanted = Wanted::of(number);
            let next = api.request()?.context("the function has gone")?.line();
            ensure!(next.starts_with("GET "), "in place of a request for work: {next}");
            event.clear();
            match wanted {
                Wanted::Success => self.good.fill(number, &mut event),
                Wanted::Refusal => self.refused.fill(number, &mut event),
                Wanted::Failure => event.extend_from_slice(format!("\"{number}\"").as_bytes()),
            }
            headers.clear();
            let _ = write!(
                headers,
                "lambda-runtime-aws-request-id: {number:08x}-e9f4-11e8-9739-2dfe598c3fcd\r\n\
                 lambda-runtime-deadline-ms: {}\r\n\
                 lambda-runtime-invocation-id: invocation-{number}\r\n\
                 lambda-runtime-trace-id: Root=1-5bef4de7-{number:024x};Parent={number:016x};\
                 Sampled={}\r\n",
                instance::deadline_ms(),
                number % 2
            );
            api.answer("200 OK", &headers, &event)?;
            let answer = api.request()?.context("the function has gone")?;
            let is_wanted = wanted.is(self.kind, answer.line(), answer.body);
            if !is_wanted {
                let text = String::from_utf8_lossy(answer.body);
                let text = format!("{wanted:?} was wanted, not {}: {text}", answer.line());
                ensure!(stalled < STALLED, "{text}");
                eprintln!("{}: {text}", self.function);
                stalled += 1;
            }
            // As of an invocation that has timed out.
            let is_late = number % 50 == 25;
            let status = if is_late { "410 Gone" } else { "202 Accepted" };
            api.answer(status, "", br#"{"status":"OK"}"#)?;
            number += 1;
            if is_late || !is_wanted || wanted != Wanted::Success {
                continue;
            }
            succeeded += 1;
            for (upto, samples) in [(EARLY, &mut early), (invocations, &mut late)] {
                if succeeded <= upto && upto - succeeded < WINDOW && succeeded.is_multiple_of(STEP)
                {
                    samples.push(anonymous_kib(process)?);
                }
            }
            if succeeded.is_multiple_of(100_000) {
                eprintln!("{}: {succeeded} of {invocations}", self.function);
            }
        }
        Ok(Growth {
            function: self.function.to_owned(),
            early_kib: median(&early),
            late_kib: median(&late),
            per_second: (succeeded as f64 / begun.elapsed().as_secs_f64()).round(),
        })
    }
}

/// Has an event of API Gateway differ in its caller and correlation id, too.
fn distinguish(event: &mut Value) {
    let correlation_id = format!("memory-{MARK}");
    event["headers"]["X-Correlation-Id"] = json!(correlation_id);
    event["multiValueHeaders"]["X-Correlation-Id"] = json!([correlation_id]);
    let identity = &mut event["requestContext"]["identity"];
    identity["userAgent"] = json!(format!("agent/{MARK}"));
    identity["userArn"] = json!(format!("arn:aws:sts::{MARK}:assumed-role/caller/{MARK}"));
    identity["accountId"] = json!(MARK.to_string());
}

/// Anonymous resident memory of a process.
fn anonymous_kib(process: u32) -> Result<f64> {
    let path = format!("/proc/{process}/smaps_rollup");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    text.lines()
        .find_map(|line| line.strip_prefix("Anonymous:")?.trim().strip_suffix(" kB")?.parse().ok())
        .with_context(|| format!("{path} has no Anonymous"))
}

#[cfg(test)]
mod tests {
    use super::{Growth, Kind, Report, Wanted, limit_kib};

    fn report(late_kib: f64) -> Report {
        let function = "users-a".to_owned();
        let growth = Growth { function, early_kib: 4000.0, late_kib, per_second: 1.0 };
        let (invocations, functions) = (200_000, vec![growth]);
        let limit_kib = limit_kib(invocations);
        Report { early: 50_000, invocations, limit_kib, functions, failures: Vec::new() }
    }

    #[test]
    fn a_byte_of_each_invocation_is_over_the_limit_and_noise_is_not() {
        let kept = |invocations: u64| (invocations - 50_000) as f64 / 1024.0;
        for invocations in [100_000, 200_000, 1_000_000] {
            assert!(kept(invocations) > limit_kib(invocations), "{invocations}");
        }
        assert!(limit_kib(10_000_000) <= 1024.0 && limit_kib(200_000) > 100.0);
        assert!(report(4000.0 + limit_kib(200_000)).holds() && report(3000.0).holds());
        let grown = report(4000.0 + kept(200_000));
        assert!(!grown.holds() && grown.text().contains("OVER THE LIMIT"), "{}", grown.text());
        let failures = vec!["users-b: it has gone".to_owned()];
        assert!(!Report { failures, ..report(4000.0) }.holds());
    }

    #[test]
    fn invocations_succeed_are_refused_and_fail() {
        let count = |wanted| (0..1000).filter(|number| Wanted::of(*number) == wanted).count();
        assert_eq!([Wanted::Success, Wanted::Refusal, Wanted::Failure].map(count), [900, 90, 10]);
    }

    #[test]
    fn what_a_function_posts_is_looked_at() {
        let (response, error) = ("POST /id/response HTTP/1.1", "POST /id/error HTTP/1.1");
        let (fine, refusal) = (br#"{"statusCode":200}"#, br#"{"statusCode":404}"#);
        let is = |wanted: Wanted, call, answer| wanted.is(Kind::Write, call, answer);
        assert!(is(Wanted::Success, response, fine) && is(Wanted::Refusal, response, refusal));
        assert!(is(Wanted::Failure, error, b"{}"));
        assert!(!is(Wanted::Success, response, refusal) && !is(Wanted::Refusal, response, fine));
        assert!(!is(Wanted::Success, error, fine) && !is(Wanted::Failure, response, fine));
        assert!(!is(Wanted::Success, response, br#"{"statusCode":503}"#));
        assert!(Wanted::Success.is(Kind::Relay, response, br#"{"batchItemFailures":[]}"#));
    }
}
