//! The life of a process: it ends with the one that started it ([`tied`]), leaves no folder behind
//! for ever ([`Scratch`]), and survives a reader that goes away ([`println!`] and its siblings).

pub mod output;
mod scratch;
pub mod tied;

pub use scratch::Scratch;
