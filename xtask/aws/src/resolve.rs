//! `users-aws resolve`: whom to sign as, where, and which URL to call.

use crate::stack::{API_URL, StackClient, check_account, outputs, status_text};
use crate::{account, session};
use anyhow::{Context, Result};
use aws_config::SdkConfig;
use serde::Serialize;
use std::io::Write;
use std::process::ExitCode;
use users_template::Stage;

/// Arguments of `resolve`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A stage of stages.toml whose deployed API to look up.
    #[arg(long, value_name = "NAME")]
    stage: Option<String>,
    /// The Region. Default: the stage's, else that of the environment or the profile.
    #[arg(long)]
    region: Option<String>,
}

/// The line that is printed; it has no `Debug` because it holds secrets.
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
    let stage = arguments
        .stage
        .as_deref()
        .map(|name| users_template::files::stage(None, name))
        .transpose()?;
    let wanted = account::wanted_region(arguments.region.as_deref(), stage.as_ref())?;
    let config = account::load(wanted).await;
    let region = config.region().map(AsRef::as_ref);
    let credentials = account::credentials(&config).await?;
    let url = match &stage {
        Some(stage) => {
            let region = region.with_context(|| {
                format!(
                    "no Region to look for the stack {} in: give --region, set AWS_REGION, or set \
                     `region` of the stage in stages.toml",
                    session::stack_name(stage)
                )
            })?;
            Some(api_url(&config, region, stage).await?)
        }
        None => None,
    };
    let resolved = Resolved {
        url,
        region,
        access_key_id: credentials.access_key_id(),
        secret_access_key: credentials.secret_access_key(),
        session_token: credentials.session_token(),
    };
    let line = serde_json::to_string(&resolved).context("cannot write JSON")?;
    writeln!(std::io::stdout().lock(), "{line}").context("cannot write to standard output")?;
    Ok(ExitCode::SUCCESS)
}

/// The URL of a stage's API, its API stage included. Asks nothing but the stack, so that callers
/// without any other permission can look it up.
async fn api_url(config: &SdkConfig, region: &str, stage: &Stage) -> Result<String> {
    let client = StackClient::named(config, &session::stack_name(stage));
    let name = &client.name;
    let stack = client.find(name).await?.with_context(|| {
        format!("there is no stack {name} in {region}; deploy the stage first, or check the Region")
    })?;
    check_account(&stack, name, stage)?;
    outputs(&stack).remove(API_URL).with_context(|| {
        format!(
            "the stack {name} in {region} has no output {API_URL} (its status is {}); was it \
             deployed completely?",
            status_text(&stack)
        )
    })
}
