//! The configuration of stages, read from `stages.toml`: one table per stage, named after it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IntoDeserializer;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

/// What tells one stage from another. Every key but the name may be left out.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Stage {
    /// Name of the stage, the name of its table in the file: 1-20 lower case letters, digits and
    /// hyphens, beginning with a letter.
    #[serde(skip)]
    pub name: String,
    /// The AWS account it may be deployed to, 12 digits. Default: any.
    pub account: Option<String>,
    /// The region it may be deployed to. Default: any.
    pub region: Option<String>,
    /// Name of the API's stage, the first segment of the URL's path. Default: `prod`.
    pub api_stage: String,
    /// Instruction set of the functions. Default: `arm64`.
    pub architecture: Architecture,
    /// Memory of a function in MiB, 128-10240; CPU grows with it. Default: 256.
    pub memory_mb: u16,
    /// Seconds that a function may take, 1-900. Default: 30, just over the gateway's 29.
    pub timeout_seconds: u16,
    /// Least severe log line that the functions write. Default: `info`.
    pub log_level: LogLevel,
    /// Days that logs are kept, one of the periods that CloudWatch knows. Default: 30.
    pub log_retention_days: u16,
    /// Requests per second that the API takes on average, 1-10000. Default: 1000.
    pub throttle_rate: u16,
    /// Requests that the API takes at once, 1-10000. Default: 2000.
    pub throttle_burst: u16,
    /// The origin whose pages may call the API (`https://app.example.com`), or `*`. Default: `*`.
    pub cors_allow_origin: String,
    /// Hours that an idempotency key is remembered, 1-720. Default: 24.
    pub idempotency_ttl_hours: u16,
    /// Whether the tables refuse to be deleted. Default: true.
    pub protected: bool,
}

/// The instruction sets of Lambda.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
pub enum Architecture {
    /// Graviton.
    #[default]
    #[serde(rename = "arm64")]
    Arm64,
    /// Intel and AMD.
    #[serde(rename = "x86_64")]
    X8664,
}

/// Severities of log lines.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Everything.
    Trace,
    /// What helps to find a mistake.
    Debug,
    /// One line per request.
    #[default]
    Info,
    /// What should not have happened.
    Warn,
    /// What someone must act on.
    Error,
}

/// Why `stages.toml` cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum StagesError {
    /// It is not TOML.
    #[error("stages.toml:{line}: {rule}")]
    Syntax {
        /// The line, counted from 1.
        line: usize,
        /// What the parser expected.
        rule: String,
    },
    /// A stage breaks a rule.
    #[error("stages.toml:{line}: stage `{stage}`: {rule}")]
    Stage {
        /// The stage.
        stage: String,
        /// The line of its table, counted from 1.
        line: usize,
        /// The rule.
        rule: String,
    },
    /// A key of a stage is unknown, or its value breaks a rule.
    #[error("stages.toml:{line}: stage `{stage}`, key `{key}`: {rule}")]
    Key {
        /// The stage.
        stage: String,
        /// The key.
        key: String,
        /// The line, counted from 1.
        line: usize,
        /// The rule.
        rule: String,
    },
    /// There is no stage at all.
    #[error("stages.toml: no stage; add a table such as `[dev]`")]
    Empty,
}

impl Default for Stage {
    fn default() -> Self {
        Self {
            name: String::new(),
            account: None,
            region: None,
            api_stage: "prod".to_owned(),
            architecture: Architecture::default(),
            memory_mb: 256,
            timeout_seconds: 30,
            log_level: LogLevel::default(),
            log_retention_days: 30,
            throttle_rate: 1000,
            throttle_burst: 2000,
            cors_allow_origin: "*".to_owned(),
            idempotency_ttl_hours: 24,
            protected: true,
        }
    }
}

impl Architecture {
    /// As CloudFormation spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X8664 => "x86_64",
        }
    }
}

impl LogLevel {
    /// As the functions read it from `LOG_LEVEL`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// Reads the stages, by name.
///
/// # Errors
///
/// When the text is not TOML, a key is unknown or of the wrong type, or a value breaks its rule.
pub fn stages(toml_text: &str) -> Result<BTreeMap<String, Stage>, StagesError> {
    let line_of = |offset: usize| 1 + toml_text[..offset].bytes().filter(|b| *b == b'\n').count();
    let document = DeTable::parse(toml_text).map_err(|error| StagesError::Syntax {
        line: line_of(error.span().map_or(0, |span| span.start)),
        rule: error.message().to_owned(),
    })?;
    if document.get_ref().is_empty() {
        return Err(StagesError::Empty);
    }
    document
        .into_inner()
        .into_iter()
        .map(|(name, value)| {
            let line = line_of(name.span().start);
            let stage = read_stage(name.get_ref(), line, value, &line_of)?;
            Ok((stage.name.clone(), stage))
        })
        .collect()
}

fn read_stage(
    name: &str,
    line: usize,
    value: Spanned<DeValue<'_>>,
    line_of: &impl Fn(usize) -> usize,
) -> Result<Stage, StagesError> {
    let of_stage =
        |rule: &str| StagesError::Stage { stage: name.to_owned(), line, rule: rule.to_owned() };
    let DeValue::Table(table) = value.get_ref() else {
        return Err(of_stage("must be a table, `[name]` with keys below"));
    };
    if !is_stage_name(name) {
        return Err(of_stage(
            "the name must be 1-20 lower case letters, digits and hyphens, beginning with a letter",
        ));
    }
    let lines: BTreeMap<String, usize> = table
        .iter()
        .map(|(key, _)| (key.get_ref().to_string(), line_of(key.span().start)))
        .collect();
    let of_key = |key: &str, rule: String| StagesError::Key {
        stage: name.to_owned(),
        key: key.to_owned(),
        line: lines.get(key).copied().unwrap_or(line),
        rule,
    };
    let mut stage = Stage { name: name.to_owned(), ..Stage::default() };
    let deserializer: ValueDeserializer<'_> = value.into_deserializer();
    let read = Stage::deserialize(deserializer).map_err(|error| {
        let at = error.span().map_or(line, |span| line_of(span.start));
        let key = lines.iter().find(|(_, line)| **line == at).map(|(key, _)| key.as_str());
        match key {
            Some(key) => of_key(key, error.message().to_owned()),
            None => of_stage(error.message()),
        }
    })?;
    stage = Stage { name: stage.name, ..read };
    match broken_rule(&stage) {
        Some((key, rule)) => Err(of_key(key, rule)),
        None => Ok(stage),
    }
}

/// The first rule that a stage breaks, with its key.
fn broken_rule(stage: &Stage) -> Option<(&'static str, String)> {
    let outside = |key, value: u16, min: u16, max: u16| {
        let rule = format!("is {value}, but must be from {min} to {max}");
        (!(min..=max).contains(&value)).then_some((key, rule))
    };
    let broken = |key, holds: bool, rule: &str| (!holds).then(|| (key, rule.to_owned()));
    let retention = || {
        let days: Vec<_> = RETENTION_DAYS.iter().map(ToString::to_string).collect();
        let rule = format!("must be one of {}", days.join(", "));
        broken("log_retention_days", RETENTION_DAYS.contains(&stage.log_retention_days), &rule)
    };
    broken(
        "account",
        stage.account.as_deref().is_none_or(is_account),
        "must be an AWS account id: 12 digits in quotes",
    )
    .or_else(|| {
        let holds = stage.region.as_deref().is_none_or(is_region);
        broken("region", holds, "must be the name of an AWS region, such as `eu-central-1`")
    })
    .or_else(|| {
        broken(
            "api_stage",
            is_api_stage(&stage.api_stage),
            "must be 1-128 ASCII letters, digits, hyphens and underscores, and not begin with an \
             underscore",
        )
    })
    .or_else(|| outside("memory_mb", stage.memory_mb, 128, 10_240))
    .or_else(|| outside("timeout_seconds", stage.timeout_seconds, 1, 900))
    .or_else(retention)
    .or_else(|| outside("throttle_rate", stage.throttle_rate, 1, 10_000))
    .or_else(|| outside("throttle_burst", stage.throttle_burst, 1, 10_000))
    .or_else(|| {
        broken(
            "cors_allow_origin",
            is_origin(&stage.cors_allow_origin),
            "must be `*` or one origin, such as `https://app.example.com`, without a path",
        )
    })
    .or_else(|| outside("idempotency_ttl_hours", stage.idempotency_ttl_hours, 1, 720))
}

/// The periods that CloudWatch Logs knows, in days.
const RETENTION_DAYS: &[u16] = &[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];

fn is_stage_name(name: &str) -> bool {
    (1..=20).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_account(account: &str) -> bool {
    account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_region(region: &str) -> bool {
    let parts: Vec<_> = region.split('-').collect();
    let is_word = |word: &&str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
    match parts.split_last() {
        Some((number, words)) => {
            words.len() >= 2
                && words.iter().all(is_word)
                && !number.is_empty()
                && number.bytes().all(|byte| byte.is_ascii_digit())
        }
        None => false,
    }
}

fn is_api_stage(name: &str) -> bool {
    // A leading underscore is kept for the control endpoints of the local stack.
    (1..=128).contains(&name.len())
        && !name.starts_with('_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// An origin goes into header mappings between single quotes, so it may hold nothing that ends
/// them.
fn is_origin(origin: &str) -> bool {
    let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    origin == "*"
        || host.is_some_and(|host| {
            !host.is_empty()
                && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte))
        })
}

#[cfg(test)]
mod tests;
