//! Memory of a function over many invocations of one process.
//!
//! Invocations differ in everything that a function could use as a key: user, caller, correlation
//! id, idempotency key, trace. Some are refused, some cannot be read, and the answers of some are
//! refused. The backend repeats the answers of an engine to the first of them ([`replay`]).
//!
//! The figure is anonymous resident memory, as the kernel sums it up over all mappings: the median of
//! some samples before each of two invocations, since allocators return memory at their own pace.

mod replay;
mod template;

use crate::cases::{Case, Kind};
use crate::endpoint::serve;
use crate::events::add_parameter;
use crate::function::{Function, Launch};
use crate::measure::Lab;
use crate::runtime_api::{Answer, Invocation};
use crate::stats::median;
use anyhow::{Context, Result, anyhow, ensure};
use replay::Replay;
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::thread;
use template::{MARK, Template};

/// The invocation that memory is compared with; by then everything that is made once is there.
const EARLY: u64 = 50_000;
/// Samples are taken over so many invocations before the one that counts.
const WINDOW: u64 = 10_000;
/// Invocations between two samples.
const STEP: u64 = 500;
/// The limit of growth by an invocation, in bytes: a function that keeps one byte is over it.
const LIMIT_BYTES: f64 = 0.75;
/// The limit of growth in KiB, for any number of invocations.
const LIMIT_KIB: f64 = 1024.0;
/// Functions that are measured at the same time.
const AT_ONCE: usize = 2;
/// Invocations that may fail: on a machine that stands still for a while, a call passes its limit.
const STALLED: u64 = 100;

/// Memory of a function.
#[derive(Debug, Serialize)]
struct Growth {
    function: String,
    early_kib: f64,
    late_kib: f64,
}

impl Growth {
    fn kib(&self) -> f64 {
        self.late_kib - self.early_kib
    }
}

/// The memory of all functions.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    early: u64,
    invocations: u64,
    limit_kib: f64,
    functions: Vec<Growth>,
}

impl Report {
    /// Whether no function grew by more than the limit.
    pub(crate) fn holds(&self) -> bool {
        self.functions.iter().all(|it| it.kib() <= self.limit_kib)
    }

    /// The report for people.
    pub(crate) fn text(&self) -> String {
        let Self { early, invocations, limit_kib, functions } = self;
        let mut text = format!(
            "Anonymous resident memory, KiB; limit of growth {limit_kib:.0}\n\
             {:<24}{early:>12}{invocations:>12}{:>10}\n",
            "after invocations", "growth"
        );
        for it in functions {
            let verdict = if it.kib() > *limit_kib { "  OVER THE LIMIT" } else { "" };
            text += &format!(
                "{:<24}{:>12.0}{:>12.0}{:>+10.0}{verdict}\n",
                it.function,
                it.early_kib,
                it.late_kib,
                it.kib()
            );
        }
        text
    }
}

/// The limit of growth.
fn limit_kib(invocations: u64) -> f64 {
    ((invocations - EARLY) as f64 * LIMIT_BYTES / 1024.0).min(LIMIT_KIB)
}

/// Measures the functions of these cases.
pub(crate) fn measure(lab: &Lab, cases: &[Case], invocations: u64) -> Result<Report> {
    let limit_kib = limit_kib(invocations);
    let subjects: Vec<_> =
        cases.iter().map(|case| Subject::of(lab, case)).collect::<Result<_>>()?;
    let mut functions = Vec::with_capacity(cases.len());
    for subjects in subjects.chunks(AT_ONCE) {
        functions.extend(grown(subjects, invocations)?);
    }
    Ok(Report { early: EARLY, invocations, limit_kib, functions })
}

/// Measures functions at the same time.
fn grown(subjects: &[Subject], invocations: u64) -> Result<Vec<Growth>> {
    thread::scope(|scope| {
        let measure = |it| scope.spawn(move || Subject::measure(it, invocations));
        let threads: Vec<_> = subjects.iter().map(measure).collect();
        let join = |it: thread::ScopedJoinHandle<'_, _>| it.join().map_err(|_| anyhow!("panic"))?;
        threads.into_iter().map(join).collect()
    })
}

/// A function that is measured.
struct Subject {
    launch: Launch,
    events: Events,
}

/// The events of a function.
struct Events {
    function: &'static str,
    kind: Kind,
    good: Template,
    refused: Template,
}

/// The outcome that an invocation should have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Outcome {
    Success,
    Refusal,
    /// The event cannot be read.
    Failure,
}

impl Outcome {
    /// Of the invocation of a number: one of ten is refused, one of a hundred fails.
    fn of(number: u64) -> Self {
        match number % 100 {
            99 => Self::Failure,
            it if it % 10 == 9 => Self::Refusal,
            _ => Self::Success,
        }
    }

    /// Whether a function's answer has this outcome.
    fn is(self, kind: Kind, is_error: bool, body: &[u8]) -> bool {
        let status = memchr::memmem::find(body, br#""statusCode":"#);
        let class = status.and_then(|it| body.get(it + 13)).copied();
        match self {
            Self::Failure => is_error,
            // Its answers have no status.
            _ if kind == Kind::Relay => !is_error,
            Self::Success => !is_error && class == Some(b'2'),
            Self::Refusal => !is_error && class == Some(b'4'),
        }
    }
}

impl Subject {
    /// Invokes a function once over the engine, and has the backend repeat its answers.
    fn of(lab: &Lab, case: &Case) -> Result<Self> {
        let mut event = lab.numbered_event(case, MARK);
        if case.kind == Kind::List {
            // Short, since growth does not depend on the length of a page.
            add_parameter(&mut event, "limit", "5");
        }
        let mut refused = event.clone();
        if case.kind != Kind::Relay {
            distinguish(&mut event);
            distinguish(&mut refused);
            // No operation has this parameter.
            add_parameter(&mut refused, "unknown", &MARK.to_string());
        }
        let mut launch = lab.launch(case)?;
        let recorded = Function::start(&launch, None)?.invoke(&event).context(case.name)?.exchanges;

        let image = &event["Records"][0]["dynamodb"]["Keys"]["pk"]["S"];
        let user_id = event["pathParameters"]["userId"]
            .as_str()
            .or_else(|| image.as_str()?.strip_prefix("USER#"));
        let replay = Replay::new(recorded, user_id)?;
        let tls = Arc::clone(&launch.endpoint.tls);
        launch.endpoint.url =
            serve(tls, move |operation, request| replay.answer(operation, &request))?;
        let events = Events {
            function: case.function,
            kind: case.kind,
            good: Template::new(&event.to_string(), user_id),
            refused: Template::new(&refused.to_string(), user_id),
        };
        Ok(Self { launch, events })
    }

    fn measure(&self, invocations: u64) -> Result<Growth> {
        let name = self.events.function;
        let function = Function::start(&self.launch, None).context(name)?;
        let sample = || function.kib("smaps_rollup", "Anonymous:");
        let growth = self.events.hand_out(invocations, |it| function.hand_out(it), sample);
        let growth = growth.context(name)?;
        eprintln!("{name}: {:+.0} KiB", growth.kib());
        Ok(growth)
    }
}

impl Events {
    /// Hands out invocations until so many were successful, and samples memory before two of them.
    fn hand_out(
        &self,
        invocations: u64,
        mut invoke: impl FnMut(Invocation) -> Result<Answer>,
        sample: impl Fn() -> Result<f64>,
    ) -> Result<Growth> {
        let (mut early, mut late) = (Vec::new(), Vec::new());
        let (mut number, mut succeeded, mut stalled) = (0, 0, 0);
        while succeeded < invocations {
            let outcome = Outcome::of(number);
            let event = match outcome {
                Outcome::Success => self.good.fill(number),
                Outcome::Refusal => self.refused.fill(number),
                Outcome::Failure => format!("\"{number}\"").into_bytes(),
            };
            let (is_sampled, times_out) = (number % 2 == 1, number % 50 == 25);
            let Answer { is_error, body, .. } =
                invoke(Invocation { number, is_sampled, event, times_out })?;
            let is_expected = outcome.is(self.kind, is_error, &body);
            if !is_expected {
                let text = String::from_utf8_lossy(&body);
                let text = format!("{}: a {outcome:?} was expected, not {text}", self.function);
                ensure!(stalled < STALLED, "{text}");
                eprintln!("{text}");
                stalled += 1;
            }
            number += 1;
            if times_out || !is_expected || outcome != Outcome::Success {
                continue;
            }
            succeeded += 1;
            for (upto, samples) in [(EARLY, &mut early), (invocations, &mut late)] {
                if succeeded <= upto && upto - succeeded < WINDOW && succeeded.is_multiple_of(STEP)
                {
                    samples.push(sample()?);
                }
            }
            if succeeded.is_multiple_of(100_000) {
                eprintln!("{}: {succeeded} of {invocations}", self.function);
            }
        }
        let (early_kib, late_kib) = (median(&early), median(&late));
        Ok(Growth { function: self.function.to_owned(), early_kib, late_kib })
    }
}

/// Gives an event of API Gateway a caller and a correlation id of its own.
fn distinguish(event: &mut Value) {
    let correlation_id = format!("memory-{MARK}");
    event["headers"]["X-Correlation-Id"] = json!(correlation_id);
    event["multiValueHeaders"]["X-Correlation-Id"] = json!([correlation_id]);
    let identity = &mut event["requestContext"]["identity"];
    identity["userAgent"] = json!(format!("agent/{MARK}"));
    identity["userArn"] = json!(format!("arn:aws:sts::{MARK}:assumed-role/caller/{MARK}"));
    identity["accountId"] = json!(MARK.to_string());
}

#[cfg(test)]
mod tests {
    use super::{Answer, Events, Growth, Invocation, Kind, Outcome, Report, Template, limit_kib};
    use std::cell::Cell;
    use std::time::Instant;

    fn report(late_kib: f64) -> Report {
        let function = "users-a".to_owned();
        let growth = Growth { function, early_kib: 4000.0, late_kib };
        let (invocations, functions) = (200_000, vec![growth]);
        Report { early: 50_000, invocations, limit_kib: limit_kib(invocations), functions }
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
    }

    /// The growth of a function that keeps a number of bytes of each invocation.
    fn growth_of(bytes: u64) -> f64 {
        let event = || Template::new("{}", None);
        let (good, refused) = (event(), event());
        let events = Events { function: "users-a", kind: Kind::Relay, good, refused };
        let kept = Cell::new(4_000_000);
        let invoke = |invocation: Invocation| {
            kept.set(kept.get() + bytes);
            let is_error = invocation.event.starts_with(b"\"");
            Ok(Answer { at: Instant::now(), is_error, body: Vec::new() })
        };
        let sample = || Ok((kept.get() / 1024) as f64);
        events.hand_out(200_000, invoke, sample).unwrap().kib()
    }

    #[test]
    fn one_byte_of_each_invocation_is_found() {
        assert!(growth_of(1) > limit_kib(200_000));
        assert_eq!(growth_of(0), 0.0);
    }

    #[test]
    fn invocations_succeed_are_refused_and_fail() {
        let count = |outcome| (0..1000).filter(|number| Outcome::of(*number) == outcome).count();
        let counts = [Outcome::Success, Outcome::Refusal, Outcome::Failure].map(count);
        assert_eq!(counts, [900, 90, 10]);
    }

    #[test]
    fn the_outcome_of_an_answer_is_checked() {
        let (fine, refusal) = (br#"{"statusCode":200}"#, br#"{"statusCode":404}"#);
        let is = |outcome: Outcome, is_error, body| outcome.is(Kind::Write, is_error, body);
        assert!(is(Outcome::Success, false, fine) && is(Outcome::Refusal, false, refusal));
        assert!(is(Outcome::Failure, true, b"{}"));
        assert!(!is(Outcome::Success, false, refusal) && !is(Outcome::Refusal, false, fine));
        assert!(!is(Outcome::Success, true, fine) && !is(Outcome::Failure, false, fine));
        assert!(!is(Outcome::Success, false, br#"{"statusCode":503}"#));
        assert!(Outcome::Success.is(Kind::Relay, false, br#"{"batchItemFailures":[]}"#));
    }
}
