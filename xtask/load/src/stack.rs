//! The embedded stack under load: a process with data of its own, killed at the end.

use crate::Arguments;
use crate::throttle::Throttle;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::Value;
use std::fs::File;
use std::path::PathBuf;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use users_client::{Call, Client, Credentials, Signing};
use users_support::Scratch;

/// How much of each kind the stack keeps for those who look into it. So little that all is full in
/// the warm-up: what goes on growing after it is no history.
const HISTORY: &str = "200";

/// What the stack says, in the scratch folder.
const LOG: &str = "local-stack.log";

/// A stack that answers.
pub(crate) struct Stack {
    /// The API's base URL.
    pub(crate) url: String,
    region: String,
    control: Client,
    // Dropped, and so killed, before its data go. It also ends when its standard input is closed,
    // as at any end of this program.
    child: Child,
    scratch: Scratch,
}

/// What the stack prints when it is ready.
#[derive(Deserialize)]
struct Ready {
    url: String,
    region: String,
    control: String,
}

impl Stack {
    pub(crate) async fn start(arguments: &Arguments, throttle: Throttle) -> Result<Self> {
        let scratch = Scratch::new("users-load")?;
        let text = std::fs::read_to_string(&arguments.template)
            .with_context(|| format!("cannot read {}", arguments.template.display()))?;
        let mut template: Value = serde_json::from_str(&text).context("the template is no JSON")?;
        throttle.apply(&mut template);
        let file = scratch.path().join("template.json");
        std::fs::write(&file, template.to_string()).context("cannot write the template")?;

        let log = scratch.path().join(LOG);
        let mut child = Command::new(&arguments.stack)
            .arg("--template")
            .arg(&file)
            .arg("--functions")
            .arg(&arguments.functions)
            .arg("--data")
            .arg(scratch.path().join("data"))
            .args(["--port", "0", "--output", "json", "--history", HISTORY, "--end-with-stdin"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).context("cannot write a temporary file")?)
            .kill_on_drop(true)
            .spawn()
            .context("cannot start the embedded stack")?;
        let output = child.stdout.take().context("the embedded stack has no output")?;
        let mut line = String::new();
        // It prints one line when it is ready and none when it fails.
        BufReader::new(output).read_line(&mut line).await.context("cannot read from the stack")?;
        let Ok(ready) = serde_json::from_str::<Ready>(&line) else {
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            bail!("the embedded stack did not start:\n{said}");
        };
        let control = client(&ready.control, &ready.region)?;
        Ok(Self { url: ready.url, region: ready.region, control, child, scratch })
    }

    /// A caller with a connection of its own.
    pub(crate) fn client(&self) -> Result<Client> {
        client(&self.url, &self.region)
    }

    /// The id of the stack's process; none when it has ended.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// The ids of the functions' processes.
    pub(crate) async fn function_pids(&self) -> Result<Vec<u32>> {
        let answer = self.control("/functions").await?;
        let functions = answer["items"].as_array().context("the stack lists no functions")?;
        let instances = functions.iter().filter_map(|it| it["instances"].as_array()).flatten();
        Ok(instances.filter_map(|it| u32::try_from(it["pid"].as_u64()?).ok()).collect())
    }

    /// What a control endpoint says.
    pub(crate) async fn control(&self, path: &str) -> Result<Value> {
        let call: Call = self.control.call(http::Method::GET, path).signing(Signing::None);
        let response = call.send().await.with_context(|| format!("cannot ask for {path}"))?;
        response.json().with_context(|| format!("the answer to {path} is no JSON"))
    }

    /// Keeps what the stack said, and tells where.
    pub(crate) fn keep_log(self) -> Result<PathBuf> {
        self.scratch.keep(LOG)
    }
}

fn client(url: &str, region: &str) -> Result<Client> {
    Ok(Client::new(url, region, Credentials::from_keys("test", "test", None))?)
}
