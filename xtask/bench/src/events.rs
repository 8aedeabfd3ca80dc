//! Events of API Gateway (payload format 1.0), as large as those of real calls.

use serde_json::{Map, Value, json};

/// A role that every user has.
pub(crate) const ROLE: &str = "member";

/// Parameters by name.
type Pairs<'a> = [(&'a str, &'a str)];

/// The registration of a user; no name may be registered twice.
pub(crate) fn registration(name: &str) -> Value {
    let body = json!({
        "email": address(name),
        "displayName": "Ada Lovelace",
        "givenName": "Ada",
        "familyName": "Lovelace",
        "phoneNumber": "+441234567890",
        "locale": "en-GB",
        "attributes": {"team": "analytics", "cost-centre": "4711"},
        "roles": [ROLE],
    });
    write("POST", "/users", &[], Some(&body), &format!("register-{name}"))
}

/// The address of a registered user.
pub(crate) fn address(name: &str) -> String {
    format!("{name}@example.com")
}

/// A page of users.
pub(crate) fn list(query: &Pairs<'_>) -> Value {
    event("GET", "/users", &[], query, &[], None)
}

/// Adds a query parameter to an event.
pub(crate) fn add_parameter(event: &mut Value, name: &str, value: &str) {
    event["queryStringParameters"][name] = json!(value);
    event["multiValueQueryStringParameters"][name] = json!([value]);
}

/// A read below the path of a user.
pub(crate) fn read(resource: &str, user_id: &str) -> Value {
    event("GET", resource, &[("userId", user_id)], &[], &[], None)
}

/// A write with an idempotency key.
pub(crate) fn write(
    method: &str,
    resource: &str,
    parameters: &Pairs<'_>,
    body: Option<&Value>,
    key: &str,
) -> Value {
    let headers = [("Idempotency-Key", key), ("Content-Type", "application/json")];
    let headers = if body.is_some() { &headers[..] } else { &headers[..1] };
    event(method, resource, parameters, &[], headers, body)
}

/// An event with the headers that a signed call arrives with, and some more.
fn event(
    method: &str,
    resource: &str,
    parameters: &Pairs<'_>,
    query: &Pairs<'_>,
    headers: &Pairs<'_>,
    body: Option<&Value>,
) -> Value {
    let mut path = resource.to_owned();
    for (name, value) in parameters {
        path = path.replace(&format!("{{{name}}}"), value);
    }
    let token = "token".repeat(200);
    let signed = [
        ("Accept", "*/*"),
        ("Host", "abcdefghij.execute-api.us-east-1.amazonaws.com"),
        ("User-Agent", "aws-sdk-rust/1.3 os/linux lang/rust/1.95"),
        ("X-Amz-Date", "20261123T100000Z"),
        ("X-Amz-Security-Token", &token),
        ("X-Amzn-Trace-Id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700"),
        ("X-Forwarded-For", "203.0.113.7"),
        ("X-Forwarded-Port", "443"),
        ("X-Forwarded-Proto", "https"),
    ];
    let headers = [&signed[..], headers].concat();
    json!({
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": object(&headers, |value| json!(value)),
        "multiValueHeaders": object(&headers, |value| json!([value])),
        "queryStringParameters": object(query, |value| json!(value)),
        "multiValueQueryStringParameters": object(query, |value| json!([value])),
        "pathParameters": object(parameters, |value| json!(value)),
        "stageVariables": null,
        "requestContext": {
            "resourceId": "a1b2c3",
            "resourcePath": resource,
            "httpMethod": method,
            "extendedRequestId": "JKJaXmPLvHcESHA=",
            "requestTime": "23/Nov/2026:10:00:00 +0000",
            "requestTimeEpoch": 1_795_341_600_000_u64,
            "path": format!("/prod{path}"),
            "accountId": "123456789012",
            "protocol": "HTTP/1.1",
            "stage": "prod",
            "domainPrefix": "abcdefghij",
            "domainName": "abcdefghij.execute-api.us-east-1.amazonaws.com",
            "apiId": "abcdefghij",
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "identity": {
                "accessKey": "ASIAEXAMPLE",
                "accountId": "123456789012",
                "caller": "AROAEXAMPLE:session",
                "sourceIp": "203.0.113.7",
                "user": "AROAEXAMPLE:session",
                "userAgent": "aws-sdk-rust/1.3 os/linux lang/rust/1.95",
                "userArn": "arn:aws:sts::123456789012:assumed-role/caller/session",
            },
        },
        "body": body.map(Value::to_string),
        "isBase64Encoded": false,
    })
}

/// Parameters as API Gateway has them: null without any.
fn object(pairs: &Pairs<'_>, value: fn(&str) -> Value) -> Value {
    let members: Map<_, _> =
        pairs.iter().map(|(name, it)| ((*name).to_owned(), value(it))).collect();
    if members.is_empty() { Value::Null } else { Value::Object(members) }
}
