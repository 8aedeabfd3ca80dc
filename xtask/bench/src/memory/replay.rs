//! DynamoDB and the bus for a million invocations: what an engine answered one invocation, again
//! and again, behind TLS, with the user of each request in place of the one that was recorded.

use super::template::{Template, number_after};
use super::wire::Connection;
use crate::endpoint::Exchange;
use anyhow::{Context, Result, bail};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// The bus refuses an entry in one call of so many.
const REFUSED_BY_THE_BUS: u64 = 10;
const REFUSAL: &[u8] =
    br#"{"FailedEntryCount":1,"Entries":[{"ErrorCode":"InternalFailure","ErrorMessage":"no"}]}"#;

/// What is answered to the calls of one function.
pub(super) struct Replay {
    answers: Vec<Answer>,
    /// What the ids of users begin with.
    prefix: Vec<u8>,
    calls_of_bus: AtomicU64,
}

struct Answer {
    operation: String,
    request: Value,
    answer: Template,
}

impl Replay {
    /// From what was recorded of the calls for a user.
    pub(super) fn new(recorded: Vec<Exchange>, user_id: Option<&str>) -> Result<Self> {
        let answer = |it: Exchange| {
            let text = String::from_utf8(it.answer.to_vec()).context("an answer is no text")?;
            let answer = Template::new(&text, user_id);
            let request = serde_json::from_slice(&it.request).context("a request is no JSON")?;
            Ok(Answer { operation: it.operation, request, answer })
        };
        Ok(Self {
            answers: recorded.into_iter().map(answer).collect::<Result<_>>()?,
            prefix: user_id.map(Template::prefix_of).unwrap_or_default().into(),
            calls_of_bus: AtomicU64::new(0),
        })
    }

    /// Begins to serve on a port of its own, until the program ends, and returns the address.
    pub(super) fn serve(self, tls: Arc<ServerConfig>) -> Result<String> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("cannot listen")?;
        let port = listener.local_addr().context("cannot listen")?.port();
        let replay = Arc::new(self);
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let (replay, tls) = (Arc::clone(&replay), Arc::clone(&tls));
                // A function that ends in between is no concern of ours.
                thread::spawn(move || replay.converse(stream, tls));
            }
        });
        Ok(format!("https://localhost:{port}"))
    }

    fn converse(&self, stream: TcpStream, tls: Arc<ServerConfig>) -> Result<()> {
        stream.set_nodelay(true)?;
        let stream = StreamOwned::new(ServerConnection::new(tls)?, stream);
        let mut connection = Connection::new(stream);
        let mut body = Vec::new();
        let headers = "content-type: application/x-amz-json-1.0\r\n";
        while let Some(request) = connection.request()? {
            body.clear();
            let answered = match request.header("x-amz-target") {
                Some(target) => {
                    let operation = target.rsplit('.').next().unwrap_or_default();
                    self.answer(operation, request.body, &mut body)
                }
                // As a connection is opened.
                None => Ok(()),
            };
            if let Err(error) = answered {
                let refusal = format!(r#"{{"__type":"ValidationException","message":"{error}"}}"#);
                connection.answer("400 Bad Request", headers, refusal.as_bytes())?;
            } else {
                connection.answer("200 OK", headers, &body)?;
            }
        }
        Ok(())
    }

    /// Of several answers of an operation, the one to this very request: a list asks each of its
    /// partitions, and always the same. The order of members differs from process to process.
    fn answer(&self, operation: &str, request: &[u8], body: &mut Vec<u8>) -> Result<()> {
        if operation == "PutEvents" {
            let calls = self.calls_of_bus.fetch_add(1, Ordering::Relaxed);
            if calls % REFUSED_BY_THE_BUS == 1 {
                body.extend_from_slice(REFUSAL);
                return Ok(());
            }
        }
        let mut of_operation = self.answers.iter().filter(|it| it.operation == operation);
        let several = of_operation.clone().nth(1).is_some();
        let found = if several {
            let request: Value = serde_json::from_slice(request).context("no JSON")?;
            of_operation.find(|it| it.request == request)
        } else {
            of_operation.next()
        };
        let Some(answer) = found else { bail!("this {operation} was not recorded") };
        answer.answer.fill(number_after(&self.prefix, request).unwrap_or_default(), body);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Exchange, Replay};

    fn replay(recorded: &[(&str, &str, &str)]) -> Replay {
        let exchange = |(operation, request, answer): &(&str, &str, &str)| Exchange {
            operation: (*operation).to_owned(),
            request: request.as_bytes().to_vec().into(),
            answer: answer.as_bytes().to_vec().into(),
        };
        let recorded = recorded.iter().map(exchange).collect();
        Replay::new(recorded, Some("01JD8Z6T3Y5V0Q4C9K2M7N8P1R")).unwrap()
    }

    fn answer(replay: &Replay, operation: &str, request: &str) -> Result<String, String> {
        let mut body = Vec::new();
        let answered = replay.answer(operation, request.as_bytes(), &mut body);
        answered.map(|()| String::from_utf8(body).unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_user_of_the_request_is_in_its_answer() {
        let recorded = r#"{"pk":"USER#01JD8Z6T3Y5V0Q4C9K2M7N8P1R","at":7}"#;
        let replay = replay(&[("GetItem", "{}", recorded), ("Query", "{}", "{}")]);
        let asked = answer(&replay, "GetItem", r#"{"key":"USER#01JD8Z6T3Y5V0Q000000000042"}"#);
        assert_eq!(asked.unwrap(), r#"{"pk":"USER#01JD8Z6T3Y5V0Q000000000042","at":7}"#);
    }

    #[test]
    fn several_calls_of_an_operation_are_told_apart_by_what_they_ask() {
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
