//! The memory limit of a function: it applies to resident memory only.

use crate::harness::{Harness, TestStack, eventually};
use http::StatusCode;
use serde_json::{Value, json};

const LIMIT_MB: u64 = 64;

async fn start() -> TestStack {
    let harness = Harness::new().with_template(|template| {
        let properties = &mut template["Resources"]["FakeEchoFunction"]["Properties"];
        properties["MemorySize"] = json!(LIMIT_MB);
        // An instance that is not killed for its memory must be seen to run into this.
        properties["Timeout"] = json!(30);
    });
    harness.start().await
}

/// Has the function take memory: the status of the answer, and the process that answered.
async fn allocate(stack: &TestStack, wish: Value, id: &str) -> (StatusCode, Option<u64>) {
    let mut wish = wish;
    wish["do"] = json!("allocate");
    let answer = stack.call("POST", "/items", &[("X-Correlation-Id", id)], &wish.to_string()).await;
    (answer.status, answer.json()["pid"].as_u64())
}

async fn cold_starts(stack: &TestStack) -> u64 {
    let functions = stack.control("functions").await;
    let all = functions["items"].as_array().unwrap();
    all.iter().find(|it| it["name"] == "fake-echo").unwrap()["coldStarts"].as_u64().unwrap()
}

/// The function's log lines that report too much memory.
async fn reports(stack: &TestStack) -> Vec<String> {
    let logs = stack.control("logs?limit=1000").await;
    let lines = logs["items"].as_array().unwrap().iter();
    let messages = lines.filter(|line| line["source"] == "fake-echo" && line["level"] == "ERROR");
    messages.map(|line| line["message"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_exceeds_its_memory_is_killed_and_the_next_call_gets_a_fresh_one() {
    let stack = start().await;
    let wishes = [
        json!({"how": "at-once", "mb": 80, "ms": 20_000}),
        json!({"how": "at-once", "mb": 600, "ms": 20_000}),
        json!({"how": "gradually", "mb": 300, "ms": 20_000}),
        json!({"how": "in-pieces", "mb": 100, "ms": 20_000}),
        json!({"how": "at-once", "mb": LIMIT_MB, "ms": 20_000}),
    ];
    for (number, wish) in (1..).zip(wishes) {
        let (status, _) = allocate(&stack, wish.clone(), "too-much").await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{wish}");
        let reported = reports(&stack).await;
        assert_eq!(reported.len(), number, "{wish}: {reported:?}");
        let (status, _) = allocate(&stack, json!({"mb": 1}), "fine").await;
        assert_eq!(status, StatusCode::OK, "after {wish}");
        assert_eq!(cold_starts(&stack).await, 1 + number as u64, "{wish}");
    }
    for report in reports(&stack).await {
        assert!(report.contains("Memory Size: 64 MB\tMax Memory Used: "), "{report}");
        assert!(report.ends_with("Status: error\tError Type: Runtime.OutOfMemory"), "{report}");
    }
    let call = stack.control("calls/too-much").await.to_string();
    for words in [
        "Runtime.OutOfMemory: RequestId: ",
        " Error: Runtime exited with error: signal: killed",
        "MB used of 64 MB",
    ] {
        assert!(call.contains(words), "{words:?} is not in {call}");
    }
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_that_is_not_resident_or_within_the_limit_does_not_end_an_instance() {
    let stack = start().await;
    let mut pids = Vec::new();
    for wish in [
        json!({"how": "reserved", "mb": 4096, "ms": 300}),
        json!({"how": "reserved", "mb": LIMIT_MB, "ms": 300, "keep": true}),
        json!({"how": "at-once", "mb": LIMIT_MB - 10, "ms": 300}),
        json!({"how": "gradually", "mb": LIMIT_MB / 2, "ms": 300}),
        json!({"how": "in-pieces", "mb": LIMIT_MB - 14, "ms": 300}),
    ] {
        let (status, pid) = allocate(&stack, wish.clone(), "fine").await;
        assert_eq!(status, StatusCode::OK, "{wish}");
        pids.push(pid.unwrap());
    }
    pids.dedup();
    assert_eq!(pids.len(), 1, "one instance answered them all");
    assert_eq!(reports(&stack).await, Vec::<String>::new());
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_that_grows_from_call_to_call_ends_the_instance_at_the_limit() {
    let stack = start().await;
    let mut pids = Vec::new();
    for _ in 0..3 {
        for _ in 0..5 {
            let wish = json!({"how": "at-once", "mb": 10, "keep": true});
            let (status, pid) = allocate(&stack, wish, "grows").await;
            assert_eq!(status, StatusCode::OK);
            pids.push(pid.unwrap());
        }
        let wish = json!({"how": "at-once", "mb": 14, "ms": 20_000});
        let (status, _) = allocate(&stack, wish, "grows").await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    }
    let in_a_row: Vec<_> = pids.chunk_by(|one, two| one == two).map(<[u64]>::len).collect();
    assert_eq!(in_a_row, [5, 5, 5]);
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_that_was_taken_at_the_end_of_a_call_ends_the_idle_instance() {
    let stack = start().await;
    let (status, first) =
        allocate(&stack, json!({"how": "at-once", "mb": 90, "keep": true}), "late").await;
    // Seen before or after the answer; in both cases the instance has no other call.
    if status == StatusCode::OK {
        assert!(eventually(async || reports(&stack).await.len() == 1).await);
    }
    let (status, second) = allocate(&stack, json!({"mb": 1}), "fine").await;
    assert_eq!(status, StatusCode::OK);
    assert_ne!(first, second);
    stack.stop().await;
}
