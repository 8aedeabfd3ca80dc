//! A stack with few file descriptors: it raises its limit where it may, and otherwise slows down.

use crate::listeners::{exchange, port, status};
use http::Method;
use serde_json::json;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpStream;
use users_tests::stack::{Launch, Stack};
use users_tests::{id_of, sample, wait};

const CALLERS: usize = 24;
/// Rounds of calls of each caller, one of every operation.
const ROUNDS: usize = 5;

/// Lets many callers call every operation; returns the number of answers by status.
async fn load(stack: Stack) -> (BTreeMap<u16, usize>, String) {
    let stack = Arc::new(stack);
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let stack = Arc::clone(&stack);
            tokio::spawn(async move {
                let mut statuses = Vec::new();
                for _ in 0..ROUNDS {
                    statuses.extend(one_of_each(&stack).await);
                }
                statuses
            })
        })
        .collect();
    let mut statuses = BTreeMap::new();
    for caller in callers {
        for status in caller.await.unwrap() {
            *statuses.entry(status).or_default() += 1;
        }
    }
    (statuses, stack.said())
}

async fn one_of_each(stack: &Stack) -> Vec<u16> {
    let register = stack.call(Method::POST, "/users").json(&sample::registration());
    let registered = register.send().await.unwrap();
    let mut statuses = vec![registered.status.as_u16()];
    if registered.status != 201 {
        return statuses;
    }
    let path = format!("/users/{}", id_of(&registered.json().unwrap()));
    for call in [
        stack.call(Method::GET, &path),
        stack.call(Method::PATCH, &path).json(&json!({"displayName": "Ada"})),
        stack.call(Method::POST, &format!("{path}/roles")).json(&json!({"role": "admin"})),
        stack.call(Method::GET, "/users"),
        stack.call(Method::GET, &format!("{path}/audit")),
        stack.call(Method::DELETE, &format!("{path}/roles/admin")),
        stack.call(Method::PUT, &format!("{path}/status")).json(&json!({"status": "disabled"})),
    ] {
        let answer = call.send().await.unwrap();
        let status = answer.status.as_u16();
        if status == 503 {
            assert!(answer.header("retry-after").is_some());
        }
        statuses.push(status);
    }
    statuses
}

fn failures(statuses: &BTreeMap<u16, usize>) -> Vec<u16> {
    statuses.keys().copied().filter(|status| *status >= 400).collect()
}

#[tokio::test]
async fn a_low_soft_limit_is_raised_and_breaks_no_call() {
    let stack = Launch::new().ulimit("-S -n 256").start().await;
    if let Ok(limits) = std::fs::read_to_string(format!("/proc/{}/limits", stack.pid())) {
        let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
        let words: Vec<_> = line.split_whitespace().collect();
        assert_eq!(words[3], words[4], "{line}");
    }
    let (statuses, said) = load(stack).await;
    assert_eq!(failures(&statuses), Vec::<u16>::new(), "{statuses:?} {said}");
}

#[tokio::test]
async fn a_low_hard_limit_makes_calls_wait_or_retry_and_never_fail() {
    let stack = Launch::new().ulimit("-n 256").start().await;
    let (statuses, said) = load(stack).await;
    // A role that was not assigned, because that was answered 503, cannot be removed.
    let unexpected: Vec<_> =
        failures(&statuses).into_iter().filter(|status| ![503, 404].contains(status)).collect();
    assert_eq!(unexpected, Vec::<u16>::new(), "{statuses:?} {said}");
    assert!(statuses[&200] > 0, "{statuses:?}");
    assert!(said.contains("256 file descriptors are few"), "{said}");
    assert!(said.contains("`ulimit -n` raises the limit"), "{said}");
}

#[tokio::test]
async fn connections_beyond_the_limit_are_refused_with_503_until_others_end() {
    let stack = Launch::new().ulimit("-n 256").start().await;
    let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port(stack.url()));
    let head = "GET /prod/users HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let call = async || exchange(address, head.as_bytes()).await;
    // A quarter of the descriptors is for the connections of callers.
    let mut idle = Vec::new();
    while idle.len() < 256 / 4 {
        idle.push(TcpStream::connect(address).await.unwrap());
    }
    let refused = call().await;
    assert_eq!(status(&refused), 503, "{refused}");
    assert!(refused.contains("service-unavailable"), "{refused}");
    assert!(refused.to_lowercase().contains("retry-after: "), "{refused}");
    for _ in 0..20 {
        assert_eq!(status(&call().await), 503);
    }
    let said = stack.said();
    assert_eq!(said.matches("further calls are answered 503").count(), 1, "{said}");
    drop(idle);
    wait::until("connections are refused for ever", async || {
        (status(&call().await) == 403).then_some(())
    })
    .await;
}
