//! A local stack that a test starts and ends itself.

use crate::process;
use http::Method;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::{NamedTempFile, TempDir};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use users_client::{Call, Client, Credentials, Signing};
use users_tests::Api;

/// How long a stack may take to start or to end, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);

/// A variable that `cargo xtask test-local` sets.
#[track_caller]
pub(crate) fn required(name: &str) -> String {
    match users_tests::variable(name) {
        Some(value) => value,
        None => panic!("{name} is not set: run `cargo xtask test-local`, which sets it"),
    }
}

/// How to start a stack; by default with a free port, data of its own that go away with it, and the
/// real functions.
#[derive(Debug)]
pub(crate) struct Launch {
    template: OsString,
    functions: OsString,
    data: Option<OsString>,
    ephemeral: bool,
    port: u16,
    /// What the shell is asked for before the stack starts.
    shell: String,
    more: Vec<OsString>,
}

impl Launch {
    pub(crate) fn new() -> Self {
        Self {
            template: required("USERS_LOCAL_TEMPLATE").into(),
            functions: required("USERS_LOCAL_FUNCTIONS").into(),
            data: None,
            ephemeral: false,
            port: 0,
            shell: String::new(),
            more: Vec::new(),
        }
    }

    /// Keeps the data in this directory.
    pub(crate) fn data(self, directory: &Path) -> Self {
        Self { data: Some(directory.into()), ..self }
    }

    /// Keeps the data in memory.
    pub(crate) fn ephemeral(self) -> Self {
        Self { ephemeral: true, ..self }
    }

    pub(crate) fn functions(self, directory: &Path) -> Self {
        Self { functions: directory.into(), ..self }
    }

    pub(crate) fn template(self, file: &Path) -> Self {
        Self { template: file.into(), ..self }
    }

    pub(crate) fn port(self, port: u16) -> Self {
        Self { port, ..self }
    }

    /// Makes reads of an index so old.
    pub(crate) fn index_lag(mut self, lag: Duration) -> Self {
        self.more.extend(["--index-lag".into(), lag.as_millis().to_string().into()]);
        self
    }

    /// Limits the stack's file descriptors as a shell's `ulimit` does, with these options.
    pub(crate) fn descriptors(self, options: &str) -> Self {
        Self { shell: format!("ulimit {options}; "), ..self }
    }

    /// Notes in this file where the stack answers, as `cargo xtask local` has it done.
    pub(crate) fn ready_file(mut self, path: &Path) -> Self {
        self.more.extend(["--ready-file".into(), path.into()]);
        self
    }

    /// Starts the process and waits for nothing.
    pub(crate) fn spawn(self) -> Starting {
        let log = NamedTempFile::new().unwrap();
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("{}exec \"$0\" \"$@\"", self.shell));
        command.arg(required("USERS_LOCAL_STACK"));
        command.arg("--template").arg(self.template).arg("--functions").arg(self.functions);
        command.args(["--port", &self.port.to_string(), "--output", "json", "--end-with-stdin"]);
        // Usually not `--ephemeral`: a stack that is killed leaves its ephemeral data to the next.
        let has_own = self.data.is_none() && !self.ephemeral;
        let own_data = has_own.then(|| tempfile::tempdir().unwrap());
        let own_path = own_data.as_ref().map(|directory| directory.path().as_os_str().to_owned());
        match self.data.or(own_path) {
            Some(path) => command.arg("--data").arg(path),
            None => command.arg("--ephemeral"),
        };
        // A group of its own, to which Ctrl-C can go without ending the tests.
        let mut child = command
            .args(self.more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log.reopen().unwrap())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let held = child.stdin.take();
        Starting { child, held, log, _data: own_data }
    }

    /// Starts a stack and waits until it is ready.
    pub(crate) async fn start(self) -> Stack {
        self.spawn().ready().await
    }

    /// Starts a stack that must not come up, and gives what it said.
    pub(crate) async fn expect_refusal(self) -> String {
        let mut starting = self.spawn();
        let status = starting.ended().await;
        assert_eq!(status.code(), Some(1), "{status}: {}", starting.said());
        starting.said()
    }
}

/// A stack that may not be ready yet.
#[derive(Debug)]
pub(crate) struct Starting {
    // Dropped, and so killed, before its data.
    child: Child,
    /// The stack ends when this is closed, as when the tests are killed.
    held: Option<ChildStdin>,
    log: NamedTempFile,
    _data: Option<TempDir>,
}

impl Starting {
    async fn ready(mut self) -> Stack {
        let mut output = BufReader::new(self.child.stdout.take().unwrap());
        let mut line = String::new();
        let in_time = tokio::time::timeout(PATIENCE, output.read_line(&mut line)).await;
        let Ok(ready) = serde_json::from_str::<Value>(&line) else {
            panic!(
                "the stack is not ready ({in_time:?}); it printed {line:?} and said:\n{}",
                self.said()
            );
        };
        let text = |name: &str| match ready[name].as_str() {
            Some(text) => text.to_owned(),
            None => panic!("{ready} has no {name}"),
        };
        let client = |url: &str, id: &str| {
            Client::new(url, text("region"), Credentials::from_keys(id, "test", None)).unwrap()
        };
        Stack {
            client: client(&text("url"), "test"),
            control: client(&text("control"), "unsigned"),
            url: text("url"),
            process: self,
        }
    }

    /// Closes the stack's standard input, as the end of its parent does.
    pub(crate) fn orphan(&mut self) {
        drop(self.held.take());
    }

    pub(crate) fn pid(&self) -> u32 {
        match self.child.id() {
            Some(pid) => pid,
            None => panic!("the stack has ended; it said:\n{}", self.said()),
        }
    }

    /// What it said so far.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.log.path()).unwrap()).into_owned()
    }

    /// Waits for the end of the process.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        match tokio::time::timeout(PATIENCE, self.child.wait()).await {
            Ok(status) => status.unwrap(),
            Err(_) => panic!("the stack does not end; it said:\n{}", self.said()),
        }
    }
}

/// A stack that is ready. It is killed when dropped.
#[derive(Debug)]
pub(crate) struct Stack {
    process: Starting,
    url: String,
    client: Client,
    control: Client,
}

impl Stack {
    /// The API's base URL.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The stack's own process.
    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The API, called by `test`.
    pub(crate) fn api(&self) -> Api {
        Api::of(self.client.clone())
    }

    /// Begins a call of the API, signed by `test`.
    pub(crate) fn call(&self, method: Method, path: &str) -> Call {
        self.client.call(method, path)
    }

    /// The body of a call that must succeed.
    pub(crate) async fn json(&self, call: Call) -> Value {
        let response = call.send().await.unwrap();
        let body = String::from_utf8_lossy(&response.body).into_owned();
        let request = format!("{} {}", call.method(), call.path());
        assert!(response.status.is_success(), "{request}: {} {body}", response.status);
        response.json().unwrap()
    }

    /// Every audit entry of a user, oldest first.
    pub(crate) async fn history(&self, user_id: &str) -> Vec<Value> {
        let path = format!("/users/{user_id}/audit");
        let first = self.call(Method::GET, &path).query("order", "asc").query("limit", "100");
        let mut entries = Vec::new();
        let mut page = self.json(first.clone()).await;
        loop {
            entries.extend(page["items"].as_array().unwrap().iter().cloned());
            let Some(cursor) = page["nextCursor"].as_str() else { return entries };
            page = self.json(first.clone().query("cursor", cursor)).await;
        }
    }

    /// The answer of a control endpoint.
    pub(crate) async fn control(&self, path: &str) -> Value {
        let call = self.control.call(Method::GET, path).signing(Signing::None);
        self.json(call).await
    }

    /// Tells a control endpoint something.
    pub(crate) async fn post_control(&self, path: &str, body: &Value) {
        let call = self.control.call(Method::POST, path).signing(Signing::None);
        self.json(call.json(body)).await;
    }

    /// Sets these faults and no other.
    pub(crate) async fn set_faults(&self, faults: Value) {
        self.post_control("/faults", &faults).await;
    }

    pub(crate) async fn clear_faults(&self) {
        self.set_faults(json!({})).await;
    }

    /// All events on the bus, in the order of their arrival.
    pub(crate) async fn events(&self) -> Vec<Value> {
        let mut events: Vec<Value> = Vec::new();
        loop {
            let after = events.last().map_or(0, |event| event["seq"].as_u64().unwrap());
            let page = self.control(&format!("/events?after={after}&limit=1000")).await;
            let items = page["items"].as_array().unwrap();
            if items.is_empty() {
                return events;
            }
            events.extend(items.iter().cloned());
        }
    }

    /// What functions sent to the X-Ray daemon, oldest first.
    pub(crate) async fn traces(&self) -> Vec<Value> {
        self.control("/traces").await["items"].as_array().unwrap().clone()
    }

    /// What the relay has given up on.
    pub(crate) async fn dead_letters(&self) -> Vec<Value> {
        self.control("/dead-letters").await["items"].as_array().unwrap().clone()
    }

    /// Every item of the users table, attributes as plain JSON.
    pub(crate) async fn users_table(&self) -> Vec<Value> {
        let mut items = Vec::new();
        let mut path = "/tables/UsersTable/items".to_owned();
        loop {
            let page = self.control(&path).await;
            items.extend(page["items"].as_array().unwrap().iter().map(plain_item));
            let Some(next) = page["next"].as_str() else { return items };
            let next: String = next.bytes().map(|byte| format!("%{byte:02X}")).collect();
            path = format!("/tables/UsersTable/items?start={next}");
        }
    }

    /// The processes of all functions, or of one.
    pub(crate) async fn pids(&self, function: Option<&str>) -> Vec<u32> {
        let instances = self.instances(function).await;
        instances.iter().filter_map(|instance| instance["pid"].as_u64()?.try_into().ok()).collect()
    }

    async fn instances(&self, function: Option<&str>) -> Vec<Value> {
        let functions = self.control("/functions").await;
        let functions = functions["items"].as_array().unwrap();
        functions
            .iter()
            .filter(|entry| function.is_none_or(|name| entry["name"] == name))
            .flat_map(|entry| entry["instances"].as_array().unwrap().iter().cloned())
            .collect()
    }

    /// Waits until an instance of a function is at work, and gives its process.
    pub(crate) async fn busy_pid(&self, function: &str) -> u32 {
        let begun = Instant::now();
        loop {
            let instances = self.instances(Some(function)).await;
            if let Some(busy) = instances.iter().find(|instance| instance["busy"] == true) {
                return busy["pid"].as_u64().unwrap().try_into().unwrap();
            }
            assert!(begun.elapsed() < PATIENCE, "no instance of {function} is at work");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Waits until none of these processes is an instance of a function any more.
    pub(crate) async fn wait_until_unlisted(&self, function: &str, pids: &[u32]) {
        let begun = Instant::now();
        while self.pids(Some(function)).await.iter().any(|pid| pids.contains(pid)) {
            assert!(begun.elapsed() < PATIENCE, "{function} still has one of {pids:?}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Sends the stack a signal, as `kill` does.
    pub(crate) fn signal(&self, signal: Signal) {
        process::signal(self.process.pid(), signal);
    }

    /// Sends the stack's process group a signal, as a terminal does.
    pub(crate) fn signal_group(&self, signal: Signal) {
        process::signal_group(self.process.pid(), signal);
    }

    /// Closes the stack's standard input, as the end of its parent does.
    pub(crate) fn orphan(&mut self) {
        self.process.orphan();
    }

    /// Waits for the end of the stack's process.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        self.process.ended().await
    }

    /// What the stack said so far.
    pub(crate) fn said(&self) -> String {
        self.process.said()
    }
}

/// An item in DynamoDB's JSON as plain JSON.
fn plain_item(item: &Value) -> Value {
    let attributes = item.as_object().unwrap();
    attributes.iter().map(|(name, value)| (name.clone(), plain(value))).collect()
}

fn plain(value: &Value) -> Value {
    let (kind, inner) = value.as_object().and_then(|typed| typed.iter().next()).unwrap();
    match kind.as_str() {
        "S" | "BOOL" => inner.clone(),
        "N" => inner.as_str().unwrap().parse().unwrap(),
        "NULL" => Value::Null,
        "M" => plain_item(inner),
        "L" => inner.as_array().unwrap().iter().map(plain).collect(),
        "SS" => inner.clone(),
        other => panic!("the service stores nothing of type {other}"),
    }
}
