//! The operations, by type.

use super::{Question, Row};
use crate::verify::{Subject, last};
use serde_json::{Value, json};

/// In the order of the types' names.
pub(in crate::verify) const ROWS: &[Row] = &[
    Row {
        kind: "AWS::ApiGateway::Deployment",
        ask: |it| below_api(it, &format!("deployments/{}", last(it.physical))),
        same: &[],
        says: name,
    },
    Row {
        kind: "AWS::ApiGateway::GatewayResponse",
        ask: |it| {
            let kind = it.properties["ResponseType"].as_str()?;
            below_api(it, &format!("gatewayresponses/{kind}"))
        },
        same: &[
            ("/ResponseType", "/responseType"),
            ("/StatusCode", "/statusCode"),
            ("/ResponseParameters", "/responseParameters"),
            ("/ResponseTemplates", "/responseTemplates"),
        ],
        says: nothing,
    },
    Row {
        kind: "AWS::ApiGateway::Method",
        ask: |it| {
            let resource = it.known.resolve(&it.properties["ResourceId"])?;
            let method = it.properties["HttpMethod"].as_str()?;
            below_api(it, &format!("resources/{resource}/methods/{method}"))
        },
        same: &[
            ("/AuthorizationType", "/authorizationType"),
            ("/OperationName", "/operationName"),
            ("/RequestModels", "/requestModels"),
            ("/RequestParameters", "/requestParameters"),
            ("/RequestValidatorId", "/requestValidatorId"),
            ("/Integration/Type", "/methodIntegration/type"),
            ("/Integration/Uri", "/methodIntegration/uri"),
            ("/Integration/TimeoutInMillis", "/methodIntegration/timeoutInMillis"),
            ("/Integration/PassthroughBehavior", "/methodIntegration/passthroughBehavior"),
            ("/Integration/RequestTemplates", "/methodIntegration/requestTemplates"),
            ("/Integration/IntegrationResponses", "/methodIntegration/integrationResponses"),
        ],
        says: nothing,
    },
    Row {
        kind: "AWS::ApiGateway::Model",
        ask: |it| below_api(it, &format!("models/{}", it.properties["Name"].as_str()?)),
        same: &[("/ContentType", "/contentType"), ("/Schema", "/schema")],
        says: nothing,
    },
    Row {
        kind: "AWS::ApiGateway::RequestValidator",
        ask: |it| below_api(it, &format!("requestvalidators/{}", last(it.physical))),
        same: &[
            ("/ValidateRequestBody", "/validateRequestBody"),
            ("/ValidateRequestParameters", "/validateRequestParameters"),
        ],
        says: nothing,
    },
    Row {
        kind: "AWS::ApiGateway::Resource",
        ask: |it| below_api(it, &format!("resources/{}", last(it.physical))),
        same: &[("/PathPart", "/pathPart"), ("/ParentId", "/parentId")],
        says: nothing,
    },
    Row {
        kind: "AWS::ApiGateway::RestApi",
        ask: |it| {
            let path = format!("/restapis/{}", it.physical);
            Some(Question::Rest { service: "apigateway", path })
        },
        same: &[
            ("/Name", "/name"),
            ("/Description", "/description"),
            ("/EndpointConfiguration", "/endpointConfiguration"),
        ],
        says: nothing,
    },
    Row {
        kind: "AWS::ApiGateway::Stage",
        ask: |it| below_api(it, &format!("stages/{}", it.properties["StageName"].as_str()?)),
        same: &[
            ("/DeploymentId", "/deploymentId"),
            ("/TracingEnabled", "/tracingEnabled"),
            ("/MethodSettings", "/methodSettings"),
            ("/AccessLogSetting", "/accessLogSettings"),
        ],
        says: nothing,
    },
    Row {
        kind: "AWS::CloudWatch::Alarm",
        ask: |it| {
            cloudwatch("DescribeAlarms", vec![("AlarmNames.member.1", it.physical.to_owned())])
        },
        same: &[],
        says: name,
    },
    Row {
        kind: "AWS::CloudWatch::CompositeAlarm",
        ask: |it| {
            let parameters = vec![
                ("AlarmNames.member.1", last(it.physical).to_owned()),
                ("AlarmTypes.member.1", "CompositeAlarm".to_owned()),
            ];
            cloudwatch("DescribeAlarms", parameters)
        },
        same: &[],
        says: |it| [name(it), vec![("/AlarmRule", "AlarmRule".to_owned())]].concat(),
    },
    Row {
        kind: "AWS::CloudWatch::Dashboard",
        ask: |it| cloudwatch("GetDashboard", vec![("DashboardName", it.physical.to_owned())]),
        same: &[],
        says: |it| [name(it), vec![("/DashboardBody", "\"widgets\"".to_owned())]].concat(),
    },
    Row {
        kind: "AWS::DynamoDB::Table",
        ask: |it| dynamodb("DynamoDB_20120810.DescribeTable", it),
        same: &[
            ("/AttributeDefinitions", "/Table/AttributeDefinitions"),
            ("/BillingMode", "/Table/BillingModeSummary/BillingMode"),
            ("/DeletionProtectionEnabled", "/Table/DeletionProtectionEnabled"),
            ("/GlobalSecondaryIndexes", "/Table/GlobalSecondaryIndexes"),
            ("/KeySchema", "/Table/KeySchema"),
            ("/StreamSpecification", "/Table/StreamSpecification"),
        ],
        says: nothing,
    },
    Row {
        kind: "AWS::DynamoDB::Table",
        ask: |it| dynamodb("DynamoDB_20120810.DescribeTimeToLive", it),
        same: &[
            ("/TimeToLiveSpecification/AttributeName", "/TimeToLiveDescription/AttributeName"),
            ("/TimeToLiveSpecification/Enabled", "/TimeToLiveDescription/TimeToLiveStatus"),
        ],
        says: nothing,
    },
    Row {
        kind: "AWS::DynamoDB::Table",
        ask: |it| dynamodb("DynamoDB_20120810.DescribeContinuousBackups", it),
        same: &[(
            "/PointInTimeRecoverySpecification/PointInTimeRecoveryEnabled",
            "/ContinuousBackupsDescription/PointInTimeRecoveryDescription/PointInTimeRecoveryStatus",
        )],
        says: nothing,
    },
    Row {
        kind: "AWS::Events::EventBus",
        ask: |it| {
            let body = json!({"Name": it.physical});
            Some(Question::Json { service: "events", target: "AWSEvents.DescribeEventBus", body })
        },
        same: &[("/Description", "/Description")],
        says: |it| sids(it, "/Policy"),
    },
    Row {
        kind: "AWS::IAM::Role",
        ask: |it| iam("GetRole", vec![("RoleName", it.physical.to_owned())]),
        same: &[],
        says: |it| {
            [name(it), vec![("/AssumeRolePolicyDocument", "lambda.amazonaws.com".to_owned())]]
                .concat()
        },
    },
    Row {
        kind: "AWS::IAM::Role",
        ask: |it| {
            let policy = it.properties.pointer("/Policies/0/PolicyName")?.as_str()?;
            let role = it.physical.to_owned();
            iam("GetRolePolicy", vec![("RoleName", role), ("PolicyName", policy.to_owned())])
        },
        same: &[],
        says: |it| sids(it, "/Policies/0/PolicyDocument"),
    },
    Row {
        kind: "AWS::KMS::Key",
        ask: |it| {
            let body = json!({"KeyId": it.physical});
            Some(Question::Json { service: "kms", target: "TrentService.DescribeKey", body })
        },
        same: &[("/Description", "/KeyMetadata/Description")],
        says: nothing,
    },
    Row {
        kind: "AWS::KMS::Key",
        ask: |it| {
            let body = json!({"KeyId": it.physical});
            let target = "TrentService.GetKeyRotationStatus";
            Some(Question::Json { service: "kms", target, body })
        },
        same: &[("/EnableKeyRotation", "/KeyRotationEnabled")],
        says: nothing,
    },
    Row {
        kind: "AWS::Lambda::Alias",
        ask: |it| {
            let (function, alias) = function(it.physical)?;
            lambda(&format!("functions/{function}/aliases/{alias}"))
        },
        same: &[("/Name", "/Name"), ("/FunctionVersion", "/FunctionVersion")],
        says: nothing,
    },
    Row {
        kind: "AWS::Lambda::EventSourceMapping",
        ask: |it| lambda(&format!("event-source-mappings/{}", it.physical)),
        same: &[
            ("/BatchSize", "/BatchSize"),
            ("/BisectBatchOnFunctionError", "/BisectBatchOnFunctionError"),
            ("/DestinationConfig", "/DestinationConfig"),
            ("/EventSourceArn", "/EventSourceArn"),
            ("/FilterCriteria", "/FilterCriteria"),
            ("/FunctionName", "/FunctionArn"),
            ("/FunctionResponseTypes", "/FunctionResponseTypes"),
            ("/MaximumRecordAgeInSeconds", "/MaximumRecordAgeInSeconds"),
            ("/MaximumRetryAttempts", "/MaximumRetryAttempts"),
            ("/StartingPosition", "/StartingPosition"),
        ],
        says: nothing,
    },
    Row {
        kind: "AWS::Lambda::Function",
        ask: |it| lambda(&format!("functions/{}", it.physical)),
        same: &[
            ("/Architectures", "/Configuration/Architectures"),
            ("/Environment", "/Configuration/Environment"),
            ("/LoggingConfig", "/Configuration/LoggingConfig"),
            ("/MemorySize", "/Configuration/MemorySize"),
            ("/Role", "/Configuration/Role"),
            ("/Runtime", "/Configuration/Runtime"),
            ("/Timeout", "/Configuration/Timeout"),
            ("/TracingConfig", "/Configuration/TracingConfig"),
        ],
        says: nothing,
    },
    Row {
        kind: "AWS::Lambda::Permission",
        ask: |it| {
            let arn = it.known.resolve(&it.properties["FunctionName"])?;
            let (function, qualifier) = function(&arn)?;
            lambda(&format!("functions/{function}/policy?Qualifier={qualifier}"))
        },
        same: &[],
        says: |it| {
            let source = it.properties.pointer("/SourceArn/Fn::Sub").and_then(Value::as_str);
            // Behind the id of the API it is text: the API stage, the method and the path.
            let route = source.and_then(|source| source.rsplit('}').next());
            let principal = it.properties["Principal"].as_str();
            let both = [("/SourceArn", route), ("/Principal", principal)];
            both.into_iter().filter_map(|(name, text)| Some((name, text?.to_owned()))).collect()
        },
    },
    Row {
        kind: "AWS::Lambda::Version",
        ask: |it| {
            let (function, version) = function(it.physical)?;
            lambda(&format!("functions/{function}?Qualifier={version}"))
        },
        same: &[("/Description", "/Configuration/Description")],
        says: |it| vec![("", it.physical.to_owned())],
    },
    Row {
        kind: "AWS::Logs::LogGroup",
        ask: |it| {
            let body = json!({"logGroupNamePrefix": it.physical});
            let target = "Logs_20140328.DescribeLogGroups";
            Some(Question::Json { service: "logs", target, body })
        },
        same: &[("/RetentionInDays", "/logGroups/0/retentionInDays")],
        says: |it| vec![("", format!("\"{}\"", it.physical))],
    },
    Row {
        kind: "AWS::SNS::Topic",
        ask: |it| topic_attributes(it.physical.to_owned()),
        same: &[],
        says: |it| {
            let display = it.properties["DisplayName"].as_str();
            let both = [("", Some(it.physical)), ("/DisplayName", display)];
            both.into_iter().filter_map(|(name, text)| Some((name, text?.to_owned()))).collect()
        },
    },
    Row {
        kind: "AWS::SNS::TopicPolicy",
        ask: |it| topic_attributes(it.known.resolve(&it.properties["Topics"][0])?),
        same: &[],
        says: |it| sids(it, "/PolicyDocument"),
    },
    Row {
        kind: "AWS::SQS::Queue",
        ask: |it| {
            let body = json!({"QueueNamePrefix": last(it.physical)});
            Some(Question::Json { service: "sqs", target: "AmazonSQS.ListQueues", body })
        },
        same: &[],
        says: name,
    },
    Row {
        kind: "AWS::SQS::Queue",
        ask: |it| queue_attributes(it.physical),
        same: &[
            ("/MessageRetentionPeriod", "/Attributes/MessageRetentionPeriod"),
            ("/SqsManagedSseEnabled", "/Attributes/SqsManagedSseEnabled"),
        ],
        says: name,
    },
    Row {
        kind: "AWS::SQS::QueuePolicy",
        ask: |it| queue_attributes(&it.known.resolve(&it.properties["Queues"][0])?),
        same: &[],
        says: |it| sids(it, "/PolicyDocument"),
    },
];

fn nothing(_: &Subject<'_>) -> Vec<(&'static str, String)> {
    Vec::new()
}

fn name(subject: &Subject<'_>) -> Vec<(&'static str, String)> {
    vec![("", last(subject.physical).to_owned())]
}

/// The `Sid` of each statement of the policy document at a place.
fn sids(subject: &Subject<'_>, property: &'static str) -> Vec<(&'static str, String)> {
    let policy = subject.properties.pointer(property);
    let statements = policy.and_then(|policy| policy["Statement"].as_array()).into_iter().flatten();
    statements.filter_map(|it| Some((property, it["Sid"].as_str()?.to_owned()))).collect()
}

/// A path below the REST API that the resource belongs to.
fn below_api(subject: &Subject<'_>, path: &str) -> Option<Question> {
    let api = subject.known.resolve(&subject.properties["RestApiId"])?;
    Some(Question::Rest { service: "apigateway", path: format!("/restapis/{api}/{path}") })
}

fn lambda(path: &str) -> Option<Question> {
    Some(Question::Rest { service: "lambda", path: format!("/2015-03-31/{path}") })
}

/// Name and qualifier of the function in an ARN.
fn function(arn: &str) -> Option<(&str, &str)> {
    let mut parts = arn.splitn(8, ':').skip(6);
    Some((parts.next()?, parts.next()?))
}

fn dynamodb(target: &'static str, subject: &Subject<'_>) -> Option<Question> {
    let body = json!({"TableName": subject.physical});
    Some(Question::Json { service: "dynamodb", target, body })
}

fn queue_attributes(url: &str) -> Option<Question> {
    let body = json!({"QueueUrl": url, "AttributeNames": ["All"]});
    Some(Question::Json { service: "sqs", target: "AmazonSQS.GetQueueAttributes", body })
}

fn topic_attributes(arn: String) -> Option<Question> {
    let parameters = vec![("TopicArn", arn)];
    Some(Question::Query {
        service: "sns",
        version: "2010-03-31",
        action: "GetTopicAttributes",
        parameters,
    })
}

fn iam(action: &'static str, parameters: Vec<(&'static str, String)>) -> Option<Question> {
    Some(Question::Query { service: "iam", version: "2010-05-08", action, parameters })
}

fn cloudwatch(action: &'static str, parameters: Vec<(&'static str, String)>) -> Option<Question> {
    Some(Question::Query { service: "monitoring", version: "2010-08-01", action, parameters })
}
