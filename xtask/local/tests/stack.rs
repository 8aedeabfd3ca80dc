//! The whole stack, with a fake function and a small template of the real one's shape.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod callers;
mod harness;
mod memory;
mod typed;

use harness::{Harness, TestStack, eventually};
use http::StatusCode;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_call_reaches_the_function_with_everything() {
    let stack = Harness::new().start().await;
    let answer =
        stack.call("POST", "/items?a=1&a=%2B", &[("x-custom", "value")], r#"{"do":"echo"}"#).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers["x-echo"], "yes");
    assert!(answer.headers.contains_key("x-amzn-requestid"));
    let echo = answer.json();
    let event = &echo["event"];
    assert_eq!(event["resource"], "/items");
    assert_eq!(event["path"], "/items");
    assert_eq!(event["requestContext"]["path"], "/prod/items");
    assert_eq!(event["headers"]["x-custom"], "value");
    assert_eq!(event["multiValueQueryStringParameters"]["a"], json!(["1", "+"]));
    assert_eq!(
        event["requestContext"]["identity"]["userArn"],
        "arn:aws:iam::000000000000:user/test"
    );
    let environment = &echo["environment"];
    assert_eq!(environment["ITEMS_TABLE"], "ItemsTable");
    assert_eq!(environment["AWS_LAMBDA_FUNCTION_NAME"], "local-fake-echo");
    assert_eq!(environment.get("HOME"), None);
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_answers_requests_without_a_function() {
    let stack = Harness::new().start().await;
    let unsigned = stack.send_unsigned("GET", "/items/1", &[], "").await;
    assert_eq!(unsigned.problem(), (403, "not-authenticated".to_owned()));
    assert_eq!(unsigned.headers["content-type"], "application/problem+json");
    assert_eq!(unsigned.headers["x-correlation-id"], unsigned.headers["x-amzn-requestid"]);

    let preflight = stack.send_unsigned("OPTIONS", "/items", &[], "").await;
    assert_eq!(preflight.status, StatusCode::NO_CONTENT);
    assert_eq!(preflight.headers["access-control-allow-methods"], "POST");
    assert!(preflight.body.is_empty());

    let other_method = stack.call("PUT", "/items", &[], "{}").await;
    assert_eq!(other_method.problem(), (405, "method-not-allowed".to_owned()));
    assert_eq!(other_method.headers["allow"], "POST, OPTIONS");

    let unknown = stack.call("GET", "/nowhere/it's", &[], "").await;
    assert_eq!(unknown.problem(), (404, "route-not-found".to_owned()));
    assert_eq!(unknown.json()["instance"], "/prod/nowhere/it's");

    let missing = stack.call("POST", "/items", &[], "{}").await;
    assert_eq!(missing.problem(), (400, "invalid-request".to_owned()));
    let detail = r#"[object has missing required properties (["do"])]"#;
    assert_eq!(missing.json()["detail"], detail);

    let wrong_secret = stack.call_as("test", "wrong", "GET", "/items/1", &[], "").await;
    assert_eq!(wrong_secret.problem(), (403, "not-authenticated".to_owned()));

    let large = "x".repeat(10 * 1024 * 1024 + 1);
    let too_large = stack.call("POST", "/items", &[], &large).await;
    assert_eq!(too_large.problem(), (413, "payload-too-large".to_owned()));
    let unsigned = stack.send_unsigned("POST", "/items", &[], &large).await;
    assert_eq!(unsigned.problem(), (403, "not-authenticated".to_owned()), "before it is read");

    let outside = stack.get_json_at("/elsewhere").await;
    assert_eq!(outside["message"], "Forbidden");
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_of_a_function_are_5xx_and_the_next_call_works() {
    let stack = Harness::new().start().await;
    for wish in ["error", "crash", "garbage"] {
        let body = json!({"do": wish}).to_string();
        let failed = stack.call("POST", "/items", &[], &body).await;
        assert_eq!(failed.problem(), (500, "internal-error".to_owned()), "{wish}");
        let next = stack.call("POST", "/items", &[], r#"{"do":"echo"}"#).await;
        assert_eq!(next.status, StatusCode::OK, "after {wish}");
    }
    let slow = stack.call("POST", "/items", &[], r#"{"do":"sleep","ms":60000}"#).await;
    assert_eq!(slow.problem(), (500, "internal-error".to_owned()));
    let next = stack.call("POST", "/items", &[], r#"{"do":"echo"}"#).await;
    assert_eq!(next.status, StatusCode::OK);
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_at_once_get_instances_of_their_own_up_to_the_limit() {
    let stack = Harness::new().start().await;
    let sleep = r#"{"do":"sleep","ms":1000}"#;
    let (first, second) = tokio::join!(
        stack.call("POST", "/items", &[], sleep),
        stack.call("POST", "/items", &[], sleep)
    );
    assert_ne!(first.json()["pid"], second.json()["pid"]);
    // One instance at most, which is busy for longer than a second caller may wait.
    let long = r#"{"do":"sleep","ms":5000}"#;
    let (first, second) = tokio::join!(
        stack.call("POST", "/single", &[], long),
        stack.call("POST", "/single", &[], long)
    );
    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses[0], 500, "the one that ran timed out");
    assert!([500, 503].contains(&statuses[1]), "the other waited: {}", statuses[1]);
    let functions = stack.control("functions").await;
    let echo = functions["items"]
        .as_array()
        .and_then(|all| all.iter().find(|function| function["name"] == "fake-echo"))
        .cloned()
        .unwrap();
    assert_eq!(echo["coldStarts"], 2);
    assert_eq!(echo["invocations"], 2);
    stack.stop().await;
}

async fn write(stack: &TestStack, sk: &str) {
    let body = json!({"do": "write", "pk": "p", "sk": sk}).to_string();
    let answer = stack.call("POST", "/items", &[], &body).await;
    assert_eq!(answer.status, StatusCode::OK);
}

async fn events(stack: &TestStack) -> Vec<String> {
    let page = stack.control("events?after=0&limit=1000").await;
    let items = page["items"].as_array().cloned().unwrap_or_default();
    items.iter().filter_map(|event| event["detail"]["sk"].as_str().map(str::to_owned)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn new_items_reach_the_bus_in_order_and_only_those_that_pass_the_filter() {
    let stack = Harness::new().start().await;
    for sk in ["AUDIT#1", "PROFILE", "AUDIT#2", "AUDIT#1", "AUDIT#3"] {
        write(&stack, sk).await;
    }
    let expected = ["AUDIT#1", "AUDIT#2", "AUDIT#3"];
    assert!(
        eventually(async || events(&stack).await == expected).await,
        "{:?}",
        events(&stack).await
    );
    let page = stack.control("events?after=1&limit=1").await;
    assert_eq!(page["next"], 2);
    let record = &page["items"][0]["detail"]["record"];
    assert_eq!(record["eventName"], "INSERT");
    assert_eq!(record["awsRegion"], "us-east-1");
    assert_eq!(
        record["eventSourceARN"],
        "arn:aws:dynamodb:us-east-1:000000000000:table/ItemsTable/stream/local"
    );
    let items = stack.control("tables/ItemsTable/items").await;
    assert_eq!(items["items"].as_array().map(Vec::len), Some(4));
    stack.stop().await;
}

async fn relay_invocations(stack: &TestStack) -> u64 {
    let functions = stack.control("functions").await;
    let all = functions["items"].as_array().cloned().unwrap_or_default();
    let relay = all.iter().find(|function| function["name"] == "fake-relay");
    relay.and_then(|relay| relay["invocations"].as_u64()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_that_refuses_delays_events_and_loses_none() {
    let patient = Harness::new().with_template(|template| {
        template["Resources"]["Stream"]["Properties"]["MaximumRetryAttempts"] = json!(10_000);
    });
    for fault in ["refuse-all", "refuse-some", "unavailable"] {
        let stack = patient.start().await;
        stack.set_faults(&json!({"bus": fault})).await;
        write(&stack, "AUDIT#1").await;
        write(&stack, "AUDIT#2").await;
        assert!(eventually(async || relay_invocations(&stack).await >= 3).await, "{fault}");
        assert_eq!(events(&stack).await, Vec::<String>::new(), "{fault}");
        stack.set_faults(&json!({})).await;
        let expected = ["AUDIT#1", "AUDIT#2"];
        assert!(eventually(async || events(&stack).await == expected).await, "{fault}");
        stack.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_given_up_after_its_retries_and_the_next_is_delivered() {
    let stack = Harness::new().start().await;
    stack.set_faults(&json!({"bus": "refuse-all"})).await;
    write(&stack, "AUDIT#1").await;
    let given_up = async || {
        let letters = stack.control("dead-letters").await;
        letters["items"][0]["requestContext"]["condition"] == "RetryAttemptsExhausted"
    };
    assert!(eventually(given_up).await);
    assert_eq!(relay_invocations(&stack).await, 4, "the template has three retries");
    stack.set_faults(&json!({})).await;
    write(&stack, "AUDIT#2").await;
    assert!(eventually(async || events(&stack).await == ["AUDIT#2"]).await);
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn data_and_undelivered_events_survive_a_restart() {
    let harness = Harness::new().kept();
    let stack = harness.start().await;
    stack.set_faults(&json!({"bus": "unavailable"})).await;
    write(&stack, "AUDIT#1").await;
    stack.stop().await;
    let stack = harness.start().await;
    assert!(eventually(async || events(&stack).await == ["AUDIT#1"]).await);
    let items = stack.control("tables/ItemsTable/items").await;
    assert_eq!(items["items"][0]["sk"]["S"], "AUDIT#1");
    stack.stop().await;
    // Delivered is delivered: nothing comes twice after an orderly stop.
    let stack = harness.start().await;
    write(&stack, "AUDIT#2").await;
    let expected = ["AUDIT#1", "AUDIT#2"];
    assert!(
        eventually(async || events(&stack).await == expected).await,
        "{:?}",
        events(&stack).await
    );
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delayed_write_takes_effect_although_its_function_was_killed() {
    let stack = Harness::new().start().await;
    stack.set_faults(&json!({"dynamodb": {"replyDelayMs": 60000}})).await;
    // The function's own timeout is two seconds.
    let body = json!({"do": "write", "pk": "p", "sk": "PROFILE"}).to_string();
    let answer = stack.call("POST", "/items", &[], &body).await;
    assert_eq!(answer.problem(), (500, "internal-error".to_owned()));
    let items = stack.control("tables/ItemsTable/items").await;
    assert_eq!(items["items"][0]["sk"]["S"], "PROFILE");
    stack.stop().await;
}

/// Writes an item while one fault is placed at the writing function; the status of the answer, if
/// there was one, and whether the item is there once nothing is to be done any more.
async fn write_with_fault(stack: &TestStack, at: &Value, fault: &str) -> (Option<u16>, bool) {
    let id = format!("{}-{fault}", at.as_str().unwrap_or("call"));
    stack
        .place(&json!({
            "id": id, "function": "fake-echo", "marker": format!("OF#{id}#"), "at": at,
            "fault": fault
        }))
        .await;
    let body = json!({"do": "write", "pk": "p", "sk": format!("OF#{id}#")}).to_string();
    let answer = stack.try_post("/items", &body).await;
    assert_eq!(stack.control(&format!("faults/placed/{id}")).await["fired"], 1, "{id}");
    let at_rest = async || stack.control("faults/report").await["pending"] == 0;
    assert!(eventually(at_rest).await, "{id}");
    let items = stack.control("tables/ItemsTable/items").await;
    let items = items["items"].as_array().cloned().unwrap_or_default();
    let is_there = items.iter().any(|item| item["sk"]["S"] == format!("OF#{id}#"));
    (answer.map(|answer| answer.status.as_u16()), is_there)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_placed_fault_fires_at_its_place_and_is_reported() {
    let stack = Harness::new().start().await;
    let (call, start, response) = (json!({"call": 1}), json!("start"), json!("response"));
    for (at, fault, status, is_done) in [
        (&start, "kill-before", Some(500), false),
        (&start, "function-timeout", Some(500), false),
        (&start, "gateway-timeout", Some(500), true),
        (&call, "kill-before", Some(500), false),
        (&call, "kill-after", Some(500), true),
        (&call, "kill-after-answer", Some(500), true),
        (&call, "kill-then-apply", Some(500), true),
        (&call, "lose-answer", Some(500), true),
        (&call, "reset", Some(500), false),
        (&call, "duplicate", Some(200), true),
        (&call, "slow", Some(200), true),
        (&call, "throttle", Some(500), false),
        (&call, "transaction-conflict", Some(500), false),
        (&call, "function-timeout", Some(500), false),
        (&response, "kill-before", Some(500), true),
        (&response, "kill-after", Some(200), true),
        (&response, "lose-answer", None, true),
        (&response, "gateway-timeout", Some(500), true),
    ] {
        let came = write_with_fault(&stack, at, fault).await;
        if fault == "gateway-timeout" {
            // The function continues after the gateway gave up.
            assert_eq!(came.0, status, "{at} {fault}");
            continue;
        }
        assert_eq!(came, (status, is_done), "{at} {fault}");
    }
    let counts = stack.control("faults/report").await["counts"].clone();
    assert_eq!(counts["call/kill-before"], 1);
    assert_eq!(counts["response/lose-answer"], 1);
    // The next invocation has no fault.
    write(&stack, "PROFILE").await;
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_repeated_split_or_late_arrives_in_order() {
    let stack = Harness::new().start().await;
    for (nth, fault) in ["repeat", "split", "late"].iter().enumerate() {
        stack.hold_streams(true).await;
        let (first, second) = (format!("AUDIT#{nth}1"), format!("AUDIT#{nth}2"));
        write(&stack, &first).await;
        write(&stack, &second).await;
        stack
            .place(&json!({
                "id": fault, "function": "fake-relay", "marker": first, "at": "delivery",
                "fault": fault
            }))
            .await;
        stack.hold_streams(false).await;
        let arrived = async || {
            let mut seen = events(&stack).await;
            seen.retain(|sk| *sk == first || *sk == second);
            match *fault {
                "repeat" => seen == [first.as_str(), &second, &first, &second],
                _ => seen == [first.as_str(), &second],
            }
        };
        assert!(eventually(arrived).await, "{fault}: {:?}", events(&stack).await);
        assert_eq!(stack.control(&format!("faults/placed/{fault}")).await["fired"], 1, "{fault}");
    }
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_are_strict_and_readable() {
    let stack = Harness::new().start().await;
    assert_eq!(stack.post_faults(&json!({"buss": "ok"})).await.status, StatusCode::BAD_REQUEST);
    let set = stack.post_faults(&json!({"dynamodb": {"transactionConflictEvery": 2}})).await;
    assert_eq!(set.json()["dynamodb"]["transactionConflictEvery"], 2);
    assert_eq!(stack.control("faults").await["bus"], "ok");
    assert_eq!(stack.control("health").await, json!({"status": "ok"}));
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_start_names_the_cause() {
    let failing = Harness::new().with_template(|template| {
        template["Resources"]["FakeEchoFunction"]["Properties"]["Environment"]["Variables"]
            ["FAILS_TO_START"] = Value::from("1");
    });
    let error = failing.failure().await;
    assert!(error.contains("fake-echo"), "{error}");
    assert!(error.contains("exit status: 3"), "{error}");
    assert!(error.contains("no luck today"), "{error}");

    let missing = Harness::new().with_template(|template| {
        template["Resources"]["FakeEchoFunction"]["Properties"]["FunctionName"] =
            Value::from("local-nobody");
    });
    let error = missing.failure().await;
    assert!(error.contains("nobody has no binary"), "{error}");

    let stack = Harness::new().start().await;
    let error = Harness::new().port(stack.port()).failure().await;
    assert!(error.contains(&format!("port {} is in use", stack.port())), "{error}");
    assert!(error.contains("--port 0"), "{error}");
    stack.stop().await;
}
