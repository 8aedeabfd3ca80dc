//! The keys of a stage, each with the rule for its value, and the rules that hold between keys.

use std::fmt;
use std::net::IpAddr;

use super::model::{Endpoint, Stage};

/// A key and the rule for its value.
pub(super) type Key = (&'static str, Rule);

/// The requirement for a value. Its text completes `must be`.
#[derive(Debug)]
pub(super) enum Rule {
    /// A boolean.
    Flag,
    /// A whole number from the first to the second.
    Number(u64, u64),
    /// One of some numbers.
    NumberOf(&'static [u64]),
    /// One of some words.
    WordOf(&'static [&'static str]),
    /// A string that passes the test.
    Text(fn(&str) -> bool, &'static str),
    /// A list of strings that each pass the test.
    Texts(fn(&str) -> bool, &'static str),
    /// A table of these keys, of which those in the second list are needed.
    Table(&'static [Key], &'static [&'static str]),
    /// A table from names of functions to numbers of instances.
    Instances,
}

use Rule::{Flag, Instances, Number, NumberOf, Table, Text, Texts, WordOf};

/// Every key of a stage, as [`Stage`] documents it.
pub(super) const KEYS: &[Key] = &[
    ("account", Text(is_account, "an AWS account id: 12 digits in quotes")),
    ("region", Text(is_region, "the name of an AWS region, such as \"eu-central-1\"")),
    ("api_stage", Text(is_api_stage, API_STAGE)),
    ("architecture", WordOf(&["arm64", "x86_64"])),
    ("memory_mb", Number(128, 10_240)),
    ("timeout_seconds", Number(1, 900)),
    ("log_level", WordOf(&["trace", "debug", "info", "warn", "error"])),
    ("debug_sample_percent", Number(0, 100)),
    ("metrics", Flag),
    ("log_retention_days", NumberOf(RETENTION_DAYS)),
    ("throttle_rate", Number(1, 10_000)),
    ("throttle_burst", Number(1, 10_000)),
    ("list_throttle_rate", Number(1, 10_000)),
    ("list_throttle_burst", Number(1, 10_000)),
    ("cors_allow_origin", Text(is_origin, ORIGIN)),
    ("idempotency_ttl_hours", Number(1, 720)),
    ("protected", Flag),
    ("manage_api_gateway_account", Flag),
    ("endpoint", WordOf(&["regional", "private"])),
    ("access", Table(ACCESS, &[])),
    ("custom_domain", Table(CUSTOM_DOMAIN, &["domain", "certificate_arn"])),
    ("waf", Table(&[("rate_limit", Number(10, 2_000_000_000))], &[])),
    ("caller_policies", Flag),
    ("reserved_concurrency", Instances),
    ("provisioned_concurrency", Instances),
    ("canary", WordOf(CANARIES)),
    ("customer_managed_key", Flag),
    ("archive_days", Number(1, 3650)),
    ("table_max_read_units", Number(1, 1_000_000)),
    ("table_max_write_units", Number(1, 1_000_000)),
    ("directory_shards", Number(1, 32)),
    ("directory_shards_read", Number(1, 32)),
    ("directory_old_form", Flag),
    ("contributor_insights", Flag),
    ("alarms", Table(ALARMS, &[])),
];

const ACCESS: &[Key] = &[
    ("accounts", Texts(is_account, "AWS account ids: 12 digits each, in quotes")),
    ("vpc_endpoints", Texts(is_vpc_endpoint, VPC_ENDPOINTS)),
    ("cidrs", Texts(is_cidr, "address ranges, such as \"203.0.113.0/24\" or \"2001:db8::/32\"")),
];

const CUSTOM_DOMAIN: &[Key] = &[
    ("domain", Text(is_domain, "a domain name in lower case, such as \"users.example.com\"")),
    ("certificate_arn", Text(is_certificate, CERTIFICATE)),
    ("hosted_zone", Text(is_hosted_zone, HOSTED_ZONE)),
];

const ALARMS: &[Key] = &[
    ("enabled", Flag),
    ("email", Text(is_email, "an email address")),
    ("server_error_percent", Number(1, 100)),
    ("client_error_percent", Number(1, 100)),
    ("latency_p99_ms", Number(1, 29_000)),
    ("function_error_percent", Number(1, 100)),
    ("function_duration_percent", Number(1, 100)),
    ("concurrency", Number(1, 60_000)),
    ("event_delay_seconds", Number(1, 21_600)),
    ("transaction_conflicts", Number(1, 60_000)),
    ("failed_events", Number(1, 60_000)),
    ("idempotent_replays", Number(1, 60_000)),
    ("version_conflicts", Number(1, 60_000)),
    ("aws_retries", Number(1, 60_000)),
    ("page_read_units", Number(1, 60_000)),
];

/// The rule for the instances of one function.
pub(super) const INSTANCES: Rule = Number(1, 10_000);

const API_STAGE: &str =
    "1-128 ASCII letters, digits, hyphens and underscores, not beginning with an underscore";
const ORIGIN: &str = "\"*\" or one origin without a path, such as \"https://app.example.com\"";
const VPC_ENDPOINTS: &str = "ids of VPC endpoints, such as \"vpce-0123456789abcdef0\"";
const CERTIFICATE: &str =
    "the ARN of a certificate: \"arn:aws:acm:<region>:<account>:certificate/<id>\"";
const HOSTED_ZONE: &str = "the id of a Route 53 hosted zone, such as \"Z0123456789ABCDEFGHIJ\"";

const CANARIES: &[&str] = &[
    "Canary10Percent5Minutes",
    "Canary10Percent10Minutes",
    "Canary10Percent15Minutes",
    "Canary10Percent30Minutes",
    "Linear10PercentEvery1Minute",
    "Linear10PercentEvery2Minutes",
    "Linear10PercentEvery3Minutes",
    "Linear10PercentEvery10Minutes",
];

/// The periods that CloudWatch Logs knows, in days.
const RETENTION_DAYS: &[u64] = &[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];

/// Names that a stage cannot have, and why.
const RESERVED: &[(&str, &str)] = &[
    ("artifacts", "the stack of the bucket for archives has this name"),
    ("local", "`--stage local` means the local stack, so nothing could be asked of this stage"),
];

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |values: Vec<String>| format!("one of {}", values.join(", "));
        match self {
            Flag => formatter.write_str("true or false"),
            Number(min, max) => write!(formatter, "a whole number from {min} to {max}"),
            NumberOf(all) => {
                formatter.write_str(&list(all.iter().map(ToString::to_string).collect()))
            }
            WordOf(all) => {
                formatter.write_str(&list(all.iter().map(|word| format!("\"{word}\"")).collect()))
            }
            Text(_, words) => formatter.write_str(words),
            Texts(_, words) => write!(formatter, "a list of {words}"),
            Table(keys, _) => {
                let keys: Vec<_> = keys.iter().map(|(key, _)| *key).collect();
                write!(formatter, "a table with keys of {}", keys.join(", "))
            }
            Instances => formatter.write_str("a table from names of functions to whole numbers"),
        }
    }
}

/// Why a stage cannot have this name.
pub(super) fn broken_name(name: &str) -> Option<String> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let begins = name.starts_with(|first: char| first.is_ascii_lowercase());
    if !(begins && name.len() <= 20 && name.bytes().all(allowed)) {
        let rule = "the name of a stage must be 1-20 lower case letters, digits and hyphens, \
                    beginning with a letter";
        return Some(rule.to_owned());
    }
    let (_, reason) = RESERVED.iter().find(|(reserved, _)| *reserved == name)?;
    Some(format!("a stage cannot have this name: {reason}"))
}

/// A rule between keys that is broken.
#[derive(Debug)]
pub(super) struct Conflict {
    /// The key that has to change.
    pub(super) key: String,
    /// The other key that the rule reads. A rule is not judged when either is wrong by itself.
    pub(super) with: &'static str,
    /// The requirement.
    pub(super) rule: String,
}

/// The rules between keys that a stage breaks.
pub(super) fn conflicts(stage: &Stage) -> Vec<Conflict> {
    let mut conflicts = Vec::new();
    let mut must = |holds: bool, key: &str, with, rule: &str| {
        if !holds {
            conflicts.push(Conflict { key: key.to_owned(), with, rule: rule.to_owned() });
        }
    };
    for (function, warm) in &stage.provisioned_concurrency {
        must(
            stage.reserved_concurrency.get(function).is_none_or(|most| warm <= most),
            &format!("provisioned_concurrency.{function}"),
            "reserved_concurrency",
            "must not be above the function's reserved_concurrency",
        );
    }
    if let Some(domain) = &stage.custom_domain {
        must(
            stage.endpoint == Endpoint::Regional,
            "custom_domain",
            "endpoint",
            "needs `endpoint = \"regional\"`; a private API has no domain name of its own here",
        );
        let region = domain.certificate_arn.split(':').nth(3);
        must(
            stage.region.as_deref().is_none_or(|own| region == Some(own)),
            "custom_domain.certificate_arn",
            "region",
            "must be a certificate in the region of the stage",
        );
    }
    must(
        stage.endpoint == Endpoint::Regional || !stage.access.vpc_endpoints.is_empty(),
        "endpoint",
        "access",
        "\"private\" needs `access.vpc_endpoints`, through which the API is reached",
    );
    must(
        stage.directory_shards_read.is_none_or(|read| read >= stage.directory_shards),
        "directory_shards_read",
        "directory_shards",
        "must not be below directory_shards",
    );
    must(
        stage.canary.is_none() || stage.alarms.enabled,
        "canary",
        "alarms",
        "needs `alarms.enabled = true`, since an alarm is what stops it",
    );
    conflicts
}

fn is_account(account: &str) -> bool {
    account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_vpc_endpoint(id: &str) -> bool {
    id.strip_prefix("vpce-").is_some_and(|rest| {
        (8..=17).contains(&rest.len())
            && rest.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
}

fn is_email(email: &str) -> bool {
    email.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && is_domain(&domain.to_ascii_lowercase())
            && email.bytes().all(|byte| byte.is_ascii_graphic())
    })
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

fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    domain.len() <= 253 && domain.contains('.') && domain.split('.').all(is_label)
}

fn is_certificate(arn: &str) -> bool {
    match arn.split(':').collect::<Vec<_>>().as_slice() {
        ["arn", partition, "acm", region, account, resource] => {
            partition.starts_with("aws")
                && is_region(region)
                && is_account(account)
                && resource.strip_prefix("certificate/").is_some_and(|id| {
                    !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                })
        }
        _ => false,
    }
}

fn is_hosted_zone(id: &str) -> bool {
    (2..=32).contains(&id.len())
        && id.starts_with('Z')
        && id.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

fn is_cidr(cidr: &str) -> bool {
    cidr.split_once('/').is_some_and(|(address, bits)| {
        let most = match address.parse() {
            Ok(IpAddr::V4(_)) => 32,
            Ok(IpAddr::V6(_)) => 128,
            Err(_) => return false,
        };
        bits.parse::<u8>().is_ok_and(|bits| bits <= most)
    })
}
