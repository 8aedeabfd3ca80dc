//! A client of the REST API: signs calls with SigV4, sends them and returns the responses.
//!
//! The black-box tests and `cargo xtask call` use it. The tests must also send invalid calls, so a
//! call can be left unsigned, signed with a wrong secret, region, service or time, presigned in its
//! query, and altered after it was signed.
//!
//! [`Call::send`] sends once. [`Call::send_retrying`] retries as real clients do, always with the
//! same idempotency key. [`Target`] and [`Header`] parse what a person types.

mod call;
mod client;
mod error;
mod response;
mod retry;
mod sign;
mod transport;
mod typed;

pub use aws_credential_types::Credentials;
pub use call::Call;
pub use client::Client;
pub use error::ClientError;
pub use response::Response;
pub use retry::{Outcome, RetryPolicy};
pub use sign::Signing;
pub use typed::{Header, Target, TypedError};
