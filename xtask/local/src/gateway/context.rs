//! The context of a request: `$context` in templates, and `requestContext` in the events of functions.

use crate::names::{access_log_time, extended_request_id, segment_id, trace_root, uuid};
use crate::observe::TraceHeader;
use http::header::USER_AGENT;
use http::request::Parts;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::net::SocketAddr;

/// The API in the context of its requests.
#[derive(Clone, Debug)]
pub(super) struct ApiIdentity {
    pub(super) id: String,
    pub(super) stage: String,
    pub(super) account: String,
    pub(super) region: String,
}

/// The signer of a request.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) arn: String,
    pub(super) unique_id: String,
    pub(super) access_key: String,
}

/// The resource of a request.
#[derive(Debug)]
pub(super) struct Resource {
    pub(super) id: String,
    /// The path with variables.
    pub(super) path: String,
}

/// The context of one request.
#[derive(Debug)]
pub(super) struct RequestContext {
    api: ApiIdentity,
    pub(super) request_id: String,
    pub(super) extended_request_id: String,
    pub(super) http_method: String,
    pub(super) path: String,
    protocol: String,
    pub(super) time: Timestamp,
    pub(super) source_ip: String,
    user_agent: Option<String>,
    pub(super) trace_root: String,
    /// The id of the gateway's own segment of the trace.
    pub(super) segment: String,
    pub(super) resource: Option<Resource>,
    pub(super) caller: Option<Caller>,
    /// The invoked function.
    pub(super) function: Option<String>,
}

impl RequestContext {
    /// The context of a new request.
    pub(super) fn new(api: &ApiIdentity, parts: &Parts, peer: SocketAddr, time: Timestamp) -> Self {
        let given_root = parts
            .headers
            .get("x-amzn-trace-id")
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').find_map(|part| part.trim().strip_prefix("Root=")))
            .filter(|root| root.starts_with("1-") && root.len() == 35)
            .map(str::to_owned);
        let user_agent = parts.headers.get(USER_AGENT);
        Self {
            api: api.clone(),
            request_id: uuid(),
            extended_request_id: extended_request_id(),
            http_method: parts.method.as_str().to_owned(),
            path: parts.uri.path().to_owned(),
            protocol: format!("{:?}", parts.version),
            time,
            source_ip: peer.ip().to_string(),
            user_agent: user_agent
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()),
            trace_root: given_root.unwrap_or_else(trace_root),
            segment: segment_id(),
            resource: None,
            caller: None,
            function: None,
        }
    }

    /// The value of the header `X-Amzn-Trace-Id`.
    pub(super) fn trace_id_header(&self) -> String {
        format!("Root={}", self.trace_root)
    }

    /// The trace header for a function, whose segment is a child of the gateway's.
    pub(super) fn child_header(&self) -> TraceHeader {
        TraceHeader { root: self.trace_root.clone(), parent: Some(self.segment.clone()) }
    }

    /// The `requestContext` of a proxy event.
    pub(super) fn to_event(&self) -> Value {
        let caller = self.caller.as_ref();
        let unique_id = caller.map(|caller| &caller.unique_id);
        json!({
            "accountId": self.api.account,
            "apiId": self.api.id,
            "domainName": format!("{}.execute-api.{}.amazonaws.com", self.api.id, self.api.region),
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
            "resourceId": self.resource.as_ref().map(|resource| &resource.id),
            "resourcePath": self.resource.as_ref().map(|resource| &resource.path),
            "stage": self.api.stage,
        })
    }
}
