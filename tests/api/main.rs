//! The REST contract, topic by topic. Needs nothing but the API: see the crate's documentation.

#![expect(clippy::unwrap_used, reason = "a test fails where it finds what it does not expect")]

mod assign_role;
mod audit;
mod audit_query;
mod authentication;
mod concurrency;
mod cors;
mod cursors;
mod email_field;
mod email_identity;
mod headers;
mod idempotency;
mod idempotency_keys;
mod json;
mod lists;
mod media_types;
mod paging;
mod precedence;
mod preconditions;
mod problems;
mod profile;
mod register;
mod remove_role;
mod routes;
mod set_status;
mod strictness;
mod text_fields;
mod update;
