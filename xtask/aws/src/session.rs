//! The stage that a command works on, and the account and Region it lies in.

use crate::account;
use crate::explain::explain;
use anyhow::{Context, Result, bail};
use aws_config::SdkConfig;
use std::path::PathBuf;
use users_template::Stage;

/// Which stage a command works on.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct StageArguments {
    /// The stage of stages.toml.
    #[arg(long, value_name = "NAME")]
    pub(crate) stage: String,
    /// The Region. Default: the stage's, else that of the environment or the profile.
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// Another file of stages. Default: stages.toml of the project.
    #[arg(long, value_name = "FILE")]
    pub(crate) stages: Option<PathBuf>,
}

/// A stage with credentials, and with an account and a Region that it may be in.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) config: SdkConfig,
    pub(crate) stage: Stage,
    /// The name of the stage's stack.
    pub(crate) stack: String,
    pub(crate) region: String,
    /// The account that the credentials belong to, 12 digits.
    pub(crate) account: String,
}

impl Session {
    /// Reads the stage, finds credentials and Region, and asks whose credentials they are.
    ///
    /// # Errors
    /// When the stage is unknown, something is missing, or the account or Region is another than
    /// the stage is pinned to. Nothing was changed then.
    pub(crate) async fn open(arguments: &StageArguments) -> Result<Self> {
        let stage = users_template::files::stage(arguments.stages.as_deref(), &arguments.stage)?;
        let region = account::wanted_region(arguments.region.as_deref(), Some(&stage))?;
        Self::of(stage, account::load(region).await).await
    }

    /// As [`Session::open`], with a configuration that is there already.
    pub(crate) async fn of(stage: Stage, config: SdkConfig) -> Result<Self> {
        let stack = stack_name(&stage);
        let region = config.region().map(ToString::to_string).with_context(|| {
            format!(
                "no Region for the stack {stack}: give --region, set AWS_REGION, or set `region` \
                 of the stage in stages.toml"
            )
        })?;
        if let Some(pinned) = stage.region.as_deref().filter(|pinned| *pinned != region) {
            bail!("stages.toml keeps stage `{}` in {pinned}, not in {region}", stage.name);
        }
        account::credentials(&config).await?;
        let identity = aws_sdk_sts::Client::new(&config)
            .get_caller_identity()
            .send()
            .await
            .map_err(|error| explain("ask AWS whose credentials these are", &error))?;
        let account =
            identity.account.context("AWS does not say which account the credentials are of")?;
        if let Some(pinned) = stage.account.as_deref().filter(|pinned| *pinned != account) {
            bail!(
                "stages.toml keeps stage `{}` in account {pinned}, but these credentials are of \
                 account {account}; choose others with AWS_PROFILE",
                stage.name
            );
        }
        Ok(Self { config, stage, stack, region, account })
    }

    /// Whether requests go to something that stands in for AWS.
    pub(crate) fn endpoint(&self) -> Option<&str> {
        self.config.endpoint_url()
    }
}

/// The name of a stage's stack.
pub(crate) fn stack_name(stage: &Stage) -> String {
    format!("users-{}", stage.name)
}

#[cfg(test)]
mod tests;
