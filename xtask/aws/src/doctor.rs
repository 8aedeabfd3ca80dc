//! `users-aws doctor-account`: what `cargo xtask doctor` can only learn from AWS. It prints one JSON
//! document for that program to read; the tools are checked there, since without them this program
//! cannot be built.

use crate::account;
use crate::artifacts;
use crate::explain::explain;
use crate::session::stack_name;
use crate::stack::{Readiness, StackClient};
use crate::ui;
use anyhow::Result;
use aws_config::SdkConfig;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::DateTime;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::Format;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use users_template::Stage;

/// A clock that is further off is worth a word; AWS refuses signatures from five minutes on.
const SKEW: SignedDuration = SignedDuration::from_secs(60);
const SKEW_REFUSED: SignedDuration = SignedDuration::from_mins(5);

/// Arguments of `doctor-account`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The stage that is going to be deployed.
    #[arg(long, value_name = "NAME")]
    stage: Option<String>,
    /// The Region. Default: the stage's, else that of the environment or the profile.
    #[arg(long)]
    region: Option<String>,
    /// Another file of stages. Default: stages.toml of the project.
    #[arg(long, value_name = "FILE")]
    stages: Option<PathBuf>,
}

/// One thing that was looked at. `cargo xtask doctor` reads this.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Check {
    name: &'static str,
    state: State,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
enum State {
    /// As it has to be.
    Ok,
    /// Worth a look.
    Warning,
    /// In the way of a deployment.
    Missing,
}

impl Check {
    fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, state: State::Ok, detail: detail.into(), fix: None }
    }

    fn warning(name: &'static str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { name, state: State::Warning, detail: detail.into(), fix: Some(fix.into()) }
    }

    fn missing(name: &'static str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { name, state: State::Missing, detail: detail.into(), fix: Some(fix.into()) }
    }
}

pub(crate) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let stage = arguments
        .stage
        .as_deref()
        .map(|name| users_template::files::stage(arguments.stages.as_deref(), name))
        .transpose()?;
    let region = account::wanted_region(arguments.region.as_deref(), stage.as_ref())?;
    let config = account::load(region).await;
    let lookup = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    ui::json(&examine(&config, stage.as_ref(), &lookup, &Timestamp::now).await)?;
    Ok(ExitCode::SUCCESS)
}

/// Looks at everything that can be looked at; what depends on something that is missing is left out.
async fn examine(
    config: &SdkConfig,
    stage: Option<&Stage>,
    lookup: &dyn Fn(&str) -> Option<String>,
    clock: &dyn Fn() -> Timestamp,
) -> Vec<Check> {
    let mut checks = Vec::new();
    match account::credentials(config).await {
        Ok(_) => checks.push(Check::ok("AWS credentials", source(lookup))),
        Err(error) => checks.push(Check::missing(
            "AWS credentials",
            format!("{error:#}"),
            "aws sso login, or set AWS_PROFILE",
        )),
    }
    match config.region() {
        Some(region) => checks.push(Check::ok("AWS Region", region.as_ref())),
        None => checks.push(Check::missing(
            "AWS Region",
            "none is set",
            "export AWS_REGION=<region>, or set `region` of the stage in stages.toml",
        )),
    }
    if checks.iter().any(|check| check.state == State::Missing) {
        return checks;
    }
    let date = Date::default();
    let identity = aws_sdk_sts::Client::new(config)
        .get_caller_identity()
        .customize()
        .interceptor(date.clone())
        .send()
        .await;
    checks.extend(date.seconds().and_then(|seconds| clock_check(seconds, clock())));
    match identity {
        Ok(identity) => {
            let account = identity.account().unwrap_or("unknown");
            let arn = identity.arn().unwrap_or("unknown");
            checks.push(account_check(account, arn, stage));
        }
        Err(error) => {
            let error = explain("ask AWS whose credentials these are", &error);
            checks.push(Check::missing(
                "AWS account",
                format!("{error:#}"),
                "aws sts get-caller-identity shows whether the credentials are good at all",
            ));
            return checks;
        }
    }
    checks.extend(stack_checks(config, stage).await);
    checks
}

/// Where credentials come from, in the order in which they are looked for.
fn source(lookup: &dyn Fn(&str) -> Option<String>) -> String {
    if lookup("AWS_ACCESS_KEY_ID").is_some() && lookup("AWS_SECRET_ACCESS_KEY").is_some() {
        return "from AWS_ACCESS_KEY_ID of the environment".to_owned();
    }
    match lookup("AWS_PROFILE") {
        Some(profile) => format!("from profile `{profile}`, as AWS_PROFILE says"),
        None => "from the default profile, or the machine's own role".to_owned(),
    }
}

fn clock_check(server: i64, now: Timestamp) -> Option<Check> {
    let server = Timestamp::from_second(server).ok()?;
    // AWS tells whole seconds.
    let skew = now.duration_since(server);
    let text =
        format!("{} s {}", skew.as_secs().abs(), if skew.is_negative() { "slow" } else { "fast" });
    let fix = match std::env::consts::OS {
        "macos" => "sudo sntp -sS time.apple.com",
        "windows" => "w32tm /resync",
        _ => "sudo timedatectl set-ntp true",
    };
    Some(if skew.abs() <= SKEW {
        Check::ok("clock", "agrees with that of AWS")
    } else if skew.abs() < SKEW_REFUSED {
        Check::warning("clock", format!("{text}; AWS refuses signatures from 300 s on"), fix)
    } else {
        Check::missing("clock", format!("{text}; AWS refuses the signatures"), fix)
    })
}

fn account_check(account: &str, arn: &str, stage: Option<&Stage>) -> Check {
    let name = "AWS account";
    let who = format!("{account}, {arn}");
    let Some(stage) = stage else { return Check::ok(name, who) };
    match stage.account.as_deref() {
        Some(pinned) if pinned != account => Check::missing(
            name,
            format!("{who}, but stages.toml keeps stage `{}` in {pinned}", stage.name),
            format!("export AWS_PROFILE=<a profile of account {pinned}>"),
        ),
        Some(_) => Check::ok(name, format!("{who}, where stages.toml keeps `{}`", stage.name)),
        None => Check::warning(
            name,
            format!("{who}; stages.toml pins stage `{}` to no account", stage.name),
            format!("account = \"{account}\" below [{}] in stages.toml", stage.name),
        ),
    }
}

/// Whether the stacks can be looked at, and how they are.
async fn stack_checks(config: &SdkConfig, stage: Option<&Stage>) -> Vec<Check> {
    let mut checks = Vec::new();
    let forbidden = "have cloudformation:DescribeStacks granted, as README says for deployments";
    let bucket = StackClient::named(config, artifacts::STACK);
    match bucket.find(&bucket.name).await {
        Ok(None) => checks.push(Check::ok(
            "bucket of archives",
            "not there yet; the first `cargo xtask deploy` makes it",
        )),
        Ok(Some(found)) => checks.push(of_stack("bucket of archives", found.stack_status())),
        Err(error) => {
            checks.push(Check::missing("CloudFormation", format!("{error:#}"), forbidden));
            return checks;
        }
    }
    if let Some(stage) = stage {
        let stack = StackClient::named(config, &stack_name(stage));
        checks.push(match stack.find(&stack.name).await {
            Ok(None) => Check::ok("stack", format!("{} is not deployed yet", stack.name)),
            Ok(Some(found)) => of_stack("stack", found.stack_status()),
            Err(error) => Check::missing("stack", format!("{error:#}"), forbidden),
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
        Readiness::Busy => Check::warning(name, text, "wait until that operation has ended"),
        Readiness::Refuse(why) => Check::missing(name, text, why),
    }
}

/// Reads the time at which AWS answered, also when it answered with an error.
#[derive(Clone, Debug, Default)]
struct Date(Arc<Mutex<Option<i64>>>);

impl Date {
    fn seconds(&self) -> Option<i64> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for Date {
    fn name(&self) -> &'static str {
        "Date"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        let date = date.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
        if let Some(date) = date {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(date.secs());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
