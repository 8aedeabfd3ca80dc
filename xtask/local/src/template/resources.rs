//! What becomes of each resource type: run, or left out with a reason.

/// What happens to a resource type here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Treatment {
    /// It has a local counterpart.
    Run,
    /// It has none, for this reason.
    LeaveOut(&'static str),
    /// It is not known: running on without it could hide that something does not work.
    Unknown,
}

/// Properties that change what a resource that runs does, and have no local counterpart: type,
/// property, reason.
pub(crate) const PROPERTIES_LEFT_OUT: &[(&str, &str, &str)] = &[
    ("AWS::ApiGateway::RestApi", "Policy", "resource policies are not evaluated"),
    ("AWS::ApiGateway::Stage", "AccessLogSetting", "calls go to the console"),
    ("AWS::DynamoDB::Table", "OnDemandThroughput", "capacity is not limited"),
    ("AWS::Events::EventBus", "Policy", "resource policies are not evaluated"),
    ("AWS::Lambda::Alias", "ProvisionedConcurrencyConfig", "every instance starts at once"),
];

/// The treatment of a resource type.
pub(crate) fn treatment(kind: &str) -> Treatment {
    match kind {
        "AWS::ApiGateway::Deployment"
        | "AWS::ApiGateway::GatewayResponse"
        | "AWS::ApiGateway::Method"
        | "AWS::ApiGateway::Model"
        | "AWS::ApiGateway::RequestValidator"
        | "AWS::ApiGateway::Resource"
        | "AWS::ApiGateway::RestApi"
        | "AWS::ApiGateway::Stage"
        | "AWS::DynamoDB::Table"
        | "AWS::Events::EventBus"
        | "AWS::Lambda::Alias"
        | "AWS::Lambda::EventSourceMapping"
        | "AWS::Lambda::Function"
        | "AWS::Lambda::Version"
        | "AWS::SQS::Queue" => Treatment::Run,
        "AWS::IAM::Role" | "AWS::IAM::Policy" | "AWS::IAM::ManagedPolicy" => {
            Treatment::LeaveOut("IAM policies are not evaluated")
        }
        "AWS::Lambda::Permission"
        | "AWS::Events::EventBusPolicy"
        | "AWS::SQS::QueuePolicy"
        | "AWS::SNS::TopicPolicy" => Treatment::LeaveOut("resource policies are not evaluated"),
        "AWS::Logs::LogGroup" => Treatment::LeaveOut("log lines go to the console"),
        "AWS::CloudWatch::Alarm"
        | "AWS::CloudWatch::CompositeAlarm"
        | "AWS::CloudWatch::Dashboard"
        | "AWS::CloudWatch::InsightRule"
        | "AWS::CloudWatch::AnomalyDetector"
        | "AWS::Logs::MetricFilter"
        | "AWS::Logs::QueryDefinition"
        | "AWS::Logs::LogAnomalyDetector" => Treatment::LeaveOut(
            "metrics are not collected; the console shows calls, logs and traces",
        ),
        "AWS::SNS::Topic" | "AWS::SNS::Subscription" => {
            Treatment::LeaveOut("there is nobody to notify")
        }
        "AWS::WAFv2::WebACL"
        | "AWS::WAFv2::WebACLAssociation"
        | "AWS::WAFv2::LoggingConfiguration" => {
            Treatment::LeaveOut("only this machine can call the API")
        }
        "AWS::XRay::Group" | "AWS::XRay::SamplingRule" => {
            Treatment::LeaveOut("every segment is kept, see the control endpoint for traces")
        }
        "AWS::ApiGateway::Account" => Treatment::LeaveOut("the gateway writes no logs of its own"),
        "AWS::ApiGateway::UsagePlan"
        | "AWS::ApiGateway::ApiKey"
        | "AWS::ApiGateway::UsagePlanKey" => Treatment::LeaveOut("API keys are not checked"),
        "AWS::ApiGateway::DomainName"
        | "AWS::ApiGateway::BasePathMapping"
        | "AWS::CertificateManager::Certificate"
        | "AWS::Route53::RecordSet"
        | "AWS::Route53::RecordSetGroup" => {
            Treatment::LeaveOut("the API is reached by its local address")
        }
        "AWS::CodeDeploy::Application"
        | "AWS::CodeDeploy::DeploymentConfig"
        | "AWS::CodeDeploy::DeploymentGroup" => {
            Treatment::LeaveOut("an alias always points at the binaries that are there")
        }
        "AWS::ApplicationAutoScaling::ScalableTarget"
        | "AWS::ApplicationAutoScaling::ScalingPolicy" => {
            Treatment::LeaveOut("capacity is not limited")
        }
        "AWS::Events::Archive" => Treatment::LeaveOut("every event is kept on file"),
        "AWS::Events::Rule" => {
            Treatment::LeaveOut("events stay on the bus, where they can be read")
        }
        "AWS::KMS::Key" | "AWS::KMS::Alias" => Treatment::LeaveOut("data is not encrypted"),
        "AWS::S3::Bucket" | "AWS::S3::BucketPolicy" => {
            Treatment::LeaveOut("functions run from their binaries")
        }
        "AWS::Lambda::EventInvokeConfig" => {
            Treatment::LeaveOut("nothing is invoked asynchronously")
        }
        "AWS::Backup::BackupPlan" | "AWS::Backup::BackupSelection" | "AWS::Backup::BackupVault" => {
            Treatment::LeaveOut("there are no backups")
        }
        "AWS::CloudFormation::WaitConditionHandle" => Treatment::LeaveOut("there is no deployment"),
        _ => Treatment::Unknown,
    }
}
