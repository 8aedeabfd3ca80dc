//! The ordinary end of a stack: by SIGTERM or Ctrl-C, ready or not, busy or idle.

use crate::functions::Functions;
use crate::process;
use http::Method;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::process::Stdio;
use std::time::Duration;
use users_tests::stack::{Launch, required};
use users_tests::{id_of, sample, wait};

#[tokio::test]
async fn data_survive_an_ordinary_restart() {
    let data = tempfile::tempdir().unwrap();
    let mut stack = Launch::new().data(data.path()).start().await;
    let key = sample::key();
    let body = sample::full_registration();
    let register = |stack: &users_tests::stack::Stack| {
        stack.call(Method::POST, "/users").json(&body).idempotency_key(&key)
    };
    let first = register(&stack).send().await.unwrap();
    assert_eq!(first.status, 201);
    let id = id_of(&first.json().unwrap()).to_owned();
    let path = format!("/users/{id}");
    let patch = stack.call(Method::PATCH, &path).json(&json!({"displayName": "Countess"}));
    let user = stack.json(patch).await;
    let history = stack.api().history(&id).await;
    assert_eq!(history.len(), 2);
    let events = events_of_versions(&stack, &[1, 2]).await;

    let pids = stack.control.pids(None).await;
    assert!(pids.len() > users_contract::OPERATIONS.len(), "{pids:?}");
    process::signal(stack.pid(), Signal::TERM);
    assert_eq!(stack.ended().await.code(), Some(0), "{}", stack.said());
    process::expect_gone(&pids);

    let stack = Launch::new().data(data.path()).start().await;
    assert_eq!(stack.json(stack.call(Method::GET, &path)).await, user);
    assert_eq!(stack.api().history(&id).await, history);
    let listed = stack.json(stack.call(Method::GET, "/users")).await;
    assert_eq!(listed["items"], json!([user]));
    assert_eq!(stack.control.events().await[..2], events[..2]);
    let replayed = register(&stack).send().await.unwrap();
    assert_eq!(replayed.header("idempotent-replayed"), Some("true"));
    assert_eq!(replayed.body, first.body);
}

/// Waits for the events of these versions of the only user, in this order.
async fn events_of_versions(stack: &users_tests::stack::Stack, versions: &[u64]) -> Vec<Value> {
    wait::until(format!("the events are not {versions:?}"), async || {
        let events = stack.control.events().await;
        let arrived: Vec<_> =
            events.iter().map(|event| event["detail"]["version"].as_u64().unwrap()).collect();
        (arrived == versions).then_some(events)
    })
    .await
}

#[tokio::test]
async fn ctrl_c_ends_everything_also_in_the_middle_of_calls() {
    let mut stack = Launch::new().start().await;
    let path = stack.new_user().await;
    // Longer than a stack that ends waits for open calls.
    stack.control.set_faults(&json!({"dynamodb": {"delayMs": 60_000}})).await;
    let held = stack.call(Method::GET, &path);
    let held = tokio::spawn(async move { held.send().await });
    stack.control.busy_pid("users-profile-get").await;
    let pids = stack.control.pids(None).await;

    process::signal_group(stack.pid(), Signal::INT);
    assert_eq!(stack.ended().await.code(), Some(0), "{}", stack.said());
    process::expect_gone(&pids);
    // The call has an end too: a lost connection, or an answer that says the service is not there.
    if let Ok(answer) = held.await.unwrap() {
        assert!(answer.status.is_server_error(), "{}", answer.status);
    }
}

#[tokio::test]
async fn ctrl_c_while_starting_ends_everything() {
    let functions = Functions::real();
    functions.replace("users-profile-get", "echo $$ > $0.pid; exec sleep 600");
    let mut starting = Launch::new().functions(functions.path()).spawn();
    let pid = wait::until("the function does not start", async || {
        functions.noted_pid("users-profile-get")
    })
    .await;
    process::signal_group(starting.pid(), Signal::INT);
    let status = starting.ended().await;
    assert_eq!(status.code(), Some(0), "{}", starting.said());
    process::wait_until_gone(&[pid]).await;
}

#[tokio::test]
async fn a_stack_ends_in_order_with_its_terminal_and_with_its_parent() {
    for ends_with_its_terminal in [true, false] {
        let directory = tempfile::tempdir().unwrap();
        let ready_file = directory.path().join("ready.json");
        let mut stack = Launch::new().ephemeral().ready_file(&ready_file).start().await;
        let ready: Value = serde_json::from_slice(&std::fs::read(&ready_file).unwrap()).unwrap();
        let data = std::path::PathBuf::from(ready["data"].as_str().unwrap());
        assert!(data.is_dir());
        let path = stack.new_user().await;
        stack.control.set_faults(&json!({"dynamodb": {"delayMs": 60_000}})).await;
        let held = stack.call(Method::GET, &path);
        let held = tokio::spawn(async move { held.send().await });
        stack.control.busy_pid("users-profile-get").await;
        let pids = stack.control.pids(None).await;
        match ends_with_its_terminal {
            true => process::signal(stack.pid(), Signal::HUP),
            false => stack.orphan(),
        }
        assert_eq!(stack.ended().await.code(), Some(0), "{}", stack.said());
        process::expect_gone(&pids);
        assert!(!ready_file.exists());
        assert!(!data.exists());
        let _ = held.await.unwrap();
    }
}

#[tokio::test]
async fn functions_end_with_a_killed_stack_also_in_the_middle_of_a_slow_call() {
    let mut stack = Launch::new().start().await;
    let path = stack.new_user().await;
    stack.control.set_faults(&json!({"dynamodb": {"delayMs": 60_000}})).await;
    let mut held = Vec::new();
    for call in [
        stack.call(Method::GET, &path),
        stack.call(Method::PATCH, &path).json(&json!({"displayName": "Ada"})),
        stack.call(Method::POST, "/users").json(&sample::registration()),
        stack.call(Method::GET, "/users"),
        stack.call(Method::GET, &format!("{path}/audit")),
    ] {
        held.push(tokio::spawn(async move { call.send().await }));
    }
    for function in [
        "users-profile-get",
        "users-profile-update",
        "users-register-create",
        "users-list-query",
        "users-audit-query",
    ] {
        stack.control.busy_pid(function).await;
    }
    let pids = stack.control.pids(None).await;
    process::signal(stack.pid(), Signal::KILL);
    assert_eq!(stack.ended().await.code(), None);
    process::wait_until_gone(&pids).await;
    for held in held {
        assert!(held.await.unwrap().is_err());
    }
}

#[tokio::test]
async fn a_stack_whose_output_nobody_reads_ends_in_order() {
    for closes_stderr in [true, false] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = std::process::Command::new(required("USERS_LOCAL_STACK"));
        command.arg("--template").arg(required("USERS_LOCAL_TEMPLATE"));
        command.arg("--functions").arg(required("USERS_LOCAL_FUNCTIONS"));
        command.args(["--port", "0", "--ephemeral", "--output", "json"]).stdin(Stdio::null());
        match closes_stderr {
            true => command.stdout(Stdio::null()).stderr(writer),
            false => command.stdout(writer).stderr(Stdio::piped()),
        };
        let child = command.spawn().unwrap();
        let ended = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
        let ended = tokio::time::timeout(Duration::from_secs(60), ended).await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(0), "{said}");
        assert!(!said.contains("panicked") && !said.contains("error:"), "{said}");
    }
}
