//! The eight handlers: each decodes a request, calls a use case and encodes its result.

mod decode;
mod reads;
mod writes;

pub use reads::{GetUser, ListUsers, QueryAudit};
pub use writes::{AssignRole, RegisterUser, RemoveRole, SetStatus, UpdateUser};
