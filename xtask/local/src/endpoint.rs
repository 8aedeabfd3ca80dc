//! The endpoints of AWS services. A call is carried out only for a process of this stack, which
//! signs it with the secret that it was started with.

use crate::auth::{Refusal, SignedHead, Verifier};
use crate::faults::{Fault, Faults, around};
use crate::server::{Answer, Audience, BodyError, Service, Stop, answer, read_body};
use anyhow::Context;
use bytes::Bytes;
use http::request::Parts;
use http::{Request, StatusCode};
use hyper::body::Incoming;
use jiff::Timestamp;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;

const CONTENT_TYPE: &str = "application/x-amz-json-1.0";

/// An AWS service whose operations are named by the header `X-Amz-Target`.
pub(crate) trait AwsService: Send + Sync + 'static {
    /// The name in messages.
    const NAME: &'static str;
    /// The maximum size of a request, in bytes.
    const REQUEST_BYTES: usize;

    /// Carries out a call. Only the faults that change a result are given.
    fn apply(
        self: Arc<Self>,
        operation: String,
        body: Bytes,
        fault: Option<Fault>,
    ) -> impl Future<Output = Answer> + Send;

    /// The answer of a fault that refuses the call.
    fn refuse(&self, fault: Fault, operation: &str, body: &[u8]) -> Answer;
}

/// Opens the endpoint of a service and serves it until `stop`.
pub(crate) async fn start<S: AwsService>(
    service: Arc<S>,
    verifier: Verifier,
    faults: Arc<Faults>,
    stop: Stop,
) -> anyhow::Result<SocketAddr> {
    let failed = || format!("cannot open the {} endpoint", S::NAME);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.with_context(failed)?;
    let address = listener.local_addr().with_context(failed)?;
    tokio::spawn(Service::new(Audience::Functions).serve(listener, stop, move |request, _| {
        let (service, faults, verifier) =
            (Arc::clone(&service), Arc::clone(&faults), verifier.clone());
        async move {
            let (parts, body) = match signed_call(&verifier, request, S::REQUEST_BYTES).await {
                Ok(call) => call,
                Err(answer) => return answer.into(),
            };
            let operation = operation_of(&parts);
            let call = faults.at_call(&parts.headers, &operation);
            // A received call is carried out even if its caller dies meanwhile.
            let done = tokio::spawn(async move {
                let apply =
                    |fault| Arc::clone(&service).apply(operation.clone(), body.clone(), fault);
                let refuse = |fault| service.refuse(fault, &operation, &body);
                around(&faults, call, apply, refuse).await
            });
            done.await.unwrap_or_else(|_| {
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                refusal(status, "InternalServerError", "the call was interrupted").into()
            })
        }
    }));
    Ok(address)
}

/// The operation of a call, such as `GetItem`.
fn operation_of(parts: &Parts) -> String {
    let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let name = target.and_then(|target| target.split_once('.')).map(|(_, name)| name);
    name.unwrap_or_default().to_owned()
}

/// Reads a call and verifies its signature.
///
/// # Errors
/// The answer to a call that is not signed by this stack, or whose body is too large or incomplete.
pub(crate) async fn signed_call(
    verifier: &Verifier,
    request: Request<Incoming>,
    limit: usize,
) -> Result<(Parts, Bytes), Answer> {
    let (parts, body) = request.into_parts();
    let head = SignedHead::of(&parts);
    let admitted = verifier.admit(head, Timestamp::now()).map_err(|it| unsigned(&it))?;
    let body = read_body(body, limit).await.map_err(|error| match error {
        BodyError::TooLarge => {
            refusal(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", "too large")
        }
        BodyError::TooSlow | BodyError::Broken => {
            refusal(StatusCode::BAD_REQUEST, "SerializationException", "the body is incomplete")
        }
    })?;
    admitted.verify(head, &body).map_err(|it| unsigned(&it))?;
    Ok((parts, body))
}

fn unsigned(why: &Refusal) -> Answer {
    let kind = match why {
        Refusal::Missing => "MissingAuthenticationTokenException",
        Refusal::Expired(_) | Refusal::Invalid(_) => "UnrecognizedClientException",
        Refusal::Mismatch { .. } => "InvalidSignatureException",
    };
    refusal(StatusCode::BAD_REQUEST, kind, &why.note())
}

/// An error as AWS services answer it.
pub(crate) fn refusal(status: StatusCode, kind: &str, message: &str) -> Answer {
    let body = json!({"__type": kind, "message": message});
    answer(status, CONTENT_TYPE, Bytes::from(body.to_string()))
}
