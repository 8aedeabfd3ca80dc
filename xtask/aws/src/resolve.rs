//! `users-aws resolve`: whom to sign as, where, and which URL to call.

use crate::{account, project, stack};
use anyhow::{Context, Result};
use serde::Serialize;
use std::io::Write;

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

pub(crate) async fn run(arguments: &Arguments) -> Result<()> {
    let stage = arguments.stage.as_deref().map(project::stage).transpose()?;
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
                    stack::name(stage)
                )
            })?;
            Some(stack::api_url(&config, region, stage).await?)
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
    writeln!(std::io::stdout().lock(), "{line}").context("cannot write to standard output")
}
