//! What is kept of a request when it is answered: the request, and its line of the access log.

use crate::names::rfc3339;
use crate::observe::{LogRecord, Observed, Request};
use crate::server::Answer;
use crate::template::ApiPlan;
use http::HeaderMap;
use jiff::Timestamp;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// The header that leads from a call to all that it has left behind.
const CORRELATION_ID: &str = "x-correlation-id";
/// What lines of the access log are labelled with.
const SOURCE: &str = "api";

/// Where to keep what happens at the gateway.
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

    /// Keeps a request that was answered.
    pub(super) fn note(&self, request: Request, sent: &HeaderMap, answer: &Answer, took: Duration) {
        let id = |headers: &HeaderMap| {
            headers.get(CORRELATION_ID).and_then(|id| id.to_str().ok()).map(str::to_owned)
        };
        let answered = id(answer.headers());
        let request = Request {
            status: answer.status().as_u16(),
            duration_ms: took.as_micros() as f64 / 1000.0,
            sent_correlation_id: id(sent)
                .filter(|sent| is_correlation_id(sent) && answered.as_ref() != Some(sent)),
            correlation_id: answered,
            ..request
        };
        self.observed.logs.push(self.access_line(&request));
        self.observed.requests.push(request, 0);
    }

    /// The line of the access log, with names of the template's own.
    fn access_line(&self, request: &Request) -> LogRecord {
        // It is written when the answer is.
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

/// Whether a text can be looked for as a correlation id; anything else may hold anything.
fn is_correlation_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::is_correlation_id;

    #[test]
    fn only_what_can_be_a_correlation_id_is_kept() {
        for text in ["a", "checkout-42", "A_b.c", &"x".repeat(64)] {
            assert!(is_correlation_id(text), "{text}");
        }
        for text in ["", "ada@example.com", "a b", &"x".repeat(65)] {
            assert!(!is_correlation_id(text), "{text}");
        }
    }
}
