//! Telemetry of real functions: in the formats that CloudWatch and X-Ray publish, none of it
//! with personal data, and with the trace passed on to AWS.
//!
//! The lines and documents stay in `target/tmp/telemetry`, for `.ci/telemetry`.

use crate::functions::Functions;
use http::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use users_contract::metric::{NAMESPACE, OPERATION};
use users_contract::{OPERATIONS, Operation, OperationName, RELAY};
use users_tests::stack::{Launch, Stack};
use users_tests::{id_of, telemetry, wait};

/// The mark of personal data: every value that is sent begins with it.
const MARK: &str = "zqmark";

/// Sends marked data to every operation, for a success and for a refusal of each.
async fn marked_calls(stack: &Stack) {
    let registration = json!({
        "email": format!("{MARK}@example.com"),
        "displayName": format!("{MARK} name"),
        "attributes": {"team": format!("{MARK} value")},
        "roles": ["admin"],
    });
    let user = stack.call(Method::POST, "/users").json(&registration);
    let keyed = user.clone().header("Idempotency-Key", format!("{MARK}-key"));
    let user_id = id_of(&stack.json(keyed.clone()).await).to_owned();
    let path = format!("/users/{user_id}");
    let call = |method: Method, rest: &str| stack.call(method, &format!("{path}{rest}"));
    let patch = json!({"givenName": format!("{MARK} patch")});
    let disable = json!({"status": "disabled", "reason": format!("{MARK} reason")});
    for success in [
        keyed,
        call(Method::GET, ""),
        call(Method::PATCH, "").json(&patch),
        call(Method::PUT, "/status").json(&disable),
        call(Method::POST, "/roles").json(&json!({"role": "editor"})),
        call(Method::DELETE, "/roles/admin"),
        stack.call(Method::GET, "/users").query("email", &format!("{MARK}@example.com")),
        call(Method::GET, "/audit"),
    ] {
        stack.json(success).await;
    }
    let wrong = json!({"email": MARK, "displayName": MARK, "givenName": format!("{MARK}\u{7}")});
    for refusal in [
        user,
        stack.call(Method::GET, &format!("/users/{MARK}")),
        call(Method::PATCH, "").json(&wrong),
        call(Method::PUT, "/status").json(&json!({"status": MARK})),
        call(Method::POST, "/roles").json(&json!({"role": format!("{MARK} role")})),
        call(Method::DELETE, &format!("/roles/{MARK}")),
        stack.call(Method::GET, "/users").query("email", MARK),
        call(Method::GET, "/audit").query("from", MARK),
    ] {
        let answer = refusal.send().await.unwrap();
        assert!(answer.status.is_client_error(), "{}", answer.status);
        let problem = without_what_was_named(answer.json().unwrap());
        assert!(!problem.to_string().contains(MARK), "an error has marked data: {problem}");
    }
}

/// A problem without the parts of the request that the contract repeats: its path, and the names of
/// wrong members and parameters.
fn without_what_was_named(mut problem: Value) -> Value {
    problem["instance"] = Value::Null;
    for error in problem["errors"].as_array_mut().into_iter().flatten() {
        error["pointer"] = Value::Null;
        error["parameter"] = Value::Null;
    }
    problem
}

/// The metric lines in the functions' output.
fn metrics(lines: &[Value]) -> Vec<&Value> {
    lines.iter().filter(|line| line.get("_aws").is_some()).collect()
}

/// The operations that lines of metrics are of.
fn measured(lines: &[Value]) -> BTreeSet<&str> {
    metrics(lines).iter().filter_map(|line| line[OPERATION].as_str()).collect()
}

fn all_operations() -> BTreeSet<&'static str> {
    OPERATIONS.iter().map(|operation| operation.id).chain([RELAY.id]).collect()
}

/// Waits until every function has measured something and the relay has sent a segment.
async fn complete(functions: &Functions, stack: &Stack) -> (Vec<Value>, Vec<Value>) {
    wait::until("not every function has measured something and sent a segment", async || {
        let (lines, documents) = (functions.recorded(), stack.control.traces().await);
        let relayed = documents.iter().any(|document| document["name"] == RELAY.function);
        (relayed && measured(&lines) == all_operations()).then_some((lines, documents))
    })
    .await
}

fn keep(name: &str, values: &[&Value]) {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("telemetry");
    std::fs::create_dir_all(&directory).unwrap();
    let mut text = String::new();
    for value in values {
        writeln!(text, "{value}").unwrap();
    }
    std::fs::write(directory.join(name), text).unwrap();
}

#[tokio::test]
async fn telemetry_has_no_personal_data_and_a_published_format() {
    let functions = Functions::recording();
    let stack = Launch::new().functions(functions.path()).start().await;
    marked_calls(&stack).await;
    let (lines, documents) = complete(&functions, &stack).await;
    let metrics = metrics(&lines);
    keep("metrics.jsonl", &metrics);
    keep("segments.jsonl", &documents.iter().collect::<Vec<_>>());

    for (what, told) in [("a line", &lines), ("a trace", &documents)] {
        for value in told {
            assert!(!value.to_string().contains(MARK), "{what} has marked data: {value}");
        }
    }
    for line in &metrics {
        assert_eq!(telemetry::metric_problems(line), Vec::<String>::new(), "{line}");
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Namespace"], NAMESPACE);
    }
    for document in &documents {
        assert_eq!(telemetry::document_problems(document), Vec::<String>::new(), "{document}");
    }
}

/// Refuses every request without provoking a retry, up to the first call of DynamoDB, whose headers
/// it returns. Other requests come first, because a function opens its connection with one.
async fn refuse_first_call(listener: TcpListener) -> Vec<String> {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        let mut headers: Vec<String> = Vec::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await.unwrap();
            if line.trim().is_empty() {
                break;
            }
            headers.push(line.trim().to_owned());
        }
        let of = |name: &str| headers.iter().find_map(|header| header.strip_prefix(name));
        let length = of("content-length: ").map_or(0, |length| length.parse().unwrap());
        stream.read_exact(&mut vec![0; length]).await.unwrap();
        let body = r#"{"__type":"ValidationException"}"#;
        let head = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length";
        stream.write_all(format!("{head}: {}\r\n\r\n{body}", body.len()).as_bytes()).await.unwrap();
        if of("x-amz-target: ").is_some() {
            return headers;
        }
    }
}

#[tokio::test]
async fn the_trace_of_a_request_is_passed_on_to_dynamodb() {
    let database = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", database.local_addr().unwrap());
    let functions = Functions::real();
    let operation = Operation::of(OperationName::GetUser);
    functions.set(operation.function, "AWS_ENDPOINT_URL_DYNAMODB", &address);
    let stack = Launch::new().functions(functions.path()).start().await;
    let asked = tokio::spawn(refuse_first_call(database));
    let call = stack.call(Method::GET, "/users/01JD8Z6T3Y5V0Q4C9K2M7N8P1R");
    assert_eq!(call.send().await.unwrap().status, 500);
    let headers = asked.await.unwrap();

    let documents = stack.control.traces().await;
    let document = documents.iter().find(|document| document["name"] == operation.id).unwrap();
    let trace = document["trace_id"].as_str().unwrap();
    let passed_on = headers.iter().find_map(|header| header.strip_prefix("x-amzn-trace-id: "));
    let passed_on = passed_on.unwrap_or_else(|| panic!("no trace among {headers:#?}"));
    assert!(passed_on.starts_with(&format!("Root={trace};")), "{passed_on}");
    assert!(passed_on.ends_with("Sampled=1"), "{passed_on}");
}
