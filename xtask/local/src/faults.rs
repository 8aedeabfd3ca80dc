//! Faults for tests.
//!
//! Some affect every call: a bus that refuses, a slow database ([`FaultSettings`]). Others affect one
//! place in an invocation: a call of AWS, the delivery of the event, the response, the delivery of a
//! batch. They are random, with a seed, or placed in one invocation ([`Placement`]), so that tests
//! can go through all places in turn. Faults that happened are counted. Without any fault,
//! invocations are not watched.

mod inject;
mod invocation;
mod kind;
mod registry;
mod settings;

pub(crate) use inject::{around, gone, kill_the_stack};
pub(crate) use invocation::{Invocation, Placement};
pub(crate) use kind::{Fault, Place};
pub(crate) use registry::Faults;
pub(crate) use settings::{BusFault, FaultSettings};

#[cfg(test)]
mod tests;
