//! `Invoke` of the Lambda API, for tools that send an event to a function.

use crate::lambda::{Fleet, InvokeError};
use crate::names::trace_root;
use crate::observe::TraceHeader;
use crate::server::{Answer, answer, json as json_answer};
use bytes::Bytes;
use http::header::HeaderName;
use http::{HeaderValue, Method, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::json;

/// The function that a request invokes, if it is one of this API.
pub(super) fn function(method: &Method, path: &str) -> Option<String> {
    let rest = path.strip_prefix("/_local/lambda/2015-03-31/functions/")?;
    let name = rest.strip_suffix("/invocations").filter(|_| method == Method::POST)?;
    percent_decode_str(name).decode_utf8().ok().map(Into::into)
}

/// Invokes a function, given by name or ARN, and waits for its response.
pub(super) async fn run(fleet: &Fleet, function: &str, event: Bytes) -> Answer {
    let Some(function) = fleet.find(function) else {
        return refusal(StatusCode::NOT_FOUND, "ResourceNotFoundException", "no such function");
    };
    let trace = TraceHeader { root: trace_root(), parent: None };
    match function.invoke(event, trace).await {
        Ok(response) => answer(StatusCode::OK, "application/json", response),
        Err(error @ InvokeError::Throttled) => {
            let text = error.to_string();
            refusal(StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException", &text)
        }
        // Lambda answers 200 to an error of the function, with a header for its kind.
        Err(error) => {
            let mut answer =
                json_answer(StatusCode::OK, &json!({"errorMessage": error.to_string()}));
            let name = HeaderName::from_static("x-amz-function-error");
            answer.headers_mut().insert(name, HeaderValue::from_static("Unhandled"));
            answer
        }
    }
}

fn refusal(status: StatusCode, kind: &'static str, message: &str) -> Answer {
    let mut answer = json_answer(status, &json!({"message": message}));
    let name = HeaderName::from_static("x-amzn-errortype");
    answer.headers_mut().insert(name, HeaderValue::from_static(kind));
    answer
}

#[cfg(test)]
mod tests {
    use super::function;
    use http::Method;

    #[test]
    fn only_invocations_are_taken() {
        let of = |method: &Method, path: &str| function(method, path);
        let path = "/_local/lambda/2015-03-31/functions/arn%3Aaws%3Alambda%3Ax/invocations";
        assert_eq!(of(&Method::POST, path).as_deref(), Some("arn:aws:lambda:x"));
        assert_eq!(of(&Method::GET, path), None);
        for path in ["/_local/lambda/2015-03-31/functions/name", "/_local/faults"] {
            assert_eq!(of(&Method::POST, path), None);
        }
    }
}
