//! The rules that the values of a stage must keep, each with the key that breaks it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use users_contract::{OPERATIONS, RELAY};

use super::{Endpoint, Stage};

/// A key, and what its value must be.
type Broken = (String, String);

/// The periods that CloudWatch Logs knows, in days.
const RETENTION_DAYS: &[u16] = &[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];

/// The first rule that a stage breaks, with its key.
pub(super) fn broken(stage: &Stage) -> Option<Broken> {
    place(stage)
        .or_else(|| functions(stage))
        .or_else(|| api(stage))
        .or_else(|| access(stage))
        .or_else(|| data(stage))
        .or_else(|| alarms(stage))
}

/// Whether a table may be called so.
pub(super) fn is_stage_name(name: &str) -> bool {
    (1..=20).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn place(stage: &Stage) -> Option<Broken> {
    must(
        "account",
        stage.account.as_deref().is_none_or(is_account),
        "must be an AWS account id: 12 digits in quotes",
    )
    .or_else(|| {
        let holds = stage.region.as_deref().is_none_or(is_region);
        must("region", holds, "must be the name of an AWS region, such as `eu-central-1`")
    })
}

fn functions(stage: &Stage) -> Option<Broken> {
    within("memory_mb", stage.memory_mb, 128, 10_240)
        .or_else(|| within("timeout_seconds", stage.timeout_seconds, 1, 900))
        .or_else(|| within("debug_sample_percent", stage.debug_sample_percent, 0, 100))
        .or_else(|| {
            let days: Vec<_> = RETENTION_DAYS.iter().map(ToString::to_string).collect();
            must(
                "log_retention_days",
                RETENTION_DAYS.contains(&stage.log_retention_days),
                &format!("must be one of {}", days.join(", ")),
            )
        })
        .or_else(|| concurrency("reserved_concurrency", &stage.reserved_concurrency))
        .or_else(|| concurrency("provisioned_concurrency", &stage.provisioned_concurrency))
        .or_else(|| {
            let above = stage.provisioned_concurrency.iter().find(|(function, warm)| {
                stage.reserved_concurrency.get(*function).is_some_and(|most| *warm > most)
            });
            above.map(|(function, _)| {
                let rule = "must not be above the function's reserved_concurrency";
                (format!("provisioned_concurrency.{function}"), rule.to_owned())
            })
        })
}

fn api(stage: &Stage) -> Option<Broken> {
    must(
        "api_stage",
        is_api_stage(&stage.api_stage),
        "must be 1-128 ASCII letters, digits, hyphens and underscores, and not begin with an \
         underscore",
    )
    .or_else(|| within("throttle_rate", stage.throttle_rate, 1, 10_000))
    .or_else(|| within("throttle_burst", stage.throttle_burst, 1, 10_000))
    .or_else(|| within("list_throttle_rate", stage.list_throttle_rate, 1, 10_000))
    .or_else(|| within("list_throttle_burst", stage.list_throttle_burst, 1, 10_000))
    .or_else(|| {
        must(
            "cors_allow_origin",
            is_origin(&stage.cors_allow_origin),
            "must be `*` or one origin, such as `https://app.example.com`, without a path",
        )
    })
    .or_else(|| within("idempotency_ttl_hours", stage.idempotency_ttl_hours, 1, 720))
    .or_else(|| {
        let limit = stage.waf?.rate_limit;
        within("waf.rate_limit", limit, 10, 2_000_000_000)
    })
    .or_else(|| custom_domain(stage))
}

fn custom_domain(stage: &Stage) -> Option<Broken> {
    let domain = stage.custom_domain.as_ref()?;
    must(
        "custom_domain",
        stage.endpoint == Endpoint::Regional,
        "needs `endpoint = \"regional\"`; a private API has no domain name of its own here",
    )
    .or_else(|| {
        must(
            "custom_domain.domain",
            is_domain(&domain.domain),
            "must be a domain name in lower case, such as `users.example.com`",
        )
    })
    .or_else(|| {
        must(
            "custom_domain.certificate_arn",
            is_certificate(&domain.certificate_arn),
            "must be the ARN of a certificate: arn:aws:acm:<region>:<account>:certificate/<id>",
        )
    })
    .or_else(|| {
        let region = domain.certificate_arn.split(':').nth(3);
        must(
            "custom_domain.certificate_arn",
            stage.region.as_deref().is_none_or(|own| region == Some(own)),
            "must be a certificate in the region of the stage",
        )
    })
    .or_else(|| {
        must(
            "custom_domain.hosted_zone",
            domain.hosted_zone.as_deref().is_none_or(is_hosted_zone),
            "must be the id of a Route 53 hosted zone, such as `Z0123456789ABCDEFGHIJ`",
        )
    })
}

fn access(stage: &Stage) -> Option<Broken> {
    let access = &stage.access;
    must(
        "access.accounts",
        access.accounts.iter().all(|account| is_account(account)),
        "must be AWS account ids: 12 digits each, in quotes",
    )
    .or_else(|| {
        let is_endpoint = |id: &String| {
            id.strip_prefix("vpce-").is_some_and(|rest| {
                (8..=17).contains(&rest.len())
                    && rest.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
            })
        };
        must(
            "access.vpc_endpoints",
            access.vpc_endpoints.iter().all(is_endpoint),
            "must be ids of VPC endpoints, such as `vpce-0123456789abcdef0`",
        )
    })
    .or_else(|| {
        must(
            "access.cidrs",
            access.cidrs.iter().all(|cidr| is_cidr(cidr)),
            "must be address ranges, such as `203.0.113.0/24` or `2001:db8::/32`",
        )
    })
    .or_else(|| {
        must(
            "endpoint",
            stage.endpoint == Endpoint::Regional || !access.vpc_endpoints.is_empty(),
            "`private` needs `access.vpc_endpoints`, through which the API is reached",
        )
    })
}

fn data(stage: &Stage) -> Option<Broken> {
    let units = |key, value: Option<u32>| within(key, value?, 1, 1_000_000);
    within("archive_days", stage.archive_days.unwrap_or(1), 1, 3650)
        .or_else(|| units("table_max_read_units", stage.table_max_read_units))
        .or_else(|| units("table_max_write_units", stage.table_max_write_units))
        .or_else(|| within("directory_shards", stage.directory_shards, 1, 32))
        .or_else(|| {
            let (least, read) = (stage.directory_shards, stage.directory_shards_read?);
            within("directory_shards_read", read, least.into(), 32)
        })
}

fn alarms(stage: &Stage) -> Option<Broken> {
    let alarms = &stage.alarms;
    must(
        "canary",
        stage.canary.is_none() || alarms.enabled,
        "needs `alarms.enabled = true`, since an alarm is what stops it",
    )
    .or_else(|| email(stage))
    .or_else(|| {
        [
            ("alarms.server_error_percent", alarms.server_error_percent, 100),
            ("alarms.client_error_percent", alarms.client_error_percent, 100),
            ("alarms.latency_p99_ms", alarms.latency_p99_ms, 29_000),
            ("alarms.function_error_percent", alarms.function_error_percent, 100),
            ("alarms.function_duration_percent", alarms.function_duration_percent, 100),
            ("alarms.concurrency", alarms.concurrency, 60_000),
            ("alarms.event_delay_seconds", alarms.event_delay_seconds, 21_600),
            ("alarms.transaction_conflicts", alarms.transaction_conflicts, 60_000),
            ("alarms.failed_events", alarms.failed_events, 60_000),
            ("alarms.idempotent_replays", alarms.idempotent_replays, 60_000),
            ("alarms.version_conflicts", alarms.version_conflicts, 60_000),
            ("alarms.aws_retries", alarms.aws_retries, 60_000),
            ("alarms.page_read_units", alarms.page_read_units, 60_000),
        ]
        .into_iter()
        .find_map(|(key, value, max)| within(key, value, 1, max))
    })
}

fn email(stage: &Stage) -> Option<Broken> {
    must(
        "alarms.email",
        stage.alarms.email.as_deref().is_none_or(|email| {
            email.split_once('@').is_some_and(|(local, domain)| {
                !local.is_empty()
                    && is_domain(&domain.to_ascii_lowercase())
                    && email.bytes().all(|byte| byte.is_ascii_graphic())
            })
        }),
        "must be an email address",
    )
}

fn concurrency(table: &str, functions: &BTreeMap<String, u16>) -> Option<Broken> {
    functions.iter().find_map(|(function, number)| {
        let key = format!("{table}.{function}");
        let mut names = OPERATIONS.iter().map(|row| row.function).chain([RELAY.function]);
        must(&key, names.any(|name| name == function), "there is no function of this name")
            .or_else(|| within(&key, *number, 1, 10_000))
    })
}

fn must(key: &str, holds: bool, rule: &str) -> Option<Broken> {
    (!holds).then(|| (key.to_owned(), rule.to_owned()))
}

fn within<N: Into<u64>>(key: &str, value: N, min: u64, max: u64) -> Option<Broken> {
    let value = value.into();
    let rule = format!("is {value}, but must be from {min} to {max}");
    must(key, (min..=max).contains(&value), &rule)
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
