//! The life and death of the local stack: every test starts a stack of its own, and ends, kills or
//! damages it.
//!
//! `cargo xtask test-local` sets what these tests need besides the harness's variables:
//!
//! | variable | holds |
//! |---|---|
//! | `USERS_LOCAL_STACK` | the program `local-stack` |
//! | `USERS_LOCAL_FUNCTIONS` | the directory of the functions' binaries |
//! | `USERS_LOCAL_TEMPLATE` | the template to run |
//! | `USERS_XTASK` | the program behind `cargo xtask`, for the commands in README, walkthrough and runbook |
//!
//! Signals are the subject, so there is nothing here for systems that have none.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails where it finds what it does not expect")]

mod attack;
mod damage;
mod descriptors;
mod edge;
mod end;
mod files;
mod function_faults;
mod functions;
mod kill;
mod listeners;
mod load;
mod poison;
mod process;
mod readme;
mod refusals;
mod runbook;
mod settings;
mod telemetry;
#[cfg(target_os = "linux")]
mod tools;
mod walks;
