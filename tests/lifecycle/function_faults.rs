//! A function that crashes or hangs costs one call at most, and never the next one.

use crate::functions::template_with_timeout;
use crate::process;
use http::Method;
use rustix::process::Signal;
use serde_json::{Value, json};
use users_client::{Call, Response};
use users_contract::ErrorCode;
use users_tests::stack::{Launch, Stack};

const READER: &str = "users-profile-get";

/// A stack with one user, and the path of that user.
async fn stack_with_user(launch: Launch) -> (Stack, String) {
    let stack = launch.start().await;
    let path = stack.new_user().await;
    stack.json(stack.call(Method::GET, &path)).await;
    (stack, path)
}

/// Fails unless the answer is a 5xx in the contract's format.
#[track_caller]
fn expect_5xx(response: &Response, instance: &str) {
    let body: Value = response.json().unwrap();
    assert!(response.status.is_server_error(), "{}: {body}", response.status);
    let media_type = response.header("content-type").unwrap();
    assert!(media_type.starts_with("application/problem+json"), "{media_type}");
    let known = ErrorCode::ALL.iter().find(|known| body["code"] == known.as_str());
    let code = *known.unwrap_or_else(|| panic!("an unknown code: {body}"));
    let correlation_id = response.header("x-correlation-id").unwrap();
    let expected = json!({
        "type": code.urn(),
        "title": code.title(),
        "status": code.status(),
        "code": code.as_str(),
        "detail": code.default_detail(),
        "instance": instance,
        "correlationId": correlation_id,
    });
    assert_eq!(body, expected);
    assert_eq!(response.status.as_u16(), code.status());
    assert_eq!(response.header("cache-control"), Some("no-store"));
    let retry_after = code.retry_after_seconds().map(|seconds| seconds.to_string());
    assert_eq!(response.header("retry-after"), retry_after.as_deref());
}

/// Sends a call and, once an instance of the function is at work on it, a signal to that instance.
async fn interrupted(stack: &Stack, call: Call, function: &str, signal: Signal) -> (Response, u32) {
    let sent = tokio::spawn(async move { call.send().await });
    let pid = stack.control.busy_pid(function).await;
    process::signal(pid, signal);
    (sent.await.unwrap().unwrap(), pid)
}

#[tokio::test]
async fn a_function_that_crashes_in_the_middle_of_a_call_is_replaced() {
    let (stack, path) = stack_with_user(Launch::new()).await;
    stack.control.set_faults(&json!({"dynamodb": {"delayMs": 60_000}})).await;
    let call = stack.call(Method::GET, &path);
    let (answer, pid) = interrupted(&stack, call, READER, Signal::KILL).await;
    expect_5xx(&answer, &format!("/prod{path}"));
    stack.control.clear_faults().await;
    stack.json(stack.call(Method::GET, &path)).await;
    stack.control.wait_until_unlisted(READER, &[pid]).await;
}

#[tokio::test]
async fn a_function_that_hangs_in_the_middle_of_a_call_is_ended_at_its_timeout_and_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let template = template_with_timeout(directory.path(), 3);
    let (stack, path) = stack_with_user(Launch::new().template(&template)).await;
    stack.control.set_faults(&json!({"dynamodb": {"delayMs": 60_000}})).await;
    let call = stack.call(Method::GET, &path);
    let (answer, pid) = interrupted(&stack, call, READER, Signal::STOP).await;
    expect_5xx(&answer, &format!("/prod{path}"));
    stack.control.clear_faults().await;
    process::wait_until_gone(&[pid]).await;
    stack.json(stack.call(Method::GET, &path)).await;
    assert!(stack.said().contains("Task timed out after 3 seconds"), "{}", stack.said());
}

#[tokio::test]
async fn a_function_that_hangs_between_calls_costs_one_call() {
    let directory = tempfile::tempdir().unwrap();
    let template = template_with_timeout(directory.path(), 3);
    let (stack, path) = stack_with_user(Launch::new().template(&template)).await;
    let pids = stack.control.pids(Some(READER)).await;
    for pid in &pids {
        process::signal(*pid, Signal::STOP);
    }
    for _ in &pids {
        let answer = stack.call(Method::GET, &path).send().await.unwrap();
        expect_5xx(&answer, &format!("/prod{path}"));
    }
    stack.json(stack.call(Method::GET, &path)).await;
    process::wait_until_gone(&pids).await;
}

#[tokio::test]
async fn a_function_that_ends_between_calls_costs_no_call() {
    let (stack, path) = stack_with_user(Launch::new()).await;
    let pids = stack.control.pids(Some(READER)).await;
    for pid in &pids {
        process::signal(*pid, Signal::KILL);
    }
    // Until the stack notices the end of an instance, it may hand it a call.
    process::wait_until_gone(&pids).await;
    stack.control.wait_until_unlisted(READER, &pids).await;
    for _ in 0..3 {
        stack.json(stack.call(Method::GET, &path)).await;
    }
}
