//! Results of commands that query a running stack: lines on standard output.

use anyhow::{Context, Result};
use std::io::{ErrorKind, Write};
use std::ops::ControlFlow;

/// Prints a line, with colours on terminals that have them; breaks when the reader has gone, like
/// `head`.
pub(crate) fn line(text: &str) -> Result<ControlFlow<()>> {
    let mut stream = anstream::stdout().lock();
    match writeln!(stream, "{text}").and_then(|()| stream.flush()) {
        Ok(()) => Ok(ControlFlow::Continue(())),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
        Err(error) => Err(error).context("cannot write to standard output"),
    }
}

/// JSON in one line, without characters that control a terminal.
pub(crate) fn json(value: &serde_json::Value) -> Result<String> {
    let text = serde_json::to_string(value).context("cannot write JSON")?;
    Ok(users_support::log_line::escaped_json(&text).into_owned())
}

/// Runs a future on a runtime of this thread.
pub(crate) fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start an asynchronous runtime")?
        .block_on(future)
}
