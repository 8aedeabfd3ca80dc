//! Runs the program in an environment of the test, with a server of the test in place of AWS.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

mod operate;
mod resolve;
mod server;
