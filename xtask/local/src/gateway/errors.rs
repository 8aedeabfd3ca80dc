//! Errors of the gateway, and the gateway responses for them, by type.

use super::context::RequestContext;
use super::response::TemplatedResponse;
use super::vtl::{Dialect, ErrorVariables};
use crate::server::Answer;
use crate::template::ResponsePlan;
use anyhow::Context;
use http::HeaderValue;
use serde_json::json;
use std::collections::BTreeMap;

/// A request that the gateway refuses or cannot carry out.
#[derive(Debug)]
pub(super) struct GatewayError {
    /// The type of gateway response.
    pub(super) kind: &'static str,
    message: String,
    validation: String,
    status: Option<u16>,
    /// A line for the console.
    pub(super) note: Option<String>,
}

impl GatewayError {
    pub(super) fn new(kind: &'static str, message: &str) -> Self {
        Self {
            kind,
            message: message.to_owned(),
            validation: String::new(),
            status: None,
            note: None,
        }
    }

    /// Adds the message of the validator of bodies.
    pub(super) fn with_validation(mut self, text: String) -> Self {
        self.validation = text;
        self
    }

    /// Adds a line for the console.
    pub(super) fn with_note(mut self, text: &str) -> Self {
        self.note = Some(text.to_owned());
        self
    }
}

/// The function failed, or its response is malformed: 502 on AWS.
pub(super) fn bad_integration() -> GatewayError {
    GatewayError {
        status: Some(502),
        ..GatewayError::new("API_CONFIGURATION_ERROR", "Internal server error")
    }
}

/// The type's own status, and the name of the exception that AWS puts in a header.
fn defaults(kind: &str) -> (u16, &'static str) {
    match kind {
        "ACCESS_DENIED" => (403, "AccessDeniedException"),
        "API_CONFIGURATION_ERROR" => (500, "InternalServerErrorException"),
        "BAD_REQUEST_BODY" | "BAD_REQUEST_PARAMETERS" => (400, "BadRequestException"),
        "EXPIRED_TOKEN" => (403, "ExpiredTokenException"),
        "INTEGRATION_FAILURE" | "INTEGRATION_TIMEOUT" => (504, "InternalServerErrorException"),
        "INVALID_SIGNATURE" => (403, "InvalidSignatureException"),
        "MISSING_AUTHENTICATION_TOKEN" => (403, "MissingAuthenticationTokenException"),
        // Not a type of AWS, which refuses such a request before it reaches any API.
        "HEADERS_TOO_LARGE" => (431, "RequestHeaderFieldsTooLargeException"),
        "REQUEST_TOO_LARGE" => (413, "RequestTooLargeException"),
        "RESOURCE_NOT_FOUND" => (404, "NotFoundException"),
        "THROTTLED" => (429, "TooManyRequestsException"),
        "UNSUPPORTED_MEDIA_TYPE" => (415, "BadRequestException"),
        "DEFAULT_4XX" => (400, "BadRequestException"),
        _ => (500, "InternalServerErrorException"),
    }
}

/// All gateway responses of the API.
#[derive(Debug)]
pub(super) struct GatewayResponses {
    by_type: BTreeMap<String, TemplatedResponse>,
    /// For an error without a response in the plan.
    default: TemplatedResponse,
}

impl GatewayResponses {
    /// Parses the responses of a plan.
    pub(super) fn new(plans: &BTreeMap<String, ResponsePlan>) -> anyhow::Result<Self> {
        let mut by_type = BTreeMap::new();
        for (kind, plan) in plans {
            let response = TemplatedResponse::new(plan, Dialect::GatewayResponse)
                .with_context(|| format!("in the gateway response {kind}"))?;
            by_type.insert(kind.clone(), response);
        }
        Ok(Self { by_type, default: TemplatedResponse::default() })
    }

    /// The answer for an error: that of its type, else the default of its class, else AWS's own.
    pub(super) fn render(&self, error: &GatewayError, context: &RequestContext) -> Answer {
        let (status, exception) = defaults(error.kind);
        let status = error.status.unwrap_or(status);
        let class = if status < 500 { "DEFAULT_4XX" } else { "DEFAULT_5XX" };
        let planned = self.by_type.get(error.kind).or_else(|| self.by_type.get(class));
        let variables = ErrorVariables {
            message: &error.message,
            response_type: error.kind,
            validation: &error.validation,
        };
        let body = json!({"message": error.message}).to_string();
        let response = planned.unwrap_or(&self.default);
        let mut answer = response.render(status, &body, context, variables);
        answer.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(exception));
        answer
    }
}
