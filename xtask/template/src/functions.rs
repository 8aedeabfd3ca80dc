//! The functions of the template.

use users_contract::{OPERATIONS, RELAY};

/// The names of all functions, in kebab case: those of the operations, then the relay.
pub fn functions() -> impl Iterator<Item = &'static str> {
    OPERATIONS.iter().map(|operation| operation.function).chain([RELAY.function])
}
