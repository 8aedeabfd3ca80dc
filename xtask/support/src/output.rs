//! Printing that never panics. The macros have the names of the standard library's, so that a
//! program takes them for all of its files at once: `#[macro_use] extern crate users_support;`.
//!
//! When the reader of a pipe has gone, the program ends without a word, as one does that a SIGPIPE
//! ends. Anything else that cannot be written is an error.

use std::fmt::Arguments;
use std::io::{ErrorKind, Result, Write};

/// The exit status that a shell gives a command that SIGPIPE ended.
const PIPE_CLOSED: i32 = 141;

/// What to print to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stream {
    /// Standard output, for results.
    Output,
    /// Standard error, for progress.
    Error,
}

/// Prints text, and ends the program when that is not possible.
pub fn print(stream: Stream, text: Arguments<'_>) {
    expect_written(stream, write(stream, text));
}

/// Ends the program when a write to a stream failed.
pub fn expect_written(stream: Stream, result: Result<()>) {
    let Err(error) = result else { return };
    if error.kind() == ErrorKind::BrokenPipe {
        std::process::exit(PIPE_CLOSED);
    }
    if stream == Stream::Output {
        // Nothing is left to try when this fails, too.
        let text = format_args!("error: cannot write to standard output: {error}\n");
        let _ = write(Stream::Error, text);
    }
    std::process::exit(1);
}

fn write(stream: Stream, text: Arguments<'_>) -> Result<()> {
    match stream {
        Stream::Output => {
            let mut output = std::io::stdout().lock();
            // At once: what is still in the buffer at the end of the program would be lost unseen.
            output.write_fmt(text).and_then(|()| output.flush())
        }
        Stream::Error => std::io::stderr().lock().write_fmt(text),
    }
}

/// Prints to standard output.
#[macro_export]
macro_rules! print {
    ($($text:tt)*) => {
        $crate::output::print($crate::output::Stream::Output, ::std::format_args!($($text)*))
    };
}

/// Prints a line to standard output.
#[macro_export]
macro_rules! println {
    () => { $crate::print!("\n") };
    ($($text:tt)*) => {
        $crate::output::print(
            $crate::output::Stream::Output,
            ::std::format_args!("{}\n", ::std::format_args!($($text)*)),
        )
    };
}

/// Prints to standard error.
#[macro_export]
macro_rules! eprint {
    ($($text:tt)*) => {
        $crate::output::print($crate::output::Stream::Error, ::std::format_args!($($text)*))
    };
}

/// Prints a line to standard error.
#[macro_export]
macro_rules! eprintln {
    () => { $crate::eprint!("\n") };
    ($($text:tt)*) => {
        $crate::output::print(
            $crate::output::Stream::Error,
            ::std::format_args!("{}\n", ::std::format_args!($($text)*)),
        )
    };
}
