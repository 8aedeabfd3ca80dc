//! The gateway's answers to requests that it refuses, or that fail outside a function: the same
//! problem documents that the functions return.

use serde_json::{Value, json};
use stratosphere::services::aws::apigateway;
use users_contract::ErrorCode;

use super::problem;
use crate::stages::Stage;
use crate::template::envelope::{Resource, Template, reference, text, text_map};
use crate::template::names::{API, pascal_case};

/// The `detail` of a gateway response.
enum Detail {
    /// The words of the contract.
    OfTheCode,
    /// Other words.
    Words(&'static str),
    /// The gateway's own words, which come with their quotes.
    Message,
    /// The words of the validator of bodies.
    Validation,
}

/// Every type that the gateway knows, so that nothing is left to the gateway's own words. Each has
/// its status set, so that header and document agree; that is also why the two defaults may set
/// theirs: no other type falls back to them for it.
const RESPONSES: &[(&str, ErrorCode, Detail)] = &[
    ("ACCESS_DENIED", ErrorCode::AccessDenied, Detail::OfTheCode),
    ("API_CONFIGURATION_ERROR", ErrorCode::InternalError, Detail::OfTheCode),
    ("AUTHORIZER_CONFIGURATION_ERROR", ErrorCode::InternalError, Detail::OfTheCode),
    ("AUTHORIZER_FAILURE", ErrorCode::InternalError, Detail::OfTheCode),
    ("BAD_REQUEST_BODY", ErrorCode::InvalidRequest, Detail::Validation),
    ("BAD_REQUEST_PARAMETERS", ErrorCode::InvalidRequest, Detail::Message),
    // The only remaining causes are an unknown access key and a malformed `Authorization`, for
    // which API Gateway has no types.
    (
        "DEFAULT_4XX",
        ErrorCode::NotAuthenticated,
        Detail::Words(
            "The caller is unknown or the signature is incomplete; sign with SigV4 and a valid \
             access key",
        ),
    ),
    ("DEFAULT_5XX", ErrorCode::InternalError, Detail::OfTheCode),
    (
        "EXPIRED_TOKEN",
        ErrorCode::NotAuthenticated,
        Detail::Words(
            "The signature or its session token has expired; sign again, with a clock that is \
             right within 5 minutes",
        ),
    ),
    ("INTEGRATION_FAILURE", ErrorCode::ServiceUnavailable, Detail::OfTheCode),
    ("INTEGRATION_TIMEOUT", ErrorCode::ServiceUnavailable, Detail::OfTheCode),
    ("INVALID_API_KEY", ErrorCode::AccessDenied, Detail::OfTheCode),
    (
        "INVALID_SIGNATURE",
        ErrorCode::NotAuthenticated,
        Detail::Words(
            "The signature is not that of this request; check key, region, clock, and that the \
             request is sent as it was signed",
        ),
    ),
    ("MISSING_AUTHENTICATION_TOKEN", ErrorCode::NotAuthenticated, Detail::OfTheCode),
    ("QUOTA_EXCEEDED", ErrorCode::TooManyRequests, Detail::OfTheCode),
    ("REQUEST_TOO_LARGE", ErrorCode::PayloadTooLarge, Detail::OfTheCode),
    ("RESOURCE_NOT_FOUND", ErrorCode::RouteNotFound, Detail::OfTheCode),
    ("THROTTLED", ErrorCode::TooManyRequests, Detail::OfTheCode),
    ("UNAUTHORIZED", ErrorCode::NotAuthenticated, Detail::OfTheCode),
    ("UNSUPPORTED_MEDIA_TYPE", ErrorCode::UnsupportedMediaType, Detail::OfTheCode),
    (
        "WAF_FILTERED",
        ErrorCode::AccessDenied,
        Detail::Words("The request was refused by the firewall of the service"),
    ),
];

/// Adds all gateway responses.
pub(super) fn add(template: &mut Template, stage: &Stage) {
    for (kind, code, detail) in RESPONSES {
        let response = gateway_response(stage, kind, *code, detail);
        template.add(format!("{}Response", pascal_case(kind)), Resource::new(&response));
    }
}

/// The local gateway's response where AWS refuses a request in its own words, before any API.
pub(super) fn local(stage: &Stage) -> Value {
    let code = ErrorCode::HeadersTooLarge;
    let response = gateway_response(stage, "HEADERS_TOO_LARGE", code, &Detail::OfTheCode);
    let mut properties = Resource::new(&response).properties().clone();
    properties.remove("RestApiId");
    json!([properties])
}

fn gateway_response(
    stage: &Stage,
    kind: &str,
    code: ErrorCode,
    detail: &Detail,
) -> apigateway::GatewayResponse_ {
    let detail = match detail {
        Detail::OfTheCode => problem::quoted(code.default_detail()),
        Detail::Words(words) => problem::quoted(words),
        Detail::Message => "$context.error.messageString".to_owned(),
        Detail::Validation => "\"$context.error.validationErrorString\"".to_owned(),
    };
    let mut headers = problem::headers(stage, problem::CONTENT_TYPE);
    if let Some(seconds) = code.retry_after_seconds() {
        headers.push(("Retry-After", problem::fixed(&seconds.to_string())));
    }
    apigateway::GatewayResponse! {
        response_parameters: text_map(
            headers
                .into_iter()
                .map(|(name, source)| (format!("gatewayresponse.header.{name}"), text(source))),
        ),
        response_templates: text_map([(
            problem::TEMPLATE_KEY,
            text(problem::template(code, &detail, problem::PLAIN_PATH)),
        )]),
        response_type: text(kind),
        rest_api_id: reference(API),
        status_code: text(code.status().to_string()),
    }
}
