//! The methods of a path: one per operation, which calls its function; `OPTIONS` for browsers; and
//! `ANY` for all others, which answers that the method or the path does not exist.

use stratosphere::services::aws::apigateway::{self, method};
use stratosphere::value::ExpString;
use users_contract::{ErrorCode, Operation, header};

use super::problem;
use super::tree::{self, Node};
use crate::stages::Stage;
use crate::template::envelope::{Resource, Template, reference, substitute, text, text_map};
use crate::template::names::{API, FunctionIds, REQUEST_VALIDATOR, pascal_case};

/// Milliseconds that the gateway waits for a function: the most that it allows by default.
const INTEGRATION_TIMEOUT_MS: i32 = 29_000;

/// Seconds that a browser may remember a preflight: two hours, the most that browsers honour.
const PREFLIGHT_MAX_AGE_SECONDS: u32 = 7_200;

/// The content types that a mock answers for: all of them. A mock takes its status from a request
/// template, and the gateway picks that by the request's content type without its parameters; a
/// request without a content type counts as `application/json`. With `WHEN_NO_MATCH` it would read
/// the status of any other type out of the caller's body, or fail with 500 for want of one, and
/// with `NEVER` it answers 415.
///
/// `$default` stands for every type that is not named. AWS documents it for models and for the
/// templates of WebSocket APIs, and not for those of REST APIs, so the usual types are
/// named too. If it is not honoured, an unusual type gets 415 and nothing else changes.
const MOCK_CONTENT_TYPES: &[&str] = &[
    "$default",
    "application/json",
    "application/merge-patch+json",
    "application/octet-stream",
    "application/problem+json",
    "application/x-www-form-urlencoded",
    "application/xml",
    "multipart/form-data",
    "text/html",
    "text/plain",
    "text/xml",
];

/// Adds the methods of a node.
pub(super) fn add(template: &mut Template, stage: &Stage, node: &Node) {
    for operation in &node.operations {
        let id = method_id(node, operation.method.as_str());
        template.add(id, Resource::new(&proxy(node, operation)));
    }
    if !node.operations.is_empty() {
        template.add(method_id(node, "OPTIONS"), Resource::new(&preflight(stage, node)));
    }
    template.add(method_id(node, "ANY"), Resource::new(&refusal(stage, node)));
}

fn method_id(node: &Node, method: &str) -> String {
    format!("{}{}Method", tree::stem(&node.path), pascal_case(method))
}

fn proxy(node: &Node, operation: &Operation) -> apigateway::Method_ {
    let alias = FunctionIds::of(operation.function).alias;
    let uri = format!(
        "arn:${{AWS::Partition}}:apigateway:${{AWS::Region}}:lambda:path/2015-03-31/functions/\
         ${{{alias}}}/invocations"
    );
    let models = operation.request.iter().flat_map(|request| {
        request
            .content_types
            .iter()
            .map(|content_type| (*content_type, reference(&tree::model_id(request.schema))))
    });
    let parameters = operation
        .path_parameters
        .iter()
        .map(|parameter| (format!("method.request.path.{}", parameter.name), text("true")));
    let mut proxy = apigateway::Method! {
        authorization_type: "AWS_IAM",
        http_method: operation.method.as_str(),
        integration: method::Integration! {
            integration_http_method: "POST",
            timeout_in_millis: INTEGRATION_TIMEOUT_MS,
            r#type: "AWS_PROXY",
            uri: substitute(uri),
        },
        operation_name: operation.id,
        request_validator_id: reference(REQUEST_VALIDATOR),
        resource_id: tree::resource(&node.path),
        rest_api_id: reference(API),
    };
    proxy.request_models = Some(text_map(models)).filter(|map| !map.is_empty());
    proxy.request_parameters = Some(text_map(parameters)).filter(|map| !map.is_empty());
    proxy
}

/// The answer to a browser that asks whether it may call: unsigned, since browsers cannot sign it.
fn preflight(stage: &Stage, node: &Node) -> apigateway::Method_ {
    let mut headers = problem::headers(stage, "application/json");
    headers.extend([
        ("Access-Control-Allow-Headers", problem::fixed(header::ALLOWED)),
        ("Access-Control-Allow-Methods", problem::fixed(&node.methods())),
        ("Access-Control-Max-Age", problem::fixed(&PREFLIGHT_MAX_AGE_SECONDS.to_string())),
    ]);
    mock(node, "OPTIONS", "NONE", &Answer { status: 204, headers, body: None })
}

/// The answer to a signed call that names no operation: a path that exists has other methods, one
/// that does not has none.
fn refusal(stage: &Stage, node: &Node) -> apigateway::Method_ {
    let mut headers = problem::headers(stage, problem::CONTENT_TYPE);
    let code = if node.operations.is_empty() {
        ErrorCode::RouteNotFound
    } else {
        headers.push(("Allow", problem::fixed(&format!("{}, OPTIONS", node.methods()))));
        ErrorCode::MethodNotAllowed
    };
    let detail = problem::quoted(code.default_detail());
    let body = problem::template(code, &detail, problem::ESCAPED_PATH);
    mock(node, "ANY", "AWS_IAM", &Answer { status: code.status(), headers, body: Some(body) })
}

/// The response of a mock.
struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Option<String>,
}

fn mock(
    node: &Node,
    http_method: &str,
    authorization: &str,
    answer: &Answer,
) -> apigateway::Method_ {
    let status = answer.status.to_string();
    let header = |name: &str| format!("method.response.header.{name}");
    let sources = answer.headers.iter().map(|(name, source)| (header(name), text(source)));
    // The gateway wants every header that an answer maps declared first.
    let declared = answer.headers.iter().map(|(name, _)| (header(name), text("true")));
    let selection = format!("{{\"statusCode\": {status}}}");
    let mut response = method::IntegrationResponse! {
        response_parameters: text_map(sources),
        status_code: ExpString::from(status.as_str()),
    };
    response.response_templates =
        answer.body.as_ref().map(|body| text_map([(problem::TEMPLATE_KEY, text(body))]));
    apigateway::Method! {
        authorization_type: authorization,
        http_method: http_method,
        integration: method::Integration! {
            // Without a selection pattern it is the default, which any status selects.
            integration_responses: vec![response],
            passthrough_behavior: "NEVER",
            request_templates: text_map(
                MOCK_CONTENT_TYPES.iter().map(|content_type| (*content_type, text(&selection))),
            ),
            r#type: "MOCK",
        },
        method_responses: vec![method::MethodResponse! {
            response_parameters: text_map(declared),
            status_code: ExpString::from(status.as_str()),
        }],
        resource_id: tree::resource(&node.path),
        rest_api_id: reference(API),
    }
}
