//! What the endpoints of AWS services share: a call is read and carried out only for a process of
//! this stack, by the signature that it makes with the secret it was started with.

use super::{Refusal, SignedHead, Verifier};
use crate::server::{Answer, BodyError, answer, read_body};
use bytes::Bytes;
use http::request::Parts;
use http::{Request, StatusCode};
use hyper::body::Incoming;
use jiff::Timestamp;
use serde_json::json;

const CONTENT_TYPE: &str = "application/x-amz-json-1.0";

/// The head and the body of a call whose signature holds, or the answer to it.
pub(crate) async fn signed_call(
    verifier: &Verifier,
    request: Request<Incoming>,
    limit: usize,
) -> Result<(Parts, Bytes), Answer> {
    let (parts, body) = request.into_parts();
    let head = SignedHead::of(&parts);
    let admitted = verifier.admit(head, Timestamp::now()).map_err(|it| refused(&it))?;
    let body = read_body(body, limit).await.map_err(|error| match error {
        BodyError::TooLarge => {
            failed(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", "too large")
        }
        BodyError::TooSlow | BodyError::Broken => {
            failed(StatusCode::BAD_REQUEST, "SerializationException", "the body is not whole")
        }
    })?;
    admitted.verify(head, &body).map_err(|it| refused(&it))?;
    Ok((parts, body))
}

fn refused(refusal: &Refusal) -> Answer {
    let kind = match refusal {
        Refusal::Missing => "MissingAuthenticationTokenException",
        Refusal::Expired(_) | Refusal::Invalid(_) => "UnrecognizedClientException",
        Refusal::Mismatch { .. } => "InvalidSignatureException",
    };
    failed(StatusCode::BAD_REQUEST, kind, &refusal.note())
}

fn failed(status: StatusCode, kind: &str, message: &str) -> Answer {
    let body = json!({"__type": kind, "message": message});
    answer(status, CONTENT_TYPE, Bytes::from(body.to_string()))
}
