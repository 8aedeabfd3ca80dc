//! `users-aws resolve`: credentials and Region to sign with, and the URL to call.

use crate::session::Session;
use crate::stack::{API_URL, StackClient, outputs, status_text};
use crate::{account, ui};
use anyhow::{Context, Result};
use serde::Serialize;
use std::process::ExitCode;
use xtask_cli::aws::StageArguments;

/// Arguments of `resolve`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The stage of stages.toml whose API to look up.
    #[arg(long, value_name = "NAME")]
    stage: Option<String>,
    /// The Region. Default: the stage's, else that of the environment or the profile.
    #[arg(long)]
    region: Option<String>,
}

/// The printed line. It has no `Debug`, because it holds secrets.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Resolved<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'a str>,
    access_key_id: &'a str,
    secret_access_key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_token: Option<&'a str>,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let (config, url) = match arguments.stage.clone() {
        Some(stage) => {
            let region = arguments.region.clone();
            let session = Session::open(&StageArguments { stage, region, stages: None }).await?;
            let url = api_url(&session).await?;
            (session.config, Some(url))
        }
        None => (account::load(arguments.region.clone()).await, None),
    };
    let credentials = account::credentials(&config).await?;
    ui::json(&Resolved {
        url,
        region: config.region().map(AsRef::as_ref),
        access_key_id: credentials.access_key_id(),
        secret_access_key: credentials.secret_access_key(),
        session_token: credentials.session_token(),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The URL of a stage's API, its API stage included. It reads only the stack, so that callers need no
/// other permission.
async fn api_url(session: &Session) -> Result<String> {
    let stack = StackClient::of(session).get().await?;
    outputs(&stack).remove(API_URL).with_context(|| {
        format!(
            "the stack {} in {} has no output {API_URL} (its status is {}); was it deployed \
             completely?",
            session.stack,
            session.region,
            status_text(&stack)
        )
    })
}
