//! Structural tests of the generated documents: what must hold whatever the contract's table says.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

mod alarms;
mod committed;
mod deployment;
mod functions;
mod gateway;
mod metrics;
mod openapi;
mod options;
mod publication;
mod references;
mod rollout;
mod support;
