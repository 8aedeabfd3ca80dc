use super::{Emulator, Kind, recognise};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Answers of the emulators' health endpoints, with a few services only.
fn recorded() -> Vec<(Kind, BTreeMap<&'static str, Value>)> {
    let localstack = json!({
        "services": {"apigateway": "available", "cloudformation": "running", "s3": "running"},
        "edition": "pro", "version": "2026.9.0"
    });
    let ministack = json!({
        "services": {"apigateway": "available", "cloudformation": "available"},
        "auth": "enabled", "edition": "light", "version": "1.5.33", "iot_mtls": "disabled",
        "ready_scripts": {"status": "completed", "total": 0, "completed": 0, "failed": 0}
    });
    let fakecloud = json!({
        "status": "ok", "version": "0.13.3", "services": ["apigateway", "cloudformation", "lambda"]
    });
    let floci = json!({
        "services": {"apigateway": "running", "s3": "running"},
        "edition": "community", "original_edition": "floci-always-free", "version": "1.6.0"
    });
    let old_floci = json!({
        "services": {"apigateway": "running"}, "edition": "floci-always-free", "version": "1.0.4"
    });
    let own = |path, body: &Value| BTreeMap::from([(path, body.clone())]);
    let both = |path, body: &Value| {
        BTreeMap::from([(path, body.clone()), ("/_localstack/health", body.clone())])
    };
    vec![
        (Kind::LocalStack, own("/_localstack/health", &localstack)),
        (Kind::MiniStack, both("/_ministack/health", &ministack)),
        (Kind::Fakecloud, both("/_fakecloud/health", &fakecloud)),
        (Kind::Floci, both("/_floci/health", &floci)),
        (Kind::Floci, own("/_localstack/health", &floci)),
        (Kind::Floci, own("/_floci/health", &old_floci)),
    ]
}

/// Serves these documents, and an error of S3 for every other path, as emulators do.
async fn server(documents: BTreeMap<&'static str, Value>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            let request = String::from_utf8_lossy(&request[..length]);
            let (status, body) = match documents.get(request.split(' ').nth(1).unwrap()) {
                Some(document) => (200, document.to_string()),
                None => (404, "<Error><Code>NoSuchBucket</Code></Error>".to_owned()),
            };
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
            );
            stream.write_all((head + &body).as_bytes()).await.unwrap();
        }
    });
    url
}

#[tokio::test]
async fn each_emulator_is_recognised_by_its_health_endpoint() {
    for (kind, documents) in recorded() {
        let version = documents.values().next().unwrap()["version"].as_str().unwrap().to_owned();
        let emulator = recognise(&server(documents).await).await.unwrap();
        assert_eq!((emulator.kind(), emulator.version()), (kind, version.as_str()));
    }
}

#[tokio::test]
async fn another_server_is_refused_by_its_address() {
    let documents = BTreeMap::from([("/_localstack/health", json!({"status": "up"}))]);
    let url = server(documents).await;
    let error = recognise(&url).await.unwrap_err().to_string();
    assert!(error.contains(&url) && error.contains("not a known emulator"), "{error}");
    assert!(error.contains("MiniStack, fakecloud, Floci, LocalStack"), "{error}");
}

#[tokio::test]
async fn an_address_where_nothing_answers_is_named() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = recognise(&url).await.unwrap_err().to_string();
    assert_eq!(error, format!("nothing answers at {url}"));
}

#[tokio::test]
async fn an_invalid_address_is_refused() {
    for address in ["localhost:4566", "ftp://localhost", ""] {
        let error = recognise(address).await.unwrap_err();
        assert!(format!("{error:#}").contains("must"), "{address}: {error:#}");
    }
}

#[test]
fn a_rest_api_is_below_a_path_of_the_endpoint() {
    for (kind, url) in [
        (Kind::LocalStack, "http://h:1/_aws/execute-api/abc/prod"),
        (Kind::MiniStack, "http://h:1/restapis/abc/prod/_user_request_"),
        (Kind::Fakecloud, "http://h:1/restapis/abc/prod/_user_request_"),
        (Kind::Floci, "http://h:1/restapis/abc/prod/_user_request_"),
    ] {
        let emulator = Emulator { kind, version: "1".to_owned() };
        assert_eq!(emulator.api_url("http://h:1/", "abc", "prod"), url);
        assert_eq!(emulator.api_url("http://h:1", "abc", "prod"), url);
    }
}
