//! Every rule is broken at least once, on purpose, in a template that is otherwise clean: it must
//! be found by that rule, in that resource, and by no other rule.

use crate::support;
use crate::support::{Change, add, check, clean, remove, set, with};
use serde_json::json;
use std::collections::BTreeSet;
use users_check::{Finding, RULES};

/// One thing gone wrong.
struct Mutation {
    /// What was done.
    name: &'static str,
    /// The rule that must find it.
    rule: &'static str,
    /// The resource it must be found in; empty for the template as a whole.
    resource: &'static str,
    change: Change,
}

fn row(rule: &'static str, resource: &'static str, name: &'static str, change: Change) -> Mutation {
    Mutation { name, rule, resource, change }
}

const ROLE: &str = "UsersRegisterCreateRole";
const STATEMENT: &str =
    "/Resources/UsersRegisterCreateRole/Properties/Policies/0/PolicyDocument/Statement/0";
const SETTING: &str = "/Resources/ApiStage/Properties/MethodSettings/0";
const DENY: &str = "/Resources/AuditDeadLettersPolicy/Properties/PolicyDocument/Statement/0";

fn api() -> Vec<Mutation> {
    let method = "/Resources/UsersPostMethod/Properties";
    let refusal = "/Resources/ThrottledResponse/Properties";
    let stage = "/Resources/ApiStage/Properties";
    vec![
        row(
            "api-body-modelled",
            "UsersPostMethod",
            "a body without a model",
            remove(format!("{method}/RequestModels")),
        ),
        row(
            "api-endpoint-type",
            "Api",
            "an edge-optimised endpoint",
            set("/Resources/Api/Properties/EndpointConfiguration/Types", json!(["EDGE"])),
        ),
        row(
            "api-integration-timeout",
            "UsersPostMethod",
            "a wait longer than the gateway's",
            set(format!("{method}/Integration/TimeoutInMillis"), json!(30_000)),
        ),
        row(
            "api-integration-timeout",
            "UsersPostMethod",
            "a wait that is not stated",
            remove(format!("{method}/Integration/TimeoutInMillis")),
        ),
        row(
            "api-method-integrated",
            "UsersAnyMethod",
            "a method that calls another service",
            set("/Resources/UsersAnyMethod/Properties/Integration/Type", json!("HTTP_PROXY")),
        ),
        row(
            "api-method-signed",
            "UsersPostMethod",
            "an open method",
            set(format!("{method}/AuthorizationType"), json!("NONE")),
        ),
        row(
            "api-method-signed",
            "RootAnyMethod",
            "an open catch-all",
            remove("/Resources/RootAnyMethod/Properties/AuthorizationType"),
        ),
        row("api-preflight-mocked", "UsersOptionsMethod", "an unsigned call of a function", {
            let method = "/Resources/UsersOptionsMethod/Properties";
            with(move |template| {
                *support::at(template, &format!("{method}/Integration")) =
                    json!({"Type": "AWS_PROXY", "TimeoutInMillis": 29_000});
                *support::at(template, &format!("{method}/RequestValidatorId")) = json!("v");
            })
        }),
        row(
            "api-refusal-defaults",
            "Api",
            "no default answer to failures",
            remove("/Resources/Default5xxResponse"),
        ),
        row(
            "api-refusal-headers",
            "ThrottledResponse",
            "an answer that may be cached",
            set(
                format!("{refusal}/ResponseParameters/gatewayresponse.header.Cache-Control"),
                json!("'max-age=60'"),
            ),
        ),
        row(
            "api-refusal-headers",
            "ThrottledResponse",
            "an answer without correlation id",
            remove(format!("{refusal}/ResponseParameters/gatewayresponse.header.X-Correlation-Id")),
        ),
        row(
            "api-refusal-problem",
            "ThrottledResponse",
            "a gateway response in its own words",
            set(
                format!("{refusal}/ResponseTemplates/application~1json"),
                json!("{\"message\": $context.error.messageString}"),
            ),
        ),
        row(
            "api-refusal-problem",
            "ThrottledResponse",
            "a gateway response without a body",
            remove(format!("{refusal}/ResponseTemplates")),
        ),
        row(
            "api-request-validated",
            "UsersPostMethod",
            "a request that nobody validates",
            remove(format!("{method}/RequestValidatorId")),
        ),
        row(
            "api-stage-access-log",
            "ApiStage",
            "no access log",
            remove(format!("{stage}/AccessLogSetting")),
        ),
        row(
            "api-stage-execution-log",
            "ApiStage",
            "no execution log",
            set(format!("{SETTING}/LoggingLevel"), json!("OFF")),
        ),
        row(
            "api-stage-execution-log",
            "ApiStage",
            "an execution log of everything",
            set(format!("{SETTING}/LoggingLevel"), json!("INFO")),
        ),
        row(
            "api-stage-metrics",
            "ApiStage",
            "no metrics",
            set(format!("{SETTING}/MetricsEnabled"), json!(false)),
        ),
        row(
            "api-stage-no-data-trace",
            "ApiStage",
            "data trace on",
            set(format!("{SETTING}/DataTraceEnabled"), json!(true)),
        ),
        row(
            "api-stage-throttled",
            "ApiStage",
            "no burst limit",
            remove(format!("{SETTING}/ThrottlingBurstLimit")),
        ),
        row(
            "api-stage-throttled",
            "ApiStage",
            "no rate limit",
            remove(format!("{SETTING}/ThrottlingRateLimit")),
        ),
        row(
            "api-stage-traced",
            "ApiStage",
            "no tracing from the gateway on",
            set(format!("{stage}/TracingEnabled"), json!(false)),
        ),
        row(
            "api-stage-uncached",
            "ApiStage",
            "answers cached",
            set(format!("{SETTING}/CachingEnabled"), json!(true)),
        ),
        row(
            "api-stage-uncached",
            "ApiStage",
            "a cache",
            set(format!("{stage}/CacheClusterEnabled"), json!(true)),
        ),
        row(
            "api-validator-complete",
            "ApiRequestValidator",
            "a validator that skips bodies",
            set("/Resources/ApiRequestValidator/Properties/ValidateRequestBody", json!(false)),
        ),
        row(
            "api-deployment-complete",
            support::DEPLOYMENT,
            "a deployment before its methods",
            with(|template| {
                let id = users_template::deployment_id(template);
                let named = support::at(template, &format!("/Resources/{id}/DependsOn"));
                named.as_array_mut().unwrap().retain(|it| it != "UsersPostMethod");
            }),
        ),
        row(
            "api-deployment-current",
            support::DEPLOYMENT,
            "a stale deployment",
            set("/Resources/AssignRoleModel/Properties/Schema/title", json!("Another")),
        ),
        row(
            "api-stage-deployed",
            "ApiStage",
            "a stage with a deployment from elsewhere",
            set(format!("{stage}/DeploymentId"), json!("abc123")),
        ),
    ]
}

fn functions() -> Vec<Mutation> {
    let function = "/Resources/UsersProfileGetFunction/Properties";
    let it = "UsersProfileGetFunction";
    let permission = "/Resources/UsersProfileGetPermission/Properties";
    vec![
        row(
            "function-architecture",
            it,
            "an instruction set by default",
            remove(format!("{function}/Architectures")),
        ),
        row(
            "function-log-format",
            it,
            "logs as text",
            set(format!("{function}/LoggingConfig/LogFormat"), json!("Text")),
        ),
        row("function-memory", it, "memory missing", remove(format!("{function}/MemorySize"))),
        row(
            "function-memory",
            it,
            "too little memory",
            set(format!("{function}/MemorySize"), json!(64)),
        ),
        row(
            "function-no-secrets",
            it,
            "a secret in a variable",
            set(format!("{function}/Environment/Variables/SIGNING_SECRET"), json!("x")),
        ),
        row(
            "function-own-logs",
            it,
            "the log group of another function",
            set(
                format!("{function}/LoggingConfig/LogGroup"),
                json!({"Ref": "UsersAuditQueryLogs"}),
            ),
        ),
        row(
            "function-own-logs",
            it,
            "a log group that Lambda makes by itself",
            remove(format!("{function}/LoggingConfig/LogGroup")),
        ),
        row(
            "function-own-role",
            "UsersStatusUpdateFunction",
            "one role for two functions",
            set(
                "/Resources/UsersStatusUpdateFunction/Properties/Role",
                json!({"Fn::GetAtt": ["UsersRoleRemoveRole", "Arn"]}),
            ),
        ),
        row(
            "function-own-role",
            it,
            "a role from elsewhere",
            set(format!("{function}/Role"), json!("arn:aws:iam::123456789012:role/shared")),
        ),
        row(
            "function-runtime",
            it,
            "an old runtime",
            set(format!("{function}/Runtime"), json!("provided.al2")),
        ),
        row("function-timeout", it, "no time limit", remove(format!("{function}/Timeout"))),
        row(
            "function-traced",
            it,
            "no tracing",
            set(format!("{function}/TracingConfig/Mode"), json!("PassThrough")),
        ),
        row(
            "log-group-retention",
            "UsersProfileGetLogs",
            "logs for ever",
            remove("/Resources/UsersProfileGetLogs/Properties/RetentionInDays"),
        ),
        row(
            "permission-principal",
            "UsersProfileGetPermission",
            "a public principal",
            set(format!("{permission}/Principal"), json!("*")),
        ),
        row(
            "permission-principal",
            "UsersProfileGetPermission",
            "a permission for everything",
            set(format!("{permission}/Action"), json!("lambda:*")),
        ),
        row(
            "permission-scoped",
            "UsersProfileGetPermission",
            "a permission without SourceArn",
            remove(format!("{permission}/SourceArn")),
        ),
        row(
            "permission-scoped",
            "UsersProfileGetPermission",
            "a permission for every stage",
            set(
                format!("{permission}/SourceArn"),
                json!({"Fn::Sub": "arn:${AWS::Partition}:execute-api:x:y:${Api}/*/*/*"}),
            ),
        ),
    ]
}

fn access() -> Vec<Mutation> {
    let policy = "/Resources/CallerPolicy/Properties/PolicyDocument/Statement/0";
    let open = json!({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"});
    let open_aws =
        json!({"Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": "*", "Resource": "*"});
    let dead = "/Resources/AuditDeadLettersPolicy/Properties/PolicyDocument/Statement/1";
    let topic = "/Resources/AlarmTopicPolicy/Properties/PolicyDocument/Statement/1";
    vec![
        row(
            "role-actions-named",
            ROLE,
            "a wildcard action",
            set(format!("{STATEMENT}/Action"), json!("logs:*")),
        ),
        row(
            "role-actions-named",
            ROLE,
            "everything but",
            with(|template| {
                let statement = support::at(template, STATEMENT).as_object_mut().unwrap();
                statement.remove("Action");
                statement.insert("NotAction".to_owned(), json!("iam:PassRole"));
            }),
        ),
        row(
            "role-resources-named",
            ROLE,
            "a wildcard resource",
            set(format!("{STATEMENT}/Resource"), json!("*")),
        ),
        row(
            "role-resources-named",
            ROLE,
            "a wildcard among resources",
            set(format!("{STATEMENT}/Resource"), json!([{"Ref": "UsersTable"}, "*"])),
        ),
        row(
            "role-own-policy",
            ROLE,
            "a managed policy",
            set(
                format!("/Resources/{ROLE}/Properties/ManagedPolicyArns"),
                json!(["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"]),
            ),
        ),
        row(
            "role-trusts-service",
            ROLE,
            "a role for anybody",
            set(
                format!(
                    "/Resources/{ROLE}/Properties/AssumeRolePolicyDocument/Statement/0/Principal"
                ),
                json!({"AWS": "*"}),
            ),
        ),
        row(
            "policy-actions-named",
            "CallerPolicy",
            "a policy that allows all actions",
            set(format!("{policy}/Action"), json!("*")),
        ),
        row(
            "policy-actions-named",
            "CallerPolicy",
            "a policy for all resources",
            set(format!("{policy}/Resource"), json!("*")),
        ),
        row(
            "queue-policy-private",
            "AuditDeadLettersPolicy",
            "a public queue",
            add(dead, open.clone()),
        ),
        row(
            "queue-policy-private",
            "AuditDeadLettersPolicy",
            "a queue for every account",
            add(dead, open_aws.clone()),
        ),
        row("topic-policy-private", "AlarmTopicPolicy", "a public topic", add(topic, open.clone())),
        row(
            "bus-policy-private",
            "AuditBusPolicy",
            "a public bus",
            set("/Resources/AuditBusPolicy/Properties/Statement", open),
        ),
        row(
            "bus-policy-private",
            "AuditBusPolicy",
            "a bus for every account",
            set("/Resources/AuditBusPolicy/Properties/Statement", open_aws),
        ),
    ]
}

fn data() -> Vec<Mutation> {
    let table = "/Resources/UsersTable/Properties";
    let stream = "/Resources/AuditStream/Properties";
    let queue = "/Resources/AuditDeadLetters/Properties";
    let records = "/Resources/IdempotencyTable/Properties/TimeToLiveSpecification";
    vec![
        row(
            "table-recovery",
            "UsersTable",
            "missing recovery to a point in time",
            remove(format!("{table}/PointInTimeRecoverySpecification")),
        ),
        row(
            "table-retained",
            "UsersTable",
            "a missing deletion policy",
            remove("/Resources/UsersTable/DeletionPolicy"),
        ),
        row(
            "table-retained",
            "IdempotencyTable",
            "a table lost when it is replaced",
            set("/Resources/IdempotencyTable/UpdateReplacePolicy", json!("Delete")),
        ),
        row(
            "table-unnamed",
            "UsersTable",
            "a fixed table name",
            set(format!("{table}/TableName"), json!("users")),
        ),
        row(
            "table-on-demand",
            "UsersTable",
            "provisioned throughput",
            set(format!("{table}/BillingMode"), json!("PROVISIONED")),
        ),
        row(
            "table-encryption",
            "UsersTable",
            "a key that AWS manages",
            set(format!("{table}/SSESpecification"), json!({"SSEEnabled": true})),
        ),
        row(
            "table-protected",
            "UsersTable",
            "a table without protection in a protected stage",
            set(format!("{table}/DeletionProtectionEnabled"), json!(false)),
        ),
        row(
            "idempotency-expires",
            "IdempotencyTable",
            "records that stay for ever",
            remove(records),
        ),
        row(
            "idempotency-expires",
            "IdempotencyTable",
            "records that expire by another attribute",
            set(format!("{records}/AttributeName"), json!("ttl")),
        ),
        row(
            "users-streamed",
            "UsersTable",
            "the stream off",
            remove(format!("{table}/StreamSpecification")),
        ),
        row(
            "users-streamed",
            "UsersTable",
            "a stream of keys only",
            set(format!("{table}/StreamSpecification/StreamViewType"), json!("KEYS_ONLY")),
        ),
        row(
            "stream-dead-letters",
            "AuditStream",
            "no dead letters",
            remove(format!("{stream}/DestinationConfig")),
        ),
        row(
            "stream-bisected",
            "AuditStream",
            "a batch that fails as one",
            set(format!("{stream}/BisectBatchOnFunctionError"), json!(false)),
        ),
        row(
            "stream-partial-failures",
            "AuditStream",
            "failures of single records not reported",
            remove(format!("{stream}/FunctionResponseTypes")),
        ),
        row(
            "stream-gives-up",
            "AuditStream",
            "records kept past the stream's own time",
            set(format!("{stream}/MaximumRecordAgeInSeconds"), json!(-1)),
        ),
        row(
            "stream-gives-up",
            "AuditStream",
            "retries without end",
            remove(format!("{stream}/MaximumRetryAttempts")),
        ),
        row(
            "stream-from-the-start",
            "AuditStream",
            "a relay that skips what is there",
            set(format!("{stream}/StartingPosition"), json!("LATEST")),
        ),
        row(
            "rule-target-dead-letters",
            "ForwardRule",
            "a target whose failures are lost",
            remove("/Resources/ForwardRule/Properties/Targets/0/DeadLetterConfig"),
        ),
        row(
            "queue-encrypted",
            "AuditDeadLetters",
            "an unencrypted queue",
            set(format!("{queue}/SqsManagedSseEnabled"), json!(false)),
        ),
        row(
            "queue-retention",
            "AuditDeadLetters",
            "dead letters for four days",
            remove(format!("{queue}/MessageRetentionPeriod")),
        ),
        row(
            "queue-tls-only",
            "AuditDeadLetters",
            "a queue without TLS",
            remove(format!("{DENY}/Condition")),
        ),
        row(
            "topic-encrypted",
            "AlarmTopic",
            "an unencrypted topic",
            remove("/Resources/AlarmTopic/Properties/KmsMasterKeyId"),
        ),
        row(
            "key-rotated",
            "DataKey",
            "a key for ever",
            set("/Resources/DataKey/Properties/EnableKeyRotation", json!(false)),
        ),
    ]
}

fn stack() -> Vec<Mutation> {
    let parameter = "/Parameters/ArtifactBucket";
    let alarm = format!("/Resources/{}/Properties", support::ALARM);
    let long = "x".repeat(60);
    vec![
        row(
            "parameter-described",
            "",
            "a parameter that takes anything",
            remove(format!("{parameter}/AllowedPattern")),
        ),
        row(
            "parameter-described",
            "",
            "a parameter that explains nothing",
            remove(format!("{parameter}/Description")),
        ),
        row("alarm-api-errors", "Api", "no alarm on failing calls", support::unwatched("5XXError")),
        row(
            "alarm-dead-letters",
            "AuditDeadLetters",
            "no alarm on dead letters",
            support::unwatched("ApproximateNumberOfMessagesVisible"),
        ),
        row(
            "alarm-function-failures",
            "UsersListQueryFunction",
            "no alarm on errors",
            support::unwatched("Errors"),
        ),
        row(
            "alarm-function-failures",
            "UsersListQueryFunction",
            "no alarm on throttles",
            support::unwatched("Throttles"),
        ),
        row(
            "alarm-stream-lag",
            "AuditStream",
            "no alarm on the relay's lag",
            support::unwatched("IteratorAge"),
        ),
        row(
            "alarm-described",
            support::ALARM,
            "an alarm that does not explain itself",
            remove(format!("{alarm}/AlarmDescription")),
        ),
        row(
            "alarm-missing-data",
            support::ALARM,
            "an alarm about silence",
            remove(format!("{alarm}/TreatMissingData")),
        ),
        row(
            "alarm-notifies",
            support::ALARM,
            "an alarm that nobody hears",
            set(format!("{alarm}/AlarmActions"), json!([])),
        ),
        row(
            "suppression-sound",
            "UsersTable",
            "a suppression without a reason",
            set(
                "/Resources/UsersTable/Metadata",
                json!({"users": {"suppress": [{"rule": "table-unnamed"}]}}),
            ),
        ),
        row(
            "template-counts",
            "",
            "too many outputs",
            with(|template| {
                for number in 0..201 {
                    *support::at(template, &format!("/Outputs/Number{number}")) =
                        json!({"Value": "x"});
                }
            }),
        ),
        row(
            "template-logical-names",
            "Dead-Letters",
            "a logical id with a hyphen",
            add(
                "/Resources/Dead-Letters",
                json!({"Type": "AWS::CloudFormation::WaitConditionHandle"}),
            ),
        ),
        row(
            "template-physical-names",
            "UsersProfileGetFunction",
            "a name that Lambda refuses",
            set(
                "/Resources/UsersProfileGetFunction/Properties/FunctionName",
                json!({"Fn::Sub": format!("${{AWS::StackName}}-{long}")}),
            ),
        ),
        row(
            "template-size",
            "",
            "a template that is too large",
            set("/Metadata", json!({"notes": "x".repeat(1_000_000)})),
        ),
    ]
}

fn all() -> Vec<Mutation> {
    [api(), functions(), access(), data(), stack()].into_iter().flatten().collect()
}

#[test]
fn the_template_that_is_mutated_is_clean() {
    let report = check(&clean());
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
}

#[test]
fn every_rule_has_a_mutation() {
    let broken: BTreeSet<_> = all().iter().map(|it| it.rule).collect();
    let rules: BTreeSet<_> = RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(broken, rules);
}

#[test]
fn every_mutation_is_found_by_its_rule_and_by_no_other() {
    let base = clean();
    let deployment = users_template::deployment_id(&base);
    let mut problems = Vec::new();
    for Mutation { name, rule, resource, change } in all() {
        let mut template = base.clone();
        change(&mut template);
        let report = check(&template);
        let resource = if resource == support::DEPLOYMENT { &deployment } else { resource };
        let places = |wanted: bool| {
            let is_wanted = |found: &&Finding| {
                // What is published has changed with everything that a deployment copies.
                let follows =
                    rule != "api-deployment-current" && found.rule == "api-deployment-current";
                (found.rule == rule) == wanted && !follows
            };
            let found: Vec<_> = report.findings.iter().filter(is_wanted).collect();
            found
        };
        if !places(true).iter().any(|it| it.resource.as_deref().unwrap_or_default() == resource) {
            problems.push(format!("{name}: {rule} has to find it in {resource:?}"));
        }
        for other in places(false) {
            problems.push(format!("{name}: {} finds {}", other.rule, other.place()));
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
}
