//! The eight handlers: what of a request goes to which use case, and how its result is encoded.

mod decode;
mod reads;
mod writes;

pub use reads::{GetUser, ListUsers, QueryAudit};
pub use writes::{AssignRole, RegisterUser, RemoveRole, SetStatus, UpdateUser};
