//! Lambda proxy integration: the event of a request, and the answer from a response.

use super::context::RequestContext;
use super::errors::{GatewayError, bad_integration};
use super::parameters::query;
use crate::server::Answer;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Map, Value, json};

/// Headers of a response that belong to the connection, and are not the function's to set.
const CONNECTION_HEADERS: &[&str] =
    &["connection", "content-length", "keep-alive", "transfer-encoding", "upgrade"];

/// The proxy event (payload format 1.0) of a request.
pub(super) fn event(
    context: &RequestContext,
    parts: &Parts,
    path_parameters: &[(String, String)],
    body: &[u8],
) -> Bytes {
    let mut headers: Vec<(String, String)> = parts
        .headers
        .iter()
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .filter(|(name, _)| name != "x-amzn-trace-id" && !CONNECTION_HEADERS.contains(&&**name))
        .collect();
    headers.push(("x-amzn-trace-id".to_owned(), context.trace_id_header()));
    let forwarded = |name: &str| format!("x-forwarded-{name}");
    headers.push((forwarded("for"), context.source_ip.clone()));
    headers.push((forwarded("proto"), "http".to_owned()));
    let port = parts
        .headers
        .get(http::header::HOST)
        .and_then(|host| host.to_str().ok()?.rsplit_once(':')?.1.parse::<u16>().ok())
        .unwrap_or(80);
    headers.push((forwarded("port"), port.to_string()));
    let query = query(parts);
    // Without the stage, which only `requestContext.path` has.
    let path_below = context.path.splitn(3, '/').nth(2).unwrap_or_default();
    // Without binary media types the gateway takes every body for text.
    let body = (!body.is_empty()).then(|| String::from_utf8_lossy(body));
    let event = json!({
        "resource": context.resource.as_ref().map(|resource| &resource.path),
        "path": format!("/{path_below}"),
        "httpMethod": parts.method.as_str(),
        "headers": last_values(&headers),
        "multiValueHeaders": all_values(&headers),
        "queryStringParameters": last_values(&query),
        "multiValueQueryStringParameters": all_values(&query),
        "pathParameters": last_values(path_parameters),
        "stageVariables": null,
        "requestContext": context.to_event(),
        "body": body,
        "isBase64Encoded": false,
    });
    Bytes::from(event.to_string())
}

/// By name, the last value of each; null when there is nothing.
fn last_values(pairs: &[(String, String)]) -> Value {
    match pairs.is_empty() {
        true => Value::Null,
        false => pairs.iter().map(|(name, value)| (name.clone(), json!(value))).collect(),
    }
}

/// By name, all values in order; null when there is nothing.
fn all_values(pairs: &[(String, String)]) -> Value {
    if pairs.is_empty() {
        return Value::Null;
    }
    let mut all = Map::new();
    for (name, value) in pairs {
        if let Value::Array(values) = all.entry(name.clone()).or_insert_with(|| json!([])) {
            values.push(json!(value));
        }
    }
    Value::Object(all)
}

/// The answer from a function's response.
///
/// # Errors
/// When the response does not have the form of proxy integrations.
pub(super) fn answer(response: &[u8]) -> Result<Answer, GatewayError> {
    let malformed =
        |why: &str| bad_integration().with_note(&format!("malformed Lambda proxy response: {why}"));
    let Ok(Value::Object(response)) = serde_json::from_slice::<Value>(response) else {
        return Err(malformed("it is not a JSON object"));
    };
    let status = response
        .get("statusCode")
        .and_then(|status| status.as_u64().or_else(|| status.as_str()?.parse().ok()))
        .and_then(|status| u16::try_from(status).ok())
        .and_then(|status| StatusCode::from_u16(status).ok())
        .filter(|status| status.as_u16() >= 200)
        .ok_or_else(|| malformed("statusCode is not an HTTP status"))?;
    let body = match response.get("body") {
        None | Some(Value::Null) => Bytes::new(),
        Some(Value::String(text)) => Bytes::from(text.clone()),
        Some(_) => return Err(malformed("body is not text")),
    };
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    let multiple = object(response.get("multiValueHeaders"))
        .ok_or_else(|| malformed("multiValueHeaders is not an object"))?;
    let single =
        object(response.get("headers")).ok_or_else(|| malformed("headers is not an object"))?;
    let mut appended = Vec::new();
    for (name, values) in &multiple {
        let values = values.as_array().ok_or_else(|| malformed("multiValueHeaders has no list"))?;
        appended.extend(values.iter().map(|value| (name, value)));
    }
    // Where both have a header, the list wins.
    appended.extend(
        single
            .iter()
            .filter(|(name, _)| !multiple.keys().any(|listed| listed.eq_ignore_ascii_case(name))),
    );
    for (name, value) in appended {
        let (name, value) =
            header(name, value).ok_or_else(|| malformed("a header cannot be sent"))?;
        headers.append(name, value);
    }
    for name in CONNECTION_HEADERS {
        headers.remove(*name);
    }
    if !headers.contains_key(CONTENT_TYPE) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    Ok(answer)
}

fn object(value: Option<&Value>) -> Option<Map<String, Value>> {
    match value {
        None | Some(Value::Null) => Some(Map::new()),
        Some(Value::Object(object)) => Some(object.clone()),
        Some(_) => None,
    }
}

fn header(name: &str, value: &Value) -> Option<(HeaderName, HeaderValue)> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    Some((HeaderName::try_from(name).ok()?, HeaderValue::from_str(&text).ok()?))
}

#[cfg(test)]
mod tests {
    use super::{answer, event};
    use crate::gateway::context::{Caller, Resource};
    use crate::gateway::testing::context;
    use http::{Request, StatusCode};
    use rstest::rstest;
    use serde_json::{Value, json};

    #[test]
    fn an_event_has_everything_of_the_request() {
        let (parts, ()) = Request::builder()
            .method("PATCH")
            .uri("/prod/users/7%2F8?a=1&a=2&b=x+y")
            .header("host", "127.0.0.1:4510")
            .header("if-match", "\"1\"")
            .header("if-match", "\"2\"")
            .body(())
            .unwrap()
            .into_parts();
        let mut context = context(&parts);
        let path = "/users/{userId}".to_owned();
        context.resource = Some(Resource { id: "user".to_owned(), path });
        context.caller = Some(Caller {
            arn: "arn:aws:iam::000000000000:user/test".to_owned(),
            unique_id: "AIDA".to_owned(),
            access_key: "test".to_owned(),
        });
        let parameters = [("userId".to_owned(), "7/8".to_owned())];
        let event: Value =
            serde_json::from_slice(&event(&context, &parts, &parameters, b"{}")).unwrap();
        assert_eq!(event["resource"], "/users/{userId}");
        assert_eq!(event["path"], "/users/7%2F8");
        assert_eq!(event["httpMethod"], "PATCH");
        assert_eq!(event["headers"]["if-match"], "\"2\"");
        assert_eq!(event["multiValueHeaders"]["if-match"], json!(["\"1\"", "\"2\""]));
        assert_eq!(event["headers"]["x-forwarded-port"], "4510");
        assert_eq!(event["queryStringParameters"], json!({"a": "2", "b": "x y"}));
        let multiple = &event["multiValueQueryStringParameters"];
        assert_eq!(multiple, &json!({"a": ["1", "2"], "b": ["x y"]}));
        assert_eq!(event["pathParameters"], json!({"userId": "7/8"}));
        assert_eq!(event["stageVariables"], Value::Null);
        assert_eq!(event["body"], "{}");
        assert_eq!(event["isBase64Encoded"], false);
        let request = &event["requestContext"];
        assert_eq!(request["path"], "/prod/users/7%2F8");
        assert_eq!(request["resourcePath"], "/users/{userId}");
        assert_eq!(request["requestTime"], "22/Nov/2026:10:00:00 +0000");
        assert_eq!(request["identity"]["userArn"], "arn:aws:iam::000000000000:user/test");
        assert_eq!(request["identity"]["sourceIp"], "127.0.0.1");
        assert_eq!(request["protocol"], "HTTP/1.1");
    }

    #[test]
    fn a_response_becomes_an_answer() {
        let response = json!({
            "statusCode": 201,
            "headers": {"location": "/a", "x-one": "single"},
            "multiValueHeaders": {"x-one": ["1", "2"], "content-length": ["9"]},
            "body": "text",
            "isBase64Encoded": false
        });
        let answer = answer(response.to_string().as_bytes()).unwrap();
        assert_eq!(answer.status(), StatusCode::CREATED);
        assert_eq!(answer.headers()["location"], "/a");
        assert_eq!(answer.headers()["content-type"], "application/json");
        let values: Vec<_> = answer.headers().get_all("x-one").iter().collect();
        assert_eq!(values, ["1", "2"]);
        assert!(!answer.headers().contains_key("content-length"));
    }

    #[rstest]
    #[case::not_json("<html>")]
    #[case::not_an_object("[]")]
    #[case::no_status("{\"body\": \"\"}")]
    #[case::odd_status("{\"statusCode\": 99}")]
    #[case::odd_body("{\"statusCode\": 200, \"body\": {}}")]
    #[case::odd_headers("{\"statusCode\": 200, \"headers\": [\"a\"]}")]
    #[case::odd_header("{\"statusCode\": 200, \"headers\": {\"a\": {}}}")]
    #[case::line_break("{\"statusCode\": 200, \"headers\": {\"a\": \"b\\nc\"}}")]
    fn a_malformed_response_is_an_integration_error(#[case] response: &str) {
        assert_eq!(answer(response.as_bytes()).unwrap_err().kind, "API_CONFIGURATION_ERROR");
    }
}
