//! Functions and their logs.

use super::rule::{Rule, high, low, medium};
use super::subject::{Place, Subject, every, exists, is_in, references, violations};
use std::collections::BTreeMap;

const FUNCTION: &str = "AWS::Lambda::Function";

/// Words in names of variables that hold secrets.
const SECRETS: &[&str] = &[
    "ACCESS_KEY",
    "API_KEY",
    "APIKEY",
    "CREDENTIAL",
    "PASSPHRASE",
    "PASSWD",
    "PASSWORD",
    "PRIVATE_KEY",
    "SECRET",
    "TOKEN",
];

pub(super) fn rules() -> Vec<Rule> {
    vec![
        low("function-architecture")
            .expects("a function states its instruction set")
            .remedy("set Architectures to arm64 or x86_64")
            .property(FUNCTION, "Architectures", |names| {
                every(names, |name| name == "arm64" || name == "x86_64")
            }),
        medium("function-called-live")
            .expects("API and stream call an alias, so that a new version can be rolled back")
            .remedy("refer to the alias in FunctionName")
            .check(|it| {
                let callers = it
                    .all("AWS::Lambda::EventSourceMapping")
                    .chain(it.all("AWS::Lambda::Permission"));
                violations(callers, "FunctionName", |name| it.refers_to(name, "AWS::Lambda::Alias"))
            }),
        low("function-log-format")
            .expects("the platform's log lines are JSON, like the function's own")
            .remedy("set LoggingConfig.LogFormat to JSON")
            .property(FUNCTION, "LoggingConfig/LogFormat", |it| it == "JSON"),
        low("function-memory")
            .expects("a function states its memory")
            .remedy("set MemorySize, 128 to 10240")
            .property(FUNCTION, "MemorySize", |it| is_in(it, &(128..=10_240))),
        // All principals with read access to a function's configuration see its variables.
        high("function-no-secrets")
            .expects("no variable of a function holds a secret")
            .remedy("keep it in Secrets Manager, or rename the variable")
            .check(function_no_secrets),
        // A group that Lambda creates by itself never expires its lines.
        medium("function-own-logs")
            .expects("a function has a log group of its own, in this template")
            .remedy("refer to it in LoggingConfig.LogGroup")
            .check(|it| not_its_own(it, "LoggingConfig/LogGroup", "AWS::Logs::LogGroup")),
        high("function-own-role")
            .expects("a function has a role of its own, in this template")
            .remedy("refer to it in Role")
            .check(|it| not_its_own(it, "Role", "AWS::IAM::Role")),
        high("function-runtime")
            .expects("a function runs on the current runtime for binaries")
            .remedy("set Runtime to provided.al2023")
            .property(FUNCTION, "Runtime", |name| name == "provided.al2023"),
        low("function-timeout")
            .expects("a function states its time limit")
            .remedy("set Timeout, 1 to 900 seconds")
            .property(FUNCTION, "Timeout", |it| is_in(it, &(1..=900))),
        medium("function-traced")
            .expects("a function is traced")
            .remedy("set TracingConfig.Mode to Active")
            .property(FUNCTION, "TracingConfig/Mode", |mode| mode == "Active"),
        high("function-version-current")
            .expects("a version's logical id ends in the hash of its function's configuration")
            .remedy("run `cargo xtask synth`")
            .check(function_version_current),
        medium("log-group-retention")
            .expects("logs are kept for a stated time")
            .remedy("set RetentionInDays")
            .property("AWS::Logs::LogGroup", "RetentionInDays", exists),
    ]
}

/// Functions whose property refers to no resource of the type, or to that of another function.
fn not_its_own(it: &Subject<'_>, path: &str, kind: &str) -> Vec<Place> {
    let mut owners = BTreeMap::new();
    let mut places = Vec::new();
    let (path, pointer) = (format!("Properties/{path}"), format!("/{path}"));
    for function in it.all(FUNCTION) {
        let value = function.attribute("Properties").pointer(&pointer);
        let named = value.map(references).unwrap_or_default();
        match named.into_iter().find(|id| it.resource(id).attribute("Type") == kind) {
            None => places.push(function.place(&path, format!("names no {kind} of this template"))),
            Some(target) => {
                if let Some(owner) = owners.insert(target, function.id) {
                    places.push(function.place(&path, format!("{target} belongs to {owner} too")));
                }
            }
        }
    }
    places
}

fn function_no_secrets(it: &Subject<'_>) -> Vec<Place> {
    let mut places = Vec::new();
    for function in it.all(FUNCTION) {
        let variables = &function.property("Environment")["Variables"];
        for (name, _) in variables.as_object().into_iter().flatten() {
            let upper = name.to_ascii_uppercase();
            if SECRETS.iter().any(|secret| upper.contains(secret)) {
                let path = format!("Properties/Environment/Variables/{name}");
                places.push(function.place(&path, "has the name of a secret"));
            }
        }
    }
    places
}

fn function_version_current(it: &Subject<'_>) -> Vec<Place> {
    let mut places = Vec::new();
    for version in it.all("AWS::Lambda::Version") {
        for function in references(version.property("FunctionName")) {
            let digest = crate::template::version_digest(it.template, function);
            if !version.id.ends_with(&digest) {
                let detail = format!("the configuration of {function} has the hash {digest}");
                places.push(version.place("", detail));
            }
        }
    }
    places
}
