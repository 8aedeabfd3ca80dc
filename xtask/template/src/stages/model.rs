//! The settings of a stage: every key of `stages.toml` with its meaning and default.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The settings of a stage. Every key but the name is optional.
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
    /// Invocations of 100 that write debug lines whatever `log_level` says, 0-100. Default: 0.
    pub debug_sample_percent: u16,
    /// Whether the functions emit metrics of their own, which CloudWatch bills one by one; alarms
    /// and graphs of them are only there with them. Default: true.
    pub metrics: bool,
    /// Days that logs are kept, one of the periods that CloudWatch knows. Default: 30.
    pub log_retention_days: u16,
    /// Requests per second that a method of the API takes on average, 1-10000. Default: 1000.
    pub throttle_rate: u16,
    /// Requests that a method of the API takes at once, 1-10000. Default: 2000.
    pub throttle_burst: u16,
    /// As `throttle_rate`, 1-10000, for the lists of users and of audit entries, which read up to a
    /// hundred times as much as other calls. The lower of both counts. Default: 500.
    pub list_throttle_rate: u16,
    /// As `throttle_burst`, 1-10000, for those lists. Default: 1000.
    pub list_throttle_burst: u16,
    /// The origin whose pages may call the API (`https://app.example.com`), or `*`. Default: `*`.
    pub cors_allow_origin: String,
    /// Hours that an idempotency key is remembered, 1-720. Default: 24.
    pub idempotency_ttl_hours: u16,
    /// Whether the tables refuse to be deleted. Default: true.
    pub protected: bool,
    /// Whether the stack sets the role by which API Gateway writes logs. There is one for all APIs
    /// of an account and region, so one stack at most may own it; it outlives that stack. Without
    /// one in the account the stage of the API cannot be made. Default: false.
    pub manage_api_gateway_account: bool,
    /// From where the API is reached. Default: `regional`.
    pub endpoint: Endpoint,
    /// Callers besides the principals of the own account. Default: nobody else, from anywhere.
    pub access: Access,
    /// A domain name of one's own, in place of the generated one. Default: none.
    pub custom_domain: Option<CustomDomain>,
    /// A web application firewall before the API; an empty table turns it on. Default: none.
    pub waf: Option<Waf>,
    /// Whether the stack has a managed policy per operation, to attach to callers. Default: false.
    pub caller_policies: bool,
    /// Most instances of a function at once, which are then kept for it, by the function's name:
    /// 1-10000. Small accounts may not have enough to give away. Default: no limits.
    pub reserved_concurrency: BTreeMap<String, u16>,
    /// Instances of a function that are kept warm, by the function's name: 1-10000. They cost money
    /// when idle, and a deployment waits until they are up. Default: none.
    pub provisioned_concurrency: BTreeMap<String, u16>,
    /// How a new version of a function takes over. Default: all at once.
    pub canary: Option<Canary>,
    /// Whether one key of the account's own encrypts tables, logs, queue, bus, alarm topic and the
    /// functions' environment, in place of keys that AWS owns. Default: false.
    pub customer_managed_key: bool,
    /// Days that events are kept for replay, 1-3650. Default: not kept.
    pub archive_days: Option<u16>,
    /// Most read units per second of each table and of each index, a brake on costs: 1-1000000.
    /// Default: the account's limit.
    pub table_max_read_units: Option<u32>,
    /// Most write units per second of each table and of each index: 1-1000000. Default: the
    /// account's limit.
    pub table_max_write_units: Option<u32>,
    /// Partitions of an index that the users of one list are spread over, 1-32: each takes about a
    /// thousand registrations per second, and a list asks all of them. Part of the stored keys;
    /// docs/deploying.md says how to change it. Default: 2.
    pub directory_shards: u16,
    /// Partitions that lists look for while that number is being changed, the larger of the old and
    /// the new: `directory_shards`-32. Default: as `directory_shards`.
    pub directory_shards_read: Option<u16>,
    /// Whether lists also look for users that were written before there was the index `status`,
    /// while these are being migrated; docs/deploying.md says how. Default: false.
    pub directory_old_form: bool,
    /// Whether DynamoDB reports the keys that are used most. Keys hold email addresses, which then
    /// show in the console. Default: false.
    pub contributor_insights: bool,
    /// When the alarms go off, and who hears of it.
    pub alarms: Alarms,
}

/// The instruction sets of Lambda.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    Deserialize,
    Eq,
    Ord,
    PartialEq,
    PartialOrd,
    Serialize,
    clap::ValueEnum,
)]
pub enum Architecture {
    /// Graviton.
    #[default]
    #[serde(rename = "arm64")]
    #[value(name = "arm64")]
    Arm64,
    /// Intel and AMD.
    #[serde(rename = "x86_64")]
    #[value(name = "x86_64")]
    X8664,
}

/// Severities of log lines.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Everything.
    Trace,
    /// Details for debugging.
    Debug,
    /// One line per request.
    #[default]
    Info,
    /// Something unexpected.
    Warn,
    /// Somebody must act.
    Error,
}

/// The kinds of endpoint that an API may have.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Endpoint {
    /// From the internet, in the API's region.
    #[default]
    Regional,
    /// Only through the VPC endpoints of [`Access::vpc_endpoints`].
    Private,
}

/// Restrictions of who may call, and from where. A table that says nothing makes no resource policy.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Access {
    /// Other accounts whose principals may call, as far as policies of their own allow it, 12
    /// digits each.
    pub accounts: Vec<String>,
    /// Calls that come through none of these VPC endpoints are refused (`vpce-…`). Needed for a
    /// private endpoint.
    pub vpc_endpoints: Vec<String>,
    /// Calls from none of these address ranges are refused (`203.0.113.0/24`, `2001:db8::/32`).
    pub cidrs: Vec<String>,
}

/// A domain name for the API. The generated one is then switched off.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct CustomDomain {
    /// The name, such as `users.example.com`.
    pub domain: String,
    /// ARN of its certificate in ACM, in the API's region.
    pub certificate_arn: String,
    /// Id of the Route 53 hosted zone that gets the name's record. Default: the record is made
    /// elsewhere, pointing at the stack's output `ApiDomainTarget`.
    pub hosted_zone: Option<String>,
}

/// A web application firewall: a limit per address and the rules that AWS keeps.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Waf {
    /// Requests of one address within five minutes, 10-2000000000. Default: 30000.
    pub rate_limit: u32,
}

/// The ways of CodeDeploy to move calls to a new version, going back when its alarm goes off.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
pub enum Canary {
    /// A tenth of the calls for five minutes, then all.
    Canary10Percent5Minutes,
    /// A tenth of the calls for ten minutes, then all.
    Canary10Percent10Minutes,
    /// A tenth of the calls for a quarter of an hour, then all.
    Canary10Percent15Minutes,
    /// A tenth of the calls for half an hour, then all.
    Canary10Percent30Minutes,
    /// A tenth of the calls more every minute.
    Linear10PercentEvery1Minute,
    /// A tenth of the calls more every two minutes.
    Linear10PercentEvery2Minutes,
    /// A tenth of the calls more every three minutes.
    Linear10PercentEvery3Minutes,
    /// A tenth of the calls more every ten minutes.
    Linear10PercentEvery10Minutes,
}

/// Thresholds of the alarms. An alarm goes off when two of three periods pass its threshold.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Alarms {
    /// Whether there are alarms at all; a stage that lives for a day may do without what they cost.
    /// Default: true.
    pub enabled: bool,
    /// An address that gets a mail about every change of an alarm, once it confirmed that it wants
    /// to. Default: none; subscribe to the stack's output `AlarmTopicArn`.
    pub email: Option<String>,
    /// Percent of calls that the API answers with 5xx, 1-100. Default: 1.
    pub server_error_percent: u16,
    /// Percent of calls that the API answers with 4xx, 1-100. Default: 25.
    pub client_error_percent: u16,
    /// Milliseconds within which 99 of 100 calls are answered, 1-29000. Default: 1000.
    pub latency_p99_ms: u16,
    /// Percent of invocations of one function that fail, 1-100. Default: 1.
    pub function_error_percent: u16,
    /// Percent of a function's timeout that 99 of 100 invocations stay under, 1-100. Default: 50.
    pub function_duration_percent: u16,
    /// Instances at once of one function, and of all functions of the account, 1-60000; for a
    /// function with reserved concurrency it is four fifths of that. Default: 800, four fifths of
    /// what an account has at first.
    pub concurrency: u16,
    /// Seconds that an audit entry may wait for its event, 1-21600. Default: 60.
    pub event_delay_seconds: u16,
    /// Transactions that meet another within five minutes, for each table, 1-60000. Default: 100.
    pub transaction_conflicts: u16,
    /// Audit entries within five minutes that the relay has to try again, 1-60000. Default: 20.
    pub failed_events: u16,
    /// Writes within five minutes that are answered with a recorded success, 1-60000. Default: 500.
    pub idempotent_replays: u16,
    /// Writes within five minutes that find their user at another version, 1-60000. Default: 500.
    pub version_conflicts: u16,
    /// Requests within five minutes that the SDK has to send to AWS again, 1-60000. Default: 100.
    pub aws_retries: u16,
    /// Read units that 99 of 100 pages of a list stay under, 1-60000. Default: 200.
    pub page_read_units: u16,
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
            debug_sample_percent: 0,
            metrics: true,
            log_retention_days: 30,
            throttle_rate: 1000,
            throttle_burst: 2000,
            list_throttle_rate: 500,
            list_throttle_burst: 1000,
            cors_allow_origin: "*".to_owned(),
            idempotency_ttl_hours: 24,
            protected: true,
            manage_api_gateway_account: false,
            endpoint: Endpoint::default(),
            access: Access::default(),
            custom_domain: None,
            waf: None,
            caller_policies: false,
            reserved_concurrency: BTreeMap::new(),
            provisioned_concurrency: BTreeMap::new(),
            canary: None,
            customer_managed_key: false,
            archive_days: None,
            table_max_read_units: None,
            table_max_write_units: None,
            directory_shards: 2,
            directory_shards_read: None,
            directory_old_form: false,
            contributor_insights: false,
            alarms: Alarms::default(),
        }
    }
}

impl Default for Waf {
    fn default() -> Self {
        Self { rate_limit: 30_000 }
    }
}

impl Default for Alarms {
    fn default() -> Self {
        Self {
            enabled: true,
            email: None,
            server_error_percent: 1,
            client_error_percent: 25,
            latency_p99_ms: 1000,
            function_error_percent: 1,
            function_duration_percent: 50,
            concurrency: 800,
            event_delay_seconds: 60,
            transaction_conflicts: 100,
            failed_events: 20,
            idempotent_replays: 500,
            version_conflicts: 500,
            aws_retries: 100,
            page_read_units: 200,
        }
    }
}

impl Access {
    /// Whether it restricts anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty() && self.vpc_endpoints.is_empty() && self.cidrs.is_empty()
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

impl Endpoint {
    /// As CloudFormation spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Regional => "REGIONAL",
            Self::Private => "PRIVATE",
        }
    }
}

impl Canary {
    /// The name of CodeDeploy's configuration.
    #[must_use]
    pub fn configuration(self) -> String {
        format!("CodeDeployDefault.Lambda{self:?}")
    }
}
