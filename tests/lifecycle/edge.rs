//! The edge of the stack: a peer can make it hold only bounded memory, which is released, and
//! excessive requests are refused in the contract's format.
#![cfg(target_os = "linux")]

use crate::listeners::{self, exchange, port, resident_mib, status};
use http::Method;
use serde_json::{Value, json};
use std::io::Write;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use users_client::Signing;
use users_tests::sample;
use users_tests::stack::{Launch, Stack};

/// How long each kind of load lasts; `USERS_EDGE_SECONDS` has it last longer.
const SECONDS: u64 = 3;
/// How much a stack's memory may grow under a load. If each byte cost a page, it would grow by a
/// gigabyte a second.
const MOST_MIB: u64 = 256;
/// Of that, the part that may stay when the load has ended.
const KEPT_MIB: u64 = 128;
const CONNECTIONS: usize = 50;

fn front(stack: &Stack) -> SocketAddr {
    SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port(stack.url()))
}

/// A head of a request that is never signed.
fn head(more: &str) -> String {
    format!("POST /prod/users HTTP/1.1\r\nHost: localhost\r\n{more}")
}

/// The problem document of an answer, which must be in the contract's format.
#[track_caller]
fn problem(answer: &str, code: &str) -> Value {
    let (headers, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let headers = headers.to_ascii_lowercase();
    for header in [
        "content-type: application/problem+json",
        "cache-control: no-store",
        "access-control-allow-origin: ",
        "access-control-expose-headers: ",
        "x-correlation-id: ",
    ] {
        assert!(headers.contains(header), "{header} is missing: {answer}");
    }
    let document: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}"));
    assert_eq!(document["code"], code, "{answer}");
    assert_eq!(document["status"], status(answer), "{answer}");
    document
}

#[tokio::test]
async fn headers_have_10240_bytes_in_any_number_of_fields() {
    let stack = Launch::new().start().await;
    let new = json!({"email": sample::email()});
    let user = stack.json(stack.call(Method::POST, "/users").json(&new)).await;
    let path = format!("/users/{}", user["userId"].as_str().unwrap());
    let read = || stack.call(Method::GET, &path);

    let many = (0..300).fold(read(), |call, number| call.header(&format!("x-{number}"), "1"));
    assert_eq!(many.send().await.unwrap().status, 200, "300 small headers");
    let large = read().header("User-Agent", "a".repeat(9_000));
    assert_eq!(large.send().await.unwrap().status, 200, "one of 9,000 bytes");

    let change = json!({"displayName": "Eve"});
    let write = || stack.call(Method::PATCH, &path).json(&change);
    let bytes = |count: usize| "a".repeat(count);
    for (what, call) in [
        ("one header", write().header("User-Agent", bytes(10_240))),
        ("one much larger", write().header("User-Agent", bytes(300_000))),
        ("one of half a megabyte", write().header("X-Note", bytes(500_000))),
        ("two headers", write().header("x-a", bytes(6_000)).header("x-b", bytes(6_000))),
        (
            "many headers",
            (0..3_000).fold(write(), |call, number| call.header(&format!("x-{number}"), "1")),
        ),
        ("a query", write().query("note", &bytes(11_000))),
    ] {
        let answer = call.send().await.unwrap();
        assert_eq!(answer.status, 431, "{what}");
        let document: Value = answer.json().unwrap();
        assert_eq!(document["code"], "headers-too-large", "{what}");
        assert_eq!(document["correlationId"], answer.headers["x-correlation-id"].to_str().unwrap());
        assert_eq!(document["instance"], format!("/prod{path}"), "{what}");
    }
    assert_eq!(stack.json(read()).await, user, "without effect");
}

#[tokio::test]
async fn the_size_of_a_head_counts_as_it_was_sent() {
    let stack = Launch::new().start().await;
    let address = front(&stack);
    let of_size = |size: usize| {
        let start = "GET /prod/users HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx-a: ";
        format!("{start}{}\r\n\r\n", "a".repeat(size - start.len() - 4))
    };
    let most = exchange(address, of_size(10_240).as_bytes()).await;
    assert_eq!(problem(&most, "not-authenticated")["status"], 403);
    let more = exchange(address, of_size(10_241).as_bytes()).await;
    assert_eq!(problem(&more, "headers-too-large")["instance"], "/prod/users");
    // The second request on a connection is named by its own path.
    let first = "GET /prod/one HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let second = of_size(20_000).replace("/prod/users", "/prod/two");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(first.as_bytes()).await.unwrap();
    listeners::answer(&mut stream).await;
    stream.write_all(second.as_bytes()).await.unwrap();
    let answer = listeners::answer(&mut stream).await;
    assert_eq!(problem(&answer, "headers-too-large")["instance"], "/prod/two");
}

#[tokio::test]
async fn bytes_that_are_not_http_are_refused_in_the_format_of_the_contract() {
    let stack = Launch::new().start().await;
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"[..],
        b"hello\r\n\r\n",
        b"GET /prod/users HTTP/1.1\r\nhost localhost\r\n\r\n",
        b"GET /prod/users HTTP/9.9\r\nhost: localhost\r\n\r\n",
        b"GET /prod/\"users HTTP/1.1\r\nhost: localhost\r\na b: c\r\n\r\n",
    ] {
        let answer = exchange(front(&stack), bytes).await;
        problem(&answer, "invalid-request");
    }
}

#[tokio::test]
async fn the_stack_answers_on_both_addresses_of_localhost() {
    let stack = Launch::new().start().await;
    let first = front(&stack);
    let second = SocketAddr::new(Ipv6Addr::LOCALHOST.into(), first.port());
    let mut addresses = vec![first];
    // A machine may have no IPv6.
    addresses.extend(TcpStream::connect(second).await.is_ok().then_some(second));
    assert_eq!(listeners::of(stack.pid()).contains(&second), addresses.contains(&second));
    for address in addresses {
        let answer = exchange(address, b"GET /prod/users HTTP/1.0\r\nhost: [::1]\r\n\r\n").await;
        problem(&answer, "not-authenticated");
    }
}

#[tokio::test]
async fn an_unsigned_call_is_refused_before_its_body_comes() {
    let stack = Launch::new().start().await;
    for headers in [
        "Content-Length: 10000000\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
        "Authorization: AWS4-HMAC-SHA256 Credential=nobody/20260101/us-east-1/execute-api/\
         aws4_request, SignedHeaders=host, Signature=0\r\nX-Amz-Date: 20260101T000000Z\r\n\
         Content-Length: 10000000\r\n\r\n",
    ] {
        let answer = exchange(front(&stack), head(headers).as_bytes()).await;
        assert_eq!(problem(&answer, "not-authenticated")["status"], 403);
    }
}

/// The load of a connection.
#[derive(Clone, Copy, Debug)]
enum Load {
    SingleBytes,
    SlowHeads,
    SlowBodies,
    SignedBodies,
    UnreadAnswers,
    Garbage,
}

impl Load {
    const ALL: [Self; 6] = [
        Self::SingleBytes,
        Self::SlowHeads,
        Self::SlowBodies,
        Self::SignedBodies,
        Self::UnreadAnswers,
        Self::Garbage,
    ];

    /// The bytes that are sent first, and those that are repeated.
    fn bytes(self, authorized: &str) -> (Vec<u8>, Vec<u8>, Duration) {
        let (first, again, pause) = match self {
            Self::SingleBytes => {
                (format!("{}Transfer-Encoding: chunked\r\n\r\n", head(authorized)), "1\r\na\r\n", 0)
            }
            Self::SlowHeads => (head(""), "x: y\r\n", 20),
            Self::SlowBodies => (head("Content-Length: 60000\r\n\r\n"), "a", 20),
            Self::SignedBodies => {
                (format!("{}Content-Length: 9000000\r\n\r\n", head(authorized)), "a", 0)
            }
            Self::UnreadAnswers => {
                (String::new(), "GET /prod/users HTTP/1.1\r\nHost: localhost\r\n\r\n", 0)
            }
            Self::Garbage => (String::new(), "\u{1}\u{2}nonsense \u{7f}", 0),
        };
        let again = match self {
            Self::SignedBodies => again.repeat(16 * 1024),
            Self::UnreadAnswers | Self::Garbage => again.repeat(20),
            _ => again.to_owned(),
        };
        (first.into_bytes(), again.into_bytes(), Duration::from_millis(pause))
    }
}

/// Headers that make a request look plausible until its body is read.
async fn plausible(stack: &Stack) -> String {
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let call = stack.call(Method::POST, "/users").signing(Signing::Header).tamper(move |request| {
        let text = |name: &str| request.headers()[name].to_str().unwrap().to_owned();
        sender.send((text("authorization"), text("x-amz-date"))).unwrap();
    });
    let _ = call.send().await.unwrap();
    let (authorization, date) = receiver.recv().await.unwrap();
    format!("Authorization: {authorization}\r\nX-Amz-Date: {date}\r\n")
}

async fn connection(
    address: SocketAddr,
    load: Load,
    authorized: String,
    until: tokio::time::Instant,
) {
    while tokio::time::Instant::now() < until {
        let Ok(stream) = TcpStream::connect(address).await else { continue };
        // Refused or timed out; open the next connection.
        let _ = tokio::time::timeout_at(until, send(stream, load, &authorized)).await;
    }
}

/// Sends for as long as the peer takes it, and reads nothing.
async fn send(mut stream: TcpStream, load: Load, authorized: &str) -> std::io::Result<()> {
    let (first, again, pause) = load.bytes(authorized);
    stream.write_all(&first).await?;
    loop {
        stream.write_all(&again).await?;
        tokio::time::sleep(pause).await;
    }
}

#[tokio::test]
async fn memory_is_bounded_whatever_peers_send_and_do_not_read() {
    let seconds = users_tests::variable("USERS_EDGE_SECONDS");
    let seconds = seconds.map_or(SECONDS, |seconds| seconds.parse().unwrap());
    let stack = Launch::new().start().await;
    let authorized = plausible(&stack).await;
    let before = resident_mib(stack.pid());
    for load in Load::ALL {
        let until = tokio::time::Instant::now() + Duration::from_secs(seconds);
        let mut connections = JoinSet::new();
        for _ in 0..CONNECTIONS {
            connections.spawn(connection(front(&stack), load, authorized.clone(), until));
        }
        let mut most = 0;
        while tokio::time::Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(100)).await;
            most = most.max(resident_mib(stack.pid()));
        }
        while connections.join_next().await.is_some() {}
        assert!(most < before + MOST_MIB, "{load:?}: {most} MiB, {before} MiB before");
        // The stack still serves requests.
        stack.json(stack.call(Method::GET, "/users").query("limit", "1")).await;
        let after = resident_mib(stack.pid());
        if users_tests::variable("USERS_EDGE_SECONDS").is_some() {
            let figures = format!("{load:?}: {before} MiB before, {most} at most, {after} after\n");
            std::io::stderr().write_all(figures.as_bytes()).unwrap();
        }
        assert!(after < before + KEPT_MIB, "{load:?}: {after} MiB, {before} MiB before");
    }
}

#[tokio::test]
async fn a_transfer_coding_other_than_chunked_is_refused_and_registers_nobody() {
    let stack = Launch::new().start().await;
    let address = front(&stack);
    for coding in [
        "gzip, chunked",
        "chunked, chunked",
        "deflate,chunked",
        "identity, chunked",
        "x-own;q=1, chunked",
        "gzip\r\nTransfer-Encoding: chunked",
    ] {
        let head = head(&format!("Transfer-Encoding: {coding}\r\nConnection: close\r\n\r\n"));
        let answer = exchange(address, format!("{head}2\r\n{{}}\r\n0\r\n\r\n").as_bytes()).await;
        assert_eq!(problem(&answer, "invalid-request")["status"], 400, "{coding}");
    }
    let plain = head("Transfer-Encoding: Chunked\r\nConnection: close\r\n\r\n");
    let answer = exchange(address, format!("{plain}2\r\n{{}}\r\n0\r\n\r\n").as_bytes()).await;
    problem(&answer, "not-authenticated");
}
