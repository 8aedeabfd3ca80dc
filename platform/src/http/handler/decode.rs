//! Decoding that handlers share. Every step gives its problems as a list, so that all steps run
//! and the caller is told of all problems at once.

use crate::http::problem::Rejection;
use crate::http::request::Request;
use crate::idempotency::{Fingerprint, Idempotency, RecordId};
use users_contract::{Operation, RequestHeader, header, limits};
use users_domain::{IdempotencyKey, Precondition, UserId, Violation, parse_entity_tags};

/// What a decoding step gives.
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

/// The body of an operation that has one, after its size and its content type were judged.
pub(super) fn body<'a>(request: &'a Request, operation: &Operation) -> Result<&'a [u8], Rejection> {
    let body = request.body();
    if body.len() > limits::BODY_MAX_BYTES {
        return Err(Rejection::PayloadTooLarge);
    }
    let accepted = operation.request.map_or(&[][..], |body| body.content_types);
    let declared = request.header("content-type");
    match declared.as_slice() {
        [one] if is_json(one, accepted) => Ok(body),
        _ => Err(Rejection::UnsupportedMediaType),
    }
}

/// Whether a `Content-Type` is one of `accepted`, in UTF-8.
fn is_json(value: &[u8], accepted: &[&str]) -> bool {
    let Ok(value) = std::str::from_utf8(value) else {
        return false;
    };
    let mut parts = value.split(';');
    let media_type = parts.next().unwrap_or_default().trim();
    let utf8 = parts.all(|parameter| match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            let value = value.trim();
            let bare = value.strip_prefix('"').and_then(|it| it.strip_suffix('"')).unwrap_or(value);
            bare.eq_ignore_ascii_case("utf-8") || bare.eq_ignore_ascii_case("utf8")
        }
        // Other parameters mean nothing to JSON (RFC 8259), and an empty one is a stray `;`.
        Some(_) => true,
        None => parameter.trim().is_empty(),
    });
    utf8 && accepted.iter().any(|accepted| media_type.eq_ignore_ascii_case(accepted))
}

/// The headers of a write.
pub(super) struct WriteHeaders {
    pub(super) key: Option<IdempotencyKey>,
    pub(super) precondition: Option<Precondition>,
}

/// Reads the headers of a write; `If-Match` only where the operation acts on it.
pub(super) fn write_headers(request: &Request, operation: &Operation) -> Decoded<WriteHeaders> {
    let key = IdempotencyKey::parse_all(&request.header(header::IDEMPOTENCY_KEY));
    let precondition = if operation.takes(RequestHeader::IfMatch) {
        parse_entity_tags(header::IF_MATCH, &request.header(header::IF_MATCH))
    } else {
        Ok(None)
    };
    let (key, precondition) =
        both(key.map_err(|it| vec![it]), precondition.map_err(|it| vec![it]))?;
    Ok(WriteHeaders { key, precondition })
}

impl WriteHeaders {
    /// The idempotency of the request, when it has a key. `canonical_body` is empty for a request
    /// whose body does not count.
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
        let precondition =
            self.precondition.as_ref().map(Precondition::canonical).unwrap_or_default();
        Some(Idempotency {
            id: RecordId::new(&request.principal, operation.id, &path, key),
            fingerprint: Fingerprint::new(canonical_body, &precondition),
        })
    }
}

/// The user that the path names; `None` when the text is no id.
pub(super) fn user_id(request: &Request) -> Option<UserId> {
    UserId::parse(&request.path_parameter("userId")?)
}

#[cfg(test)]
mod tests {
    use super::is_json;

    #[test]
    fn content_types() {
        const ACCEPTED: &[&str] = &["application/json", "application/merge-patch+json"];
        let cases = [
            ("application/json", true),
            ("APPLICATION/JSON", true),
            ("application/json; charset=utf-8", true),
            ("application/json;charset=\"UTF-8\"", true),
            ("application/json;", true),
            ("application/json; profile=x", true),
            ("application/merge-patch+json", true),
            ("application/json; charset=iso-8859-1", false),
            ("application/json; charset", false),
            ("application/jsonx", false),
            ("text/plain", false),
            ("", false),
        ];
        for (value, expected) in cases {
            assert_eq!(is_json(value.as_bytes(), ACCEPTED), expected, "{value}");
        }
        assert!(!is_json(b"application/merge-patch+json", &["application/json"]));
        assert!(!is_json(b"\xff", ACCEPTED));
    }
}
