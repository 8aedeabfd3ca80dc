//! A local stack of our own: started, asked, killed, started again on the same data.

use anyhow::{Context, Result, bail};
use http::Method;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use users_client::{Client, Credentials, Signing};
use users_support::Scratch;

/// How long a stack may take to start, to end, and to come to rest.
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(20);

/// What a stack is made of.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    /// The local stack.
    pub(crate) stack: PathBuf,
    /// The directory of the functions.
    pub(crate) functions: PathBuf,
    /// The template.
    pub(crate) template: PathBuf,
}

/// A stack that runs, with data of its own. It is killed when dropped.
#[derive(Debug)]
pub(crate) struct Stack {
    programs: Programs,
    variables: Vec<(String, String)>,
    directory: Scratch,
    child: Child,
    /// Held open apart from the child: waiting for a child closes its standard input, and the stack
    /// would stop by itself instead of being killed.
    stdin: Option<ChildStdin>,
    port: u16,
    url: String,
    control: Client,
}

impl Stack {
    /// Starts one with no data, whose functions get these variables.
    pub(crate) async fn start(programs: &Programs, variables: &[(String, String)]) -> Result<Self> {
        // What is in memory survives a killed process as well as what is on a disk.
        let directory = Scratch::in_memory("users-faults")?;
        let mut variables = variables.to_vec();
        let offset = directory.path().join("clock-offset").display().to_string();
        variables.push(("CLOCK_OFFSET_FILE".to_owned(), offset));
        let (mut child, ready) = launch(programs, &variables, directory.path(), 0).await?;
        let stdin = child.stdin.take();
        let text = |name: &str| ready[name].as_str().unwrap_or_default().to_owned();
        let url = text("url");
        let control = Client::new(&text("control"), "unsigned", credentials())
            .context("the stack's address cannot be used")?;
        let uri: http::Uri = url.parse().context("the stack's address is none")?;
        let port = uri.port_u16().context("the stack's address has no port")?;
        let programs = programs.clone();
        Ok(Self { programs, variables, directory, child, stdin, port, url, control })
    }

    /// A client of the API.
    pub(crate) fn client(&self) -> Result<Client> {
        let client = Client::new(&self.url, "us-east-1", credentials());
        client.context("the stack's address cannot be used")
    }

    /// The control endpoints.
    pub(crate) fn control(&self) -> Control {
        Control { client: self.control.clone() }
    }

    /// Sets the clocks of the functions wrong, by milliseconds.
    pub(crate) fn set_clock(&self, offset: i64) -> Result<()> {
        // Replaced as a whole, since functions read it at any time.
        let path = self.directory.path().join("clock-offset");
        let fresh = self.directory.path().join("clock-offset.new");
        std::fs::write(&fresh, offset.to_string())
            .and_then(|()| std::fs::rename(&fresh, &path))
            .context("cannot set the clock")
    }

    /// Kills the stack and its functions.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        let functions = self.control().get("/functions").await?;
        let instances = functions["items"].as_array().into_iter().flatten();
        let pids: Vec<i32> = instances
            .flat_map(|function| function["instances"].as_array().into_iter().flatten())
            .filter_map(|instance| instance["pid"].as_i64()?.try_into().ok())
            .collect();
        self.child.start_kill().context("cannot kill the stack")?;
        for pid in pids.into_iter().filter_map(rustix::process::Pid::from_raw) {
            // It may just have ended by itself.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        self.killed().await
    }

    /// Waits for the end of a stack that is to be killed; one that ends otherwise is an error.
    pub(crate) async fn killed(&mut self) -> Result<()> {
        let status = tokio::time::timeout(PATIENCE, self.child.wait())
            .await
            .context("the stack was to be killed, and lives")?
            .context("cannot wait for the stack")?;
        if status.code().is_some() {
            bail!("the stack was to be killed, and ended by itself ({status}); {}", self.said());
        }
        Ok(())
    }

    /// Starts again on the same data and the same port.
    pub(crate) async fn restart(&mut self) -> Result<()> {
        let begun = Instant::now();
        loop {
            let directory = self.directory.path();
            match launch(&self.programs, &self.variables, directory, self.port).await {
                Ok((mut child, _)) => {
                    self.stdin = child.stdin.take();
                    self.child = child;
                    return Ok(());
                }
                // A connection of somebody else may have got the port meanwhile.
                Err(error) if begun.elapsed() > PATIENCE => return Err(error),
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// The end of what the stack said.
    pub(crate) fn said(&self) -> String {
        said(self.directory.path())
    }
}

fn credentials() -> Credentials {
    Credentials::from_keys("test", "test", None)
}

fn said(directory: &Path) -> String {
    const LINES: usize = 15;
    let log = std::fs::read(directory.join("log")).unwrap_or_default();
    let text = String::from_utf8_lossy(&log).into_owned();
    let lines: Vec<_> = text.lines().collect();
    let last = lines[lines.len().saturating_sub(LINES)..].join("\n");
    format!("it said at the end:\n{last}")
}

async fn launch(
    programs: &Programs,
    variables: &[(String, String)],
    directory: &Path,
    port: u16,
) -> Result<(Child, Value)> {
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(directory.join("log"))
        .context("cannot write a log")?;
    let mut command = Command::new(&programs.stack);
    command.arg("--template").arg(&programs.template);
    command.arg("--functions").arg(&programs.functions);
    command.arg("--data").arg(directory.join("data"));
    command.args(["--port", &port.to_string(), "--output", "json", "--end-with-stdin"]);
    for (name, value) in variables {
        command.args(["--function-variable", &format!("{name}={value}")]);
    }
    let mut child = command
        // It ends when this is closed, as at any end of this program.
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .context("cannot start the local stack")?;
    let output = child.stdout.take().context("the local stack has no output")?;
    let mut line = String::new();
    let _ = tokio::time::timeout(PATIENCE, BufReader::new(output).read_line(&mut line))
        .await
        .context("the local stack does not come up")?;
    match serde_json::from_str(&line) {
        Ok(ready) => Ok((child, ready)),
        Err(_) => bail!("the local stack did not start; {}", said(directory)),
    }
}

/// The control endpoints of a stack.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    client: Client,
}

impl Control {
    /// What an endpoint says.
    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        self.ask(Method::GET, path, None).await
    }

    /// Sends something to an endpoint.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.ask(Method::POST, path, Some(body)).await
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let mut call = self.client.call(method, path).signing(Signing::None);
        if let Some(body) = body {
            call = call.json(body);
        }
        let response =
            call.send().await.with_context(|| format!("control endpoint {path}: no answer"))?;
        let answer = response.json().unwrap_or_default();
        if !response.status.is_success() {
            bail!("control endpoint {path}: {} {answer}", response.status);
        }
        Ok(answer)
    }

    /// Every item of a table, attributes as plain JSON.
    pub(crate) async fn table(&self, logical_id: &str) -> Result<Vec<Value>> {
        let mut items = Vec::new();
        let mut path = format!("/tables/{logical_id}/items");
        loop {
            let page = self.get(&path).await?;
            items.extend(page["items"].as_array().into_iter().flatten().map(plain_item));
            let Some(next) = page["next"].as_str() else { return Ok(items) };
            let next: String = next.bytes().map(|byte| format!("%{byte:02X}")).collect();
            path = format!("/tables/{logical_id}/items?start={next}");
        }
    }

    /// Every event on the bus, in the order of arrival.
    pub(crate) async fn events(&self) -> Result<Vec<Value>> {
        let mut events: Vec<Value> = Vec::new();
        loop {
            let after = events.last().and_then(|event| event["seq"].as_u64()).unwrap_or(0);
            let page = self.get(&format!("/events?after={after}&limit=1000")).await?;
            let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
            if items.is_empty() {
                return Ok(events);
            }
            events.extend_from_slice(items);
        }
    }

    /// Clears all faults and waits until nothing goes on any more: no call is still to be done, and
    /// the streams are carried to their ends.
    pub(crate) async fn come_to_rest(&self) -> Result<()> {
        self.post("/faults", &json!({})).await?;
        let begun = Instant::now();
        while self.get("/faults/report").await?["pending"] != 0 {
            if begun.elapsed() > PATIENCE {
                bail!("calls of AWS that a fault holds up are never done");
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.streams_carried().await
    }

    /// Waits until the streams are carried to their ends.
    pub(crate) async fn streams_carried(&self) -> Result<()> {
        let begun = Instant::now();
        let before = self.caught_up().await?;
        loop {
            let now = self.caught_up().await?;
            // The first time may have begun before now, the second has not.
            if before.iter().zip(&now).all(|(before, now)| *now >= before + 2) {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                bail!("a stream is not carried to its end");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn caught_up(&self) -> Result<Vec<u64>> {
        let streams = self.get("/streams").await?;
        let streams = streams["items"].as_array().into_iter().flatten();
        Ok(streams.filter_map(|stream| stream["caughtUp"].as_u64()).collect())
    }
}

/// An item in DynamoDB's JSON as plain JSON.
fn plain_item(item: &Value) -> Value {
    let attributes = item.as_object().into_iter().flatten();
    Value::Object(attributes.map(|(name, value)| (name.clone(), plain(value))).collect())
}

fn plain(value: &Value) -> Value {
    let typed = value.as_object().and_then(|members| members.iter().next());
    match typed.map(|(kind, inner)| (kind.as_str(), inner)) {
        Some(("N", inner)) => {
            inner.as_str().and_then(|number| number.parse().ok()).unwrap_or_default()
        }
        Some(("NULL", _)) | None => Value::Null,
        Some(("M", inner)) => plain_item(inner),
        Some(("L", inner)) => inner.as_array().into_iter().flatten().map(plain).collect(),
        Some((_, inner)) => inner.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::plain_item;
    use serde_json::json;

    #[test]
    fn dynamodb_json_becomes_plain_json() {
        let item = json!({
            "pk": {"S": "USER#1"}, "version": {"N": "3"}, "gone": {"NULL": true},
            "roles": {"L": [{"S": "admin"}]}, "attributes": {"M": {"S": {"S": "a"}}}
        });
        let plain = json!({
            "pk": "USER#1", "version": 3, "gone": null, "roles": ["admin"],
            "attributes": {"S": "a"}
        });
        assert_eq!(plain_item(&item), plain);
    }
}
