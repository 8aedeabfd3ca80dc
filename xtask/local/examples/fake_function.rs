//! A Lambda function for the tests of this crate, on little but the standard library.
//!
//! The body of the request names its behaviour, so that the tests can make it fail in every way.
//! As a target of a stream it passes each record on to the event bus.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a function logs by printing")]

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, SystemTime};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    println!("{}", json!({"level": "INFO", "message": "started"}));
    if std::env::var("FAILS_TO_START").is_ok() {
        eprintln!("no luck today");
        std::process::exit(3);
    }
    let api = std::env::var("AWS_LAMBDA_RUNTIME_API")?;
    let address = api.strip_prefix("http://").unwrap_or(&api);
    let (host, prefix) = address.split_once('/').ok_or("the Runtime API has no path")?;
    loop {
        let next = format!("/{prefix}/2018-06-01/runtime/invocation/next");
        let (headers, event) = call(host, "GET", &next, &[], "")?;
        let id = headers
            .iter()
            .find_map(|(name, value)| (name == "lambda-runtime-aws-request-id").then_some(value))
            .ok_or("no request id")?;
        let (kind, body) = match handle(&event) {
            Ok(response) => ("response", response),
            Err(error) => {
                let text = error.to_string();
                ("error", json!({"errorType": "Fake", "errorMessage": text}).to_string())
            }
        };
        let path = format!("/{prefix}/2018-06-01/runtime/invocation/{id}/{kind}");
        call(host, "POST", &path, &[], &body)?;
    }
}

fn handle(event: &str) -> Result<String, Failure> {
    let event: Value = serde_json::from_str(event)?;
    if let Some(records) = event["Records"].as_array() {
        return relay(records);
    }
    let wish: Value = event["body"].as_str().map_or(Ok(Value::Null), serde_json::from_str)?;
    match wish["do"].as_str() {
        Some("crash") => std::process::exit(9),
        Some("error") => return Err("asked to fail".into()),
        Some("garbage") => return Ok("\"not a response\"".to_owned()),
        Some("sleep") => {
            let milliseconds = wish["ms"].as_u64().unwrap_or(0);
            std::thread::sleep(Duration::from_millis(milliseconds));
        }
        Some("write") => write_item(&wish)?,
        Some("allocate") => allocate(&wish),
        _ => {}
    }
    let echo = json!({
        "event": event,
        "pid": std::process::id(),
        "environment": std::env::vars().collect::<std::collections::BTreeMap<_, _>>(),
    });
    Ok(json!({
        "statusCode": 200,
        "headers": {"x-echo": "yes"},
        "body": echo.to_string()
    })
    .to_string())
}

/// Takes memory in the wished way, and holds it for the wished time; for ever when it is to be kept.
fn allocate(wish: &Value) {
    const STEP: usize = 1024 * 1024;
    let bytes = usize::try_from(wish["mb"].as_u64().unwrap_or(0)).unwrap_or(0) * STEP;
    let mut memory: Vec<u8> = Vec::new();
    match wish["how"].as_str() {
        Some("gradually") => {
            while memory.len() < bytes {
                memory.resize(memory.len() + STEP, 1);
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        Some("in-pieces") => {
            let pieces: Vec<Vec<u8>> = (0..bytes / STEP).map(|_| vec![1; STEP]).collect();
            std::hint::black_box(&pieces);
        }
        Some("reserved") => memory.reserve_exact(bytes),
        _ => memory.resize(bytes, 1),
    }
    std::hint::black_box(&memory);
    std::thread::sleep(Duration::from_millis(wish["ms"].as_u64().unwrap_or(0)));
    if wish["keep"] == true {
        std::mem::forget(memory);
    }
}

fn write_item(wish: &Value) -> Result<(), Failure> {
    let item = json!({
        "TableName": std::env::var("ITEMS_TABLE")?,
        "Item": {"pk": {"S": wish["pk"]}, "sk": {"S": wish["sk"]}}
    });
    let answer = aws("AWS_ENDPOINT_URL_DYNAMODB", "DynamoDB_20120810.PutItem", &item)?;
    match answer.get("__type") {
        Some(error) => Err(error.to_string().into()),
        None => Ok(()),
    }
}

/// Passes records on one by one, and reports the first that the bus refused.
fn relay(records: &[Value]) -> Result<String, Failure> {
    for record in records {
        let detail = json!({"sk": record["dynamodb"]["NewImage"]["sk"]["S"], "record": record});
        let entries = json!({"Entries": [{
            "Source": "items.service",
            "DetailType": "ItemWritten",
            "Detail": detail.to_string(),
            "EventBusName": std::env::var("EVENT_BUS_NAME")?,
        }]});
        let answer = aws("AWS_ENDPOINT_URL_EVENTBRIDGE", "AWSEvents.PutEvents", &entries)?;
        if answer["FailedEntryCount"] != 0 {
            let number = &record["dynamodb"]["SequenceNumber"];
            return Ok(json!({"batchItemFailures": [{"itemIdentifier": number}]}).to_string());
        }
    }
    Ok(json!({"batchItemFailures": []}).to_string())
}

fn aws(endpoint: &str, target: &str, body: &Value) -> Result<Value, Failure> {
    let url = std::env::var(endpoint)?;
    let host = url.strip_prefix("http://").ok_or("not an http endpoint")?;
    let service = if target.starts_with("DynamoDB") { "dynamodb" } else { "events" };
    let mut headers = vec![
        ("x-amz-target".to_owned(), target.to_owned()),
        ("content-type".to_owned(), "application/x-amz-json-1.0".to_owned()),
    ];
    headers.extend(signature(&url, service, &headers, &body.to_string())?);
    let headers: Vec<_> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let (_, answer) = call(host, "POST", "/", &headers, &body.to_string())?;
    Ok(serde_json::from_str(&answer)?)
}

type Headers = Vec<(String, String)>;

/// The headers that sign a call.
#[expect(clippy::disallowed_methods, reason = "a signature is judged against the real clock")]
fn signature(url: &str, service: &str, headers: &Headers, body: &str) -> Result<Headers, Failure> {
    let variable = |name: &str| std::env::var(name);
    let identity = Credentials::new(
        variable("AWS_ACCESS_KEY_ID")?,
        variable("AWS_SECRET_ACCESS_KEY")?,
        None,
        None,
        "environment",
    )
    .into();
    let region = variable("AWS_REGION")?;
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(&region)
        .name(service)
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()?
        .into();
    let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let request = SignableRequest::new("POST", url, headers, SignableBody::Bytes(body.as_bytes()))?;
    let (instructions, _) = sign(request, &params)?.into_parts();
    let signed = instructions.headers();
    Ok(signed.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// One HTTP call on a connection of its own.
fn call(
    host: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<(Headers, String), Failure> {
    let mut stream = TcpStream::connect(host)?;
    let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
    stream.write_all(request.as_bytes())?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    let mut received = Vec::new();
    while reader.read_line(&mut line)? > 2 {
        if let Some((name, value)) = line.trim_end().split_once(": ") {
            received.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        line.clear();
    }
    if received.is_empty() {
        return Err("the connection was closed".into());
    }
    let mut body = String::new();
    reader.read_to_string(&mut body)?;
    Ok((received, body))
}
