//! Damaged data: the stack refuses to start, and names the file, the place and the remedy.

use crate::process;
use http::Method;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use users_tests::stack::Launch;
use users_tests::{sample, wait};

const EVENTS: &str = "events.jsonl";
const DATABASE: &str = "dynamodb.sqlite";
const USERS: usize = 60;

/// The data of a stack with some users, all of them on the bus, which was ended by a
/// signal.
async fn data_of_a_stack(signal: Signal) -> TempDir {
    let data = tempfile::tempdir().unwrap();
    let mut stack = Launch::new().data(data.path()).start().await;
    for _ in 0..USERS {
        stack.json(stack.call(Method::POST, "/users").json(&sample::registration())).await;
    }
    wait::until("not every event arrives", async || {
        (stack.control.events().await.len() >= USERS).then_some(())
    })
    .await;
    process::signal(stack.pid(), signal);
    stack.ended().await;
    data
}

/// The file with the position in the stream.
fn checkpoint(data: &Path) -> PathBuf {
    let entries = fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path());
    let is_checkpoint =
        |path: &PathBuf| fs::read_to_string(path).is_ok_and(|it| it.contains("lastSequenceNumber"));
    entries
        .filter(|path| path.extension().is_some_and(|it| it == "json"))
        .find(is_checkpoint)
        .unwrap()
}

/// The stack's refusal of a file with other content. The file is restored afterwards.
async fn refusal(data: &Path, file: &Path, content: &[u8]) -> String {
    let sound = fs::read(file).unwrap();
    fs::write(file, content).unwrap();
    let said = Launch::new().data(data).expect_refusal().await;
    fs::write(file, sound).unwrap();
    let error = said.rsplit_once("error: ").unwrap().1.to_owned();
    assert!(error.contains(&file.display().to_string()), "{error}");
    error
}

#[tokio::test]
async fn a_checkpoint_that_names_no_record_is_refused() {
    let data = data_of_a_stack(Signal::TERM).await;
    let file = checkpoint(data.path());
    let state: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let number = state["lastSequenceNumber"].as_str().unwrap().to_owned();
    let next = (number.parse::<u128>().unwrap() + 1).to_string();
    for damaged in [
        "999999999999999999999",
        next.as_str(),
        "100000000000000000000",
        "1000000000000000000000000000000000000000",
        "5",
        "",
        "not a number",
        "-00000000000000000001",
    ] {
        let content = json!({"lastSequenceNumber": damaged}).to_string();
        let error = refusal(data.path(), &file, content.as_bytes()).await;
        assert!(error.contains(&format!("{damaged:?}")), "{damaged}: {error}");
        assert!(error.contains("remove the file"), "{damaged}: {error}");
    }
    let stack = Launch::new().data(data.path()).start().await;
    stack.json(stack.call(Method::GET, "/users")).await;
}

#[tokio::test]
async fn a_damaged_event_is_named_by_its_line_also_after_an_orderly_stop() {
    let data = data_of_a_stack(Signal::TERM).await;
    let file = data.path().join(EVENTS);
    let text = fs::read_to_string(&file).unwrap();
    let with_line_50 = |line: Option<&str>| {
        let mut lines: Vec<_> = text.lines().collect();
        match line {
            Some(line) => lines[49] = line,
            None => {
                lines.remove(49);
            }
        }
        format!("{}\n", lines.join("\n"))
    };
    let half = &text.lines().nth(49).unwrap()[..40];
    let twice = text.lines().nth(48);
    for damaged in [Some("oops"), Some(half), Some(""), Some("[]"), twice, None] {
        let error = refusal(data.path(), &file, with_line_50(damaged).as_bytes()).await;
        assert!(error.contains("line 50 "), "{damaged:?}: {error}");
        assert!(error.contains("move it away"), "{damaged:?}: {error}");
    }
}

#[tokio::test]
async fn events_that_were_lost_after_an_orderly_stop_are_noticed() {
    let data = data_of_a_stack(Signal::TERM).await;
    let file = data.path().join(EVENTS);
    let text = fs::read(&file).unwrap();
    let last_line = text[..text.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    // A piece of the last line, exactly the last line, more, and everything.
    for left in [text.len() - 20, last_line, text.len() / 2, 0] {
        let error = refusal(data.path(), &file, &text[..left]).await;
        assert!(error.contains("bytes are missing"), "{left}: {error}");
        assert!(error.contains("move it away"), "{left}: {error}");
        let again = refusal(data.path(), &file, &text[..left]).await;
        assert_eq!(error, again, "it is refused again");
        rewrite(data.path()).await;
    }
}

#[tokio::test]
async fn a_damaged_database_is_refused_after_any_end() {
    for signal in [Signal::KILL, Signal::TERM] {
        let data = data_of_a_stack(signal).await;
        let file = data.path().join(DATABASE);
        // After a kill much is in the log only; this moves it into the file and vouches for nothing.
        rewrite(data.path()).await;
        let sound = fs::read(&file).unwrap();
        assert!(sound.len() > 20 * 4096);
        let cut = &sound[..sound.len() - 100];
        let half = &sound[..sound.len() / 8192 * 4096];
        let text: &[u8] = b"this was a database";
        let mut hollow = sound.clone();
        hollow[4096..sound.len() - 4096].fill(0);
        let mut headless = sound.clone();
        headless[..100].fill(0);
        for damaged in [cut, half, text, hollow.as_slice(), headless.as_slice()] {
            let error = refusal(data.path(), &file, damaged).await;
            assert!(error.contains("is damaged"), "{error}");
            assert!(error.contains("begin anew by moving"), "{error}");
        }
        let stack = Launch::new().data(data.path()).start().await;
        assert_eq!(
            stack
                .control
                .table("UsersTable")
                .await
                .iter()
                .filter(|it| it["sk"] == "PROFILE")
                .count(),
            USERS
        );
    }
}

/// Starts a stack and ends it in order.
async fn rewrite(data: &Path) {
    let mut stack = Launch::new().data(data).start().await;
    process::signal(stack.pid(), Signal::TERM);
    assert_eq!(stack.ended().await.code(), Some(0), "{}", stack.said());
}
