//! The stack is killed in the middle of many writes. Every acknowledged write is there, every other
//! write can be repeated, and no write has happened twice or in part.

use crate::load::{Told, Write, write_until_gone};
use crate::process;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::unbounded_channel;
use users_tests::stack::{Launch, Stack};
use users_tests::{id_of, version_of};

const ROUNDS: u64 = 4;
const WRITERS: usize = 12;
/// How long the relay may take to carry everything to the bus.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_killed_stack_has_lost_nothing_and_done_nothing_twice() {
    let data = tempfile::tempdir().unwrap();
    let mut acknowledged: Vec<(Write, Value)> = Vec::new();
    let mut lost = 0;
    let mut done_unseen = 0;
    for round in 0..ROUNDS {
        // In every other round answers are delayed, so that more writes are done but unacknowledged.
        let faults = json!({"dynamodb": {"replyDelayMs": round % 2 * 20}});
        let (told, pids) = write_and_kill(data.path(), &faults).await;
        process::wait_until_gone(&pids).await;

        let mut stack = Launch::new().data(data.path()).start().await;
        stack.control.expect_sound("after the kill").await;
        let mut unsettled = Vec::new();
        for told in told {
            match told {
                Told::Success(write, user) => acknowledged.push((write, user)),
                Told::Nothing(write) => unsettled.push(write),
            }
        }
        // Every write acknowledged so far, in earlier rounds too.
        expect_present(&stack, &acknowledged).await;
        lost += unsettled.len();
        for write in unsettled {
            let (user, is_replayed) = write.settle(&stack).await;
            done_unseen += usize::from(is_replayed);
            acknowledged.push((write, user));
        }
        expect_present(&stack, &acknowledged).await;
        stack.control.expect_sound("after the retries").await;
        expect_events(&stack).await;
        expect_replays(&stack, &acknowledged).await;
        process::signal(stack.pid(), Signal::TERM);
        assert_eq!(stack.ended().await.code(), Some(0), "{}", stack.said());
    }
    // Otherwise the test proved nothing.
    assert!(lost >= WRITERS, "only {lost} writes were under way at a kill");
    println!("{} writes, {lost} of them sent again, {done_unseen} done before", acknowledged.len());
}

/// Starts a stack, lets many writers write to it, and kills it in the middle. Returns the writers'
/// outcomes and the functions' processes.
async fn write_and_kill(data: &Path, faults: &Value) -> (Vec<Told>, Vec<u32>) {
    let stack = Launch::new().data(data).start().await;
    let (shared, _) = Write::register().settle(&stack).await;
    stack.control.set_faults(&faults.clone()).await;
    let stack = Arc::new(stack);
    let (sender, mut receiver) = unbounded_channel();
    let writers: Vec<_> = (0..WRITERS)
        .map(|number| {
            let (stack, shared) = (Arc::clone(&stack), id_of(&shared).to_owned());
            tokio::spawn(write_until_gone(stack, number, shared, sender.clone()))
        })
        .collect();
    drop(sender);
    let mut told = Vec::new();
    let enough = fastrand::usize(30..90);
    while told.len() < enough {
        told.push(receiver.recv().await.unwrap());
    }
    let pids = stack.control.pids(None).await;
    process::signal(stack.pid(), Signal::KILL);
    for writer in writers {
        writer.await.unwrap();
    }
    while let Some(more) = receiver.recv().await {
        told.push(more);
    }
    let status = Arc::into_inner(stack).unwrap().ended().await;
    assert_eq!(status.code(), None, "it was not killed but ended: {status}");
    (told, pids)
}

/// Fails unless each write has made exactly the version in its answer.
async fn expect_present(stack: &Stack, writes: &[(Write, Value)]) {
    let mut histories: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for (write, user) in writes {
        let id = id_of(user);
        if !histories.contains_key(id) {
            histories.insert(id, stack.api().history(id).await);
        }
        assert_eq!(write.versions(&histories[id]), [version_of(user)], "{write:?}");
    }
}

/// Repeats some of the writes: each must get the same answer again.
async fn expect_replays(stack: &Stack, writes: &[(Write, Value)]) {
    let latest = writes.iter().rev().take(WRITERS);
    let any = (0..WRITERS).map(|_| &writes[fastrand::usize(..writes.len())]);
    for (write, user) in latest.chain(any) {
        let (again, is_replayed) = write.settle(stack).await;
        assert!(is_replayed, "{write:?}");
        assert_eq!(again, *user);
    }
}

/// Fails unless every audit entry of the table reaches the bus, in order per user.
async fn expect_events(stack: &Stack) {
    let table = stack.control.table("UsersTable").await;
    let is_audit = |item: &&Value| item["sk"].as_str().unwrap().starts_with("AUDIT#");
    let entries: BTreeSet<&str> =
        table.iter().filter(is_audit).map(|entry| entry["eventId"].as_str().unwrap()).collect();
    let begun = Instant::now();
    loop {
        let events = stack.control.events().await;
        let id = |event: &Value| event["detail"]["eventId"].as_str().unwrap().to_owned();
        let arrived: BTreeSet<String> = events.iter().map(id).collect();
        let missing: Vec<_> = entries.iter().filter(|id| !arrived.contains(**id)).collect();
        if missing.is_empty() {
            assert_eq!(arrived.len(), entries.len(), "the bus has events that nothing recorded");
            expect_order(&events);
            assert_eq!(stack.control.dead_letters().await, Vec::<Value>::new());
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{} of {} miss", missing.len(), entries.len());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Without repetitions, a user's events arrive in the order of versions.
fn expect_order(events: &[Value]) {
    let mut latest: BTreeMap<&str, u64> = BTreeMap::new();
    for event in events {
        let detail = &event["detail"];
        let version = detail["version"].as_u64().unwrap();
        let before = latest.entry(detail["userId"].as_str().unwrap()).or_default();
        assert!(version <= *before + 1, "version {version} came after {before}: {detail}");
        *before = version.max(*before);
    }
}
