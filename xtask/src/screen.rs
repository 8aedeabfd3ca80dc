//! Results of commands that look: lines on standard output.

use anyhow::{Context, Result};
use std::io::{ErrorKind, Write};
use std::ops::ControlFlow;

/// How a result is printed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum Output {
    /// For people.
    #[default]
    Text,
    /// JSON on standard output.
    Json,
}

/// Prints a line, with colours where they can be seen; breaks off when whoever reads has had
/// enough, like `head`.
pub(crate) fn line(text: &str) -> Result<ControlFlow<()>> {
    let mut stream = anstream::stdout().lock();
    match writeln!(stream, "{text}").and_then(|()| stream.flush()) {
        Ok(()) => Ok(ControlFlow::Continue(())),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
        Err(error) => Err(error).context("cannot write to standard output"),
    }
}

/// JSON in one line that a terminal shows as it is.
pub(crate) fn json(value: &serde_json::Value) -> Result<String> {
    let text = serde_json::to_string(value).context("cannot write JSON")?;
    Ok(users_support::log_line::escaped_json(&text).into_owned())
}

/// Runs something that asks a stack.
pub(crate) fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start an asynchronous runtime")?
        .block_on(future)
}
