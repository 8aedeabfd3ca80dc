//! Callers: verifies AWS Signature Version 4, in the header or as a presigned query, for the API and
//! for the AWS services that functions call.
//!
//! A request is judged in two steps. [`Verifier::admit`] judges the head alone: the claim, its
//! scope, its time, and whether the key is known. Only then is the body read, and
//! [`Admitted::verify`](verifier::Admitted::verify) compares the signature, in constant time.

mod canonical;
mod claim;
mod head;
mod keyring;
mod policy;
mod verifier;

pub(crate) use head::{Refusal, SignedHead};
pub(crate) use keyring::Keyring;
pub use policy::Principal;
pub(crate) use policy::Principals;
pub(crate) use verifier::Verifier;

#[cfg(test)]
mod tests;
