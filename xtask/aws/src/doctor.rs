//! `users-aws doctor-account`: the checks of `cargo xtask doctor` that need AWS, as one JSON document.

use crate::account;
use crate::artifacts;
use crate::explain::Explain;
use crate::session::stack_name;
use crate::stack::{Readiness, StackClient};
use crate::ui;
use anyhow::Result;
use aws_config::SdkConfig;
use std::process::ExitCode;
use users_template::Stage;
use xtask_cli::doctor::{Check, State};

/// Arguments of `doctor-account`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The stage to deploy.
    #[arg(long, value_name = "NAME")]
    stage: Option<String>,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let stage = arguments.stage.as_deref();
    let stage = stage.map(|name| users_template::files::stage(None, name)).transpose()?;
    let region = account::wanted_region(None, stage.as_ref())?;
    let config = account::load(region).await;
    let lookup = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    ui::json(&examine(&config, stage.as_ref(), &lookup).await)?;
    Ok(ExitCode::SUCCESS)
}

/// Makes all checks, except those that depend on something that is missing.
async fn examine(
    config: &SdkConfig,
    stage: Option<&Stage>,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Vec<Check> {
    let mut checks = Vec::new();
    match account::credentials(config).await {
        Ok(_) => checks.push(Check::ok("AWS credentials", source(lookup))),
        Err(error) => checks.push(Check::of(
            State::Missing,
            "AWS credentials",
            format!("{error:#}"),
            "aws sso login, or set AWS_PROFILE",
        )),
    }
    match config.region() {
        Some(region) => checks.push(Check::ok("AWS Region", region.as_ref())),
        None => checks.push(Check::of(
            State::Missing,
            "AWS Region",
            "not set",
            "export AWS_REGION=<region>, or set `region` of the stage in stages.toml",
        )),
    }
    if checks.iter().any(|check| check.state == State::Missing) {
        return checks;
    }
    let identity = aws_sdk_sts::Client::new(config).get_caller_identity().send().await;
    match identity.explain("ask AWS for the account of the credentials") {
        Ok(identity) => {
            let account = identity.account().unwrap_or("unknown");
            let arn = identity.arn().unwrap_or("unknown");
            checks.push(account_check(account, arn, stage));
        }
        Err(error) => {
            checks.push(Check::of(
                State::Missing,
                "AWS account",
                format!("{error:#}"),
                "aws sts get-caller-identity shows whether the credentials are valid",
            ));
            return checks;
        }
    }
    checks.extend(stack_checks(config, stage).await);
    checks
}

/// The source of credentials, in the order of the search.
fn source(lookup: &dyn Fn(&str) -> Option<String>) -> String {
    if lookup("AWS_ACCESS_KEY_ID").is_some() && lookup("AWS_SECRET_ACCESS_KEY").is_some() {
        return "from AWS_ACCESS_KEY_ID of the environment".to_owned();
    }
    match lookup("AWS_PROFILE") {
        Some(profile) => format!("from profile `{profile}`, as AWS_PROFILE says"),
        None => "from the default profile, or the role of this machine".to_owned(),
    }
}

fn account_check(account: &str, arn: &str, stage: Option<&Stage>) -> Check {
    let name = "AWS account";
    let who = format!("{account}, {arn}");
    let Some(stage) = stage else { return Check::ok(name, who) };
    match stage.account.as_deref() {
        Some(pinned) if pinned != account => Check::of(
            State::Missing,
            name,
            format!("{who}, but stages.toml pins stage `{}` to {pinned}", stage.name),
            format!("export AWS_PROFILE=<a profile of account {pinned}>"),
        ),
        Some(_) => Check::ok(name, format!("{who}, to which stages.toml pins `{}`", stage.name)),
        None => Check::of(
            State::Warning,
            name,
            format!("{who}; stages.toml pins stage `{}` to no account", stage.name),
            format!("account = \"{account}\" below [{}] in stages.toml", stage.name),
        ),
    }
}

/// The permission to read stacks, and their states.
async fn stack_checks(config: &SdkConfig, stage: Option<&Stage>) -> Vec<Check> {
    let mut checks = Vec::new();
    let forbidden = "have cloudformation:DescribeStacks granted";
    let bucket = StackClient::named(config, artifacts::STACK);
    match bucket.find(&bucket.name).await {
        Ok(None) => checks.push(Check::ok(
            "bucket of archives",
            "not created yet; the first `cargo xtask deploy` creates it",
        )),
        Ok(Some(found)) => checks.push(of_stack("bucket of archives", found.stack_status())),
        Err(error) => {
            checks.push(Check::of(
                State::Missing,
                "CloudFormation",
                format!("{error:#}"),
                forbidden,
            ));
            return checks;
        }
    }
    if let Some(stage) = stage {
        let stack = StackClient::named(config, &stack_name(stage));
        checks.push(match stack.find(&stack.name).await {
            Ok(None) => Check::ok("stack", format!("{} is not deployed yet", stack.name)),
            Ok(Some(found)) => of_stack("stack", found.stack_status()),
            Err(error) => Check::of(State::Missing, "stack", format!("{error:#}"), forbidden),
        });
    }
    checks
}

fn of_stack(
    name: &'static str,
    status: Option<&aws_sdk_cloudformation::types::StackStatus>,
) -> Check {
    let text = status.map_or("unknown", |status| status.as_str());
    match Readiness::of(status) {
        Readiness::Create | Readiness::Update | Readiness::Recreate => Check::ok(name, text),
        Readiness::Busy => {
            Check::of(State::Warning, name, text, "wait until that operation has ended")
        }
        Readiness::Refuse(why) => Check::of(State::Missing, name, text, why),
    }
}

#[cfg(test)]
mod tests;
