//! What the gateway answers by itself: gateway responses by type.

use super::context::Context;
use super::vtl::{Dialect, ErrorVariables, Template, known, value};
use crate::server::Answer;
use crate::template::GatewayResponsePlan;
use anyhow::{Context as _, bail};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
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
    /// What the console says about it.
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

    /// The same, with what the validator of bodies says.
    pub(super) fn with_validation(mut self, text: String) -> Self {
        self.validation = text;
        self
    }

    /// The same, with a line for the console.
    pub(super) fn noting(mut self, text: &str) -> Self {
        self.note = Some(text.to_owned());
        self
    }
}

/// A function that failed, or answered what no gateway understands: 502 on AWS.
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
        // No type of AWS's: there, it is refused before any API is asked.
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
pub(super) struct GatewayResponses(BTreeMap<String, GatewayResponse>);

#[derive(Debug)]
struct GatewayResponse {
    status: Option<u16>,
    headers: Vec<(HeaderName, Source)>,
    /// The content type and the template.
    body: Option<(String, Template)>,
}

/// Where the value of a header comes from.
#[derive(Debug)]
pub(super) enum Source {
    /// `'text'`
    Fixed(HeaderValue),
    /// `context.name`
    Context(String),
    /// `method.request.header.name`
    RequestHeader(String),
}

impl Source {
    /// Understands the source of a header.
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        if let Some(fixed) = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
            return Ok(Self::Fixed(
                HeaderValue::from_str(fixed)
                    .with_context(|| format!("{text} cannot be the value of a header"))?,
            ));
        }
        if let Some(name) = text.strip_prefix("context.") {
            return Ok(Self::Context(known(name)?.to_owned()));
        }
        match text.strip_prefix("method.request.header.") {
            Some(name) => Ok(Self::RequestHeader(name.to_owned())),
            None => bail!("the source {text} of a header is not understood here"),
        }
    }

    /// The value; `None` when there is none, and then no header.
    pub(super) fn value(
        &self,
        context: &Context,
        error: ErrorVariables<'_>,
        parts: &Parts,
    ) -> Option<HeaderValue> {
        match self {
            Self::Fixed(value) => Some(value.clone()),
            Self::Context(name) => {
                let text = value(name, context, error);
                (!text.is_empty()).then(|| HeaderValue::from_str(&text).ok()).flatten()
            }
            Self::RequestHeader(name) => parts.headers.get(name).cloned(),
        }
    }
}

/// Reads sources of headers by name.
pub(super) fn header_sources(
    headers: &[(String, String)],
) -> anyhow::Result<Vec<(HeaderName, Source)>> {
    headers
        .iter()
        .map(|(name, source)| {
            let name = HeaderName::try_from(name.as_str())
                .with_context(|| format!("{name} is not the name of a header"))?;
            Ok((name, Source::parse(source)?))
        })
        .collect()
}

impl GatewayResponses {
    /// Understands the responses of a plan.
    pub(super) fn new(plans: &BTreeMap<String, GatewayResponsePlan>) -> anyhow::Result<Self> {
        let mut responses = BTreeMap::new();
        for (kind, plan) in plans {
            let response = GatewayResponse::new(plan)
                .with_context(|| format!("in the gateway response {kind}"))?;
            responses.insert(kind.clone(), response);
        }
        Ok(Self(responses))
    }

    /// The answer for an error: that of its type, else the default of its class, else AWS's own.
    pub(super) fn render(&self, error: &GatewayError, context: &Context, parts: &Parts) -> Answer {
        let (own_status, exception) = defaults(error.kind);
        let own_status = error.status.unwrap_or(own_status);
        let class = if own_status < 500 { "DEFAULT_4XX" } else { "DEFAULT_5XX" };
        let response = self.0.get(error.kind).or_else(|| self.0.get(class));
        let variables = ErrorVariables {
            message: &error.message,
            response_type: error.kind,
            validation: &error.validation,
        };
        let (content_type, body) = match response.and_then(|response| response.body.as_ref()) {
            Some((content_type, template)) => {
                (content_type.as_str(), template.render(context, variables))
            }
            None => ("application/json", json!({"message": error.message}).to_string()),
        };
        let mut answer = Response::new(Full::new(Bytes::from(body)));
        let status = response.and_then(|response| response.status).unwrap_or(own_status);
        *answer.status_mut() =
            StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = answer.headers_mut();
        headers.insert("x-amzn-errortype", HeaderValue::from_static(exception));
        if let Ok(content_type) = HeaderValue::from_str(content_type) {
            headers.insert(CONTENT_TYPE, content_type);
        }
        for (name, source) in response.iter().flat_map(|response| &response.headers) {
            if let Some(value) = source.value(context, variables, parts) {
                headers.insert(name, value);
            }
        }
        answer
    }
}

impl GatewayResponse {
    fn new(plan: &GatewayResponsePlan) -> anyhow::Result<Self> {
        // With several, AWS goes by the caller's Accept; JSON is the first choice here.
        let chosen =
            plan.templates.get_key_value("application/json").or(plan.templates.iter().next());
        Ok(Self {
            status: plan.status,
            headers: header_sources(&plan.headers)?,
            body: chosen
                .map(|(content_type, text)| {
                    Template::parse(text, Dialect::GatewayResponse)
                        .map(|template| (content_type.clone(), template))
                })
                .transpose()?,
        })
    }
}
