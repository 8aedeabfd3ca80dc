//! Signed calls of the deployed API that must succeed.

use anyhow::{Context, Result, bail};
use http::Method;
use serde_json::{Value, json};
use users_client::Client;

/// Calls the API, and returns the body of the answer.
pub(crate) async fn call(
    api: &Client,
    method: Method,
    path: &str,
    body: Option<Value>,
    query: Option<(&str, &str)>,
) -> Result<Value> {
    let name = format!("{method} {path}");
    let mut call = api.call(method, path);
    if let Some((name, value)) = query {
        call = call.query(name, value);
    }
    if let Some(body) = &body {
        call = call.json(body);
    }
    let answer = call.send().await.with_context(|| format!("no answer to {name}"))?;
    if !answer.status.is_success() {
        let body = String::from_utf8_lossy(&answer.body);
        bail!("{name} was answered {}: {body}", answer.status.as_u16());
    }
    answer.json().with_context(|| format!("the answer to {name} is not JSON"))
}

/// Registers a user under an address that no other run uses, and returns its id.
pub(crate) async fn register(api: &Client) -> Result<String> {
    let time = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
    let email = format!("{time:x}-{:x}@example.com", std::process::id());
    let user = call(api, Method::POST, "/users", Some(json!({"email": email})), None).await?;
    Ok(user["userId"].as_str().context("the user has no id")?.to_owned())
}
