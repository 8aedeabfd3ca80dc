//! The rules over whole templates, and the program around them.

mod command;
mod mutations;
mod support;
