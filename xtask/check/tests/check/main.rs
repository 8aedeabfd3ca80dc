//! The rules over whole templates, and the program around them.
#![expect(clippy::unwrap_used, reason = "a test fails where it finds what it does not expect")]

mod command;
mod mutations;
mod support;
