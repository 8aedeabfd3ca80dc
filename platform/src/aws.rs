//! What the AWS clients share: credentials, Region, TLS and time limits.
//!
//! `aws-config` is left out on purpose. In Lambda the credentials are in the environment and stay
//! valid as long as the process is used, so its chain of providers (with three more service
//! clients behind it) would be compiled, linked and asked for nothing.

use crate::config::{ConfigError, Environment, optional, required};
use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region, SharedHttpClient};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use std::time::Duration;

/// Longest wait for a connection. Within a Region it takes a few milliseconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Longest wait for one answer. DynamoDB answers within tens of milliseconds even on a bad day,
/// so by then it is lost, and a retry is better.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest wait for a call with its retries, so that a function can still answer within the
/// gateway's 29 seconds.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(10);
/// Tries of one call, the first included.
const ATTEMPTS: u32 = 3;

/// DynamoDB.
pub(crate) fn dynamodb(env: Environment<'_>) -> Result<aws_sdk_dynamodb::Client, ConfigError> {
    let mut config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(region(env)?)
        .credentials_provider(credentials(env)?)
        .retry_config(retry())
        .timeout_config(timeout())
        .interceptor(crate::telemetry::Recorder)
        .http_client(http_client(env)?);
    if let Some(url) = endpoint(env, "AWS_ENDPOINT_URL_DYNAMODB") {
        config = config.endpoint_url(url);
    }
    Ok(aws_sdk_dynamodb::Client::from_conf(config.build()))
}

/// EventBridge.
pub(crate) fn eventbridge(
    env: Environment<'_>,
) -> Result<aws_sdk_eventbridge::Client, ConfigError> {
    let mut config = aws_sdk_eventbridge::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(region(env)?)
        .credentials_provider(credentials(env)?)
        .retry_config(retry())
        .timeout_config(timeout())
        .interceptor(crate::telemetry::Recorder)
        .http_client(http_client(env)?);
    if let Some(url) = endpoint(env, "AWS_ENDPOINT_URL_EVENTBRIDGE") {
        config = config.endpoint_url(url);
    }
    Ok(aws_sdk_eventbridge::Client::from_conf(config.build()))
}

fn region(env: Environment<'_>) -> Result<Region, ConfigError> {
    required(env, "AWS_REGION").map(Region::new)
}

fn credentials(env: Environment<'_>) -> Result<Credentials, ConfigError> {
    Ok(Credentials::new(
        required(env, "AWS_ACCESS_KEY_ID")?,
        required(env, "AWS_SECRET_ACCESS_KEY")?,
        optional(env, "AWS_SESSION_TOKEN"),
        None,
        "environment",
    ))
}

/// The service's own variable, or the one for all services: as the SDKs of AWS do it.
fn endpoint(env: Environment<'_>, variable: &'static str) -> Option<String> {
    optional(env, variable).or_else(|| optional(env, "AWS_ENDPOINT_URL"))
}

#[cfg(not(feature = "deliberate-bugs"))]
#[expect(clippy::unnecessary_wraps, reason = "the one with bugs can refuse the name of the bug")]
fn http_client(_env: Environment<'_>) -> Result<SharedHttpClient, ConfigError> {
    Ok(sound_http_client())
}

#[cfg(feature = "deliberate-bugs")]
fn http_client(env: Environment<'_>) -> Result<SharedHttpClient, ConfigError> {
    crate::bugs::check(env)?;
    Ok(SharedHttpClient::new(crate::bugs::BuggyHttpClient(sound_http_client())))
}

fn sound_http_client() -> SharedHttpClient {
    // `ring`, because aws-lc-rs gathers CPU jitter as entropy at the first handshake: tens of
    // milliseconds, and over a hundred at the CPU share of a small function.
    aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https()
}

fn retry() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(ATTEMPTS)
        .with_initial_backoff(Duration::from_millis(50))
}

fn timeout() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build()
}
