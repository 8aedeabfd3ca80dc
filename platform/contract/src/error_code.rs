//! The catalogue of errors: one row per code, read by the handlers, the gateway responses of the
//! template and the OpenAPI document.

use std::fmt;

/// The stable name of an error, the `code` of a problem document.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ErrorCode {
    /// The request breaks a rule; `errors` says which.
    InvalidRequest,
    /// The cursor was altered, or belongs to another list.
    InvalidCursor,
    /// No valid signature.
    NotAuthenticated,
    /// A valid signature whose caller may not make this call.
    AccessDenied,
    /// No user has this id.
    UserNotFound,
    /// The user does not have this role.
    RoleNotAssigned,
    /// No operation has this path.
    RouteNotFound,
    /// The path exists, with other methods.
    MethodNotAllowed,
    /// Another user that is not deleted has this address.
    EmailAlreadyRegistered,
    /// The status cannot change this way.
    InvalidStatusTransition,
    /// The user is deleted, and deleted users do not change.
    UserDeleted,
    /// The user already has the maximum number of roles.
    TooManyRoles,
    /// The twin of this request, with the same idempotency key, is still being decided.
    RequestInProgress,
    /// Other writes to the same user won every time this one was tried.
    ConcurrentModification,
    /// The user is at a version that `If-Match` or `If-None-Match` rules out.
    VersionMismatch,
    /// The body is over 64 KiB.
    PayloadTooLarge,
    /// The body is not declared to be JSON.
    UnsupportedMediaType,
    /// The idempotency key was used for another request.
    IdempotencyKeyReused,
    /// The caller is over the rate limit.
    TooManyRequests,
    /// Request line and headers are over 10,240 bytes.
    HeadersTooLarge,
    /// Something failed that the caller cannot mend.
    InternalError,
    /// Something is down or overloaded; the same call may succeed later.
    ServiceUnavailable,
}

impl ErrorCode {
    /// Every code, in the order of the contract's table.
    pub const ALL: &'static [Self] = &[
        Self::InvalidRequest,
        Self::InvalidCursor,
        Self::NotAuthenticated,
        Self::AccessDenied,
        Self::UserNotFound,
        Self::RoleNotAssigned,
        Self::RouteNotFound,
        Self::MethodNotAllowed,
        Self::EmailAlreadyRegistered,
        Self::InvalidStatusTransition,
        Self::UserDeleted,
        Self::TooManyRoles,
        Self::RequestInProgress,
        Self::ConcurrentModification,
        Self::VersionMismatch,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::IdempotencyKeyReused,
        Self::TooManyRequests,
        Self::HeadersTooLarge,
        Self::InternalError,
        Self::ServiceUnavailable,
    ];

    /// The code as it stands in a problem document.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid-request",
            Self::InvalidCursor => "invalid-cursor",
            Self::NotAuthenticated => "not-authenticated",
            Self::AccessDenied => "access-denied",
            Self::UserNotFound => "user-not-found",
            Self::RoleNotAssigned => "role-not-assigned",
            Self::RouteNotFound => "route-not-found",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::EmailAlreadyRegistered => "email-already-registered",
            Self::InvalidStatusTransition => "invalid-status-transition",
            Self::UserDeleted => "user-deleted",
            Self::TooManyRoles => "too-many-roles",
            Self::RequestInProgress => "request-in-progress",
            Self::ConcurrentModification => "concurrent-modification",
            Self::VersionMismatch => "version-mismatch",
            Self::PayloadTooLarge => "payload-too-large",
            Self::UnsupportedMediaType => "unsupported-media-type",
            Self::IdempotencyKeyReused => "idempotency-key-reused",
            Self::TooManyRequests => "too-many-requests",
            Self::HeadersTooLarge => "headers-too-large",
            Self::InternalError => "internal-error",
            Self::ServiceUnavailable => "service-unavailable",
        }
    }

    /// The `type` of a problem document: a name, not an address to fetch.
    #[must_use]
    pub fn urn(self) -> String {
        format!("urn:problem:users:{}", self.as_str())
    }

    /// The HTTP status code.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::InvalidRequest | Self::InvalidCursor => 400,
            Self::NotAuthenticated | Self::AccessDenied => 403,
            Self::UserNotFound | Self::RoleNotAssigned | Self::RouteNotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::EmailAlreadyRegistered
            | Self::InvalidStatusTransition
            | Self::UserDeleted
            | Self::TooManyRoles
            | Self::RequestInProgress
            | Self::ConcurrentModification => 409,
            Self::VersionMismatch => 412,
            Self::PayloadTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::IdempotencyKeyReused => 422,
            Self::TooManyRequests => 429,
            Self::HeadersTooLarge => 431,
            Self::InternalError => 500,
            Self::ServiceUnavailable => 503,
        }
    }

    /// The `title` of a problem document: the same words at every occurrence.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::InvalidRequest => "The request is not valid",
            Self::InvalidCursor => "The cursor is not valid",
            Self::NotAuthenticated => "The request is not authenticated",
            Self::AccessDenied => "The caller may not do this",
            Self::UserNotFound => "There is no such user",
            Self::RoleNotAssigned => "The user does not have this role",
            Self::RouteNotFound => "There is no such path",
            Self::MethodNotAllowed => "The path does not take this method",
            Self::EmailAlreadyRegistered => "The email address is already registered",
            Self::InvalidStatusTransition => "The status cannot change this way",
            Self::UserDeleted => "The user is deleted",
            Self::TooManyRoles => "The user has too many roles",
            Self::RequestInProgress => "The same request is still being decided",
            Self::ConcurrentModification => "The user is being changed by others",
            Self::VersionMismatch => "The user is at another version",
            Self::PayloadTooLarge => "The body is too large",
            Self::UnsupportedMediaType => "The content type is not supported",
            Self::IdempotencyKeyReused => "The idempotency key belongs to another request",
            Self::TooManyRequests => "Too many requests",
            Self::HeadersTooLarge => "The headers are too large",
            Self::InternalError => "Internal error",
            Self::ServiceUnavailable => "Service unavailable",
        }
    }

    /// The default `detail`: what the caller can do.
    #[must_use]
    pub fn default_detail(self) -> &'static str {
        match self {
            Self::InvalidRequest => "The request breaks a rule of the contract",
            Self::InvalidCursor => {
                "The cursor was altered or belongs to another list; start again without it"
            }
            Self::NotAuthenticated => {
                "Sign the request with AWS Signature Version 4 for the service execute-api"
            }
            Self::AccessDenied => {
                "The caller's policies do not allow execute-api:Invoke on this method and path"
            }
            Self::UserNotFound => "No user has this id",
            Self::RoleNotAssigned => "The user does not have this role",
            Self::RouteNotFound => "No operation has this path",
            Self::MethodNotAllowed => "The Allow header lists the methods of this path",
            Self::EmailAlreadyRegistered => {
                "Another user that is not deleted has this email address"
            }
            Self::InvalidStatusTransition => "A deleted user never gets another status",
            Self::UserDeleted => "A deleted user can be read but not changed",
            Self::TooManyRoles => "A user has at most 50 roles; remove one first",
            Self::RequestInProgress => {
                "A request with the same idempotency key is still being decided; retry it unchanged"
            }
            Self::ConcurrentModification => {
                "Other changes to the same user came first every time; try again"
            }
            Self::VersionMismatch => {
                "The user is at a version that If-Match or If-None-Match rules out; read it again \
                 and use its current ETag"
            }
            Self::PayloadTooLarge => "A body has at most 65536 bytes",
            Self::UnsupportedMediaType => {
                "Send JSON in UTF-8, not compressed, with Content-Type: application/json"
            }
            Self::IdempotencyKeyReused => {
                "Use a new idempotency key for a new request, or repeat the first request unchanged"
            }
            Self::TooManyRequests => "Slow down and try again",
            Self::HeadersTooLarge => {
                "Request line and headers have at most 10240 bytes together; send fewer or shorter ones"
            }
            Self::InternalError => "The request could not be handled",
            Self::ServiceUnavailable => "The service cannot answer right now; try again",
        }
    }

    /// Seconds to name in `Retry-After`, for the codes that carry it.
    #[must_use]
    pub fn retry_after_seconds(self) -> Option<u32> {
        match self {
            Self::RequestInProgress | Self::TooManyRequests | Self::ServiceUnavailable => Some(1),
            Self::InvalidRequest
            | Self::InvalidCursor
            | Self::NotAuthenticated
            | Self::AccessDenied
            | Self::UserNotFound
            | Self::RoleNotAssigned
            | Self::RouteNotFound
            | Self::MethodNotAllowed
            | Self::EmailAlreadyRegistered
            | Self::InvalidStatusTransition
            | Self::UserDeleted
            | Self::TooManyRoles
            | Self::ConcurrentModification
            | Self::VersionMismatch
            | Self::PayloadTooLarge
            | Self::UnsupportedMediaType
            | Self::IdempotencyKeyReused
            | Self::HeadersTooLarge
            | Self::InternalError => None,
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::ErrorCode;
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_distinct_and_kebab_case() {
        let names: BTreeSet<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), ErrorCode::ALL.len());
        for name in names {
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{name}");
        }
    }

    #[test]
    fn throttling_and_unavailability_say_when_to_retry() {
        for code in ErrorCode::ALL {
            if matches!(code.status(), 429 | 503) {
                assert!(code.retry_after_seconds().is_some(), "{code}");
            }
        }
    }
}
