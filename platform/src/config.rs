//! Configuration from the environment, read once at start. The template sets every variable that
//! Lambda does not.

use aws_credential_types::Credentials;
use http::Uri;
use std::num::NonZeroU8;
use std::str::FromStr;
use std::time::Duration;
use tracing::level_filters::LevelFilter;

/// Looks a variable up. Passed in, so that tests never touch the process's environment.
pub type Environment<'a> = &'a (dyn Fn(&str) -> Option<String> + Sync);

/// A variable is missing or malformed.
#[derive(Debug, thiserror::Error)]
#[error("environment variable {variable} {rule}")]
pub struct ConfigError {
    variable: &'static str,
    rule: &'static str,
}

/// The configuration of the eight operations.
#[derive(Clone, Debug)]
pub struct ServiceConfig {
    /// `USERS_TABLE`: name of the users table.
    pub users_table: String,
    /// `IDEMPOTENCY_TABLE`: name of the idempotency table; only the writes have one.
    pub idempotency_table: Option<String>,
    /// `IDEMPOTENCY_TTL_HOURS`: how long a recorded success is kept; 24 hours when absent.
    pub idempotency_ttl: Duration,
    /// `CORS_ALLOW_ORIGIN`: the origin that browsers may call from; `*` when absent.
    pub cors_allow_origin: String,
    /// `DIRECTORY_SHARDS`, `DIRECTORY_SHARDS_READ` and `DIRECTORY_OLD_FORM`: see [`Shards`].
    pub shards: Shards,
}

/// The number of partitions that the users of one list are spread over, so that it can take more
/// writes than one partition. It is part of stored keys; `docs/deploying.md` says how to
/// change it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Shards {
    /// Partitions that users are written to; 2 when absent.
    pub written: NonZeroU8,
    /// Partitions that lists read, at least as many; the same number when absent.
    pub read: NonZeroU8,
    /// Whether lists also read the partitions of users from before the index by status; no when
    /// absent.
    pub old_form: bool,
}

impl Shards {
    /// The default: two shards take 2,000 registrations a second, twice the default throttle.
    pub const DEFAULT: NonZeroU8 = NonZeroU8::MIN.saturating_add(1);
}

impl Default for Shards {
    fn default() -> Self {
        Self { written: Self::DEFAULT, read: Self::DEFAULT, old_form: false }
    }
}

impl ServiceConfig {
    /// Reads the variables.
    ///
    /// # Errors
    ///
    /// Names the first variable that is missing or malformed.
    pub fn from_env(env: Environment<'_>) -> Result<Self, ConfigError> {
        let hours: u32 =
            parsed(env, "IDEMPOTENCY_TTL_HOURS", "must be a whole number of hours")?.unwrap_or(24);
        let rule = "must be a whole number from 1 to 255";
        let written = parsed(env, "DIRECTORY_SHARDS", rule)?.unwrap_or(Shards::DEFAULT);
        let (variable, rule) = ("DIRECTORY_SHARDS_READ", "must be from DIRECTORY_SHARDS to 255");
        let read = parsed(env, variable, rule)?.unwrap_or(written);
        if read < written {
            return Err(ConfigError { variable, rule });
        }
        let old_form = parsed(env, "DIRECTORY_OLD_FORM", "must be true or false")?.unwrap_or(false);
        Ok(Self {
            users_table: required(env, "USERS_TABLE")?,
            idempotency_table: optional(env, "IDEMPOTENCY_TABLE"),
            idempotency_ttl: Duration::from_secs(u64::from(hours) * 3600),
            cors_allow_origin: optional(env, "CORS_ALLOW_ORIGIN").unwrap_or_else(|| "*".to_owned()),
            shards: Shards { written, read, old_form },
        })
    }
}

/// The configuration of the relay.
#[derive(Clone, Debug)]
pub struct RelayConfig {
    /// `EVENT_BUS_NAME`: name of the audit bus.
    pub event_bus_name: String,
    /// `DEAD_LETTERS_URL`: URL of the queue for events that can never be delivered.
    pub dead_letters_url: String,
}

impl RelayConfig {
    /// Reads the variables.
    ///
    /// # Errors
    ///
    /// Names the first variable that is missing.
    pub fn from_env(env: Environment<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            event_bus_name: required(env, "EVENT_BUS_NAME")?,
            dead_letters_url: required(env, "DEAD_LETTERS_URL")?,
        })
    }
}

/// The configuration of the AWS clients. Lambda sets Region and credentials, which stay valid for as
/// long as the process is used.
#[derive(Clone, Debug)]
pub struct AwsConfig {
    /// `AWS_REGION`.
    pub region: String,
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`.
    pub credentials: Credentials,
    /// `AWS_ENDPOINT_URL_DYNAMODB`, or else `AWS_ENDPOINT_URL` as for each service below; the
    /// Region's endpoint when both are absent.
    pub dynamodb_url: Option<String>,
    /// `AWS_ENDPOINT_URL_EVENTBRIDGE`.
    pub eventbridge_url: Option<String>,
    /// `AWS_ENDPOINT_URL_SQS`.
    pub sqs_url: Option<String>,
    /// `SSL_CERT_FILE`: a file of the certificates to trust, instead of the system's.
    pub certificates: Option<String>,
}

impl AwsConfig {
    /// Reads the variables.
    ///
    /// # Errors
    ///
    /// Names the first variable that is missing.
    pub fn from_env(env: Environment<'_>) -> Result<Self, ConfigError> {
        let url = |variable| optional(env, variable).or_else(|| optional(env, "AWS_ENDPOINT_URL"));
        Ok(Self {
            region: required(env, "AWS_REGION")?,
            credentials: Credentials::new(
                required(env, "AWS_ACCESS_KEY_ID")?,
                required(env, "AWS_SECRET_ACCESS_KEY")?,
                optional(env, "AWS_SESSION_TOKEN"),
                None,
                "environment",
            ),
            dynamodb_url: url("AWS_ENDPOINT_URL_DYNAMODB"),
            eventbridge_url: url("AWS_ENDPOINT_URL_EVENTBRIDGE"),
            sqs_url: url("AWS_ENDPOINT_URL_SQS"),
            certificates: optional(env, "SSL_CERT_FILE"),
        })
    }
}

/// The configuration of logs, metrics and traces. A mistake in it never stops a function.
#[derive(Clone, Debug)]
pub struct TelemetryConfig {
    /// `AWS_LAMBDA_FUNCTION_NAME`, set by Lambda; empty outside it.
    pub function_name: String,
    /// `LOG_LEVEL`: least severe line to write; `info` when absent or unknown.
    pub level: LevelFilter,
    /// `POWERTOOLS_LOGGER_SAMPLE_RATE`: share of the invocations, from 0 to 1, that write debug
    /// lines whatever the level; 0 when absent or malformed.
    pub debug_share: f64,
    /// `METRICS_STACK`: the value of the metrics' dimension `Stack`; no metrics when absent.
    pub metrics_stack: Option<String>,
    /// `AWS_XRAY_DAEMON_ADDRESS`: host and port that traces are sent to, set by Lambda; no traces
    /// when absent.
    pub xray_daemon: Option<String>,
}

impl TelemetryConfig {
    /// Reads the variables.
    #[must_use]
    pub fn from_env(env: Environment<'_>) -> Self {
        let level = optional(env, "LOG_LEVEL").and_then(|level| level.parse().ok());
        let debug_share = optional(env, "POWERTOOLS_LOGGER_SAMPLE_RATE")
            .and_then(|share| share.parse().ok())
            .filter(|share| (0.0..=1.0).contains(share));
        Self {
            function_name: optional(env, "AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default(),
            level: level.unwrap_or(LevelFilter::INFO),
            debug_share: debug_share.unwrap_or_default(),
            metrics_stack: optional(env, "METRICS_STACK"),
            xray_daemon: optional(env, "AWS_XRAY_DAEMON_ADDRESS"),
        }
    }
}

/// `AWS_LAMBDA_RUNTIME_API`: the address of the Runtime API, set by Lambda.
///
/// # Errors
///
/// When the variable is missing or names no host.
pub(crate) fn runtime_api(env: Environment<'_>) -> Result<Uri, ConfigError> {
    let variable = "AWS_LAMBDA_RUNTIME_API";
    let address = required(env, variable)?.parse::<Uri>().ok();
    // The client panics for a path without a host.
    let address = address.filter(|address| address.authority().is_some());
    let rule = "must be the host and port of the Runtime API";
    address.ok_or(ConfigError { variable, rule })
}

/// The process's environment; the only place that reads it.
pub(crate) fn process_environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

pub(crate) fn optional(env: Environment<'_>, variable: &'static str) -> Option<String> {
    env(variable).filter(|value| !value.is_empty())
}

fn required(env: Environment<'_>, variable: &'static str) -> Result<String, ConfigError> {
    optional(env, variable).ok_or(ConfigError { variable, rule: "is not set" })
}

fn parsed<T: FromStr>(
    env: Environment<'_>,
    variable: &'static str,
    rule: &'static str,
) -> Result<Option<T>, ConfigError> {
    optional(env, variable)
        .map(|value| value.parse().map_err(|_| ConfigError { variable, rule }))
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::{RelayConfig, ServiceConfig, runtime_api};
    use std::time::Duration;

    fn service(pairs: &[(&str, &str)]) -> Result<ServiceConfig, String> {
        let lookup = |name: &str| {
            pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        ServiceConfig::from_env(&lookup).map_err(|error| error.to_string())
    }

    #[test]
    fn absent_options_get_their_defaults() {
        let config = service(&[("USERS_TABLE", "users")]).expect("only the table is required");
        assert_eq!(config.idempotency_ttl, Duration::from_secs(24 * 3600));
        assert_eq!(config.cors_allow_origin, "*");
        assert_eq!(config.idempotency_table, None);
        assert_eq!((config.shards.written.get(), config.shards.read.get()), (2, 2));
    }

    #[test]
    fn lists_read_at_least_the_shards_that_are_written() {
        let shards = |pairs: &[(&str, &str)]| {
            service(&[&[("USERS_TABLE", "users")], pairs].concat())
                .map(|config| (config.shards.written.get(), config.shards.read.get()))
        };
        assert_eq!(shards(&[("DIRECTORY_SHARDS", "4")]), Ok((4, 4)));
        let both = |written, read| {
            shards(&[("DIRECTORY_SHARDS", written), ("DIRECTORY_SHARDS_READ", read)])
        };
        assert_eq!(both("2", "4"), Ok((2, 4)));
        let wrong =
            "environment variable DIRECTORY_SHARDS_READ must be from DIRECTORY_SHARDS to 255";
        assert_eq!(both("4", "2"), Err(wrong.to_owned()));
        let wrong = "environment variable DIRECTORY_SHARDS must be a whole number from 1 to 255";
        assert_eq!(both("0", "2"), Err(wrong.to_owned()));
        assert_eq!(both("256", "2"), Err(wrong.to_owned()));
    }

    #[test]
    fn lists_read_the_old_form_only_when_configured() {
        let old_form = |value: &str| {
            service(&[("USERS_TABLE", "users"), ("DIRECTORY_OLD_FORM", value)])
                .map(|config| config.shards.old_form)
        };
        assert_eq!(old_form(""), Ok(false));
        assert_eq!(old_form("false"), Ok(false));
        assert_eq!(old_form("true"), Ok(true));
        for wrong in ["yes", "1", "TRUE"] {
            let error = "environment variable DIRECTORY_OLD_FORM must be true or false";
            assert_eq!(old_form(wrong), Err(error.to_owned()));
        }
    }

    #[test]
    fn errors_name_the_variable() {
        assert_eq!(
            service(&[]).expect_err("no table"),
            "environment variable USERS_TABLE is not set"
        );
        assert_eq!(
            service(&[("USERS_TABLE", "users"), ("IDEMPOTENCY_TTL_HOURS", "a day")])
                .expect_err("not a number"),
            "environment variable IDEMPOTENCY_TTL_HOURS must be a whole number of hours"
        );
        let relay = RelayConfig::from_env(&|_| None).expect_err("no bus").to_string();
        assert_eq!(relay, "environment variable EVENT_BUS_NAME is not set");
    }

    #[test]
    fn the_address_of_the_runtime_api_names_a_host() {
        for address in ["", "/2018-06-01", "http://", "a b", "*"] {
            let error = runtime_api(&|_| Some(address.to_owned())).expect_err(address).to_string();
            assert!(error.starts_with("environment variable AWS_LAMBDA_RUNTIME_API "), "{error}");
        }
        let address = runtime_api(&|_| Some("127.0.0.1:9001".to_owned())).expect("an address");
        assert_eq!(address.authority().map(AsRef::as_ref), Some("127.0.0.1:9001"));
    }
}
