//! Emulators of AWS: which one answers at an address, where it serves a REST API, and its known
//! faults.
//!
//! The program of this package, behind `cargo xtask test-local --endpoint-url`, deploys to one of
//! them and tests there. Nothing here needs the AWS SDK, which takes minutes to compile.

pub mod facts;
mod recognise;

pub use recognise::{Emulator, Kind, USUAL_ENDPOINT, recognise};
