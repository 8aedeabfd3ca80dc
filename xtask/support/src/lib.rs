//! What every program below `xtask` needs: a process that ends with the one that started it
//! ([`tied`]), folders that are removed ([`Scratch`]), output that survives a reader that goes away
//! ([`println!`] and its siblings), readable log lines ([`log_line`]), and the project's folder and
//! cargo ([`project`]).

pub mod log_line;
pub mod output;
pub mod project;
mod scratch;
pub mod tied;

pub use scratch::Scratch;
