//! DynamoDB and the bus for a million invocations: repeats the answers that an engine gave to one
//! invocation, with the user of each request in place of the recorded one.

use super::template::{Template, number_after, prefix};
use crate::endpoint::Exchange;
use anyhow::{Context, Result};
use serde_json::Value;
use std::sync::atomic::{AtomicU64, Ordering};

/// The bus refuses an entry in one call of so many.
const CALLS_OF_BUS: u64 = 10;
const REFUSAL: &[u8] =
    br#"{"FailedEntryCount":1,"Entries":[{"ErrorCode":"InternalFailure","ErrorMessage":"no"}]}"#;

/// The answers to the calls of one function.
pub(super) struct Replay {
    answers: Vec<Answer>,
    /// The beginning of every user's id; `None` when the calls are for no user.
    prefix: Option<String>,
    calls_of_bus: AtomicU64,
}

struct Answer {
    operation: String,
    request: Value,
    answer: Template,
}

impl Replay {
    /// From the exchanges of an invocation for a user.
    pub(super) fn new(recorded: Vec<Exchange>, user_id: Option<&str>) -> Result<Self> {
        let answer = |it: Exchange| {
            let answer = Template::new(&String::from_utf8_lossy(&it.answer), user_id);
            let request = serde_json::from_slice(&it.request).context("a request is not JSON")?;
            Ok(Answer { operation: it.operation, request, answer })
        };
        Ok(Self {
            answers: recorded.into_iter().map(answer).collect::<Result<_>>()?,
            prefix: user_id.map(|id| prefix(id).to_owned()),
            calls_of_bus: AtomicU64::new(0),
        })
    }

    /// Answers a request. An operation that was called more than once has an answer for each request:
    /// a list queries its partitions. The order of members differs from process to process.
    pub(super) fn answer(&self, operation: &str, request: &[u8]) -> Result<Vec<u8>> {
        if operation == "PutEvents" {
            let calls = self.calls_of_bus.fetch_add(1, Ordering::Relaxed);
            if calls % CALLS_OF_BUS == 1 {
                return Ok(REFUSAL.to_vec());
            }
        }
        let answers: Vec<_> = self.answers.iter().filter(|it| it.operation == operation).collect();
        let found = match answers.as_slice() {
            [only] => Some(*only),
            several => {
                let request: Value = serde_json::from_slice(request)?;
                several.iter().copied().find(|it| it.request == request)
            }
        };
        let answer = found.with_context(|| format!("this {operation} was not recorded"))?;
        let number = self.prefix.as_ref().and_then(|prefix| number_after(prefix, request));
        Ok(answer.answer.fill(number.unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Exchange, Replay};
    use std::time::Instant;

    fn replay(recorded: &[(&str, &str, &str)]) -> Replay {
        let exchange = |(operation, request, answer): &(&str, &str, &str)| Exchange {
            operation: (*operation).to_owned(),
            request: request.as_bytes().to_vec(),
            answer: answer.as_bytes().to_vec(),
            begun: Instant::now(),
            ended: Instant::now(),
        };
        let recorded = recorded.iter().map(exchange).collect();
        Replay::new(recorded, Some("01JD8Z6T3Y5V0Q4C9K2M7N8P1R")).unwrap()
    }

    fn answer(replay: &Replay, operation: &str, request: &str) -> Result<String, String> {
        let answered = replay.answer(operation, request.as_bytes());
        answered.map(|body| String::from_utf8(body).unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_user_of_the_request_is_in_its_answer() {
        let recorded = r#"{"pk":"USER#01JD8Z6T3Y5V0Q4C9K2M7N8P1R","at":7}"#;
        let replay = replay(&[("GetItem", "{}", recorded), ("Query", "{}", "{}")]);
        let answered = answer(&replay, "GetItem", r#"{"key":"USER#01JD8Z6T3Y5V0Q000000000042"}"#);
        assert_eq!(answered.unwrap(), r#"{"pk":"USER#01JD8Z6T3Y5V0Q000000000042","at":7}"#);
    }

    #[test]
    fn several_calls_of_an_operation_are_distinguished_by_their_requests() {
        let (a, b) = (r#"{"shard":"a","limit":3}"#, r#"{"shard":"b","limit":3}"#);
        let replay = replay(&[("Query", a, "of a"), ("Query", b, "of b")]);
        assert_eq!(answer(&replay, "Query", b).unwrap(), "of b");
        assert_eq!(answer(&replay, "Query", r#"{"limit":3, "shard":"a"}"#).unwrap(), "of a");
        let other = answer(&replay, "Query", r#"{"shard":"a","limit":4}"#);
        assert_eq!(other.unwrap_err(), "this Query was not recorded");
        assert_eq!(answer(&replay, "GetItem", a).unwrap_err(), "this GetItem was not recorded");
    }

    #[test]
    fn the_bus_refuses_some_entries() {
        let replay = replay(&[("PutEvents", "{}", "taken")]);
        let answers: Vec<_> =
            (0..20).map(|_| answer(&replay, "PutEvents", "{}").unwrap()).collect();
        assert_eq!(answers.iter().filter(|it| *it == "taken").count(), 18);
    }
}
