//! The REST API: access to it, the calls that reach a function, and the records of a call.

use super::rule::{Rule, high, low, medium};
use super::subject::{
    Place, Resource, Subject, every, exists, is_in, items, references, violations,
};
use serde_json::Value;

const ANSWER: &str = "AWS::ApiGateway::GatewayResponse";
const API: &str = "AWS::ApiGateway::RestApi";
const DEPLOYMENT: &str = "AWS::ApiGateway::Deployment";
const METHOD: &str = "AWS::ApiGateway::Method";
const STAGE: &str = "AWS::ApiGateway::Stage";
const VALIDATOR: &str = "AWS::ApiGateway::RequestValidator";

/// The gateway responses that apply where there is no more specific one.
const DEFAULT_REFUSALS: &[&str] = &["DEFAULT_4XX", "DEFAULT_5XX"];

pub(super) fn rules() -> Vec<Rule> {
    vec![
        medium("api-body-modelled")
            .expects("a method with a body has models for its content types")
            .remedy("name them in RequestModels")
            .check(|it| {
                let with_body = |method: &Resource<'_>| {
                    ["PATCH", "POST", "PUT"].iter().any(|it| method.property("HttpMethod") == it)
                };
                violations(proxies(it).filter(with_body), "RequestModels", |models| {
                    models.as_object().is_some_and(|models| !models.is_empty())
                })
            }),
        high("api-deployment-complete")
            .expects("a deployment is made after everything that it copies")
            .remedy("name it in DependsOn")
            .check(api_deployment_complete),
        high("api-deployment-current")
            .expects(
                "a deployment's logical id is the hash of what it copies, so that changes go live",
            )
            .remedy("run `cargo xtask synth`")
            .check(|it| {
                let expected = crate::template::deployment_id(it.template);
                it.all(DEPLOYMENT)
                    .filter(|deployment| deployment.id != expected)
                    .map(|it| it.place("", format!("should have the id {expected}")))
                    .collect()
            }),
        medium("api-endpoint-type")
            .expects("the endpoint is regional or private, not at the edge")
            .remedy("set EndpointConfiguration.Types to REGIONAL or PRIVATE")
            .property(API, "EndpointConfiguration/Types/*", |kind| {
                kind == "REGIONAL" || kind == "PRIVATE"
            }),
        low("api-integration-timeout")
            .expects("the gateway has a stated timeout of at most 29 seconds")
            .remedy("set TimeoutInMillis to 29000 or less")
            .check(|it| {
                violations(proxies(it), "Integration/TimeoutInMillis", |value| {
                    is_in(value, &(1..=29_000))
                })
            }),
        high("api-method-integrated")
            .expects("a method calls a function or is answered by the gateway, nothing else")
            .remedy("use an AWS_PROXY or a MOCK integration")
            .property(METHOD, "Integration/Type", |kind| kind == "AWS_PROXY" || kind == "MOCK"),
        high("api-method-signed")
            .expects("every method but a preflight requires a signature")
            .remedy("set AuthorizationType to AWS_IAM")
            .check(|it| {
                let signed = it.all(METHOD).filter(|method| !is_preflight(method));
                violations(signed, "AuthorizationType", |kind| kind == "AWS_IAM")
            }),
        high("api-preflight-mocked")
            .expects("an unsigned preflight never calls a function")
            .remedy("use a MOCK integration")
            .check(|it| {
                let preflights = it.all(METHOD).filter(is_preflight);
                violations(preflights, "Integration/Type", |kind| kind == "MOCK")
            }),
        medium("api-refusal-defaults")
            .expects("both default responses of the gateway are replaced")
            .remedy("add gateway responses DEFAULT_4XX and DEFAULT_5XX")
            .check(api_refusal_defaults),
        medium("api-refusal-headers")
            .expects("the gateway's own responses have the headers of every response")
            .remedy(
                "set Content-Type, Cache-Control, X-Correlation-Id and Access-Control-Allow-Origin",
            )
            .property(ANSWER, "ResponseParameters", |parameters| {
                let header = |name: &str| &parameters[format!("gatewayresponse.header.{name}")];
                header("Content-Type") == "'application/problem+json'"
                    && header("Cache-Control") == "'no-store'"
                    && header("X-Correlation-Id") == "context.requestId"
                    && exists(header("Access-Control-Allow-Origin"))
            }),
        medium("api-refusal-problem")
            .expects("the gateway's own responses are problem documents")
            .remedy("set a response template with type and correlationId")
            .property(ANSWER, "ResponseTemplates", |templates| {
                let body = templates["application/json"].as_str().unwrap_or_default();
                body.contains(r#""type": "urn:problem:"#)
                    && body.contains(r#""correlationId": "$context.requestId""#)
            }),
        medium("api-request-validated")
            .expects("a method that calls a function validates the request first")
            .remedy("name a RequestValidatorId")
            .check(|it| violations(proxies(it), "RequestValidatorId", exists)),
        high("api-stage-access-log")
            .expects("every call is logged")
            .remedy("set AccessLogSetting, with DestinationArn and Format")
            .property(STAGE, "AccessLogSetting", |setting| {
                exists(&setting["DestinationArn"]) && exists(&setting["Format"])
            }),
        high("api-stage-deployed")
            .expects("a stage serves the deployment of its template")
            .remedy("refer to the deployment in DeploymentId")
            .check(|it| {
                violations(it.all(STAGE), "DeploymentId", |id| it.refers_to(id, DEPLOYMENT))
            }),
        medium("api-stage-execution-log")
            .expects("the gateway logs only its errors: more would include personal data")
            .remedy("set LoggingLevel of method `*` to ERROR")
            .property(STAGE, "MethodSettings", |settings| {
                has_default(settings)
                    && every(settings, |it| !is_default(it) || it["LoggingLevel"] == "ERROR")
            }),
        medium("api-stage-metrics")
            .expects("the gateway counts calls, errors and latency of each method")
            .remedy("set MetricsEnabled to true")
            .property(STAGE, "MethodSettings/*/MetricsEnabled", |it| *it == true),
        high("api-stage-no-data-trace")
            .expects("requests and responses are never logged whole: they hold personal data")
            .remedy("set DataTraceEnabled to false")
            .property(STAGE, "MethodSettings/*/DataTraceEnabled", |it| *it == false),
        high("api-stage-throttled")
            .expects("the stage limits calls, and so does every exception for a method")
            .remedy("set ThrottlingBurstLimit and ThrottlingRateLimit, also of method `*`")
            .property(STAGE, "MethodSettings", |settings| {
                has_default(settings)
                    && every(settings, |it| {
                        is_in(&it["ThrottlingBurstLimit"], &(1..=i64::MAX))
                            && exists(&it["ThrottlingRateLimit"])
                    })
            }),
        medium("api-stage-traced")
            .expects("calls are traced, starting at the gateway")
            .remedy("set TracingEnabled to true")
            .property(STAGE, "TracingEnabled", |traced| *traced == true),
        high("api-stage-uncached")
            .expects("nothing about users is cached")
            .remedy("omit CacheClusterEnabled and CachingEnabled")
            .property(STAGE, "CacheClusterEnabled", |value| !exists(value) || *value == false)
            .property(STAGE, "MethodSettings/*/CachingEnabled", |value| {
                !exists(value) || *value == false
            }),
        medium("api-validator-complete")
            .expects("a validator checks the body and the parameters")
            .remedy("set ValidateRequestBody and ValidateRequestParameters to true")
            .property(VALIDATOR, "ValidateRequestBody", |value| *value == true)
            .property(VALIDATOR, "ValidateRequestParameters", |value| *value == true),
    ]
}

/// The methods that call a function.
fn proxies<'a>(it: &Subject<'a>) -> impl Iterator<Item = Resource<'a>> + use<'a> {
    it.all(METHOD).filter(|method| method.property("Integration")["Type"] == "AWS_PROXY")
}

fn is_preflight(method: &Resource<'_>) -> bool {
    method.property("HttpMethod") == "OPTIONS"
}

/// Whether a method setting of a stage is for all methods without one of their own.
fn is_default(setting: &Value) -> bool {
    setting["HttpMethod"] == "*"
}

fn has_default(settings: &Value) -> bool {
    items(settings).iter().any(is_default)
}

/// A deployment copies the API at the time it is made, so everything must exist before it.
fn api_deployment_complete(it: &Subject<'_>) -> Vec<Place> {
    let mut places = Vec::new();
    for deployment in it.all(DEPLOYMENT) {
        let named = items(deployment.attribute("DependsOn"));
        let referenced = references(deployment.attribute("Properties"));
        for part in crate::template::deployed_resources(it.template) {
            if !referenced.contains(part) && !named.iter().any(|id| id == part) {
                places.push(deployment.place("DependsOn", format!("does not name {part}")));
            }
        }
    }
    places
}

fn api_refusal_defaults(it: &Subject<'_>) -> Vec<Place> {
    let has = |api: &str, kind: &str| {
        it.all(ANSWER).any(|answer| {
            answer.property("ResponseType") == kind
                && references(answer.property("RestApiId")).contains(api)
        })
    };
    let mut places = Vec::new();
    for api in it.all(API) {
        for kind in DEFAULT_REFUSALS.iter().filter(|kind| !has(api.id, kind)) {
            places.push(api.place("", format!("has no gateway response {kind}")));
        }
    }
    places
}
