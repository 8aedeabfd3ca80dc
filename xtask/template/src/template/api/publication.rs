//! The published stage of the API: its limits, its logs, and the account's role to write them.

use stratosphere::services::aws::{apigateway, iam};
use users_contract::{Operation, OperationName};

use serde_json::json;

use crate::stages::Stage;
use crate::template::envelope::{Resource, Template, attribute, reference, substitute, tags, text};
use crate::template::names::{API, API_ACCESS_LOGS, API_ACCOUNT, API_EXECUTION_LOGS, API_STAGE};
use crate::template::{logs, policy};

/// The fields of an access log line. No query string, no path with ids, no user agent, nothing of a
/// body: the line has caller, operation and outcome, and nothing more about users.
const ACCESS_LOG_FIELDS: &[(&str, &str)] = &[
    ("requestId", "$context.requestId"),
    ("extendedRequestId", "$context.extendedRequestId"),
    ("traceId", "$context.xrayTraceId"),
    ("time", "$context.requestTimeEpoch"),
    ("ip", "$context.identity.sourceIp"),
    ("userArn", "$context.identity.userArn"),
    ("accountId", "$context.identity.accountId"),
    ("method", "$context.httpMethod"),
    ("resourcePath", "$context.resourcePath"),
    ("status", "$context.status"),
    ("responseLength", "$context.responseLength"),
    ("responseLatency", "$context.responseLatency"),
    // That of the function's own log lines.
    ("integrationRequestId", "$context.integration.requestId"),
    ("integrationStatus", "$context.integration.status"),
    ("integrationLatency", "$context.integration.latency"),
    ("errorMessage", "$context.error.message"),
    ("errorType", "$context.error.responseType"),
    ("wafStatus", "$context.waf.status"),
];

/// Adds the stage of a deployment with everything that it needs.
pub(super) fn add(template: &mut Template, stage: &Stage, deployment: &str) {
    let access = substitute("/aws/apigateway/${AWS::StackName}-access");
    logs::add(template, stage, API_ACCESS_LOGS, access);
    // API Gateway would otherwise create this group itself, without an expiry.
    let name = format!("API-Gateway-Execution-Logs_${{{API}}}/{}", stage.api_stage);
    logs::add(template, stage, API_EXECUTION_LOGS, substitute(name));
    let mut before = vec![API_EXECUTION_LOGS];
    if stage.manage_api_gateway_account {
        add_account(template, stage);
        before.push(API_ACCOUNT);
    }
    let published = Resource::new(&api_stage(stage, deployment)).depends_on(before).skip(&[(
        "CKV_AWS_120",
        "Answers are data of users, fresh for each caller; a cache would serve them stale",
    )]);
    template.add(API_STAGE, published);
}

fn api_stage(stage: &Stage, deployment: &str) -> apigateway::Stage_ {
    let format: serde_json::Map<_, _> =
        ACCESS_LOG_FIELDS.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    apigateway::Stage! {
        access_log_setting: apigateway::stage::AccessLogSetting! {
            destination_arn: attribute(API_ACCESS_LOGS, "Arn"),
            format: text(crate::render::compact(&format.into())),
        },
        deployment_id: reference(deployment),
        method_settings: method_settings(stage),
        rest_api_id: reference(API),
        stage_name: text(&stage.api_stage),
        tags: tags(stage),
        tracing_enabled: true,
    }
}

/// The settings of all methods, then those of the lists. A method's own settings replace the
/// common ones as a whole, so each says everything.
fn method_settings(stage: &Stage) -> Vec<apigateway::stage::MethodSetting_> {
    let mut settings = vec![method_setting("*", "/*", stage.throttle_rate, stage.throttle_burst)];
    for name in [OperationName::ListUsers, OperationName::QueryAudit] {
        let operation = Operation::of(name);
        let path = operation.path.replace('/', "~1");
        settings.push(method_setting(
            operation.method.as_str(),
            &format!("/{path}"),
            stage.list_throttle_rate.min(stage.throttle_rate),
            stage.list_throttle_burst.min(stage.throttle_burst),
        ));
    }
    settings
}

fn method_setting(
    method: &str,
    path: &str,
    rate: u16,
    burst: u16,
) -> apigateway::stage::MethodSetting_ {
    apigateway::stage::MethodSetting! {
        // Traced data would be whole requests, personal data included.
        data_trace_enabled: false,
        http_method: text(method),
        logging_level: "ERROR",
        metrics_enabled: true,
        resource_path: text(path),
        throttling_burst_limit: i32::from(burst),
        throttling_rate_limit: f64::from(rate),
    }
}

/// The one setting of the account by which any API of the region writes logs. Both parts outlive
/// the stack, because other APIs write by them too.
fn add_account(template: &mut Template, stage: &Stage) {
    let role = iam::Role! {
        assume_role_policy_document: policy::assumed_by("apigateway.amazonaws.com"),
        description: "Lets API Gateway write logs of all APIs of the account and region",
        managed_policy_arns: vec![substitute(
            "arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs",
        )],
        tags: tags(stage),
    };
    let role = Resource::new(&role).retained().suppress(&[(
        "role-own-policy",
        "The policy that AWS keeps for this: it is for every API of the account, so there is \
         nothing to narrow",
    )]);
    template.add("ApiAccountRole", role);
    let account = apigateway::Account! { cloud_watch_role_arn: attribute("ApiAccountRole", "Arn") };
    template.add(API_ACCOUNT, Resource::new(&account).retained());
}
