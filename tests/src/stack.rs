//! A local stack that a test starts and ends itself.
//!
//! Everything here panics where the stack does not do its part.
#![expect(clippy::unwrap_used, reason = "a test fails where it finds what it does not expect")]

use crate::control::Control;
use crate::settings::variable;
use crate::wait::PATIENCE;
use crate::{Api, id_of, sample};
use http::Method;
use serde_json::Value;
use std::ffi::OsString;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tempfile::{NamedTempFile, TempDir};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use users_client::{Call, Client, Credentials};

/// A variable that `cargo xtask test-local` sets.
#[track_caller]
pub fn required(name: &str) -> String {
    match variable(name) {
        Some(value) => value,
        None => panic!("{name} is not set: run `cargo xtask test-local`, which sets it"),
    }
}

/// How to start a stack; by default with a free port, data of its own that go away with it, and the
/// real functions.
#[derive(Debug)]
pub struct Launch {
    template: OsString,
    functions: OsString,
    data: Option<OsString>,
    ephemeral: bool,
    port: u16,
    /// Shell commands to run before the stack starts.
    shell: String,
    more: Vec<OsString>,
}

impl Launch {
    /// The stack that `cargo xtask test-local` describes.
    #[expect(clippy::new_without_default, reason = "it reads the environment")]
    pub fn new() -> Self {
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
    pub fn data(self, directory: &Path) -> Self {
        Self { data: Some(directory.into()), ..self }
    }

    /// Keeps the data in memory.
    pub fn ephemeral(self) -> Self {
        Self { ephemeral: true, ..self }
    }

    /// Runs the functions of this directory.
    pub fn functions(self, directory: &Path) -> Self {
        Self { functions: directory.into(), ..self }
    }

    /// Runs this template.
    pub fn template(self, file: &Path) -> Self {
        Self { template: file.into(), ..self }
    }

    /// Listens on this port.
    pub fn port(self, port: u16) -> Self {
        Self { port, ..self }
    }

    /// Makes reads of an index so old.
    pub fn index_lag(mut self, lag: Duration) -> Self {
        self.more.extend(["--index-lag".into(), lag.as_millis().to_string().into()]);
        self
    }

    /// Limits the stack's resources as a shell's `ulimit` does, with these options.
    pub fn ulimit(self, options: &str) -> Self {
        Self { shell: format!("ulimit {options}; "), ..self }
    }

    /// Notes in this file where the stack answers, as `cargo xtask local` has it done.
    pub fn ready_file(mut self, path: &Path) -> Self {
        self.more.extend(["--ready-file".into(), path.into()]);
        self
    }

    /// Starts the process and waits for nothing.
    pub fn spawn(self) -> Starting {
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
        command.args(self.more);
        Starting::spawn(command, own_data)
    }

    /// Starts a stack and waits until it is ready.
    pub async fn start(self) -> Stack {
        self.spawn().ready(PATIENCE).await
    }

    /// Starts a stack that must fail to start, and returns its output.
    pub async fn expect_refusal(self) -> String {
        let mut starting = self.spawn();
        let status = starting.ended().await;
        assert_eq!(status.code(), Some(1), "{status}: {}", starting.said());
        starting.said()
    }
}

/// A stack that may not be ready yet.
#[derive(Debug)]
pub struct Starting {
    // Dropped, and so killed, before its data.
    child: Child,
    /// The stack ends when this is closed, as when the tests are killed.
    held: Option<ChildStdin>,
    log: NamedTempFile,
    _data: Option<TempDir>,
}

impl Starting {
    /// Starts a command that becomes a local stack or starts one, and prints where it answers.
    /// `data` is removed when the stack has ended.
    pub fn spawn(mut command: Command, data: Option<TempDir>) -> Self {
        let log = NamedTempFile::new().unwrap();
        // A group of its own, to which Ctrl-C can go without ending the tests.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log.reopen().unwrap())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let held = child.stdin.take();
        Self { child, held, log, _data: data }
    }

    /// Waits until the stack is ready.
    ///
    /// # Panics
    /// When it is not ready in time.
    pub async fn ready(mut self, patience: Duration) -> Stack {
        let mut output = BufReader::new(self.child.stdout.take().unwrap());
        let mut line = String::new();
        let in_time = tokio::time::timeout(patience, output.read_line(&mut line)).await;
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
        let client =
            Client::new(&text("url"), text("region"), Credentials::from_keys("test", "test", None));
        Stack {
            client: client.unwrap(),
            control: Control::new(&text("control")),
            url: text("url"),
            console: ready["console"].as_str().unwrap_or_default().to_owned(),
            process: self,
        }
    }

    /// Closes the stack's standard input, as the end of its parent does.
    pub fn orphan(&mut self) {
        drop(self.held.take());
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        match self.child.id() {
            Some(pid) => pid,
            None => panic!("the stack has ended; it said:\n{}", self.said()),
        }
    }

    /// The error output so far.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.log.path()).unwrap()).into_owned()
    }

    /// Waits for the end of the process.
    pub async fn ended(&mut self) -> ExitStatus {
        match tokio::time::timeout(PATIENCE, self.child.wait()).await {
            Ok(status) => status.unwrap(),
            Err(_) => panic!("the stack does not end; it said:\n{}", self.said()),
        }
    }
}

/// A stack that is ready. It is killed when dropped.
#[derive(Debug)]
pub struct Stack {
    process: Starting,
    url: String,
    client: Client,
    /// Its control endpoints.
    pub control: Control,
    /// The address of the console.
    pub console: String,
}

impl Stack {
    /// The API's base URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The stack's own process.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The API, called by `test`.
    pub fn api(&self) -> Api {
        Api::of(self.client.clone())
    }

    /// Begins a call of the API, signed by `test`.
    pub fn call(&self, method: Method, path: &str) -> Call {
        self.client.call(method, path)
    }

    /// The body of a call that must succeed.
    pub async fn json(&self, call: Call) -> Value {
        let response = call.send().await.unwrap();
        let body = String::from_utf8_lossy(&response.body).into_owned();
        let request = format!("{} {}", call.method(), call.path());
        assert!(response.status.is_success(), "{request}: {} {body}", response.status);
        response.json().unwrap()
    }

    /// A call of DynamoDB on the users table, past the service, by the key of an operator.
    pub async fn dynamodb(&self, operation: &str, mut input: Value) {
        let aws = self.control.get("/aws").await;
        input["TableName"] = aws["outputs"]["UsersTableName"].clone();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let operator =
            Credentials::from_keys(text(&aws["accessKeyId"]), text(&aws["secretAccessKey"]), None);
        let endpoint = text(&aws["endpoints"]["dynamodb"]);
        let client = Client::new(&endpoint, text(&aws["region"]), operator).unwrap();
        let call = client
            .call(Method::POST, "/")
            .service("dynamodb")
            .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
            .header("content-type", "application/x-amz-json-1.0")
            .body(input.to_string());
        self.json(call).await;
    }

    /// Registers a user, and gives the path of its profile.
    pub async fn new_user(&self) -> String {
        let register = self.call(Method::POST, "/users").json(&sample::registration());
        format!("/users/{}", id_of(&self.json(register).await))
    }

    /// Closes the stack's standard input, as the end of its parent does.
    pub fn orphan(&mut self) {
        self.process.orphan();
    }

    /// Waits for the end of the stack's process.
    pub async fn ended(&mut self) -> ExitStatus {
        self.process.ended().await
    }

    /// The error output so far.
    pub fn said(&self) -> String {
        self.process.said()
    }
}
