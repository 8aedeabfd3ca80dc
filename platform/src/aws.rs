//! What the AWS clients share: credentials, Region, TLS and time limits.
//!
//! `aws-config` is left out on purpose. In Lambda the credentials are in the environment and stay
//! valid as long as the process is used, so its chain of providers (with three more service
//! clients behind it) would be compiled, linked and asked for nothing.

mod transport;

use crate::config::{ConfigError, Environment, optional, required};
use crate::telemetry;
use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::endpoint::{Endpoint, EndpointFuture};
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region, StalledStreamProtectionConfig};
use aws_smithy_runtime_api::box_error::BoxError;
use std::time::Duration;
use transport::Transport;

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

/// Makes the client of one service: the SDK has a configuration of its own for each, of the same
/// parts.
macro_rules! client {
    ($(#[$attribute:meta])* $name:ident, $sdk:ident, $variable:literal) => {
        $(#[$attribute])*
        ///
        /// # Errors
        ///
        /// When a variable is missing. That nothing answers is no error yet.
        pub(crate) async fn $name(env: Environment<'_>) -> Result<$sdk::Client, BoxError> {
            use $sdk::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};

            let region = region(env)?;
            let mut config = $sdk::Config::builder()
                .behavior_version(BehaviorVersion::v2026_01_12())
                .credentials_provider(credentials(env)?)
                .retry_config(retry())
                .timeout_config(timeout())
                .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
            if let Some(recorder) = telemetry::recorder(env) {
                config = config.interceptor(recorder);
            }
            let endpoint = match endpoint(env, $variable) {
                Some(endpoint) => endpoint,
                None => {
                    let parameters = Params::builder().region(region.as_ref()).build()?;
                    DefaultResolver::new().resolve_endpoint(&parameters).await?
                }
            };
            let transport = Transport::new(env, endpoint.url())?;
            let config = config
                .region(region)
                .endpoint_resolver(Resolved(endpoint.clone()))
                .http_client(transport.for_sdk())
                .build();
            // While the network answers, the client is made.
            let client = async { $sdk::Client::from_conf(config) };
            let ((), client) = tokio::join!(transport.open(endpoint.url()), client);
            Ok(client)
        }

        impl $sdk::config::endpoint::ResolveEndpoint for Resolved {
            fn resolve_endpoint<'a>(
                &'a self,
                _: &'a $sdk::config::endpoint::Params,
            ) -> EndpointFuture<'a> {
                EndpointFuture::ready(Ok(self.0.clone()))
            }
        }
    };
}

client! {
    /// DynamoDB, with a connection that is open already.
    dynamodb, aws_sdk_dynamodb, "AWS_ENDPOINT_URL_DYNAMODB"
}

client! {
    /// EventBridge, with a connection that is open already.
    eventbridge, aws_sdk_eventbridge, "AWS_ENDPOINT_URL_EVENTBRIDGE"
}

client! {
    /// SQS, with a connection that is open already.
    sqs, aws_sdk_sqs, "AWS_ENDPOINT_URL_SQS"
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
fn endpoint(env: Environment<'_>, variable: &'static str) -> Option<Endpoint> {
    let url = optional(env, variable).or_else(|| optional(env, "AWS_ENDPOINT_URL"))?;
    Some(Endpoint::builder().url(url).build())
}

/// An endpoint that was found once: what is called does not change it, and the SDK's rules would be
/// gone through at every call.
#[derive(Debug)]
struct Resolved(Endpoint);

fn retry() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(ATTEMPTS)
        .with_initial_backoff(Duration::from_millis(50))
}

/// Limits of every call. The transport reads an answer to its end within an attempt, so the SDK need
/// not watch besides how fast it comes.
fn timeout() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build()
}
