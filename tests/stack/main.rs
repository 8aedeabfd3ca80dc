//! Effects that are visible only inside the local stack, and failures of its parts.
//!
//! The tests take turns ([`users_tests::control::Control::take_turn`]) and each ends with a check
//! of the invariants of the whole users table.

#![expect(clippy::unwrap_used, reason = "a test fails where it finds what it does not expect")]

mod conflicts;
mod crashes;
mod events;
mod refusals;
mod sequences;
mod traces;
mod users;
