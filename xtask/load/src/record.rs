//! What the callers saw.

use crate::throttle::Throttle;
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::time::Duration;
use users_client::{Attempt, ClientError, Response};
use users_contract::{ErrorCode, OPERATIONS, Operation, OperationName};

/// How a call ended, with all its sendings.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ended {
    /// As its operation promises.
    Success,
    /// With an answer that another sending would not change.
    Refused,
    /// With none: the caller lost patience.
    GivenUp,
}

impl Ended {
    pub(crate) fn of(result: Result<&Response, &ClientError>) -> Self {
        match result.map(|response| response.status.as_u16()) {
            Ok(200..=399) => Self::Success,
            Ok(429 | 500..) | Err(_) => Self::GivenUp,
            Ok(_) => Self::Refused,
        }
    }
}

/// An answer, as far as it is counted: status, and code of the problem if it is one. A call without
/// an answer has status 0.
pub(crate) type Kind = (u16, Option<String>);

/// What was seen of one operation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Calls that ended, of which some were given up.
    pub(crate) calls: u64,
    pub(crate) given_up: u64,
    /// Answers by kind, one for each sending.
    pub(crate) answers: BTreeMap<Kind, u64>,
    /// Microseconds from sending to answer.
    pub(crate) latency: Option<Histogram<u64>>,
}

/// What was seen of every operation, by its name in the contract.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record(pub(crate) BTreeMap<&'static str, Seen>);

/// Significant digits of a latency.
const DIGITS: u8 = 3;

impl Record {
    /// Counts one sending.
    pub(crate) fn attempt(&mut self, name: OperationName, attempt: Attempt<'_>) {
        let kind = match attempt.result {
            Ok(response) => (response.status.as_u16(), response.problem_code()),
            Err(_) => (0, None),
        };
        self.answer(name, kind, attempt.elapsed);
    }

    fn answer(&mut self, name: OperationName, kind: Kind, elapsed: Duration) {
        let seen = self.0.entry(Operation::of(name).id).or_default();
        *seen.answers.entry(kind).or_default() += 1;
        let latency = seen.latency.get_or_insert_with(histogram);
        latency.saturating_record(u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX));
    }

    /// Counts a call that ended.
    pub(crate) fn ended(&mut self, name: OperationName, ended: Ended) {
        let seen = self.0.entry(Operation::of(name).id).or_default();
        seen.calls += 1;
        seen.given_up += u64::from(ended == Ended::GivenUp);
    }

    /// Adds what another caller saw.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (id, theirs) in &other.0 {
            let seen = self.0.entry(id).or_default();
            seen.calls += theirs.calls;
            seen.given_up += theirs.given_up;
            for (kind, count) in &theirs.answers {
                *seen.answers.entry(kind.clone()).or_default() += count;
            }
            if let Some(theirs) = &theirs.latency {
                // It fails for values out of range only, and both have the same range.
                let _ = seen.latency.get_or_insert_with(histogram).add(theirs);
            }
        }
    }

    /// Calls of all operations that ended.
    pub(crate) fn calls(&self) -> u64 {
        self.0.values().map(|seen| seen.calls).sum()
    }

    /// The answers that nothing in the load explains, and what was given up without a reason.
    pub(crate) fn broken(&self, throttle: Throttle) -> Vec<String> {
        let mut broken = Vec::new();
        for (id, seen) in &self.0 {
            for ((status, code), count) in &seen.answers {
                if !is_explained(id, *status, code.as_deref(), throttle) {
                    let what = match (status, code) {
                        (0, _) => "no answer".to_owned(),
                        (status, Some(code)) => format!("{status} {code}"),
                        (status, None) => status.to_string(),
                    };
                    broken.push(format!("{id}: {count} times {what}, which nothing explains"));
                }
            }
            if seen.given_up > 0 && throttle == Throttle::Off {
                broken.push(format!("{id}: {} calls were given up", seen.given_up));
            }
        }
        broken
    }
}

fn histogram() -> Histogram<u64> {
    // One microsecond to two minutes, well past the longest wait for an answer.
    Histogram::new_with_bounds(1, 120_000_000, DIGITS).expect("bounds that hdrhistogram takes")
}

/// Whether the load explains an answer: the success of the operation, what callers do to each
/// other's users, and 429 where there are limits.
fn is_explained(id: &str, status: u16, code: Option<&str>, throttle: Throttle) -> bool {
    let is = |expected: ErrorCode| code == Some(expected.as_str());
    let Some(operation) = OPERATIONS.iter().find(|operation| operation.id == id) else {
        return false;
    };
    let on_a_user = operation.is_write() && operation.name != OperationName::RegisterUser;
    match status {
        200 | 201 => status == operation.success.status,
        304 => operation.answers_not_modified(),
        404 => operation.name == OperationName::RemoveRole && is(ErrorCode::RoleNotAssigned),
        409 if operation.name == OperationName::SetStatus => {
            is(ErrorCode::InvalidStatusTransition) || is(ErrorCode::ConcurrentModification)
        }
        409 => on_a_user && (is(ErrorCode::UserDeleted) || is(ErrorCode::ConcurrentModification)),
        412 => operation.name == OperationName::UpdateUser && is(ErrorCode::VersionMismatch),
        429 => throttle != Throttle::Off && is(ErrorCode::TooManyRequests),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Ended, Record, is_explained};
    use crate::throttle::Throttle;
    use std::time::Duration;
    use users_contract::OperationName;

    #[test]
    fn only_what_the_load_does_is_explained() {
        let off = |id, status, code| is_explained(id, status, code, Throttle::Off);
        assert!(off("registerUser", 201, None));
        assert!(off("getUser", 304, None));
        assert!(off("removeRole", 404, Some("role-not-assigned")));
        assert!(off("setStatus", 409, Some("invalid-status-transition")));
        assert!(off("assignRole", 409, Some("user-deleted")));
        for (id, status, code) in [
            ("registerUser", 200, None),
            ("registerUser", 409, Some("email-already-registered")),
            ("getUser", 404, Some("user-not-found")),
            ("updateUser", 304, None),
            ("updateUser", 404, Some("role-not-assigned")),
            ("listUsers", 400, Some("invalid-cursor")),
            ("getUser", 429, Some("too-many-requests")),
            ("getUser", 500, Some("internal-error")),
            ("getUser", 503, None),
            ("getUser", 0, None),
            ("unknown", 200, None),
        ] {
            assert!(!off(id, status, code), "{id} {status}");
        }
        let limited = Throttle::Template;
        assert!(is_explained("getUser", 429, Some("too-many-requests"), limited));
        assert!(!is_explained("getUser", 503, Some("service-unavailable"), limited));
    }

    #[test]
    fn records_of_callers_add_up() {
        let name = OperationName::GetUser;
        let mut one = Record::default();
        one.answer(name, (503, None), Duration::from_millis(2));
        one.answer(name, (200, None), Duration::from_millis(4));
        one.ended(name, Ended::Success);
        let mut other = Record::default();
        other.answer(name, (429, None), Duration::from_millis(6));
        other.ended(name, Ended::GivenUp);
        one.merge(&other);
        let seen = &one.0["getUser"];
        assert_eq!((one.calls(), seen.calls, seen.given_up), (2, 2, 1));
        assert_eq!(seen.answers.values().sum::<u64>(), 3);
        let latency = seen.latency.as_ref().unwrap();
        assert_eq!(latency.len(), 3);
        assert!((5_900..6_100).contains(&latency.max()), "{}", latency.max());
        let broken = one.broken(Throttle::Off);
        assert_eq!(broken.len(), 3, "{broken:?}");
    }
}
