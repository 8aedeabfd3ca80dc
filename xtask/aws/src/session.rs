//! The stage of a command, with its account and Region.

use crate::account;
use crate::explain::Explain;
use crate::ui::{self, STRONG, styled};
use anyhow::{Context, Result, bail};
use aws_config::SdkConfig;
use users_template::Stage;
use xtask_cli::aws::StageArguments;

/// A stage with credentials, account and Region, checked against its pins.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) config: SdkConfig,
    pub(crate) stage: Stage,
    /// The name of the stage's stack.
    pub(crate) stack: String,
    pub(crate) region: String,
    /// The account of the credentials, 12 digits.
    pub(crate) account: String,
}

impl Session {
    /// Reads the stage, finds credentials and Region, and asks AWS for the account.
    ///
    /// # Errors
    /// When the stage is unknown, something is missing, or the stage is pinned to another account or
    /// Region.
    pub(crate) async fn open(arguments: &StageArguments) -> Result<Self> {
        let stage = users_template::files::stage(arguments.stages.as_deref(), &arguments.stage)?;
        let region = account::wanted_region(arguments.region.as_deref(), Some(&stage))?;
        Self::of(stage, account::load(region).await).await
    }

    /// As [`Session::open`], with a given configuration.
    pub(crate) async fn of(stage: Stage, config: SdkConfig) -> Result<Self> {
        let stack = stack_name(&stage);
        let region = config.region().map(ToString::to_string).with_context(|| {
            format!(
                "no Region for the stack {stack}: give --region, set AWS_REGION, or set `region` \
                 of the stage in stages.toml"
            )
        })?;
        if let Some(pinned) = stage.region.as_deref().filter(|pinned| *pinned != region) {
            bail!("stages.toml pins stage `{}` to {pinned}, not to {region}", stage.name);
        }
        account::credentials(&config).await?;
        let identity = aws_sdk_sts::Client::new(&config)
            .get_caller_identity()
            .send()
            .await
            .explain("ask AWS for the account of the credentials")?;
        let account = identity.account.context("AWS names no account of the credentials")?;
        if let Some(pinned) = stage.account.as_deref().filter(|pinned| *pinned != account) {
            bail!(
                "stages.toml pins stage `{}` to account {pinned}, but these credentials are for \
                 account {account}; choose others with AWS_PROFILE",
                stage.name
            );
        }
        Ok(Self { config, stage, stack, region, account })
    }

    /// The address of an emulator, when there is one in place of AWS.
    pub(crate) fn endpoint(&self) -> Option<&str> {
        self.config.endpoint_url()
    }

    /// Prints stack, account and Region.
    pub(crate) fn announce(&self) {
        let place = match self.endpoint() {
            Some(endpoint) => format!("{endpoint}, in place of AWS"),
            None => format!("account {}, {}", self.account, self.region),
        };
        ui::say(format_args!("Stack {} in {place}", styled(STRONG, &self.stack)));
    }
}

/// The name of a stage's stack.
pub(crate) fn stack_name(stage: &Stage) -> String {
    format!("users-{}", stage.name)
}

#[cfg(test)]
mod tests;
