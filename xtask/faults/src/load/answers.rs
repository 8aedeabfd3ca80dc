//! The answers of a load by operation: their times, and whether the load explains them.

use crate::history::{Exchange, Operation};
use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Debug, Default)]
pub(super) struct Answers(BTreeMap<Operation, OfOperation>);

#[derive(Debug, Default)]
struct OfOperation {
    requests: u64,
    /// The number of attempts by answer. An attempt without an answer has status 0.
    answers: BTreeMap<(u16, Option<String>), u64>,
    /// Microseconds from sending to answer, sorted.
    times: Vec<u64>,
}

impl Answers {
    pub(super) fn new(exchanges: &[Exchange]) -> Self {
        let mut all = Self::default();
        for exchange in exchanges {
            let seen = all.0.entry(exchange.request.operation).or_default();
            seen.requests += 1;
            for attempt in &exchange.attempts {
                let answer = attempt.answer.as_ref();
                let kind = answer.map_or((0, None), |answer| (answer.status, answer.code()));
                *seen.answers.entry(kind).or_default() += 1;
                seen.times.push(attempt.ended - attempt.begun);
            }
        }
        for seen in all.0.values_mut() {
            seen.times.sort_unstable();
        }
        all
    }

    /// The figures of each operation.
    pub(super) fn table(&self, duration: Duration) -> String {
        let per_second = |count: u64| count as f64 / duration.as_secs_f64();
        let all: u64 = self.0.values().map(|seen| seen.requests).sum();
        let mut text = format!(
            "{all} operations in {:.0} s: {:.0} per second\n\n\
             operation    calls     /s   p50 ms    p90    p99    max  answers\n",
            duration.as_secs_f64(),
            per_second(all)
        );
        for (operation, seen) in &self.0 {
            let [p50, p90, p99, max] = [50, 90, 99, 100].map(|percent| seen.percentile(percent));
            let answers: Vec<_> = seen
                .answers
                .iter()
                .map(|((status, code), count)| match code {
                    Some(code) => format!("{count} x {status} {code}"),
                    None => format!("{count} x {status}"),
                })
                .collect();
            text.push_str(&format!(
                "{:<10} {:>7} {:>6.1}  {p50:>7.1} {p90:>6.1} {p99:>6.1} {max:>6.1}  {}\n",
                format!("{operation:?}"),
                seen.requests,
                per_second(seen.requests),
                answers.join(", ")
            ));
        }
        text
    }

    /// The answers that nothing in the load explains.
    pub(super) fn unexplained(&self, is_throttled: bool) -> Vec<String> {
        let mut failures = Vec::new();
        for (operation, seen) in &self.0 {
            for ((status, code), count) in &seen.answers {
                let code = code.as_deref().unwrap_or_default();
                if !is_explained(*operation, *status, code, is_throttled) {
                    let answer = if *status == 0 { "no answer" } else { code };
                    failures.push(format!(
                        "{operation:?}: unexpected {status} {answer}, {count} times"
                    ));
                }
            }
        }
        failures
    }
}

impl OfOperation {
    /// In milliseconds.
    fn percentile(&self, percent: usize) -> f64 {
        let last = self.times.len().saturating_sub(1);
        self.times.get(last * percent / 100).map_or(0.0, |micros| *micros as f64 / 1000.0)
    }
}

/// Whether an answer is a success of its operation, or follows from what callers do to each other's
/// users, addresses and keys, or from throttling.
fn is_explained(operation: Operation, status: u16, code: &str, is_throttled: bool) -> bool {
    use Operation::{AssignRole, Profile, Register, RemoveRole, SetStatus, Update};
    let changes_a_user = matches!(operation, Update | SetStatus | AssignRole | RemoveRole);
    match (status, code) {
        (201, "") => operation == Register,
        (200, "") => operation != Register,
        (304, "") => operation == Profile,
        (404, "role-not-assigned") => operation == RemoveRole,
        (409, "email-already-registered") => matches!(operation, Register | Update),
        (409, "invalid-status-transition") => operation == SetStatus,
        (409, "user-deleted") => changes_a_user && operation != SetStatus,
        (409, "concurrent-modification") | (412, "version-mismatch") => changes_a_user,
        (409, "request-in-progress") | (422, "idempotency-key-reused") => operation.is_write(),
        (429, "too-many-requests") => is_throttled,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Answers, Exchange, Operation, is_explained};
    use crate::history::{Answer, Attempt, Request};
    use std::time::Duration;

    #[test]
    fn only_the_effects_of_the_load_are_explained() {
        use Operation::{AssignRole, List, Profile, Register, RemoveRole, SetStatus, Update};
        for (operation, status, code) in [
            (Register, 201, ""),
            (Profile, 304, ""),
            (RemoveRole, 404, "role-not-assigned"),
            (SetStatus, 409, "invalid-status-transition"),
            (AssignRole, 409, "user-deleted"),
        ] {
            assert!(is_explained(operation, status, code, false), "{operation:?} {status}");
        }
        for (operation, status, code) in [
            (Register, 200, ""),
            (Profile, 404, "user-not-found"),
            (Update, 304, ""),
            (Update, 404, "role-not-assigned"),
            (List, 400, "invalid-cursor"),
            (Profile, 429, "too-many-requests"),
            (Profile, 500, "internal-error"),
            (Profile, 503, ""),
            (Profile, 0, ""),
        ] {
            assert!(!is_explained(operation, status, code, false), "{operation:?} {status}");
        }
        assert!(is_explained(Profile, 429, "too-many-requests", true));
        assert!(!is_explained(Profile, 503, "service-unavailable", true));
    }

    #[test]
    fn every_attempt_counts() {
        let attempt = |status, milliseconds: u64| Attempt {
            correlation_id: String::new(),
            begun: 0,
            ended: milliseconds * 1000,
            answer: Some(Answer { status, ..Answer::default() }),
        };
        let exchange = Exchange {
            id: String::new(),
            label: String::new(),
            request: Request::profile("1"),
            attempts: vec![attempt(503, 6), attempt(200, 2), attempt(200, 4)],
        };
        let answers = Answers::new(&[exchange]);
        assert_eq!(answers.unexplained(false), ["Profile: unexpected 503 , 1 times"]);
        let table = answers.table(Duration::from_secs(1));
        assert!(table.contains("4.0    4.0    4.0    6.0  2 x 200, 1 x 503"), "{table}");
    }
}
