//! The domain of user management: types that can only hold valid values, strict decoding of requests,
//! and the pure rules that turn one state of a user into the next.
//!
//! Nothing here reads a clock, a random source, the environment or the network, and nothing knows
//! of AWS or of HTTP status codes. A request comes in as bytes, pairs of query parameters and
//! header values, and leaves as typed values or as a list of every [`Violation`] it commits. Stored
//! values come back through constructors named `from_stored`, which check nothing.
//!
//! Invariants that the rest of the service builds on:
//! - a change makes exactly one version and exactly one [`AuditEntry`], at a time strictly after
//!   that of the version before, so that the ids of a user's entries sort in order of versions;
//! - a request that changes nothing makes neither;
//! - no personal value appears in `Debug` output, in the text of a violation or in an error.

mod audit;
mod body;
mod email;
mod header;
mod id;
mod problem;
pub mod query;
pub mod request;
pub mod rules;
mod text;
mod time;
mod user;

#[cfg(test)]
mod debug_tests;
#[cfg(test)]
mod fixtures;

pub use audit::{Action, Actor, AuditEntry, Change, ChangeValue, UserAgent};
pub use body::Document;
pub use email::{Email, EmailKey};
pub use header::{
    CorrelationId, EntityTag, IdempotencyKey, Judgement, MediaType, Precondition, Preconditions,
    is_unencoded, parse_entity_tags,
};
pub use id::{EventId, UserId};
pub use problem::{Place, Rule, Violation};
pub use request::decode_body;
pub use rules::{
    Context, Decision, Refusal, Transition, assign_role, register, remove_role, set_status, update,
};
pub use text::{AttributeKey, AttributeValue, Attributes, ProfileText, ProfileTexts, Reason, Role};
pub use time::{Timestamp, parse_bound};
pub use user::{Status, User, Version};
