//! The loop against a scripted Runtime API.

use super::run;
use crate::telemetry::collected;
use futures_util::FutureExt;
use lambda_http::lambda_runtime::Context;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// The event that these tests' handlers read.
#[derive(Debug, Deserialize)]
struct Event {
    email: String,
}

/// A request of the loop.
#[derive(Debug)]
struct Posted {
    target: String,
    headers: Vec<String>,
    body: String,
}

impl Posted {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|header| {
            let (found, value) = header.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

/// The result of a loop.
struct Ran {
    posted: Vec<Posted>,
    handled: Vec<(String, Context)>,
    connections: usize,
    error: String,
}

/// An answer to a request for an invocation, with a deadline and these headers.
fn invocation(request_id: &str, headers: &str, event: &str) -> String {
    let length = event.len();
    format!(
        "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: {request_id}\r\n\
         Lambda-Runtime-Deadline-Ms: 1795341600000\r\n{headers}Content-Length: {length}\r\n\r\n{event}"
    )
}

fn status(status: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: 15\r\n\r\n{{\"status\":\"OK\"}}")
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Posted> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
        if line == "\r\n" {
            break;
        }
        lines.push(line.trim_end().to_owned());
    }
    let mut posted = Posted { target: lines.remove(0), headers: lines, body: String::new() };
    let length = posted.header("content-length").map_or(0, |text| text.parse().expect("a length"));
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    posted.body = String::from_utf8(body).expect("text");
    Some(posted)
}

/// Runs the loop against an API that gives these answers and then closes the connection.
async fn ran(answers: &[String]) -> Ran {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let posted = Mutex::new(Vec::new());
    let connections = Mutex::new(0);
    let mut answers: VecDeque<_> = answers.iter().cloned().collect();
    let serve = async {
        while !answers.is_empty() {
            let (stream, _) = listener.accept().await.expect("a connection");
            *connections.lock().expect("not poisoned") += 1;
            let mut stream = BufReader::new(stream);
            while !answers.is_empty() {
                let Some(request) = read(&mut stream).await else { break };
                posted.lock().expect("not poisoned").push(request);
                let answer = answers.pop_front().unwrap_or_default();
                stream.write_all(answer.as_bytes()).await.expect("somebody reads");
            }
        }
        // A connection that is asked for now is refused.
        drop(listener);
    };
    let address = address.parse().expect("a URI");
    let handled = Mutex::new(Vec::new());
    let running = run(&address, async |event: Event, context: Context| {
        let answer = json!({"statusCode": 200, "body": event.email.clone()});
        handled.lock().expect("not poisoned").push((event.email, context));
        answer
    });
    let (result, ()) = tokio::join!(running, serve);
    Ran {
        posted: posted.into_inner().expect("not poisoned"),
        handled: handled.into_inner().expect("not poisoned"),
        connections: connections.into_inner().expect("not poisoned"),
        error: result.expect_err("the API is gone").to_string(),
    }
}

/// An invocation that goes well, to see that the loop goes on.
fn good() -> [String; 2] {
    [invocation("good", "", r#"{"email": "good@example.com"}"#), status("202 Accepted")]
}

#[tokio::test]
async fn every_invocation_is_handled_and_answered_on_one_connection() {
    let headers = "Lambda-Runtime-Trace-Id: Root=1-5bef4de7;Sampled=1\r\n\
                   Lambda-Runtime-Invocation-Id: inv-1\r\n";
    let first = invocation("id-1", headers, r#"{"email": "a@example.com", "more": [null]}"#);
    let ran = ran(&[&[first, status("202 Accepted")], &good()[..], &good()[..]].concat()).await;
    let targets: Vec<_> = ran.posted.iter().map(|it| it.target.as_str()).collect();
    let next = "GET /2018-06-01/runtime/invocation/next HTTP/1.1";
    let good = "POST /2018-06-01/runtime/invocation/good/response HTTP/1.1";
    let first = "POST /2018-06-01/runtime/invocation/id-1/response HTTP/1.1";
    assert_eq!(targets, [next, first, next, good, next, good]);
    assert_eq!(ran.connections, 1);
    assert_eq!(ran.posted[1].json(), json!({"statusCode": 200, "body": "a@example.com"}));
    assert_eq!(ran.posted[1].header("lambda-runtime-invocation-id"), Some("inv-1"));
    assert_eq!(ran.posted[3].header("lambda-runtime-invocation-id"), None);
    for posted in &ran.posted {
        let agent = posted.header("user-agent").expect("an agent");
        assert!(agent.starts_with("aws-lambda-rust/"), "{agent}");
    }
    let (_, context) = &ran.handled[0];
    assert_eq!((&*context.request_id, context.deadline), ("id-1", 1_795_341_600_000));
    assert_eq!(context.xray_trace_id.as_deref(), Some("Root=1-5bef4de7;Sampled=1"));
    assert_eq!(ran.handled[1].1.xray_trace_id, None);
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_an_error_that_does_not_quote_it() {
    let (log, _guard) = collected();
    for (event, problem) in [
        ("", "Eof at line 1 column 0"),
        ("ada@example.com", "Syntax at line 1 column 1"),
        (r#"{"email": "ada@example.com""#, "Eof at line 1 column 27"),
        (r#"{"email": "ada@example.com"} {}"#, "Syntax at line 1 column 30"),
        ("{\"email\":\n [\"ada@example.com\"]}", "Data at line 2 column 1"),
        (r#"{"ada@example.com": 1}"#, "Data at line 1 column 22"),
        (r#""ada@example.com""#, "Data at line 1 column 17"),
    ] {
        let headers = "Lambda-Runtime-Invocation-Id: inv-2\r\n";
        let bad = [invocation("bad", headers, event), status("202 Accepted")];
        let ran = ran(&[&bad, &good()[..]].concat()).await;
        let error = &ran.posted[1];
        assert_eq!(error.target, "POST /2018-06-01/runtime/invocation/bad/error HTTP/1.1");
        let kind = "Runtime.UnmarshalError";
        let message = format!("the event cannot be read: {problem}");
        assert_eq!(error.json(), json!({"errorType": kind, "errorMessage": message}));
        assert_eq!(error.header("lambda-runtime-function-error-type"), Some(kind));
        assert_eq!(error.header("lambda-runtime-invocation-id"), Some("inv-2"));
        assert_eq!(ran.handled.len(), 1, "the loop goes on after {event}");
        let logged = std::mem::take(&mut *log.lock().expect("not poisoned"));
        let logged = String::from_utf8(logged).expect("text");
        assert!(logged.contains(&message) && !logged.contains("ada"), "{logged}");
    }
}

#[tokio::test]
async fn an_invocation_without_a_usable_deadline_is_an_error() {
    for deadline in ["", "soon", "-1", "1.5", "99999999999999999999999", "17\u{e9}"] {
        let event = r#"{"email": "a@example.com"}"#;
        let line = |value: &str| format!("Lambda-Runtime-Deadline-Ms: {value}\r\n");
        let wrong = if deadline.is_empty() { String::new() } else { line(deadline) };
        let bad = invocation("bad", "", event).replace(&line("1795341600000"), &wrong);
        let ran = ran(&[&[bad, status("202 Accepted")], &good()[..]].concat()).await;
        let error = ran.posted[1].json();
        let message = error["errorMessage"].as_str().expect("a message");
        assert!(message.contains("lambda-runtime-deadline-ms"), "{deadline}: {message}");
        assert_eq!(ran.handled.len(), 1, "{deadline}: only the next one is handled");
    }
}

#[tokio::test]
async fn an_invocation_without_an_id_ends_the_loop() {
    for name in ["X-Other", "Lambda-Runtime-Aws-Request"] {
        let nameless = invocation("id", "", r#"{"email": "a@example.com"}"#)
            .replace("Lambda-Runtime-Aws-Request-Id", name);
        let ran = ran(&[nameless]).await;
        assert_eq!(ran.error, "the Runtime API sent no lambda-runtime-aws-request-id");
        assert_eq!((ran.posted.len(), ran.handled.len()), (1, 0));
    }
}

#[tokio::test]
async fn a_refused_answer_does_not_end_the_loop() {
    for refusal in [
        "400 Bad Request",
        "403 Forbidden",
        "410 Gone",
        "413 Payload Too Large",
        "500 Internal Server Error",
    ] {
        let (log, _guard) = collected();
        let late = invocation("late", "", r#"{"email": "late@example.com"}"#);
        let ran = ran(&[&[late, status(refusal)], &good()[..]].concat()).await;
        assert_eq!((ran.handled.len(), ran.connections), (2, 1), "{refusal}");
        let logged = String::from_utf8(log.lock().expect("not poisoned").clone()).expect("text");
        let expected = format!("the Runtime API refused the answer: {refusal}");
        assert!(logged.contains(&expected) && !logged.contains("example.com"), "{logged}");
    }
}

#[tokio::test]
async fn a_failing_runtime_api_ends_the_loop_with_an_error() {
    for (answer, problem) in [
        (status("500 Internal Server Error"), "500 Internal Server Error"),
        (status("403 Forbidden"), "403 Forbidden"),
        (status("301 Moved Permanently"), "301 Moved Permanently"),
        // No status that says why: the client's own words.
        ("HTTP/1.1 200".to_owned(), ""),
        ("what?\r\n\r\n".to_owned(), ""),
        (invocation("id", "", "{}").replace("Length: 2", "Length: 9"), ""),
    ] {
        let ran = ran(&[&good()[..], &[answer]].concat()).await;
        assert!(ran.error.ends_with(problem), "{problem}: {}", ran.error);
        assert_eq!((ran.posted.len(), ran.handled.len()), (3, 1), "{}", ran.error);
    }
}

/// Nothing catches a panic: its hook ends the process, and Lambda reports that.
#[tokio::test]
async fn a_panicking_handler_posts_nothing() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let serve = async {
        let (stream, _) = listener.accept().await.expect("a connection");
        let mut stream = BufReader::new(stream);
        read(&mut stream).await.expect("a request for an invocation");
        let event = invocation("id", "", r#"{"email": "ada@example.com"}"#);
        stream.write_all(event.as_bytes()).await.expect("somebody reads");
        read(&mut stream).await.map(|posted| posted.target)
    };
    let address = address.parse().expect("a URI");
    let handler = async |event: Event, _| panic!("{}", event.email);
    let running = AssertUnwindSafe(run::<Event, ()>(&address, handler)).catch_unwind();
    let (ended, posted) = tokio::join!(running, serve);
    assert!(ended.is_err(), "the panic goes on");
    assert_eq!(posted, None, "the connection is closed");
}
