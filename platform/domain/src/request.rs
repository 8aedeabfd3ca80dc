//! The bodies of the writes, decoded strictly: unknown, immutable, missing, mistyped and invalid
//! members are all reported at once, each by its JSON Pointer.

mod assign_role;
mod members;
mod register_user;
mod set_status;
mod user_patch;

pub use assign_role::AssignRole;
pub use register_user::RegisterUser;
pub use set_status::SetStatus;
pub use user_patch::{AttributesPatch, UserPatch};

use crate::{Document, Violation};

/// A request that has a JSON body.
pub trait Decode: Sized {
    /// Reads the request from its body.
    ///
    /// # Errors
    ///
    /// Every rule that the body breaks, in the order of the pointers.
    fn decode(document: &Document) -> Result<Self, Vec<Violation>>;
}

#[cfg(test)]
mod tests;
