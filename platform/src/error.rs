//! Why an operation failed, without a word of HTTP. `http/problem.rs` turns it into an answer.

use std::fmt;
use users_domain::{Refusal, Violation};

/// What went wrong underneath: for the log, never for the caller.
///
/// It has no text of the request in it. The messages of AWS services are left out on purpose,
/// since they may quote the keys and values that they were sent.
#[derive(Debug, thiserror::Error)]
#[error("{call} failed: {what}{}", Shown(.request_id.as_deref()))]
pub struct Cause {
    /// The AWS call, or the step of our own.
    pub call: &'static str,
    /// The error code, or the kind of failure.
    pub what: String,
    /// The AWS request id, to give to AWS support.
    pub request_id: Option<String>,
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
    /// The status machine has no such step.
    #[error("the status cannot change this way")]
    InvalidStatusTransition,
    /// Deleted users do not change.
    #[error("the user is deleted")]
    UserDeleted,
    /// The user has as many roles as a user can have.
    #[error("the user has too many roles")]
    TooManyRoles,
    /// The user is not at the version that the caller expects.
    #[error("the user is at another version")]
    VersionMismatch,
    /// The idempotency key was used for another request.
    #[error("the idempotency key belongs to another request")]
    IdempotencyKeyReused,
    /// A twin with the same idempotency key is being decided.
    #[error("the same request is still being decided")]
    RequestInProgress,
    /// Other writes won every time.
    #[error("the user is being changed by others")]
    ConcurrentModification,
    /// A service underneath did not answer, or asked to be left alone for a while.
    #[error("a service underneath is unavailable")]
    Unavailable(#[source] Cause),
    /// A fault of ours: a permission, a missing table, an item that cannot be read.
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
