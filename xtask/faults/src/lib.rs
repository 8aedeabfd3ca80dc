//! What clients of the service saw ([`history`]), and whether it can be true ([`checker`]).
//!
//! Nothing here is shared with the service: the checker has its own idea of the contract, so a
//! mistake in the code of the one is not a mistake in the other.

pub mod checker;
pub mod history;
