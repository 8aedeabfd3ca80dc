//! Printing that never panics. The macros have the names of the standard library's, so that
//! `#[macro_use] extern crate users_support;` replaces them in all files of a program.
//!
//! If the reader of a pipe is gone, the program ends silently, as SIGPIPE would end it. Any other
//! failed write is an error.

use std::fmt::Arguments;
use std::io::{ErrorKind, Result, Write};

/// The exit status that a shell reports for a command that SIGPIPE ended.
const PIPE_CLOSED: i32 = 141;

/// A standard stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stream {
    /// Standard output, for results.
    Output,
    /// Standard error, for progress.
    Error,
}

/// Prints text. Ends the program if that fails.
pub fn print(stream: Stream, text: Arguments<'_>) {
    expect_written(stream, write(stream, text));
}

/// Ends the program if a write to a stream failed.
pub fn expect_written(stream: Stream, result: Result<()>) {
    let Err(error) = result else { return };
    if error.kind() == ErrorKind::BrokenPipe {
        std::process::exit(PIPE_CLOSED);
    }
    if stream == Stream::Output {
        // If this fails too, there is nowhere to report it.
        let text = format_args!("error: cannot write to standard output: {error}\n");
        let _ = write(Stream::Error, text);
    }
    std::process::exit(1);
}

fn write(stream: Stream, text: Arguments<'_>) -> Result<()> {
    match stream {
        Stream::Output => {
            let mut output = std::io::stdout().lock();
            // The buffer could not report a failure at the end of the program, so flush now.
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
