//! The service behind the functions: use cases, store, events and the HTTP edge.
//!
//! A request goes handler (decode) → use case (rules) → store (one DynamoDB call) → handler
//! (encode). Only [`http`] knows statuses and headers, only [`use_case`] knows the order of checks,
//! and only [`store`] knows keys and expressions. The types and the pure rules are in
//! `users-domain`, the promises to callers in `users-contract`. [`telemetry`] reports each
//! invocation.

mod aws;
mod clock;
mod config;
mod cursor;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod http;
mod idempotency;
mod lambda;
pub mod relay;
pub mod store;
pub mod telemetry;
#[cfg(test)]
mod testing;
pub mod use_case;
mod wire;

pub use clock::{Clock, Entropy, SystemClock, SystemEntropy};
pub use config::{
    AwsConfig, ConfigError, Environment, RelayConfig, ServiceConfig, Shards, TelemetryConfig,
};
pub use cursor::{Binding, Cursor};
pub use error::{Cause, Error};
pub use idempotency::{Answer, Fingerprint, Idempotency, Principal, Record, RecordId};
