//! The REST API.

use super::support::{at, remove, set, with};
use super::{DEPLOYMENT, Mutation, row};
use serde_json::json;

const SETTING: &str = "/Resources/ApiStage/Properties/MethodSettings/0";

pub(super) fn mutations() -> Vec<Mutation> {
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
                *at(template, &format!("{method}/Integration")) =
                    json!({"Type": "AWS_PROXY", "TimeoutInMillis": 29_000});
                *at(template, &format!("{method}/RequestValidatorId")) = json!("v");
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
            DEPLOYMENT,
            "a deployment before its methods",
            with(|template| {
                let id = crate::deployment_id(template);
                let named = at(template, &format!("/Resources/{id}/DependsOn"));
                named.as_array_mut().unwrap().retain(|it| it != "UsersPostMethod");
            }),
        ),
        row(
            "api-deployment-current",
            DEPLOYMENT,
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
