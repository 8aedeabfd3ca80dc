//! The record of an answered request, and its line of the access log.

use super::context::RequestContext;
use crate::names::rfc3339;
use crate::observe::{LogRecord, Observed, Request};
use crate::server::Answer;
use crate::template::ApiPlan;
use http::HeaderMap;
use jiff::Timestamp;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

const CORRELATION_ID: &str = "x-correlation-id";
/// The source of the access log's lines.
const SOURCE: &str = "api";

/// Records the requests of an API.
#[derive(Debug)]
pub(super) struct Observation {
    observed: Arc<Observed>,
    log_group: String,
    stage: String,
}

impl Observation {
    pub(super) fn new(api: &ApiPlan, observed: &Arc<Observed>) -> Self {
        Self {
            log_group: format!("/aws/apigateway/{}-access", api.name),
            stage: api.stage.clone(),
            observed: Arc::clone(observed),
        }
    }

    /// Records an answered request. `sent` are its headers.
    pub(super) fn record(
        &self,
        context: &RequestContext,
        sent: &HeaderMap,
        answer: &Answer,
        took: Duration,
    ) {
        let id = |headers: &HeaderMap| {
            headers.get(CORRELATION_ID).and_then(|id| id.to_str().ok()).map(str::to_owned)
        };
        let correlation_id = id(answer.headers());
        let request = Request {
            time: context.time.as_millisecond(),
            method: context.http_method.clone(),
            resource: context.resource.as_ref().map(|resource| resource.path.clone()),
            status: answer.status().as_u16(),
            duration_ms: took.as_micros() as f64 / 1000.0,
            sent_correlation_id: id(sent)
                .filter(|sent| is_correlation_id(sent) && correlation_id.as_ref() != Some(sent)),
            correlation_id,
            request_id: context.request_id.clone(),
            trace_id: context.trace_root.clone(),
            segment_id: context.segment.clone(),
            function: context.function.clone(),
        };
        self.observed.logs.push(self.access_line(&request));
        self.observed.requests.push(request, 0);
    }

    /// The line of the access log, with the names of the template's format.
    fn access_line(&self, request: &Request) -> LogRecord {
        // The line is written after the answer.
        let now = Timestamp::now();
        let level = if request.status >= 500 { "ERROR" } else { "INFO" };
        let line = json!({
            "requestId": request.request_id,
            "traceId": request.trace_id,
            "method": request.method,
            "resourcePath": request.resource,
            "status": request.status.to_string(),
            "responseLatency": request.duration_ms.round().to_string(),
        });
        LogRecord {
            time: now.as_millisecond(),
            at: rfc3339(now),
            source: SOURCE.to_owned(),
            group: self.log_group.clone(),
            stream: self.stage.clone(),
            level: Some(level.to_owned()),
            request_id: None,
            trace_id: Some(request.trace_id.clone()),
            correlation_id: request.correlation_id.clone(),
            message: line.to_string(),
        }
    }
}

/// Whether a text has the form of a correlation id; any other text may hold personal data.
fn is_correlation_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::is_correlation_id;

    #[test]
    fn only_texts_in_the_form_of_a_correlation_id_are_kept() {
        for text in ["a", "checkout-42", "A_b.c", &"x".repeat(64)] {
            assert!(is_correlation_id(text), "{text}");
        }
        for text in ["", "ada@example.com", "a b", &"x".repeat(65)] {
            assert!(!is_correlation_id(text), "{text}");
        }
    }
}
