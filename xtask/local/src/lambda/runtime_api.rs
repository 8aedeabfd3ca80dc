//! The Lambda Runtime API: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>.
//!
//! One listener serves all instances. The path begins with the function, the instance and a secret
//! of that instance, which each process has in its `AWS_LAMBDA_RUNTIME_API`. (The runtime's client
//! does not support Unix sockets.)

use super::error::{InvokeError, PAYLOAD_BYTES};
use super::fleet::Fleet;
use super::instance::Instance;
use crate::faults::{Fault, Faults, Place, gone, kill_the_stack};
use crate::server::{
    Answer, Audience, BodyError, HangUp, Reply, Service, Stop, answer, json, read_body,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use hyper::body::Incoming;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::net::TcpListener;
use users_support::log_line::escaped;

const PREFIX: &str = "2018-06-01/runtime";

/// Serves the Runtime API until `stop`.
pub(super) async fn serve(listener: TcpListener, stop: Stop, fleet: Arc<Fleet>) {
    // Instances wait here for their next invocation until they are killed: an answer without one
    // would be an error to them.
    let served = Service::new(Audience::Functions).serve(listener, stop, move |request, _| {
        let fleet = Arc::clone(&fleet);
        async move { handle(&fleet, request).await }
    });
    served.await;
}

async fn handle(fleet: &Fleet, request: Request<Incoming>) -> Reply {
    let path = request.uri().path().trim_start_matches('/').to_owned();
    let mut parts = path.splitn(4, '/');
    let instance = match (parts.next(), parts.next().and_then(|id| id.parse().ok()), parts.next()) {
        (Some(function), Some(id), Some(secret)) => {
            fleet.instance(function, id).filter(|(_, instance)| instance.is_addressed_by(secret))
        }
        _ => None,
    };
    let (Some((faults, instance)), Some(call)) =
        (instance, parts.next().and_then(|rest| rest.strip_prefix(PREFIX)))
    else {
        return refusal(StatusCode::NOT_FOUND, "InvalidPath").into();
    };
    let segments: Vec<_> = call.trim_start_matches('/').split('/').collect();
    match (request.method(), segments.as_slice()) {
        (&Method::GET, ["invocation", "next"]) => match instance.next().await {
            Some(_) if fails_at_start(faults, &instance) => return HangUp::Close.into(),
            Some(work) => {
                let mut reply = answer(StatusCode::OK, "application/json", work.event);
                let headers = reply.headers_mut();
                set(headers, "lambda-runtime-aws-request-id", &work.request_id);
                set(headers, "lambda-runtime-deadline-ms", &work.deadline_ms.to_string());
                set(headers, "lambda-runtime-invoked-function-arn", &work.arn);
                set(headers, "lambda-runtime-trace-id", &work.trace);
                reply
            }
            None => refusal(StatusCode::SERVICE_UNAVAILABLE, "ShuttingDown"),
        },
        (&Method::POST, ["invocation", request_id, "response"]) => {
            let (status, result) = match read_body(request.into_body(), PAYLOAD_BYTES).await {
                Ok(body) => (StatusCode::ACCEPTED, Ok(body)),
                Err(BodyError::TooLarge) => {
                    let text = format!(
                        "Function.ResponseSizeTooLarge: the response is over {PAYLOAD_BYTES} bytes"
                    );
                    (StatusCode::PAYLOAD_TOO_LARGE, Err(InvokeError::Function(text)))
                }
                // The process is about to end, or retries.
                Err(BodyError::Broken | BodyError::TooSlow) => {
                    return refusal(StatusCode::BAD_REQUEST, "InvalidRequest").into();
                }
            };
            return finish(faults, &instance, request_id, status, result).await;
        }
        (&Method::POST, ["invocation", request_id, "error"]) => {
            let error = reported_error(request).await;
            let result = Err(InvokeError::Function(error));
            return finish(faults, &instance, request_id, StatusCode::ACCEPTED, result).await;
        }
        (&Method::POST, ["init", "error"]) => {
            let error = reported_error(request).await;
            instance.note(&error);
            instance.kill();
            json(StatusCode::ACCEPTED, &json!({"status": "OK"}))
        }
        _ => refusal(StatusCode::NOT_FOUND, "InvalidPath"),
    }
    .into()
}

/// Takes the result of an invocation, unless a fault prevents it.
async fn finish(
    faults: &Faults,
    instance: &Instance,
    request_id: &str,
    status: StatusCode,
    result: Result<Bytes, InvokeError>,
) -> Reply {
    let end = end(faults, instance);
    if end == End::Refuse {
        return gone().await;
    }
    let accepted = instance.finish(request_id, result);
    match end {
        End::AcceptAndKill => {
            instance.kill();
            return gone().await;
        }
        End::AcceptAndKillStack => kill_the_stack(),
        End::Accept | End::Refuse => {}
    }
    match accepted {
        true => json(status, &json!({"status": "OK"})),
        false => refusal(StatusCode::BAD_REQUEST, "InvalidRequestID"),
    }
    .into()
}

/// Injects a fault at the start of an invocation. True when the process does not get the event.
fn fails_at_start(faults: &Faults, instance: &Instance) -> bool {
    let Some(invocation) = faults.invocation(instance.access_key()) else { return false };
    match faults.at_step(&invocation, Place::Start) {
        Some(Fault::KillBefore) => invocation.kill(),
        Some(Fault::FunctionTimeout) => invocation.time_out(),
        Some(Fault::StackKillBefore) => kill_the_stack(),
        Some(Fault::GatewayTimeout) => {
            invocation.given_up.notify_one();
            return false;
        }
        _ => return false,
    }
    true
}

/// The treatment of a response.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    Accept,
    AcceptAndKill,
    AcceptAndKillStack,
    Refuse,
}

/// Injects a fault at a response.
fn end(faults: &Faults, instance: &Instance) -> End {
    let Some(invocation) = faults.invocation(instance.access_key()) else { return End::Accept };
    if invocation.is_doomed() {
        invocation.kill();
        return End::Refuse;
    }
    match faults.at_step(&invocation, Place::Response) {
        Some(Fault::KillBefore) => invocation.kill(),
        Some(Fault::FunctionTimeout) => invocation.time_out(),
        Some(Fault::StackKillBefore) => kill_the_stack(),
        Some(Fault::StackKillAfter) => return End::AcceptAndKillStack,
        Some(Fault::KillAfter) => return End::AcceptAndKill,
        Some(Fault::LoseAnswer) => {
            invocation.lose_answer();
            return End::Accept;
        }
        Some(Fault::GatewayTimeout) => {
            invocation.given_up.notify_one();
            return End::Accept;
        }
        _ => return End::Accept,
    }
    End::Refuse
}

/// `type: message` of a reported error.
async fn reported_error(request: Request<Incoming>) -> String {
    let header = request.headers().get("lambda-runtime-function-error-type").cloned();
    let body = read_body(request.into_body(), PAYLOAD_BYTES).await.unwrap_or_else(|_| Bytes::new());
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let kind = body["errorType"]
        .as_str()
        .or_else(|| header.as_ref().and_then(|value| value.to_str().ok()))
        .unwrap_or("Unknown");
    let message = body["errorMessage"].as_str().unwrap_or("no message");
    escaped(&format!("{kind}: {message}")).into_owned()
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn refusal(status: StatusCode, kind: &str) -> Answer {
    json(status, &json!({"errorType": kind, "errorMessage": status.to_string()}))
}
