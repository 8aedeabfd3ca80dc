//! Structural tests of the generated documents: what must hold whatever the contract's table says.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

mod committed;
mod deployment;
mod functions;
mod gateway;
mod openapi;
mod references;
mod support;
