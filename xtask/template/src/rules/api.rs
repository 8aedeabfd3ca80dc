//! The REST API: access to it, the calls that reach a function, and the records of a call.

use super::Rule;
use super::Severity::{High, Low, Medium};
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

/// The gateway's answers where it has none for a more particular type.
const DEFAULT_REFUSALS: &[&str] = &["DEFAULT_4XX", "DEFAULT_5XX"];

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "api-body-modelled",
        severity: Medium,
        expected: "a method with a body has models for its content types",
        remedy: "name them in RequestModels",
        check: |it| {
            let with_body = |method: &Resource<'_>| {
                ["PATCH", "POST", "PUT"].iter().any(|it| method.property("HttpMethod") == it)
            };
            violations(proxies(it).filter(with_body), "RequestModels", |models| {
                models.as_object().is_some_and(|models| !models.is_empty())
            })
        },
    },
    Rule {
        id: "api-deployment-complete",
        severity: High,
        expected: "a deployment is made after everything that it copies",
        remedy: "name it in DependsOn",
        check: api_deployment_complete,
    },
    Rule {
        id: "api-deployment-current",
        severity: High,
        expected: "a deployment's logical id is the hash of what it copies; with an old one no change goes live",
        remedy: "run `cargo xtask synth`",
        check: |it| {
            let expected = crate::deployment_id(it.template);
            it.all(DEPLOYMENT)
                .filter(|deployment| deployment.id != expected)
                .map(|it| it.place("", format!("should have the id {expected}")))
                .collect()
        },
    },
    Rule {
        id: "api-endpoint-type",
        severity: Medium,
        expected: "the endpoint is regional or private, not at the edge",
        remedy: "set EndpointConfiguration.Types to REGIONAL or PRIVATE",
        check: |it| {
            violations(it.all(API), "EndpointConfiguration/Types/*", |kind| {
                kind == "REGIONAL" || kind == "PRIVATE"
            })
        },
    },
    Rule {
        id: "api-integration-timeout",
        severity: Low,
        expected: "the gateway waits for a function for a stated time of at most 29 seconds",
        remedy: "set TimeoutInMillis to 29000 or less",
        check: |it| {
            let in_time = |value: &Value| is_in(value, &(1..=29_000));
            violations(proxies(it), "Integration/TimeoutInMillis", in_time)
        },
    },
    Rule {
        id: "api-method-integrated",
        severity: High,
        expected: "a method calls a function or is answered by the gateway, and reaches nothing else",
        remedy: "use an AWS_PROXY or a MOCK integration",
        check: |it| {
            violations(it.all(METHOD), "Integration/Type", |kind| {
                kind == "AWS_PROXY" || kind == "MOCK"
            })
        },
    },
    Rule {
        id: "api-method-signed",
        severity: High,
        expected: "every method but a preflight requires a signature",
        remedy: "set AuthorizationType to AWS_IAM",
        check: |it| {
            let signed = it.all(METHOD).filter(|method| !is_preflight(method));
            violations(signed, "AuthorizationType", |kind| kind == "AWS_IAM")
        },
    },
    Rule {
        id: "api-preflight-mocked",
        severity: High,
        expected: "an unsigned preflight never calls a function",
        remedy: "use a MOCK integration",
        check: |it| {
            let preflights = it.all(METHOD).filter(is_preflight);
            violations(preflights, "Integration/Type", |kind| kind == "MOCK")
        },
    },
    Rule {
        id: "api-refusal-defaults",
        severity: Medium,
        expected: "both default answers of the gateway are replaced",
        remedy: "add gateway responses DEFAULT_4XX and DEFAULT_5XX",
        check: api_refusal_defaults,
    },
    Rule {
        id: "api-refusal-headers",
        severity: Medium,
        expected: "the gateway's own answers have the headers that every answer has",
        remedy: "set Content-Type, Cache-Control, X-Correlation-Id and Access-Control-Allow-Origin",
        check: |it| {
            violations(it.all(ANSWER), "ResponseParameters", |parameters| {
                let header = |name: &str| &parameters[format!("gatewayresponse.header.{name}")];
                header("Content-Type") == "'application/problem+json'"
                    && header("Cache-Control") == "'no-store'"
                    && header("X-Correlation-Id") == "context.requestId"
                    && exists(header("Access-Control-Allow-Origin"))
            })
        },
    },
    Rule {
        id: "api-refusal-problem",
        severity: Medium,
        expected: "the gateway's own answers are problem documents",
        remedy: "set a response template with type and correlationId",
        check: |it| {
            violations(it.all(ANSWER), "ResponseTemplates", |templates| {
                let body = templates["application/json"].as_str().unwrap_or_default();
                body.contains(r#""type": "urn:problem:"#)
                    && body.contains(r#""correlationId": "$context.requestId""#)
            })
        },
    },
    Rule {
        id: "api-request-validated",
        severity: Medium,
        expected: "a method that calls a function validates the request first",
        remedy: "name a RequestValidatorId",
        check: |it| violations(proxies(it), "RequestValidatorId", exists),
    },
    Rule {
        id: "api-stage-access-log",
        severity: High,
        expected: "every call is logged",
        remedy: "set AccessLogSetting, with DestinationArn and Format",
        check: |it| {
            violations(it.all(STAGE), "AccessLogSetting", |setting| {
                exists(&setting["DestinationArn"]) && exists(&setting["Format"])
            })
        },
    },
    Rule {
        id: "api-stage-deployed",
        severity: High,
        expected: "a stage shows the deployment of its template",
        remedy: "refer to the deployment in DeploymentId",
        check: |it| violations(it.all(STAGE), "DeploymentId", |id| it.refers_to(id, DEPLOYMENT)),
    },
    Rule {
        id: "api-stage-execution-log",
        severity: Medium,
        expected: "the gateway logs its errors, and only those: more would hold personal data",
        remedy: "set LoggingLevel of method `*` to ERROR",
        check: |it| {
            violations(it.all(STAGE), "MethodSettings", |settings| {
                has_default(settings)
                    && every(settings, |it| !is_default(it) || it["LoggingLevel"] == "ERROR")
            })
        },
    },
    Rule {
        id: "api-stage-metrics",
        severity: Medium,
        expected: "the gateway counts calls, errors and latency of each method",
        remedy: "set MetricsEnabled to true",
        check: |it| violations(it.all(STAGE), "MethodSettings/*/MetricsEnabled", |it| *it == true),
    },
    Rule {
        id: "api-stage-no-data-trace",
        severity: High,
        expected: "requests and answers are never logged whole: they hold personal data",
        remedy: "set DataTraceEnabled to false",
        check: |it| {
            violations(it.all(STAGE), "MethodSettings/*/DataTraceEnabled", |it| *it == false)
        },
    },
    Rule {
        id: "api-stage-throttled",
        severity: High,
        expected: "the stage limits calls, and so do all exceptions to its limit",
        remedy: "set ThrottlingBurstLimit and ThrottlingRateLimit, also of method `*`",
        check: |it| {
            violations(it.all(STAGE), "MethodSettings", |settings| {
                has_default(settings)
                    && every(settings, |it| {
                        is_in(&it["ThrottlingBurstLimit"], &(1..=i64::MAX))
                            && exists(&it["ThrottlingRateLimit"])
                    })
            })
        },
    },
    Rule {
        id: "api-stage-traced",
        severity: Medium,
        expected: "calls are traced from the gateway on",
        remedy: "set TracingEnabled to true",
        check: |it| violations(it.all(STAGE), "TracingEnabled", |traced| *traced == true),
    },
    Rule {
        id: "api-stage-uncached",
        severity: High,
        expected: "nothing about users is cached",
        remedy: "leave CacheClusterEnabled and CachingEnabled out",
        check: |it| {
            let off = |value: &Value| !exists(value) || *value == false;
            [
                violations(it.all(STAGE), "CacheClusterEnabled", off),
                violations(it.all(STAGE), "MethodSettings/*/CachingEnabled", off),
            ]
            .concat()
        },
    },
    Rule {
        id: "api-validator-complete",
        severity: Medium,
        expected: "a validator looks at the body and at the parameters",
        remedy: "set ValidateRequestBody and ValidateRequestParameters to true",
        check: |it| {
            let on = |value: &Value| *value == true;
            [
                violations(it.all(VALIDATOR), "ValidateRequestBody", on),
                violations(it.all(VALIDATOR), "ValidateRequestParameters", on),
            ]
            .concat()
        },
    },
];

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

/// A deployment copies the API at the time it is made, so everything must be there before.
fn api_deployment_complete(it: &Subject<'_>) -> Vec<Place> {
    let mut places = Vec::new();
    for deployment in it.all(DEPLOYMENT) {
        let named = items(deployment.attribute("DependsOn"));
        let referenced = references(deployment.attribute("Properties"));
        for part in crate::deployed_resources(it.template) {
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
