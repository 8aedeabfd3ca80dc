//! Starts a stack with the fake function, and calls it like a client.

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use local_stack::{DataLocation, Options, Stack};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];
const FUNCTIONS: &[&str] = &["fake-echo", "fake-single", "fake-relay"];

/// The settings of a test stack.
pub(crate) struct Harness {
    options: Options,
    directory: Arc<TempDir>,
}

impl Harness {
    /// An ephemeral stack of the fixture's template on a free port.
    #[must_use]
    pub(crate) fn new() -> Self {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        let functions = directory.path().join("functions");
        std::fs::create_dir(&functions).unwrap();
        for function in FUNCTIONS {
            std::fs::copy(fake_function(), functions.join(function)).unwrap();
        }
        let template =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/fake.template.json");
        Self { options: Options { quiet: true, ..Options::new(template, functions) }, directory }
    }

    /// The same with data that stays between starts.
    #[must_use]
    pub(crate) fn kept(mut self) -> Self {
        self.options.data = DataLocation::Directory(self.directory.path().join("data"));
        self
    }

    /// The same on a port.
    #[must_use]
    pub(crate) fn port(mut self, port: u16) -> Self {
        self.options.port = port;
        self
    }

    /// The same with one more principal.
    #[must_use]
    pub(crate) fn principal(mut self, text: &str) -> Self {
        self.options.principals.push(text.parse().unwrap());
        self
    }

    /// The same with a changed template.
    #[must_use]
    pub(crate) fn with_template(mut self, change: impl FnOnce(&mut Value)) -> Self {
        let mut template: Value =
            serde_json::from_slice(&std::fs::read(&self.options.template).unwrap()).unwrap();
        change(&mut template);
        self.options.template = self.directory.path().join("changed.template.json");
        std::fs::write(&self.options.template, template.to_string()).unwrap();
        self
    }

    /// Starts it.
    pub(crate) async fn start(&self) -> TestStack {
        let stack = local_stack::start(self.options.clone()).await.unwrap();
        let client = Client::builder(TokioExecutor::new()).build_http();
        TestStack { stack, client, _directory: Arc::clone(&self.directory) }
    }

    /// The error of a stack that does not start.
    pub(crate) async fn failure(&self) -> String {
        format!("{:#}", local_stack::start(self.options.clone()).await.unwrap_err())
    }
}

/// The example of this crate, which `cargo test` builds beside the tests.
fn fake_function() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let target = tests.parent().and_then(Path::parent).unwrap();
    let path = target.join("examples/fake_function");
    assert!(path.is_file(), "{} is missing: cargo build -p local-stack --examples", path.display());
    path
}

/// A stack that runs, and a client.
pub(crate) struct TestStack {
    stack: Stack,
    client: Client<HttpConnector, Full<Bytes>>,
    // Later starts of functions need their binaries in it.
    _directory: Arc<TempDir>,
}

/// An answer, read in full.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The body as JSON.
    #[must_use]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {:?}", String::from_utf8_lossy(&self.body)))
    }

    /// The status and the code of a problem document.
    #[must_use]
    pub(crate) fn problem(&self) -> (u16, String) {
        let document = self.json();
        assert_eq!(document["status"], self.status.as_u16(), "{document}");
        (self.status.as_u16(), document["code"].as_str().unwrap().to_owned())
    }
}

impl TestStack {
    /// A call signed by `test`.
    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        self.call_as("test", "test", method, path, headers, body).await
    }

    /// A call signed by somebody.
    pub(crate) async fn call_as(
        &self,
        id: &str,
        secret: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        self.try_call_as((id, secret), method, path, headers, body).await.unwrap()
    }

    /// A call signed by `test` with a body; nothing when the connection ends without an answer.
    pub(crate) async fn try_post(&self, path: &str, body: &str) -> Option<Answer> {
        self.try_call_as(("test", "test"), "POST", path, &[], body).await
    }

    async fn try_call_as(
        &self,
        (id, secret): (&str, &str),
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Option<Answer> {
        let url = format!("{}{path}", self.stack.url());
        let identity = Credentials::new(id, secret, None, None, "test").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.stack.region())
            .name("execute-api")
            .time(jiff::Timestamp::now().into())
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let signable = SignableRequest::new(
            method,
            &url,
            headers.iter().copied(),
            SignableBody::Bytes(body.as_bytes()),
        )
        .unwrap();
        let (instructions, _) = sign(signable, &params).unwrap().into_parts();
        let mut request = request(method, &url, headers, body);
        instructions.apply_to_request_http1x(&mut request);
        self.try_send(request).await
    }

    /// A call without a signature.
    pub(crate) async fn send_unsigned(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        self.send(request(method, &format!("{}{path}", self.stack.url()), headers, body)).await
    }

    /// The answer to a path outside of the stage.
    pub(crate) async fn get_json_at(&self, path: &str) -> Value {
        let url = self.stack.url().replace("/prod", path);
        self.send(request("GET", &url, &[], "")).await.json()
    }

    /// The answer of a control endpoint.
    pub(crate) async fn control(&self, path: &str) -> Value {
        let url = format!("{}/{path}", self.stack.control_url());
        self.send(request("GET", &url, &[], "")).await.json()
    }

    /// Sets faults and returns the answer.
    pub(crate) async fn post_faults(&self, faults: &Value) -> Answer {
        let url = format!("{}/faults", self.stack.control_url());
        self.send(request("POST", &url, JSON, &faults.to_string())).await
    }

    /// Holds or releases streams.
    pub(crate) async fn hold_streams(&self, hold: bool) {
        let url = format!("{}/streams", self.stack.control_url());
        let body = json!({"hold": hold}).to_string();
        let answer = self.send(request("POST", &url, JSON, &body)).await;
        assert_eq!(answer.status, StatusCode::OK);
    }

    /// Places a fault.
    pub(crate) async fn place(&self, placement: &Value) {
        let url = format!("{}/faults/placed", self.stack.control_url());
        let answer = self.send(request("POST", &url, JSON, &placement.to_string())).await;
        assert_eq!(answer.status, StatusCode::OK, "{placement}");
    }

    /// Sets faults.
    pub(crate) async fn set_faults(&self, faults: &Value) {
        assert_eq!(self.post_faults(faults).await.status, StatusCode::OK);
    }

    /// The URL of its API, the API stage included.
    #[must_use]
    pub(crate) fn url(&self) -> String {
        self.stack.url()
    }

    /// The Region that calls are signed for.
    #[must_use]
    pub(crate) fn region(&self) -> &str {
        self.stack.region()
    }

    /// The port it serves on.
    #[must_use]
    pub(crate) fn port(&self) -> u16 {
        self.stack.url().rsplit([':', '/']).nth(1).unwrap().parse().unwrap()
    }

    /// Stops it.
    pub(crate) async fn stop(self) {
        self.stack.shutdown().await;
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        self.try_send(request).await.unwrap()
    }

    /// Sends a request; nothing when the connection ends without an answer.
    async fn try_send(&self, request: Request<Full<Bytes>>) -> Option<Answer> {
        let (parts, body) = self.client.request(request).await.ok()?.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        Some(Answer { status: parts.status, headers: parts.headers, body })
    }
}

fn request(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::new(Bytes::copy_from_slice(body.as_bytes()))).unwrap()
}

/// Whether something holds within ten seconds.
pub(crate) async fn eventually(mut holds: impl AsyncFnMut() -> bool) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(10) {
        if holds().await {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}
