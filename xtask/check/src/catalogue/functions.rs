//! Functions and their logs.

use super::Evaluation::{Code, Guard};
use super::Severity::{High, Low, Medium};
use super::{Rule, rule};
use crate::rules::functions;

pub(super) static RULES: &[Rule] = &[
    rule(
        "function-architecture",
        Low,
        Guard,
        "the instruction set of a function is stated",
        "set Architectures to arm64 or x86_64",
    ),
    rule(
        "function-called-live",
        Medium,
        Code(functions::called_live),
        "API and stream call an alias, so that a new version can be taken back",
        "refer to the alias in FunctionName",
    ),
    rule(
        "function-log-format",
        Low,
        Guard,
        "the platform's lines in a function's log are JSON, like its own",
        "set LoggingConfig.LogFormat to JSON",
    ),
    rule(
        "function-memory",
        Low,
        Guard,
        "the memory of a function is stated",
        "set MemorySize, 128 to 10240",
    ),
    rule(
        "function-no-secrets",
        High,
        Code(functions::no_secrets),
        "no variable of a function holds a secret",
        "keep it in Secrets Manager, or rename the variable",
    ),
    rule(
        "function-own-logs",
        Medium,
        Code(functions::own_logs),
        "a function has a log group for itself, in this template",
        "refer to it in LoggingConfig.LogGroup",
    ),
    rule(
        "function-own-role",
        High,
        Code(functions::own_role),
        "a function has a role for itself, in this template",
        "refer to it in Role",
    ),
    rule(
        "function-runtime",
        High,
        Guard,
        "a function runs on the current runtime for binaries",
        "set Runtime to provided.al2023",
    ),
    rule(
        "function-timeout",
        Low,
        Guard,
        "the time limit of a function is stated",
        "set Timeout, 1 to 900 seconds",
    ),
    rule(
        "function-traced",
        Medium,
        Guard,
        "a function is traced",
        "set TracingConfig.Mode to Active",
    ),
    rule(
        "function-version-current",
        High,
        Code(functions::version_current),
        "a version's logical id holds the hash of its function's configuration; with an old one no change goes live",
        "run `cargo xtask synth`",
    ),
    rule(
        "log-group-retention",
        Medium,
        Guard,
        "logs are kept for a stated time",
        "set RetentionInDays",
    ),
];
