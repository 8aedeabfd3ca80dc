//! The stack's control endpoints.

use anyhow::{Context, Result, bail};
use http::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use users_client::{Client, Signing};

/// How long calls and streams may take to finish.
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(20);

#[derive(Clone, Debug)]
pub(crate) struct Control {
    client: Client,
}

impl Control {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        self.ask(Method::GET, path, None).await
    }

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

    /// The ids of the functions' processes.
    pub(crate) async fn function_pids(&self) -> Result<Vec<u32>> {
        let functions = self.get("/functions").await?;
        let functions = functions["items"].as_array().context("the stack lists no functions")?;
        let instances = functions.iter().filter_map(|it| it["instances"].as_array()).flatten();
        Ok(instances.filter_map(|it| u32::try_from(it["pid"].as_u64()?).ok()).collect())
    }

    /// Every item of a table, attributes as plain JSON.
    pub(crate) async fn table(&self, logical_id: &str) -> Result<Vec<Value>> {
        let first = format!("/tables/{logical_id}/items?plain=true");
        let mut path = first.clone();
        let mut items = Vec::new();
        loop {
            let mut page = self.get(&path).await?;
            items.append(page["items"].as_array_mut().context("a table without items")?);
            let Some(next) = page["next"].as_str() else { return Ok(items) };
            let next: String = next.bytes().map(|byte| format!("%{byte:02X}")).collect();
            path = format!("{first}&start={next}");
        }
    }

    /// Every event on the bus, in the order of arrival.
    pub(crate) async fn events(&self) -> Result<Vec<Value>> {
        let mut events: Vec<Value> = Vec::new();
        loop {
            let after = events.last().and_then(|event| event["seq"].as_u64()).unwrap_or(0);
            let mut page = self.get(&format!("/events?after={after}&limit=1000")).await?;
            let items = page["items"].as_array_mut().context("the stack lists no events")?;
            if items.is_empty() {
                return Ok(events);
            }
            events.append(items);
        }
    }

    /// Clears all faults, and waits until no call is pending and every stream was read to its end.
    pub(crate) async fn quiesce(&self) -> Result<()> {
        self.post("/faults", &json!({})).await?;
        let begun = Instant::now();
        while self.get("/faults/report").await?["pending"] != 0 {
            if begun.elapsed() > PATIENCE {
                bail!("calls that a fault delayed are still pending");
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.streams_drained().await
    }

    /// Waits until every stream was read to its end.
    pub(crate) async fn streams_drained(&self) -> Result<()> {
        let begun = Instant::now();
        let before = self.caught_up().await?;
        loop {
            let now = self.caught_up().await?;
            // The pass that raises the count first may have begun earlier; the second has not.
            if before.iter().zip(&now).all(|(before, now)| *now >= before + 2) {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                bail!("a stream was not read to its end within {} s", PATIENCE.as_secs());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// How often each stream was read to its end.
    async fn caught_up(&self) -> Result<Vec<u64>> {
        let streams = self.get("/streams").await?;
        let streams = streams["items"].as_array().into_iter().flatten();
        Ok(streams.filter_map(|stream| stream["caughtUp"].as_u64()).collect())
    }
}
