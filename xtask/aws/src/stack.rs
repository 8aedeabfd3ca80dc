//! The CloudFormation stack of a stage.

use anyhow::{Context, Result, anyhow, bail};
use aws_config::SdkConfig;
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudformation::types::Stack;
use std::error::Error;
use users_template::Stage;

/// The template's output that holds the API's URL.
const API_URL: &str = "ApiUrl";

/// The name of a stage's stack.
pub(crate) fn name(stage: &Stage) -> String {
    format!("users-{}", stage.name)
}

/// The URL of a stage's API, its API stage included.
pub(crate) async fn api_url(config: &SdkConfig, region: &str, stage: &Stage) -> Result<String> {
    let name = name(stage);
    let stack = describe(config, region, &name).await?;
    check_account(&stack, &name, stage)?;
    stack
        .outputs()
        .iter()
        .find(|output| output.output_key() == Some(API_URL))
        .and_then(|output| output.output_value())
        .map(str::to_owned)
        .with_context(|| {
            let status = stack.stack_status().map_or("unknown", |status| status.as_str());
            format!(
                "the stack {name} in {region} has no output {API_URL} (its status is {status}); \
                 was it deployed completely?"
            )
        })
}

async fn describe(config: &SdkConfig, region: &str, name: &str) -> Result<Stack> {
    let described = Client::new(config)
        .describe_stacks()
        .stack_name(name)
        .send()
        .await
        .map_err(|error| explain(&error, region, name))?;
    // One that is named is answered with one, or with an error.
    let first = described.stacks.unwrap_or_default().into_iter().next();
    first.with_context(|| missing(region, name))
}

fn missing(region: &str, name: &str) -> String {
    format!("there is no stack {name} in {region}; deploy the stage first, or check the Region")
}

/// The error in words that say what to do. What AWS said about permissions is kept: it names the
/// action and the principal.
fn explain<E, R>(error: &SdkError<E, R>, region: &str, name: &str) -> anyhow::Error
where
    E: ProvideErrorMetadata + Error + 'static,
    R: std::fmt::Debug,
{
    let message = error.message().unwrap_or("no further words");
    match error.code() {
        Some("ValidationError") if message.contains("does not exist") => {
            anyhow!("{}", missing(region, name))
        }
        Some("ExpiredToken" | "ExpiredTokenException" | "RequestExpired") => anyhow!(
            "the AWS credentials have expired; sign in again (for SSO: `aws sso login`), or check \
             this machine's clock"
        ),
        Some("InvalidClientTokenId" | "UnrecognizedClientException" | "SignatureDoesNotMatch") => {
            anyhow!("AWS does not accept these credentials: {message}")
        }
        Some("AccessDenied" | "AccessDeniedException") => {
            anyhow!("these credentials may not look at the stack {name}: {message}")
        }
        Some(code) => anyhow!("CloudFormation in {region} answers {code}: {message}"),
        None => anyhow!("CloudFormation in {region} cannot be asked: {}", chain(error)),
    }
}

/// An error with its causes: `SdkError` itself says little more than that there is one.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// A stage that is kept in one account must not be looked up in another of the same name.
fn check_account(stack: &Stack, name: &str, stage: &Stage) -> Result<()> {
    let found = stack.stack_id().and_then(|arn| arn.split(':').nth(4));
    match (stage.account.as_deref(), found) {
        (Some(pinned), Some(found)) if pinned != found => bail!(
            "stages.toml keeps stage `{}` in account {pinned}, but these credentials see {name} in \
             account {found}",
            stage.name
        ),
        _ => Ok(()),
    }
}
