//! The bodies of the writes, decoded strictly: unknown, immutable, missing, mistyped and invalid
//! members are all reported at once, each by its JSON Pointer.

mod assign_role;
mod decode;
mod members;
mod register_user;
mod set_status;
mod user_patch;

pub use assign_role::AssignRole;
pub use decode::{Decode, decode_body};
pub use register_user::RegisterUser;
pub use set_status::SetStatus;
pub use user_patch::{AttributesPatch, UserPatch};

#[cfg(test)]
mod tests;
