//! The treatment of each resource type: run, or left out with a reason.

/// The treatment of a resource type.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Treatment {
    /// It has a local counterpart.
    Run,
    /// It is left out, for this reason.
    LeaveOut(&'static str),
    /// It is unknown: leaving it out could hide a fault.
    Unknown,
}

const RUN: &[&str] = &[
    "AWS::ApiGateway::Deployment",
    "AWS::ApiGateway::GatewayResponse",
    "AWS::ApiGateway::Method",
    "AWS::ApiGateway::Model",
    "AWS::ApiGateway::RequestValidator",
    "AWS::ApiGateway::Resource",
    "AWS::ApiGateway::RestApi",
    "AWS::ApiGateway::Stage",
    "AWS::DynamoDB::Table",
    "AWS::Events::EventBus",
    "AWS::Lambda::Alias",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::Function",
    "AWS::Lambda::Version",
    "AWS::SQS::Queue",
];

/// Types, or all types of a service, and why they are left out.
const LEFT_OUT: &[(&str, &str)] = &[
    ("AWS::ApiGateway::Account", "the gateway writes no logs of its own"),
    ("AWS::ApiGateway::ApiKey", "API keys are not checked"),
    ("AWS::ApiGateway::UsagePlan", "API keys are not checked"),
    ("AWS::ApiGateway::UsagePlanKey", "API keys are not checked"),
    ("AWS::ApiGateway::BasePathMapping", "the API is reached by its local address"),
    ("AWS::ApiGateway::DomainName", "the API is reached by its local address"),
    ("AWS::ApplicationAutoScaling::", "capacity is not limited"),
    ("AWS::Backup::", "there are no backups"),
    ("AWS::CertificateManager::", "the API is reached by its local address"),
    ("AWS::CloudFormation::WaitConditionHandle", "there is no deployment"),
    ("AWS::CloudWatch::", "metrics are not collected; the console shows calls, logs and traces"),
    ("AWS::CodeDeploy::", "an alias always points at the current binaries"),
    ("AWS::Events::Archive", "every event is kept on file"),
    ("AWS::Events::EventBusPolicy", "resource policies are not evaluated"),
    ("AWS::Events::Rule", "events stay on the bus, where they can be read"),
    ("AWS::IAM::", "IAM policies are not evaluated"),
    ("AWS::KMS::", "data is not encrypted"),
    ("AWS::Lambda::EventInvokeConfig", "nothing is invoked asynchronously"),
    ("AWS::Lambda::Permission", "resource policies are not evaluated"),
    ("AWS::Logs::LogGroup", "log lines go to the console"),
    ("AWS::Logs::", "metrics are not collected; the console shows calls, logs and traces"),
    ("AWS::Route53::", "the API is reached by its local address"),
    ("AWS::S3::", "functions run from their binaries"),
    ("AWS::SNS::TopicPolicy", "resource policies are not evaluated"),
    ("AWS::SNS::", "there is nobody to notify"),
    ("AWS::SQS::QueuePolicy", "resource policies are not evaluated"),
    ("AWS::WAFv2::", "only this machine can call the API"),
    ("AWS::XRay::", "every segment is kept"),
];

/// Properties without a local counterpart that change the behaviour of a resource that runs: type,
/// property, reason.
pub(super) const PROPERTIES_LEFT_OUT: &[(&str, &str, &str)] = &[
    ("AWS::ApiGateway::RestApi", "Policy", "resource policies are not evaluated"),
    ("AWS::ApiGateway::Stage", "AccessLogSetting", "calls go to the console"),
    ("AWS::DynamoDB::Table", "OnDemandThroughput", "capacity is not limited"),
    ("AWS::Events::EventBus", "Policy", "resource policies are not evaluated"),
    ("AWS::Lambda::Alias", "ProvisionedConcurrencyConfig", "every instance starts at once"),
];

/// The treatment of a resource type.
pub(super) fn treatment(kind: &str) -> Treatment {
    let is_listed = |(listed, _): &&(&str, _)| {
        kind == *listed || listed.ends_with(':') && kind.starts_with(listed)
    };
    if RUN.contains(&kind) {
        return Treatment::Run;
    }
    match LEFT_OUT.iter().find(is_listed) {
        Some((_, reason)) => Treatment::LeaveOut(reason),
        None => Treatment::Unknown,
    }
}
