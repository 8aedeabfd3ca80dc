//! The use cases: each operation in the order of checks that the contract promises.
//!
//! A use case knows no headers and no keys. It takes decoded values, asks the store, lets the pure
//! rules of `users-domain` decide, and returns a user, a page or an [`Error`](crate::Error).

mod list_users;
mod operations;
mod page;
mod query_audit;
mod service;
mod write;

pub use list_users::UserPage;
pub use operations::Profile;
pub use query_audit::AuditPage;
pub use service::Service;
pub use write::{WriteRequest, Written};
