//! Decoding that handlers share. Every step returns a list of problems, so that all steps run and
//! all problems are reported at once.

use crate::http::problem::Rejection;
use crate::http::request::Request;
use crate::idempotency::{Fingerprint, Idempotency, RecordId};
use users_contract::{Operation, RequestHeader, header, limits};
use users_domain::{IdempotencyKey, MediaType, Preconditions, UserId, Violation, is_unencoded};

/// The result of a decoding step.
pub(super) type Decoded<T> = Result<T, Vec<Violation>>;

/// Both, or the problems of both.
pub(super) fn both<A, B>(a: Decoded<A>, b: Decoded<B>) -> Decoded<(A, B)> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(mut problems), Err(more)) => {
            problems.extend(more);
            Err(problems)
        }
        (Err(problems), Ok(_)) | (Ok(_), Err(problems)) => Err(problems),
    }
}

/// The body of an operation that has one, after checks of its size, type and coding.
pub(super) fn body<'a>(request: &'a Request, operation: &Operation) -> Result<&'a [u8], Rejection> {
    let body = request.body();
    if body.len() > limits::BODY_MAX_BYTES {
        return Err(Rejection::PayloadTooLarge);
    }
    let accepted = operation.request.map_or(&[][..], |body| body.content_types);
    // Two types are ambiguous, so neither counts.
    let media_type = match request.header("content-type").as_slice() {
        [one] => MediaType::parse(one),
        _ => None,
    };
    let readable = media_type.is_some_and(|it| it.is_one_of(accepted) && it.is_utf8())
        && is_unencoded(&request.header("content-encoding"));
    if readable { Ok(body) } else { Err(Rejection::UnsupportedMediaType) }
}

/// The headers of a write.
pub(super) struct WriteHeaders {
    pub(super) key: Option<IdempotencyKey>,
    pub(super) preconditions: Preconditions,
}

/// Reads the headers of a write.
pub(super) fn write_headers(request: &Request, operation: &Operation) -> Decoded<WriteHeaders> {
    let key = IdempotencyKey::parse_all(&request.header(header::IDEMPOTENCY_KEY));
    let (key, preconditions) = both(key.map_err(|it| vec![it]), preconditions(request, operation))?;
    Ok(WriteHeaders { key, preconditions })
}

/// Reads `If-Match` and `If-None-Match`, each only where the operation acts on it.
pub(super) fn preconditions(request: &Request, operation: &Operation) -> Decoded<Preconditions> {
    let values = |header, name| match operation.takes(header) {
        true => request.header(name),
        false => Vec::new(),
    };
    Preconditions::parse(
        &values(RequestHeader::IfMatch, header::IF_MATCH),
        &values(RequestHeader::IfNoneMatch, header::IF_NONE_MATCH),
    )
}

impl WriteHeaders {
    /// The idempotency of the request, when it has a key. `canonical_body` is empty for an operation
    /// without a body.
    pub(super) fn idempotency(
        &self,
        request: &Request,
        operation: &Operation,
        canonical_body: &str,
    ) -> Option<Idempotency> {
        let key = self.key.as_ref()?;
        // The path by its variables: the same user may be reached through several domain names.
        let path = operation
            .path_parameters
            .iter()
            .map(|parameter| request.path_parameter(parameter.name).unwrap_or_default())
            .collect::<Vec<_>>()
            .join("/");
        Some(Idempotency {
            id: RecordId::new(&request.principal, operation.id, &path, key),
            fingerprint: Fingerprint::new(canonical_body, &self.preconditions),
        })
    }
}

/// The user that the path names; `None` for a malformed id.
pub(super) fn user_id(request: &Request) -> Option<UserId> {
    UserId::parse(&request.path_parameter("userId")?)
}
