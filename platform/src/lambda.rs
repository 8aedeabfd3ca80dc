//! The loop of every function: asks the [Runtime API] for an invocation, runs the handler and posts
//! its answer.
//!
//! The loop of `lambda_runtime` sets the variable `_X_AMZN_TRACE_ID` to the trace of each
//! invocation, and glibc never frees a value of a variable: memory grew by some 200 bytes an
//! invocation. Nothing here reads that variable, so this loop leaves it alone.
//!
//! The loop catches no panic. The process ends with it, and Lambda reports that.
//!
//! [Runtime API]: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html

use crate::telemetry::{SERVICE, function_name};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use http_body_util::BodyExt;
use lambda_http::lambda_runtime::{Context, Diagnostic, Error};
use lambda_runtime_api_client::body::Body;
use lambda_runtime_api_client::{PooledClient, build_request};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::borrow::Cow;

const INVOCATION: &str = "/2018-06-01/runtime/invocation";
const DEADLINE: &str = "lambda-runtime-deadline-ms";
const ERROR_TYPE: &str = "lambda-runtime-function-error-type";
const INVOCATION_ID: &str = "lambda-runtime-invocation-id";
const REQUEST_ID: &str = "lambda-runtime-aws-request-id";
const TRACE: &str = "lambda-runtime-trace-id";
/// The error type that AWS's own runtimes give for an event that they cannot read.
const UNREADABLE: &str = "Runtime.UnmarshalError";

/// Handles invocations in turn until the execution environment ends. `address` is that of the Runtime
/// API.
///
/// # Errors
///
/// When the Runtime API cannot be reached, or hands out no invocation.
pub(crate) async fn run<E: DeserializeOwned, R: Serialize>(
    address: &Uri,
    handler: impl AsyncFn(E, Context) -> R,
) -> Result<(), Error> {
    let client = PooledClient::builder().with_endpoint(address.clone()).with_pool_size(1).build();
    loop {
        let next = request(Method::GET, "next", Body::default())?;
        let (head, body) = client.call(next).await?.into_parts();
        if !head.status.is_success() {
            return Err(format!("the Runtime API gave no invocation: {}", head.status).into());
        }
        let body = body.collect().await?.to_bytes();
        let request_id = text(&head.headers, REQUEST_ID)?;
        let event = serde_json::from_slice(&body).map_err(|error| unreadable(&error));
        let event = event.and_then(|event| Ok((event, context(request_id, &head.headers)?)));
        let mut answer = match event {
            Ok((event, context)) => {
                let answer = serde_json::to_vec(&handler(event, context).await)?;
                request(Method::POST, &format!("{request_id}/response"), answer.into())?
            }
            Err(error) => {
                report(request_id, &error);
                let body = Diagnostic { error_type: UNREADABLE.to_owned(), error_message: error };
                let body = serde_json::to_vec(&body)?;
                let mut answer =
                    request(Method::POST, &format!("{request_id}/error"), body.into())?;
                answer.headers_mut().insert(ERROR_TYPE, HeaderValue::from_static(UNREADABLE));
                answer
            }
        };
        // By this id the API recognises an answer that comes after its invocation has timed out.
        if let Some(id) = head.headers.get(INVOCATION_ID) {
            answer.headers_mut().insert(INVOCATION_ID, id.clone());
        }
        let (head, body) = client.call(answer).await?.into_parts();
        if !head.status.is_success() {
            // The invocation has ended without its answer; the next one is unaffected.
            report(request_id, &format!("the Runtime API refused the answer: {}", head.status));
        }
        // To its end, so that the connection is free for the next call.
        body.collect().await?;
    }
}

fn request(method: Method, call: &str, body: Body) -> Result<Request<Body>, http::Error> {
    build_request().method(method).uri(format!("{INVOCATION}/{call}")).body(body)
}

/// The parts of the context that handlers use.
fn context(request_id: &str, headers: &HeaderMap) -> Result<Context, String> {
    let deadline = text(headers, DEADLINE)?.parse();
    let mut context = Context::default();
    context.request_id = request_id.to_owned();
    context.deadline = deadline.map_err(|_| format!("{DEADLINE} must be in milliseconds"))?;
    let trace = headers.get(TRACE).map(|trace| String::from_utf8_lossy(trace.as_bytes()));
    context.xray_trace_id = trace.map(Cow::into_owned);
    Ok(context)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, String> {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.ok_or_else(|| format!("the Runtime API sent no {name}"))
}

/// Why an event cannot be read, without the decoder's own text, which may quote it.
fn unreadable(error: &serde_json::Error) -> String {
    format!(
        "the event cannot be read: {:?} at line {} column {}",
        error.classify(),
        error.line(),
        error.column()
    )
}

fn report(request_id: &str, cause: &str) {
    tracing::error!(
        service = SERVICE,
        function_name = function_name(),
        function_request_id = request_id,
        cause,
        "invocation failed"
    );
}

#[cfg(test)]
mod tests;
