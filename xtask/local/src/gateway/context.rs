//! The context of a request: what `$context` gives templates, and `requestContext` functions.

use super::ApiIdentity;
use crate::names::{access_log_time, extended_request_id, segment_id, trace_root, uuid};
use crate::observe::{Request, TraceHeader};
use http::header::USER_AGENT;
use http::request::Parts;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::net::SocketAddr;

/// The names after `$context.` that are understood. Any other in a template is an error at start.
pub(super) const VARIABLES: &[&str] = &[
    "accountId",
    "apiId",
    "domainName",
    "domainPrefix",
    "error.message",
    "error.messageString",
    "error.responseType",
    "error.validationErrorString",
    "extendedRequestId",
    "httpMethod",
    "identity.accessKey",
    "identity.accountId",
    "identity.caller",
    "identity.sourceIp",
    "identity.user",
    "identity.userAgent",
    "identity.userArn",
    "path",
    "protocol",
    "requestId",
    "requestTime",
    "requestTimeEpoch",
    "resourceId",
    "resourcePath",
    "stage",
    "xrayTraceId",
];

/// Who signed the request.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) arn: String,
    pub(super) unique_id: String,
    pub(super) access_key: String,
}

/// The context of one request.
#[derive(Debug)]
pub(super) struct Context {
    api: ApiIdentity,
    request_id: String,
    extended_request_id: String,
    http_method: String,
    path: String,
    protocol: String,
    time: Timestamp,
    source_ip: String,
    user_agent: Option<String>,
    trace_root: String,
    /// The id of the gateway's own segment of the trace.
    segment: String,
    resource: Option<(String, String)>,
    caller: Option<Caller>,
    function: Option<String>,
}

impl Context {
    /// The context of a request as it comes in.
    pub(super) fn new(api: &ApiIdentity, parts: &Parts, peer: SocketAddr, time: Timestamp) -> Self {
        let given_root = parts
            .headers
            .get("x-amzn-trace-id")
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').find_map(|part| part.trim().strip_prefix("Root=")))
            .filter(|root| root.starts_with("1-") && root.len() == 35)
            .map(str::to_owned);
        Self {
            api: api.clone(),
            request_id: uuid(),
            extended_request_id: extended_request_id(),
            http_method: parts.method.as_str().to_owned(),
            path: parts.uri.path().to_owned(),
            protocol: format!("{:?}", parts.version),
            time,
            source_ip: peer.ip().to_string(),
            user_agent: parts
                .headers
                .get(USER_AGENT)
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()),
            trace_root: given_root.unwrap_or_else(trace_root),
            segment: segment_id(),
            resource: None,
            caller: None,
            function: None,
        }
    }

    pub(super) fn set_resource(&mut self, id: &str, path: &str) {
        self.resource = Some((id.to_owned(), path.to_owned()));
    }

    pub(super) fn set_caller(&mut self, caller: Caller) {
        self.caller = Some(caller);
    }

    pub(super) fn set_function(&mut self, name: &str) {
        self.function = Some(name.to_owned());
    }

    pub(super) fn request_id(&self) -> &str {
        &self.request_id
    }

    pub(super) fn extended_request_id(&self) -> &str {
        &self.extended_request_id
    }

    /// `Root=...`, as responses carry it.
    pub(super) fn trace_root(&self) -> String {
        format!("Root={}", self.trace_root)
    }

    /// The trace header for a function, whose segment is below the gateway's.
    pub(super) fn trace_header(&self) -> TraceHeader {
        TraceHeader { root: self.trace_root.clone(), parent: Some(self.segment.clone()) }
    }

    /// The request as it is kept, but for its answer.
    pub(super) fn to_request(&self) -> Request {
        Request {
            time: self.time.as_millisecond(),
            method: self.http_method.clone(),
            resource: self.resource.as_ref().map(|(_, path)| path.clone()),
            status: 0,
            duration_ms: 0.0,
            correlation_id: None,
            sent_correlation_id: None,
            request_id: self.request_id.clone(),
            trace_id: self.trace_root.clone(),
            segment_id: self.segment.clone(),
            function: self.function.clone(),
        }
    }

    pub(super) fn source_ip(&self) -> &str {
        &self.source_ip
    }

    /// The value of a variable, without those of `error`; empty when it has none here.
    pub(super) fn get(&self, name: &str) -> String {
        let caller = |of: fn(&Caller) -> &String| self.caller.as_ref().map(of).cloned();
        let resource = self.resource.as_ref();
        match name {
            "accountId" | "identity.accountId" => Some(self.api.account.clone()),
            "apiId" | "domainPrefix" => Some(self.api.id.clone()),
            "domainName" => Some(self.domain_name()),
            "extendedRequestId" => Some(self.extended_request_id.clone()),
            "httpMethod" => Some(self.http_method.clone()),
            "identity.accessKey" => caller(|caller| &caller.access_key),
            "identity.caller" | "identity.user" => caller(|caller| &caller.unique_id),
            "identity.sourceIp" => Some(self.source_ip.clone()),
            "identity.userAgent" => self.user_agent.clone(),
            "identity.userArn" => caller(|caller| &caller.arn),
            "path" => Some(self.path.clone()),
            "protocol" => Some(self.protocol.clone()),
            "requestId" => Some(self.request_id.clone()),
            "requestTime" => Some(access_log_time(self.time)),
            "requestTimeEpoch" => Some(self.time.as_millisecond().to_string()),
            "resourceId" => resource.map(|(id, _)| id.clone()),
            "resourcePath" => resource.map(|(_, path)| path.clone()),
            "stage" => Some(self.api.stage.clone()),
            "xrayTraceId" => Some(self.trace_root.clone()),
            _ => None,
        }
        .unwrap_or_default()
    }

    /// The `requestContext` of a proxy event.
    pub(super) fn to_event(&self) -> Value {
        let caller = self.caller.as_ref();
        let unique_id = caller.map(|caller| &caller.unique_id);
        json!({
            "accountId": self.api.account,
            "apiId": self.api.id,
            "domainName": self.domain_name(),
            "domainPrefix": self.api.id,
            "extendedRequestId": self.extended_request_id,
            "httpMethod": self.http_method,
            "identity": {
                "accessKey": caller.map(|caller| &caller.access_key),
                "accountId": caller.map(|_| &self.api.account),
                "apiKey": null,
                "caller": unique_id,
                "cognitoAuthenticationProvider": null,
                "cognitoAuthenticationType": null,
                "cognitoIdentityId": null,
                "cognitoIdentityPoolId": null,
                "principalOrgId": null,
                "sourceIp": self.source_ip,
                "user": unique_id,
                "userAgent": self.user_agent,
                "userArn": caller.map(|caller| &caller.arn),
            },
            "path": self.path,
            "protocol": self.protocol,
            "requestId": self.request_id,
            "requestTime": access_log_time(self.time),
            "requestTimeEpoch": self.time.as_millisecond(),
            "resourceId": self.resource.as_ref().map(|(id, _)| id),
            "resourcePath": self.resource.as_ref().map(|(_, path)| path),
            "stage": self.api.stage,
        })
    }

    fn domain_name(&self) -> String {
        format!("{}.execute-api.{}.amazonaws.com", self.api.id, self.api.region)
    }
}
