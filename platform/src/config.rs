//! Configuration from the environment, read once at start. The template sets every variable.

use crate::clock::{SystemClock, SystemEntropy};
use crate::store::Shards;
use std::str::FromStr;
use std::time::Duration;

/// Looks a variable up. Passed in, so that tests never touch the process's environment.
pub type Environment<'a> = &'a (dyn Fn(&str) -> Option<String> + Sync);

/// A variable is missing or cannot be understood.
#[derive(Debug, thiserror::Error)]
#[error("environment variable {variable} {rule}")]
pub struct ConfigError {
    variable: &'static str,
    rule: &'static str,
}

/// What the eight operations need.
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
    /// `DIRECTORY_SHARDS`: partitions of an index that the users of one list are spread over; 2
    /// when absent. `DIRECTORY_SHARDS_READ`: how many of them lists look for; as many when absent.
    /// `DIRECTORY_OLD_FORM`: whether lists also look for users in their former place; no when
    /// absent.
    pub shards: Shards,
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

/// What the relay needs.
#[derive(Clone, Debug)]
pub struct RelayConfig {
    /// `EVENT_BUS_NAME`: name of the audit bus.
    pub event_bus_name: String,
    /// `DEAD_LETTERS_URL`: URL of the queue for what can never be delivered.
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

/// The process's environment; the only place that reads it.
pub(crate) fn process_environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The clock and the entropy of a real function.
pub(crate) fn system_sources() -> (SystemClock, SystemEntropy) {
    (SystemClock, SystemEntropy)
}

pub(crate) fn rejected(variable: &'static str, rule: &'static str) -> ConfigError {
    ConfigError { variable, rule }
}

pub(crate) fn optional(env: Environment<'_>, variable: &'static str) -> Option<String> {
    env(variable).filter(|value| !value.is_empty())
}

pub(crate) fn required(
    env: Environment<'_>,
    variable: &'static str,
) -> Result<String, ConfigError> {
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
    use super::{RelayConfig, ServiceConfig};
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
    fn lists_look_for_at_least_the_shards_that_are_written() {
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
    fn lists_look_in_the_former_place_only_when_told_to() {
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
}
