//! Shared parts of the programs below `xtask`: child processes that end with their parent
//! ([`tied`]), folders that are removed ([`Scratch`]), output that never panics ([`println!`] and
//! its siblings), readable log lines ([`log_line`]), and the project's root and cargo
//! ([`project`]).

pub mod log_line;
pub mod output;
pub mod project;
mod scratch;
pub mod tied;

pub use scratch::Scratch;
