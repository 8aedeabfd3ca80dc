//! The faults, at least one for each rule.

use super::support::{
    DEPLOYMENT, Mutation, VERSION, VERSIONED as FUNCTION, at, remove_at, set_at, unwatch,
};
use serde_json::{Value, json};

const ALARM: &str = "UsersTableSystemErrorsAlarm";
const ROLE: &str = "UsersRegisterCreateRole";
const STATEMENT: &str = "Policies/0/PolicyDocument/Statement/0";

/// A property of the resource that gets a wrong value.
fn set(rule: &'static str, resource: &'static str, path: &'static str, value: Value) -> Mutation {
    with(rule, resource, move |template| {
        set_at(template, &format!("/Resources/{resource}/Properties/{path}"), value.clone());
    })
}

/// A property that the resource loses.
fn remove(rule: &'static str, resource: &'static str, path: &'static str) -> Mutation {
    with(rule, resource, move |template| {
        remove_at(template, &format!("/Resources/{resource}/Properties/{path}"));
    })
}

/// A fault that is made elsewhere, or in more than one place.
fn with(
    rule: &'static str,
    resource: &'static str,
    change: impl Fn(&mut Value) + Send + Sync + 'static,
) -> Mutation {
    Mutation { rule, resource, change: Box::new(change) }
}

pub(super) fn all() -> Vec<Mutation> {
    let open = json!({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"});
    let open_aws =
        json!({"Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": "*", "Resource": "*"});
    vec![
        // Roles, permissions and policies.
        set(
            "role-actions-named",
            ROLE,
            "Policies/0/PolicyDocument/Statement/0/Action",
            json!("logs:*"),
        ),
        with("role-actions-named", ROLE, |template| {
            let statement = at(template, &format!("/Resources/{ROLE}/Properties/{STATEMENT}"))
                .as_object_mut()
                .unwrap();
            statement.remove("Action");
            statement.insert("NotAction".to_owned(), json!("iam:PassRole"));
        }),
        set(
            "role-resources-named",
            ROLE,
            "Policies/0/PolicyDocument/Statement/0/Resource",
            json!("*"),
        ),
        set(
            "role-resources-named",
            ROLE,
            "Policies/0/PolicyDocument/Statement/0/Resource",
            json!([{"Ref": "UsersTable"}, "*"]),
        ),
        set(
            "role-own-policy",
            ROLE,
            "ManagedPolicyArns",
            json!(["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"]),
        ),
        set(
            "role-trusts-service",
            ROLE,
            "AssumeRolePolicyDocument/Statement/0/Principal",
            json!({"AWS": "*"}),
        ),
        set(
            "policy-actions-named",
            "GetUserCallerPolicy",
            "PolicyDocument/Statement/0/Action",
            json!("*"),
        ),
        set(
            "policy-actions-named",
            "GetUserCallerPolicy",
            "PolicyDocument/Statement/0/Resource",
            json!("*"),
        ),
        set(
            "queue-policy-private",
            "AuditDeadLettersPolicy",
            "PolicyDocument/Statement/1",
            open.clone(),
        ),
        set(
            "queue-policy-private",
            "AuditDeadLettersPolicy",
            "PolicyDocument/Statement/1",
            open_aws.clone(),
        ),
        set("topic-policy-private", "AlarmTopicPolicy", "PolicyDocument/Statement/2", open.clone()),
        set("bus-policy-private", "AuditBusPolicy", "Statement", open.clone()),
        set("bus-policy-private", "AuditBusPolicy", "Statement", open_aws),
        set("bus-policy-private", "AuditBus", "Policy/Statement/1", open.clone()),
        set("key-policy-private", "AlarmTopicKey", "KeyPolicy/Statement/2", open),
        // The REST API.
        remove("api-body-modelled", "UsersPostMethod", "RequestModels"),
        set("api-endpoint-type", "Api", "EndpointConfiguration/Types", json!(["EDGE"])),
        set(
            "api-integration-timeout",
            "UsersPostMethod",
            "Integration/TimeoutInMillis",
            json!(30_000),
        ),
        remove("api-integration-timeout", "UsersPostMethod", "Integration/TimeoutInMillis"),
        set("api-method-integrated", "UsersAnyMethod", "Integration/Type", json!("HTTP_PROXY")),
        set("api-method-signed", "UsersPostMethod", "AuthorizationType", json!("NONE")),
        remove("api-method-signed", "RootAnyMethod", "AuthorizationType"),
        with("api-preflight-mocked", "UsersOptionsMethod", |template| {
            let properties = "/Resources/UsersOptionsMethod/Properties";
            let proxy = json!({"Type": "AWS_PROXY", "TimeoutInMillis": 29_000});
            set_at(template, &format!("{properties}/Integration"), proxy);
            set_at(template, &format!("{properties}/RequestValidatorId"), json!("v"));
        }),
        with("api-refusal-defaults", "Api", |it| remove_at(it, "/Resources/Default5xxResponse")),
        set(
            "api-refusal-headers",
            "ThrottledResponse",
            "ResponseParameters/gatewayresponse.header.Cache-Control",
            json!("'max-age=60'"),
        ),
        remove(
            "api-refusal-headers",
            "ThrottledResponse",
            "ResponseParameters/gatewayresponse.header.X-Correlation-Id",
        ),
        set(
            "api-refusal-problem",
            "ThrottledResponse",
            "ResponseTemplates/application~1json",
            json!("{\"message\": $context.error.messageString}"),
        ),
        remove("api-refusal-problem", "ThrottledResponse", "ResponseTemplates"),
        remove("api-request-validated", "UsersPostMethod", "RequestValidatorId"),
        remove("api-stage-access-log", "ApiStage", "AccessLogSetting"),
        set("api-stage-execution-log", "ApiStage", "MethodSettings/0/LoggingLevel", json!("OFF")),
        set("api-stage-execution-log", "ApiStage", "MethodSettings/0/LoggingLevel", json!("INFO")),
        set("api-stage-metrics", "ApiStage", "MethodSettings/0/MetricsEnabled", json!(false)),
        set(
            "api-stage-no-data-trace",
            "ApiStage",
            "MethodSettings/0/DataTraceEnabled",
            json!(true),
        ),
        remove("api-stage-throttled", "ApiStage", "MethodSettings/0/ThrottlingBurstLimit"),
        remove("api-stage-throttled", "ApiStage", "MethodSettings/0/ThrottlingRateLimit"),
        set("api-stage-traced", "ApiStage", "TracingEnabled", json!(false)),
        set("api-stage-uncached", "ApiStage", "MethodSettings/0/CachingEnabled", json!(true)),
        set("api-stage-uncached", "ApiStage", "CacheClusterEnabled", json!(true)),
        set("api-validator-complete", "ApiRequestValidator", "ValidateRequestBody", json!(false)),
        with("api-deployment-complete", DEPLOYMENT, |template| {
            let id = crate::template::deployment_id(template);
            let named = at(template, &format!("/Resources/{id}/DependsOn"));
            named.as_array_mut().unwrap().retain(|it| it != "UsersPostMethod");
        }),
        with("api-deployment-current", DEPLOYMENT, |it| {
            set_at(it, "/Resources/AssignRoleModel/Properties/Schema/title", json!("Another"));
        }),
        set("api-stage-deployed", "ApiStage", "DeploymentId", json!("abc123")),
        // Tables, stream, bus, queues, topics and keys.
        remove("table-recovery", "UsersTable", "PointInTimeRecoverySpecification"),
        with("table-retained", "UsersTable", |it| {
            remove_at(it, "/Resources/UsersTable/DeletionPolicy");
        }),
        with("table-retained", "IdempotencyTable", |it| {
            set_at(it, "/Resources/IdempotencyTable/UpdateReplacePolicy", json!("Delete"));
        }),
        set("table-unnamed", "UsersTable", "TableName", json!("users")),
        set("table-on-demand", "UsersTable", "BillingMode", json!("PROVISIONED")),
        set("table-encryption", "UsersTable", "SSESpecification", json!({"SSEEnabled": true})),
        set("table-protected", "UsersTable", "DeletionProtectionEnabled", json!(false)),
        remove("idempotency-expires", "IdempotencyTable", "TimeToLiveSpecification"),
        set(
            "idempotency-expires",
            "IdempotencyTable",
            "TimeToLiveSpecification/AttributeName",
            json!("ttl"),
        ),
        remove("users-streamed", "UsersTable", "StreamSpecification"),
        set(
            "users-streamed",
            "UsersTable",
            "StreamSpecification/StreamViewType",
            json!("KEYS_ONLY"),
        ),
        remove("stream-dead-letters", "AuditStream", "DestinationConfig"),
        set("stream-bisected", "AuditStream", "BisectBatchOnFunctionError", json!(false)),
        remove("stream-partial-failures", "AuditStream", "FunctionResponseTypes"),
        set("stream-gives-up", "AuditStream", "MaximumRecordAgeInSeconds", json!(-1)),
        remove("stream-gives-up", "AuditStream", "MaximumRetryAttempts"),
        set("stream-from-the-start", "AuditStream", "StartingPosition", json!("LATEST")),
        remove("rule-target-dead-letters", "ForwardRule", "Targets/0/DeadLetterConfig"),
        set("queue-encrypted", "AuditDeadLetters", "SqsManagedSseEnabled", json!(false)),
        remove("queue-retention", "AuditDeadLetters", "MessageRetentionPeriod"),
        with("queue-tls-only", "AuditDeadLetters", |it| {
            remove_at(
                it,
                "/Resources/AuditDeadLettersPolicy/Properties/PolicyDocument/Statement/0/Condition",
            );
        }),
        remove("topic-encrypted", "AlarmTopic", "KmsMasterKeyId"),
        set("key-rotated", "AlarmTopicKey", "EnableKeyRotation", json!(false)),
        with("topic-tls-only", "AlarmTopic", |it| {
            remove_at(
                it,
                "/Resources/AlarmTopicPolicy/Properties/PolicyDocument/Statement/1/Condition",
            );
        }),
        // Functions and their logs.
        remove("function-architecture", FUNCTION, "Architectures"),
        set("function-log-format", FUNCTION, "LoggingConfig/LogFormat", json!("Text")),
        remove("function-memory", FUNCTION, "MemorySize"),
        set("function-memory", FUNCTION, "MemorySize", json!(64)),
        set("function-no-secrets", FUNCTION, "Environment/Variables/SIGNING_SECRET", json!("x")),
        set(
            "function-own-logs",
            FUNCTION,
            "LoggingConfig/LogGroup",
            json!({"Ref": "UsersAuditQueryLogs"}),
        ),
        remove("function-own-logs", FUNCTION, "LoggingConfig/LogGroup"),
        set(
            "function-own-role",
            "UsersStatusUpdateFunction",
            "Role",
            json!({"Fn::GetAtt": ["UsersRoleRemoveRole", "Arn"]}),
        ),
        set("function-own-role", FUNCTION, "Role", json!("arn:aws:iam::123456789012:role/shared")),
        set("function-runtime", FUNCTION, "Runtime", json!("provided.al2")),
        remove("function-timeout", FUNCTION, "Timeout"),
        set("function-traced", FUNCTION, "TracingConfig/Mode", json!("PassThrough")),
        remove("log-group-retention", "UsersProfileGetLogs", "RetentionInDays"),
        set("permission-principal", "UsersProfileGetPermission", "Principal", json!("*")),
        set("permission-principal", "UsersProfileGetPermission", "Action", json!("lambda:*")),
        remove("permission-scoped", "UsersProfileGetPermission", "SourceArn"),
        set(
            "permission-scoped",
            "UsersProfileGetPermission",
            "SourceArn",
            json!({"Fn::Sub": "arn:${AWS::Partition}:execute-api:x:y:${Api}/*/*/*"}),
        ),
        set(
            "function-called-live",
            "UsersProfileGetPermission",
            "FunctionName",
            json!({"Fn::GetAtt": ["UsersProfileGetFunction", "Arn"]}),
        ),
        set(
            "function-called-live",
            "AuditStream",
            "FunctionName",
            json!({"Fn::GetAtt": ["UsersAuditPublishFunction", "Arn"]}),
        ),
        with("function-version-current", VERSION, |it| {
            set_at(it, "/Resources/UsersProfileGetFunction/Properties/MemorySize", json!(512));
        }),
        // Alarms, parameters and limits.
        with("parameter-described", "", |it| {
            remove_at(it, "/Parameters/ArtifactBucket/AllowedPattern");
        }),
        with("parameter-described", "", |it| {
            remove_at(it, "/Parameters/ArtifactBucket/Description");
        }),
        with("alarm-api-errors", "Api", |it| unwatch(it, "5XXError")),
        with("alarm-dead-letters", "AuditDeadLetters", |it| {
            unwatch(it, "ApproximateNumberOfMessagesVisible");
        }),
        with("alarm-function-failures", "UsersListQueryFunction", |it| unwatch(it, "Errors")),
        with("alarm-function-failures", "UsersListQueryFunction", |it| unwatch(it, "Throttles")),
        with("alarm-stream-lag", "AuditStream", |it| unwatch(it, "IteratorAge")),
        remove("alarm-described", ALARM, "AlarmDescription"),
        remove("alarm-missing-data", ALARM, "TreatMissingData"),
        set("alarm-notifies", ALARM, "AlarmActions", json!([])),
        with("suppression-sound", "UsersTable", |it| {
            set_at(
                it,
                "/Resources/UsersTable/Metadata",
                json!({"users": {"suppress": [{"rule": "table-unnamed"}]}}),
            );
        }),
        with("template-counts", "", |template| {
            for number in 0..201 {
                *at(template, &format!("/Outputs/Number{number}")) = json!({"Value": "x"});
            }
        }),
        with("template-logical-names", "Dead-Letters", |it| {
            set_at(
                it,
                "/Resources/Dead-Letters",
                json!({"Type": "AWS::CloudFormation::WaitConditionHandle"}),
            );
        }),
        set(
            "template-physical-names",
            "UsersProfileGetFunction",
            "FunctionName",
            json!({"Fn::Sub": format!("${{AWS::StackName}}-{}", "x".repeat(60))}),
        ),
        with("template-size", "", |it| {
            set_at(it, "/Metadata", json!({"notes": "x".repeat(1_000_000)}));
        }),
        with("alarm-service-health", "", |it| remove_at(it, "/Resources/ServiceUnhealthyAlarm")),
        with("alarm-table-failures", "IdempotencyTable", |it| unwatch(it, "SystemErrors")),
    ]
}
