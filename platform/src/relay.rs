//! The relay: audit entries from the table's stream to the bus, in order per user, at least once.
//!
//! The stream delivers the changes of one user in order and repeats a batch from the first record
//! that is reported as failed. To keep that order on the bus, a call to `PutEvents` never carries
//! two entries of the same user, since it may take the second and refuse the first; and after a
//! failure nothing more is sent.
//!
//! An entry for which retries are futile goes to the dead letters, with its user and version, and
//! the batch goes on: one that cannot be read, that is too large, or that the bus refuses for its
//! content. `cargo xtask redeliver` invokes the relay with it again, as a record of another source.
//!
//! A record carries the tracing header of the request that made the change. The relay adds a segment
//! to that trace and passes a header of it on with the event.

mod batch;
mod call;
pub(crate) mod dead_letters;
mod publish;
mod report;

pub use batch::Undeliverable;
pub use dead_letters::DeadLetters;
pub use publish::{Relay, RelayResponse, serve};

#[cfg(test)]
pub(crate) mod tests;
