//! The smoke test: a signed call of the deployed API.

use crate::account;
use crate::session::Session;
use crate::stack::API_URL;
use anyhow::{Context, Result, bail};
use http::Method;
use std::collections::BTreeMap;
use std::time::Duration;
use users_client::{Client, Response};

/// A new API is not reachable at once.
const TRIES: u32 = 12;
const PAUSE: Duration = Duration::from_secs(5);

/// The URL of the deployed API, its API stage included.
pub(crate) async fn url(session: &Session, outputs: &BTreeMap<String, String>) -> Result<String> {
    let output = |key: &str| {
        outputs.get(key).with_context(|| format!("{} has no output {key}", session.stack))
    };
    match session.endpoint() {
        // Only AWS serves the URL in the output.
        Some(endpoint) if session.stage.custom_domain.is_none() => {
            let emulator = users_emulator::recognise(endpoint).await?;
            Ok(emulator.api_url(endpoint, output("ApiId")?, &session.stage.api_stage))
        }
        _ => Ok(output(API_URL)?.clone()),
    }
}

/// Calls `GET /users?limit=1`, signed, until the answer matches the contract.
pub(crate) async fn test(session: &Session, url: &str) -> Result<()> {
    let credentials = account::credentials(&session.config).await?;
    let client = Client::new(url, &session.region, credentials)?;
    let call = client.call(Method::GET, "/users").query("limit", "1");
    let mut tries = 0;
    loop {
        tries += 1;
        let answer = call.send().await;
        let (verdict, again) = match &answer {
            Ok(response) => {
                (judge(response), matches!(response.status.as_u16(), 403 | 404 | 429 | 500..))
            }
            Err(error) => (Err(error.to_string()), true),
        };
        match verdict {
            Ok(()) => return Ok(()),
            Err(_) if again && tries < TRIES => {
                // An emulator is reachable at once.
                let pause = if session.endpoint().is_some() { PAUSE / 10 } else { PAUSE };
                tokio::time::sleep(pause).await;
            }
            Err(words) => bail!("{words}"),
        }
    }
}

fn judge(response: &Response) -> Result<(), String> {
    let status = response.status.as_u16();
    if status == 200 && response.json().is_ok_and(|body| body["items"].is_array()) {
        return Ok(());
    }
    // Only the error code is shown, since the rest could be personal data.
    let code = response.problem_code().unwrap_or_else(|| "no code".to_owned());
    let advice = match status {
        403 => {
            "; may these credentials call the API? caller-policies.json in templates/ has the policy"
        }
        _ => "",
    };
    Err(format!("GET /users answers {status} ({code}){advice}"))
}
