//! Requests of a web page, or of another process without the stack's secrets, to its listeners:
//! nothing is read, nothing changed, no call lost and no function ended. `.ci/console` tries the same
//! from a page in a real browser.
#![cfg(target_os = "linux")]

use crate::listeners::{self, exchange, status};
use http::Method;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use users_tests::sample;
use users_tests::stack::{Launch, Stack};

const SCAN: &str = r#"{"TableName":"UsersTable"}"#;
const EVENT: &str =
    r#"{"Entries":[{"Source":"x","DetailType":"y","Detail":"{}","EventBusName":"z"}]}"#;
const FORGED: &str = "authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/dynamodb/\
    aws4_request, SignedHeaders=host, Signature=0\r\nx-amz-date: 20260101T000000Z\r\n";
const INSTANCE: &str = "/users-profile-get/1";

/// A request as bytes, of its first line, its headers without `Host`, and its body.
fn request(line: &str, host: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let head = format!("{line} HTTP/1.1\r\nhost: {host}\r\n{headers}content-length: {length}");
    format!("{head}\r\nconnection: close\r\n\r\n{body}").into_bytes()
}

/// All attempts at a listener for functions.
fn at_services(host: &str) -> Vec<(String, Vec<u8>)> {
    let json = "content-type: application/x-amz-json-1.0\r\n";
    let page = "origin: http://evil.example\r\nsec-fetch-site: cross-site\r\n";
    let call = |target: &str| format!("x-amz-target: {target}\r\n{json}");
    let mut tries = Vec::new();
    let mut add = |what: &str, line: &str, host: &str, headers: String, body: &str| {
        tries.push((what.to_owned(), request(line, host, &headers, body)));
    };
    for operation in
        ["Scan", "PutItem", "UpdateItem", "DeleteItem", "ExecuteStatement", "ListTables"]
    {
        let target = call(&format!("DynamoDB_20120810.{operation}"));
        add("a call with a signature of zero", "POST /", host, format!("{FORGED}{target}"), SCAN);
        add("a call of a page", "POST /", host, format!("{page}{FORGED}{target}"), SCAN);
        add("an unsigned call", "POST /", host, target, SCAN);
    }
    let put = call("AWSEvents.PutEvents");
    add("an unsigned event", "POST /", host, put.clone(), EVENT);
    add("an event with a signature of zero", "POST /", host, format!("{FORGED}{put}"), EVENT);
    let preflight = format!(
        "{page}access-control-request-method: POST\r\naccess-control-request-headers: x-amz-target\r\n"
    );
    add("a preflight", "OPTIONS /", host, preflight, "");
    add("a simple post", "POST /", host, format!("{page}content-type: text/plain\r\n"), SCAN);
    add("a form", "POST /", host, "origin: null\r\n".to_owned(), "TableName=UsersTable");
    add("an image", "GET /", host, "sec-fetch-site: cross-site\r\n".to_owned(), "");
    add("a health check", "GET /", host, String::new(), "");
    let presigned = "POST /?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0&X-Amz-Credential=a";
    add("a presigned call", presigned, host, call("DynamoDB_20120810.Scan"), SCAN);
    for name in ["evil.example", "localhost.evil.example", "0.0.0.0", "[::ffff:127.0.0.1]", ""] {
        let target = call("DynamoDB_20120810.Scan");
        add("another name", "POST /", name, format!("{FORGED}{target}"), SCAN);
    }
    add("two names", "POST /", host, format!("host: evil.example\r\n{FORGED}"), SCAN);
    add("an absolute target", "POST http://evil.example/", host, FORGED.to_owned(), SCAN);
    for path in [
        format!("{INSTANCE}/2018-06-01/runtime/invocation/next"),
        format!("{INSTANCE}/0/2018-06-01/runtime/invocation/next"),
        format!("{INSTANCE}//2018-06-01/runtime/invocation/next"),
        format!("{INSTANCE}/%2e/2018-06-01/runtime/invocation/next"),
        format!("/{INSTANCE}/x/2018-06-01/runtime/invocation/next"),
        "/2018-06-01/runtime/invocation/next".to_owned(),
    ] {
        add("a call stolen", &format!("GET {path}"), host, String::new(), "");
        add("a call stolen by an image", &format!("GET {path}"), host, page.to_owned(), "");
    }
    for path in [
        format!("{INSTANCE}/2018-06-01/runtime/init/error"),
        format!("{INSTANCE}/0/2018-06-01/runtime/init/error"),
        "/2018-06-01/runtime/init/error".to_owned(),
    ] {
        add("a function ended", &format!("POST {path}"), host, String::new(), "{}");
        add("a function ended by a page", &format!("POST {path}"), host, page.to_owned(), "{}");
    }
    let socket = format!("{page}upgrade: websocket\r\nconnection: upgrade\r\n");
    add("a socket", "GET /", host, socket, "");
    tries
}

/// All attempts at the port of the API and the console.
fn at_the_front(host: &str) -> Vec<(String, Vec<u8>)> {
    let faults = r#"{"dynamodb":{"delayMs":60000}}"#;
    let mut tries = Vec::new();
    let mut add = |what: &str, line: &str, host: &str, headers: &str, body: &str| {
        tries.push((what.to_owned(), request(line, host, headers, body)));
    };
    let own = format!("origin: http://{host}\r\n");
    for headers in [
        "origin: http://evil.example\r\ncontent-type: application/json\r\n",
        "origin: null\r\ncontent-type: application/json\r\n",
        "origin: http://127.0.0.1:1\r\ncontent-type: application/json\r\n",
        "sec-fetch-site: cross-site\r\ncontent-type: application/json\r\n",
        "sec-fetch-site: same-site\r\ncontent-type: application/json\r\n",
        "content-type: text/plain\r\n",
        "content-type: application/x-www-form-urlencoded\r\n",
        "content-type: multipart/form-data; boundary=x\r\n",
        "",
        &format!("{own}origin: null\r\ncontent-type: application/json\r\n"),
    ] {
        for path in ["faults", "faults/placed", "streams"] {
            add("a fault", &format!("POST /_local/{path}"), host, headers, faults);
        }
    }
    for headers in [
        "origin: http://evil.example\r\n",
        "sec-fetch-site: cross-site\r\nsec-fetch-mode: no-cors\r\nsec-fetch-dest: image\r\n",
        "sec-fetch-site: cross-site\r\nsec-fetch-mode: no-cors\r\nsec-fetch-dest: script\r\n",
        "sec-fetch-site: cross-site\r\nsec-fetch-mode: navigate\r\nsec-fetch-dest: iframe\r\n",
        "sec-fetch-site: cross-site\r\nsec-fetch-mode: navigate\r\nsec-fetch-dest: document\r\n",
        "origin: http://evil.example\r\nupgrade: websocket\r\n",
        "upgrade: websocket\r\n",
    ] {
        for path in ["events", "tables/UsersTable/items", "logs", "activity", "nothing"] {
            add("something read", &format!("GET /_local/{path}"), host, headers, "");
        }
    }
    for name in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "0.0.0.0", ""]
    {
        add("another name", "GET /_local/events", name, "", "");
        add("another name at the API", "GET /prod/users", name, "", "");
    }
    add("an absolute target", "GET http://evil.example/_local/events", host, "", "");
    add("an absolute target", "GET http://evil.example/prod/users", host, "", "");
    add("a preflight", "OPTIONS /_local/faults", host, "origin: http://evil.example\r\n", "");
    for path in [
        "/prod/users",
        "/prod//users",
        "//prod/users",
        "/prod/_local/events",
        "/prod/../_local/events",
    ] {
        add(
            "an unsigned call",
            &format!("GET {path}"),
            host,
            "origin: http://evil.example\r\n",
            "",
        );
        add(
            "a forged call",
            &format!("POST {path}"),
            host,
            FORGED,
            r#"{"email":"eve@example.com"}"#,
        );
    }
    tries
}

struct Seen {
    user: Value,
    instances: Vec<u32>,
    invocations: Value,
    faults: Value,
    events: Value,
}

async fn look(stack: &Stack, path: &str) -> Seen {
    let functions = stack.control.get("/functions").await;
    Seen {
        // Not through the API, which invokes a function.
        user: stack.control.get(path).await,
        instances: stack.control.pids(None).await,
        invocations: functions["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["invocations"].clone())
            .collect(),
        faults: stack.control.get("/faults").await,
        events: stack.control.get("/events").await,
    }
}

#[tokio::test]
async fn nobody_without_the_secrets_reads_or_changes_anything() {
    let stack = Launch::new().start().await;
    let new = json!({"email": sample::email()});
    let user = stack.json(stack.call(Method::POST, "/users").json(&new)).await;
    let id = user["userId"].as_str().unwrap();
    // The relay has done its part.
    while stack.control.events().await.is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let items = format!("/tables/UsersTable/items?partition=USER%23{id}");
    let before = look(&stack, &items).await;
    assert!(!before.instances.is_empty());

    let front = listeners::port(stack.url());
    let found = listeners::of(stack.pid());
    let others: Vec<SocketAddr> = found.iter().copied().filter(|it| it.port() != front).collect();
    // DynamoDB, EventBridge and the Runtime API at least.
    assert!(others.len() >= 3, "{found:?}");
    assert!(found.len() > others.len(), "{found:?}");
    let mut tried = 0;
    for address in &found {
        let host = format!("localhost:{}", address.port());
        let tries = match address.port() == front {
            true => at_the_front(&host),
            false => at_services(&host),
        };
        for (what, bytes) in tries {
            let answer = exchange(*address, &bytes).await;
            let sent = String::from_utf8_lossy(&bytes);
            assert!(
                (400..500).contains(&status(&answer)),
                "{what} at {address}:\n{sent}\nis answered:\n{answer}"
            );
            let is_api = sent.split(' ').nth(1).is_some_and(|path| path.starts_with("/prod"));
            let opens = answer.to_ascii_lowercase().contains("access-control-");
            assert!(!opens || is_api, "{what} at {address}:\n{sent}\nis answered:\n{answer}");
            tried += 1;
        }
    }
    assert!(tried > 150, "{tried}");

    let after = look(&stack, &items).await;
    assert_eq!(after.user, before.user);
    assert_eq!(after.instances, before.instances, "a function was ended");
    assert_eq!(after.invocations, before.invocations, "a function was invoked");
    assert_eq!(after.faults, before.faults);
    assert_eq!(after.events, before.events);
    // No call is lost: each goes to its function.
    for _ in 0..10 {
        let read = stack.call(Method::GET, &format!("/users/{id}"));
        assert_eq!(stack.json(read).await, user);
    }
}

/// The converse: each function gets in with its own secret, and not with another's.
#[tokio::test]
async fn a_function_calls_with_its_own_secrets() {
    let stack = Launch::new().start().await;
    let instances = stack.control.pids(None).await;
    let [one, two] = [instances[0], instances[1]];
    let paths = [one, two].map(|pid| listeners::variable(pid, "AWS_LAMBDA_RUNTIME_API"));
    let secrets = [one, two].map(|pid| listeners::variable(pid, "AWS_SECRET_ACCESS_KEY"));
    assert_ne!(secrets[0], secrets[1]);
    let address = paths[0].trim_start_matches("http://");
    let (host, path) = address.split_once('/').unwrap();
    let (own, secret) = path.rsplit_once('/').unwrap();
    assert_eq!(secret.len(), 64, "{path}");
    let other = paths[1].rsplit_once('/').unwrap().1;
    let ask = |path: String| {
        let line = format!("POST /{path}/2018-06-01/runtime/invocation/none/response");
        let bytes = request(&line, host, "", "{}");
        async move { status(&exchange(host.parse().unwrap(), &bytes).await) }
    };
    // An unknown invocation: its answer differs from that to an unauthorised request.
    assert_eq!(ask(format!("{own}/{secret}")).await, 400);
    assert_eq!(ask(format!("{own}/{other}")).await, 404);
    assert_eq!(ask(format!("{own}/{}", &secret[1..])).await, 404);
}
