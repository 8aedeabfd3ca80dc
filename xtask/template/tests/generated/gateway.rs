//! What the gateway answers by itself, and what it checks before a function runs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use users_contract::{ErrorCode, OPERATIONS, header, schema};

use crate::support::{method, of_type, path_of, resources, test_template};

/// A path as a caller may send it, with everything in it that a URL allows and JSON minds.
const PATH: &str = "/prod/users/o'brien/%22x%22/1";

/// The members that every problem document has.
const MEMBERS: &[&str] =
    &["code", "correlationId", "detail", "instance", "status", "title", "type"];

/// Puts values in place of the variables of a template, as the gateway does.
fn fill(template: &str) -> String {
    // What the escaping functions make of the path.
    let escaped = r#"$util.escapeJavaScript($context.path).replaceAll("\\'","'")"#;
    let filled = template
        .replace(escaped, &PATH.replace('/', r"\/"))
        .replace("$context.error.messageString", r#""Missing required request parameters: [x]""#)
        .replace("$context.error.validationErrorString", "Invalid request body")
        .replace("$context.path", PATH)
        .replace("$context.requestId", "00000000-0000-4000-8000-000000000000");
    assert!(!filled.contains('$') && !filled.contains('#'), "a variable is left in {filled}");
    filled
}

#[track_caller]
fn problem(templates: &Value) -> Value {
    let all = templates.as_object().unwrap();
    assert_eq!(all.len(), 1, "{templates}");
    let problem: Value =
        serde_json::from_str(&fill(all["application/json"].as_str().unwrap())).unwrap();
    let members: Vec<_> = problem.as_object().unwrap().keys().cloned().collect();
    let sorted: BTreeSet<_> = members.iter().map(String::as_str).collect();
    assert_eq!(sorted.into_iter().collect::<Vec<_>>(), MEMBERS);
    assert_eq!(problem["instance"], PATH);
    let validator = jsonschema::validator_for(&schema::components()["Problem"]).unwrap();
    assert!(validator.is_valid(&problem), "{problem}");
    problem
}

#[track_caller]
fn assert_is(problem: &Value, code: ErrorCode) {
    assert_eq!(problem["code"], code.as_str());
    assert_eq!(problem["type"], code.urn());
    assert_eq!(problem["title"], code.title());
    assert_eq!(problem["status"], code.status());
}

/// The mapped headers, by name in lower case.
fn headers(parameters: &Value, prefix: &str) -> BTreeMap<String, String> {
    parameters
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, source)| {
            let name = name.strip_prefix(prefix).unwrap().to_lowercase();
            (name, source.as_str().unwrap().to_owned())
        })
        .collect()
}

#[track_caller]
fn assert_common(headers: &BTreeMap<String, String>, content_type: &str) {
    assert_eq!(headers["content-type"], format!("'{content_type}'"));
    assert_eq!(headers["cache-control"], "'no-store'");
    assert_eq!(headers["x-correlation-id"], "context.requestId");
    assert_eq!(headers["access-control-allow-origin"], "'*'");
    assert_eq!(headers["access-control-expose-headers"], format!("'{}'", header::EXPOSED));
}

/// The paths of the operations with their methods, and the paths above them.
fn known_paths() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let mut paths: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for row in OPERATIONS {
        paths.entry(row.path).or_default().insert(row.method.as_str());
    }
    paths
}

#[test]
fn the_local_gateway_has_an_answer_to_headers_that_aws_refuses_by_itself() {
    let template = test_template();
    let api = &template["Resources"]["Api"];
    let responses = api["Metadata"]["local"]["GatewayResponses"].as_array().unwrap();
    let [response] = responses.as_slice() else { panic!("{responses:?}") };
    assert_eq!(response["ResponseType"], "HEADERS_TOO_LARGE");
    assert_eq!(response["StatusCode"], "431");
    assert_is(&problem(&response["ResponseTemplates"]), ErrorCode::HeadersTooLarge);
    let headers = headers(&response["ResponseParameters"], "gatewayresponse.header.");
    assert_common(&headers, "application/problem+json");
}

#[test]
fn every_gateway_response_is_a_problem_document_of_its_status() {
    let template = test_template();
    let expected = [
        ("ACCESS_DENIED", ErrorCode::AccessDenied),
        ("API_CONFIGURATION_ERROR", ErrorCode::InternalError),
        ("AUTHORIZER_CONFIGURATION_ERROR", ErrorCode::InternalError),
        ("AUTHORIZER_FAILURE", ErrorCode::InternalError),
        ("BAD_REQUEST_BODY", ErrorCode::InvalidRequest),
        ("BAD_REQUEST_PARAMETERS", ErrorCode::InvalidRequest),
        ("DEFAULT_4XX", ErrorCode::NotAuthenticated),
        ("DEFAULT_5XX", ErrorCode::InternalError),
        ("EXPIRED_TOKEN", ErrorCode::NotAuthenticated),
        ("INTEGRATION_FAILURE", ErrorCode::ServiceUnavailable),
        ("INTEGRATION_TIMEOUT", ErrorCode::ServiceUnavailable),
        ("INVALID_API_KEY", ErrorCode::AccessDenied),
        ("INVALID_SIGNATURE", ErrorCode::NotAuthenticated),
        ("MISSING_AUTHENTICATION_TOKEN", ErrorCode::NotAuthenticated),
        ("QUOTA_EXCEEDED", ErrorCode::TooManyRequests),
        ("REQUEST_TOO_LARGE", ErrorCode::PayloadTooLarge),
        ("RESOURCE_NOT_FOUND", ErrorCode::RouteNotFound),
        ("THROTTLED", ErrorCode::TooManyRequests),
        ("UNAUTHORIZED", ErrorCode::NotAuthenticated),
        ("UNSUPPORTED_MEDIA_TYPE", ErrorCode::UnsupportedMediaType),
        ("WAF_FILTERED", ErrorCode::AccessDenied),
    ];
    let found: BTreeMap<_, _> = of_type(&template, "AWS::ApiGateway::GatewayResponse")
        .into_iter()
        .map(|(_, properties)| (properties["ResponseType"].as_str().unwrap(), properties))
        .collect();
    assert_eq!(found.keys().copied().collect::<Vec<_>>(), expected.map(|(name, _)| name));
    for (name, code) in expected {
        let properties = found[name];
        assert_is(&problem(&properties["ResponseTemplates"]), code);
        assert_eq!(properties["StatusCode"], code.status().to_string(), "{name}");
        let headers = headers(&properties["ResponseParameters"], "gatewayresponse.header.");
        assert_common(&headers, "application/problem+json");
        let retry = matches!(code.status(), 429 | 503);
        assert_eq!(
            headers.get("retry-after").map(String::as_str),
            retry.then_some("'1'"),
            "{name}"
        );
    }
}

#[test]
fn gateway_responses_use_plain_variables_only() {
    let template = test_template();
    for (id, properties) in of_type(&template, "AWS::ApiGateway::GatewayResponse") {
        let text = properties["ResponseTemplates"].to_string();
        assert!(!text.contains("$util") && !text.contains("$input"), "{id}: {text}");
    }
}

#[test]
fn a_body_is_checked_by_the_model_of_its_operation_for_each_content_type() {
    let template = test_template();
    for operation in OPERATIONS {
        let (_, properties) = method(&template, operation.path, operation.method.as_str());
        let validator = properties["RequestValidatorId"]["Ref"].as_str().unwrap();
        let validator = &resources(&template)[validator]["Properties"];
        assert_eq!(validator["ValidateRequestBody"], true);
        assert_eq!(validator["ValidateRequestParameters"], true);
        let models = properties["RequestModels"].as_object();
        let Some(request) = operation.request else {
            assert_eq!(models, None, "{}", operation.id);
            continue;
        };
        let models = models.unwrap();
        let found: BTreeSet<_> = models.keys().map(String::as_str).collect();
        assert_eq!(found, request.content_types.iter().copied().collect(), "{}", operation.id);
        for model in models.values() {
            let model = &resources(&template)[model["Ref"].as_str().unwrap()]["Properties"];
            assert_eq!(model["Schema"], schema::gateway_model(request.schema).unwrap());
            assert_eq!(model["RestApiId"], json!({"Ref": "Api"}));
        }
    }
}

#[test]
fn path_parameters_are_required() {
    let template = test_template();
    for operation in OPERATIONS {
        let (_, properties) = method(&template, operation.path, operation.method.as_str());
        let expected: BTreeMap<_, _> = operation
            .path_parameters
            .iter()
            .map(|parameter| (format!("method.request.path.{}", parameter.name), "true"))
            .collect();
        let found = properties["RequestParameters"].clone();
        let expected = if expected.is_empty() { Value::Null } else { json!(expected) };
        assert_eq!(found, expected, "{}", operation.id);
    }
}

/// The one answer of a mock, after checking what all mocks have.
#[track_caller]
fn mock_answer(properties: &Value) -> (&Value, BTreeMap<String, String>) {
    let integration = &properties["Integration"];
    assert_eq!(integration["Type"], "MOCK");
    assert_eq!(integration["PassthroughBehavior"], "NEVER");
    let answers = integration["IntegrationResponses"].as_array().unwrap();
    assert_eq!(answers.len(), 1);
    let answer = &answers[0];
    let status: u16 = answer["StatusCode"].as_str().unwrap().parse().unwrap();
    let selections = integration["RequestTemplates"].as_object().unwrap();
    // What a request without a content type counts as, and every type without a template.
    assert!(selections.contains_key("application/json") && selections.contains_key("$default"));
    for (content_type, selection) in selections {
        let selection: Value = serde_json::from_str(selection.as_str().unwrap()).unwrap();
        assert_eq!(selection, json!({"statusCode": status}), "{content_type}");
    }
    let headers = headers(&answer["ResponseParameters"], "method.response.header.");
    let declared = &properties["MethodResponses"][0];
    assert_eq!(declared["StatusCode"], answer["StatusCode"]);
    let declared: BTreeSet<_> =
        declared["ResponseParameters"].as_object().unwrap().keys().collect();
    let mapped: BTreeSet<_> = answer["ResponseParameters"].as_object().unwrap().keys().collect();
    assert_eq!(declared, mapped, "the gateway refuses headers that are not declared");
    (answer, headers)
}

#[test]
fn a_known_path_answers_preflight_without_a_signature() {
    let template = test_template();
    for (path, methods) in known_paths() {
        let (_, properties) = method(&template, path, "OPTIONS");
        assert_eq!(properties["AuthorizationType"], "NONE", "{path}");
        let (answer, headers) = mock_answer(properties);
        assert_eq!(answer["StatusCode"], "204", "{path}");
        assert_eq!(answer["ResponseTemplates"], Value::Null, "{path}");
        assert_common(&headers, "application/json");
        assert_eq!(headers["access-control-allow-headers"], format!("'{}'", header::ALLOWED));
        let methods = methods.into_iter().collect::<Vec<_>>().join(", ");
        assert_eq!(headers["access-control-allow-methods"], format!("'{methods}'"), "{path}");
        assert_eq!(headers["access-control-max-age"], "'7200'", "{path}");
    }
}

#[test]
fn a_known_path_refuses_other_methods_with_405_and_allow() {
    let template = test_template();
    for (path, methods) in known_paths() {
        let (_, properties) = method(&template, path, "ANY");
        assert_eq!(properties["AuthorizationType"], "AWS_IAM", "{path}");
        let (answer, headers) = mock_answer(properties);
        assert_eq!(answer["StatusCode"], "405", "{path}");
        assert_is(&problem(&answer["ResponseTemplates"]), ErrorCode::MethodNotAllowed);
        assert_common(&headers, "application/problem+json");
        let methods = methods.into_iter().collect::<Vec<_>>().join(", ");
        assert_eq!(headers["allow"], format!("'{methods}, OPTIONS'"), "{path}");
    }
}

#[test]
fn an_unknown_path_is_404_wherever_it_leaves_the_known_ones() {
    let template = test_template();
    let known = known_paths();
    let mut unknown = BTreeSet::new();
    for (id, properties) in of_type(&template, "AWS::ApiGateway::Method") {
        let path = path_of(&template, &properties["ResourceId"]);
        if known.contains_key(path.as_str()) {
            continue;
        }
        assert_eq!(properties["HttpMethod"], "ANY", "{id}");
        assert_eq!(properties["AuthorizationType"], "AWS_IAM", "{id}");
        let (answer, headers) = mock_answer(properties);
        assert_eq!(answer["StatusCode"], "404", "{id}");
        assert_is(&problem(&answer["ResponseTemplates"]), ErrorCode::RouteNotFound);
        assert_common(&headers, "application/problem+json");
        assert!(!headers.contains_key("allow"), "{id}");
        unknown.insert(path);
    }
    let expected = [
        "/",
        "/users/{userId}/audit/{proxy+}",
        "/users/{userId}/roles/{role}/{proxy+}",
        "/users/{userId}/status/{proxy+}",
        "/users/{userId}/{proxy+}",
        "/{proxy+}",
    ];
    assert_eq!(unknown.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}
