//! Answers, with the headers that all of them have.

use crate::idempotency::Answer;
use lambda_http::Body;
use lambda_http::aws_lambda_events::apigw::ApiGatewayProxyResponse;
use lambda_http::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, CACHE_CONTROL, CONTENT_TYPE, ETAG,
    HeaderMap, HeaderName, HeaderValue, LOCATION,
};
use std::fmt;
use users_contract::{ErrorCode, header};
use users_domain::CorrelationId;

/// An answer.
#[derive(Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The code of the problem, when it is one.
    pub problem: Option<ErrorCode>,
    /// Whether it is a recorded answer.
    pub replayed: bool,
    /// Attempts lost to concurrent writers.
    pub retries: u32,
    headers: HeaderMap,
    body: Option<String>,
}

impl fmt::Debug for Response {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Response").field("status", &self.status).finish_non_exhaustive()
    }
}

impl Response {
    /// A success with a JSON body.
    #[must_use]
    pub fn json(status: u16, body: String) -> Self {
        Self::new(status, "application/json", Some(body))
    }

    /// A recorded answer, or one that was just made.
    #[must_use]
    pub fn answer(answer: Answer, replayed: bool, retries: u32) -> Self {
        let mut response = Self::json(answer.status, answer.body).with(ETAG, &answer.etag);
        if let Some(location) = &answer.location {
            response = response.with(LOCATION, location);
        }
        if replayed {
            response = response.with(HeaderName::from_static(header::IDEMPOTENT_REPLAYED), "true");
        }
        Self { replayed, retries, ..response }
    }

    /// 304: the caller has this version.
    #[must_use]
    pub fn not_modified(etag: &str) -> Self {
        // No body, yet a content type: the contract promises the header on every answer.
        Self::new(304, "application/json", None).with(ETAG, etag)
    }

    /// A problem document.
    pub(super) fn problem(code: ErrorCode, body: String) -> Self {
        let mut response = Self::new(code.status(), "application/problem+json", Some(body));
        if let Some(seconds) = code.retry_after_seconds() {
            response = response.with(lambda_http::http::header::RETRY_AFTER, &seconds.to_string());
        }
        Self { problem: Some(code), ..response }
    }

    /// With one more header.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: &str) -> Self {
        // Values are ours or were checked, so the fallible conversion never leaves one out.
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    fn new(status: u16, content_type: &'static str, body: Option<String>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self { status, problem: None, replayed: false, retries: 0, headers, body }
    }

    /// The event that API Gateway takes, with the headers that every answer has.
    #[must_use]
    pub fn into_event(
        self,
        correlation_id: &CorrelationId,
        allow_origin: &str,
    ) -> ApiGatewayProxyResponse {
        let complete = self
            .with(CACHE_CONTROL, "no-store")
            .with(HeaderName::from_static(header::CORRELATION_ID), correlation_id.as_str())
            .with(ACCESS_CONTROL_ALLOW_ORIGIN, allow_origin)
            .with(ACCESS_CONTROL_EXPOSE_HEADERS, header::EXPOSED);
        let mut event = ApiGatewayProxyResponse::default();
        event.status_code = i64::from(complete.status);
        event.headers = complete.headers;
        event.body = complete.body.map(Body::Text);
        event
    }
}
