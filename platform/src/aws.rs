//! The clients of AWS services, all built from the same settings.
//!
//! `aws-config` is left out on purpose. In Lambda the credentials are in the environment and stay
//! valid as long as the process is used, so its chain of providers (with three more service
//! clients behind it) would be compiled, linked and never used.

mod failure;
mod transport;

pub(crate) use failure::classify;

use crate::config::AwsConfig;
use crate::telemetry::Recorder;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, Region, SharedInterceptor, StalledStreamProtectionConfig,
};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_types::SdkConfig;
use std::time::Duration;
use transport::{CONNECT_TIMEOUT, Transport};

/// Longest wait for the answer of one attempt. DynamoDB answers within tens of milliseconds even on
/// a bad day; after this long a retry is more promising.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest wait for a call with its retries, so that a function can still answer within the
/// gateway's 29 seconds.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(10);
/// Attempts of one call, the first included.
const ATTEMPTS: u32 = 3;

/// DynamoDB, with an open connection.
///
/// # Errors
///
/// When the endpoint cannot be determined or TLS cannot be set up. A service that does not answer
/// is no error yet.
pub(crate) async fn dynamodb(
    config: &AwsConfig,
    recorder: Option<Recorder>,
) -> Result<aws_sdk_dynamodb::Client, BoxError> {
    use aws_sdk_dynamodb::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};

    let parameters =
        Params::builder().region(&config.region).set_endpoint(config.dynamodb_url.clone());
    let endpoint = DefaultResolver::new().resolve_endpoint(&parameters.build()?).await?;
    connect(config, endpoint.url(), |settings| {
        let mut builder = aws_sdk_dynamodb::config::Builder::from(settings);
        if let Some(recorder) = recorder {
            builder.push_interceptor(SharedInterceptor::new(recorder));
        }
        aws_sdk_dynamodb::Client::from_conf(builder.build())
    })
    .await
}

/// EventBridge, with an open connection.
///
/// # Errors
///
/// When the endpoint cannot be determined or TLS cannot be set up. A service that does not answer
/// is no error yet.
pub(crate) async fn eventbridge(
    config: &AwsConfig,
    recorder: Option<Recorder>,
) -> Result<aws_sdk_eventbridge::Client, BoxError> {
    use aws_sdk_eventbridge::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};

    let parameters =
        Params::builder().region(&config.region).set_endpoint(config.eventbridge_url.clone());
    let endpoint = DefaultResolver::new().resolve_endpoint(&parameters.build()?).await?;
    connect(config, endpoint.url(), |settings| {
        let mut builder = aws_sdk_eventbridge::config::Builder::from(settings);
        if let Some(recorder) = recorder {
            builder.push_interceptor(SharedInterceptor::new(recorder));
        }
        aws_sdk_eventbridge::Client::from_conf(builder.build())
    })
    .await
}

/// SQS, with an open connection.
///
/// # Errors
///
/// When the endpoint cannot be determined or TLS cannot be set up. A service that does not answer
/// is no error yet.
pub(crate) async fn sqs(
    config: &AwsConfig,
    recorder: Option<Recorder>,
) -> Result<aws_sdk_sqs::Client, BoxError> {
    use aws_sdk_sqs::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};

    let parameters = Params::builder().region(&config.region).set_endpoint(config.sqs_url.clone());
    let endpoint = DefaultResolver::new().resolve_endpoint(&parameters.build()?).await?;
    connect(config, endpoint.url(), |settings| {
        let mut builder = aws_sdk_sqs::config::Builder::from(settings);
        if let Some(recorder) = recorder {
            builder.push_interceptor(SharedInterceptor::new(recorder));
        }
        aws_sdk_sqs::Client::from_conf(builder.build())
    })
    .await
}

/// Makes a client from the settings that all clients share, while a connection is opened.
///
/// The client asks the SDK's endpoint rules at every call, which takes 9,000 instructions, a
/// hundredth of a read.
async fn connect<C>(
    config: &AwsConfig,
    url: &str,
    client: impl FnOnce(&SdkConfig) -> C,
) -> Result<C, BoxError> {
    let transport = Transport::new(config, url)?;
    let settings = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(config.region.clone()))
        .credentials_provider(SharedCredentialsProvider::new(config.credentials.clone()))
        .endpoint_url(url)
        .http_client(transport.for_sdk())
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(ATTEMPTS)
                .with_initial_backoff(Duration::from_millis(50)),
        )
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(CONNECT_TIMEOUT)
                .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                .operation_timeout(OPERATION_TIMEOUT)
                .build(),
        )
        // The transport reads an answer to its end within an attempt.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build();
    let ((), client) = tokio::join!(transport.open(url), async { client(&settings) });
    Ok(client)
}
