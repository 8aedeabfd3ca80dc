//! Why an operation failed, in no terms of HTTP. `http/problem.rs` turns it into an answer.

use std::fmt;
use users_domain::{Refusal, Violation};

/// The cause of a failure: for the log, never for the caller.
///
/// It holds no text of the request. The messages of AWS services are left out on purpose, since
/// they may quote keys and values of the request.
#[derive(Debug, thiserror::Error)]
#[error("{call} failed: {what}{}", Shown(.request_id.as_deref()))]
pub struct Cause {
    /// The AWS call (`dynamodb:GetItem`), or a step of this service.
    pub call: &'static str,
    /// The error code, or the kind of failure.
    pub what: String,
    /// The AWS request id, to give to AWS support.
    pub request_id: Option<String>,
}

impl Cause {
    /// A cause without a request id.
    pub(crate) fn new(call: &'static str, what: impl Into<String>) -> Self {
        Self { call, what: what.into(), request_id: None }
    }
}

struct Shown<'a>(Option<&'a str>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(request_id) => write!(formatter, " (request id {request_id})"),
            None => Ok(()),
        }
    }
}

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request breaks rules of the contract, all of them named.
    #[error("the request is not valid")]
    Invalid(Vec<Violation>),
    /// The cursor was altered or belongs to another list.
    #[error("the cursor is not valid")]
    InvalidCursor,
    /// No user has the id.
    #[error("there is no such user")]
    UserNotFound,
    /// The user does not have the role.
    #[error("the user does not have the role")]
    RoleNotAssigned,
    /// Another live user has the address.
    #[error("the email address is already registered")]
    EmailAlreadyRegistered,
    /// The status cannot change this way.
    #[error("the status cannot change this way")]
    InvalidStatusTransition,
    /// Deleted users do not change.
    #[error("the user is deleted")]
    UserDeleted,
    /// The user already has the maximum number of roles.
    #[error("the user has too many roles")]
    TooManyRoles,
    /// The user is not at the version that the caller expects.
    #[error("the user is at another version")]
    VersionMismatch,
    /// The idempotency key was used for another request.
    #[error("the idempotency key belongs to another request")]
    IdempotencyKeyReused,
    /// The same request, by its idempotency key, is still being decided.
    #[error("the same request is still being decided")]
    RequestInProgress,
    /// Concurrent writers won every attempt.
    #[error("the user is being changed by others")]
    ConcurrentModification,
    /// An AWS service did not answer, or answered with a temporary error.
    #[error("a service underneath is unavailable")]
    Unavailable(#[source] Cause),
    /// A fault of this service: a missing permission or table, an item that cannot be read.
    #[error("internal error")]
    Internal(#[source] Cause),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::UserDeleted => Self::UserDeleted,
            Refusal::InvalidStatusTransition => Self::InvalidStatusTransition,
            Refusal::TooManyRoles => Self::TooManyRoles,
            Refusal::RoleNotAssigned => Self::RoleNotAssigned,
            Refusal::Invalid(violations) => Self::Invalid(violations),
        }
    }
}

/// An error and its sources, in one line.
pub(crate) fn chain(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
