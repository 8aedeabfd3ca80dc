//! The tools: how many signed reads a second the local stack serves, and how long commands take.

use crate::stats::median;
use anyhow::{Context, Result, bail, ensure};
use http::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader};
use users_client::{Client, Credentials};
use users_template::Stage;

/// Callers at once.
const CALLERS: usize = 16;
/// How long they call.
const SPAN: Duration = Duration::from_secs(5);
/// Runs of each command.
const RUNS: usize = 15;
/// A rate that the gateway never throttles at.
const UNTHROTTLED: u16 = 10_000;

/// Signed reads a second of one user's profile, by release binaries.
pub(crate) async fn reads_per_second(root: &Path, target: &Path, stage: &Stage) -> Result<f64> {
    let packages = ["--package", "local-stack", "--package", "users-functions"];
    cargo(root, &[&["build", "--quiet", "--release"][..], &packages].concat())?;
    let folder = tempfile::tempdir().context("cannot make a folder for the template")?;
    let template = folder.path().join("template.json");
    let stage = Stage { throttle_rate: UNTHROTTLED, throttle_burst: 5_000, ..stage.clone() };
    std::fs::write(&template, users_template::render_template(&stage))?;
    let programs = target.join("release");
    let mut stack = tokio::process::Command::new(programs.join("local-stack"))
        .arg("--template")
        .arg(&template)
        .arg("--functions")
        .arg(&programs)
        .args(["--ephemeral", "--port", "0", "--output", "json", "--end-with-stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("cannot start the local stack")?;
    let stdout = stack.stdout.take().context("the local stack has no standard output")?;
    let line = BufReader::new(stdout).lines().next_line().await?.context("it did not start")?;
    let ready: Value = serde_json::from_str(&line).context("it does not say where it is")?;
    let (url, region) = (ready["url"].as_str(), ready["region"].as_str());
    let (Some(url), Some(region)) = (url, region) else { bail!("it does not say where it is") };
    let client = Client::new(url, region, Credentials::from_keys("test", "test", None))?;
    let user = client.call(Method::POST, "/users").json(&json!({"email": "ada@example.com"}));
    let user: Value = user.send().await?.json()?;
    let path = format!("/users/{}", user["userId"].as_str().context("no user was registered")?);

    let counter = Arc::new(AtomicU64::new(0));
    let begun = Instant::now();
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..CALLERS {
        let (client, path, counter) = (client.clone(), path.clone(), Arc::clone(&counter));
        callers.spawn(async move {
            while begun.elapsed() < SPAN {
                let answer = client.call(Method::GET, &path).send().await?;
                ensure!(answer.status.as_u16() == 200, "a read was answered {}", answer.status);
                counter.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        });
    }
    while let Some(caller) = callers.join_next().await {
        caller.context("a caller ended")??;
    }
    Ok(counter.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64())
}

/// Median times of commands, in milliseconds, without what cargo takes to find them.
pub(crate) fn command_times(root: &Path, target: &Path) -> Result<BTreeMap<String, f64>> {
    cargo(root, &["build", "--quiet", "--package", "xtask"])?;
    let program = target.join("debug/xtask");
    let mut times = BTreeMap::new();
    for name in ["--help", "synth", "check"] {
        let mut samples = Vec::with_capacity(RUNS);
        for _ in 0..RUNS {
            let mut command = Command::new(&program);
            command.arg(name).current_dir(root).stdout(Stdio::null()).stderr(Stdio::null());
            let begun = Instant::now();
            let status = command.status().with_context(|| format!("cannot run {name}"))?;
            samples.push(begun.elapsed().as_secs_f64() * 1000.0);
            ensure!(status.success(), "{name} failed");
        }
        times.insert(name.to_owned(), median(&samples));
    }
    Ok(times)
}

fn cargo(root: &Path, arguments: &[&str]) -> Result<()> {
    let mut command = users_support::project::cargo();
    let status = users_support::tied::status(command.args(arguments).current_dir(root))
        .context("cannot run cargo")?;
    ensure!(status.success(), "cargo {} failed", arguments.join(" "));
    Ok(())
}
