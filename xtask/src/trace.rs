//! `cargo xtask trace CORRELATION_ID`: what a call has left behind in the local stack, in the
//! terminal.

mod render;

use crate::running::Address;
use crate::screen;
use anyhow::{Result, bail};
use std::process::ExitCode;

/// Arguments of `trace`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The stack keeps the last 2000 requests, 1000 trace documents and 5000 log lines since it was started; \
audit entries and events are in its data.

For a deployed stage: `cargo xtask logs --stage NAME --correlation-id ID`, and in X-Ray \
`annotation.correlation_id = \"ID\"`.")]
pub(crate) struct Arguments {
    /// The `X-Correlation-Id` of the call: the one that was sent, or the one that was answered.
    #[arg(value_parser = correlation_id)]
    correlation_id: String,
    /// The local stack; traces of deployed stages are in X-Ray.
    #[arg(long, default_value = "local", value_parser = ["local"])]
    stage: String,
    /// `json` prints everything as one JSON document.
    #[arg(long, value_enum, default_value_t)]
    output: screen::Output,
    #[command(flatten)]
    address: Address,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let running = arguments.address.running()?;
    let path = format!("/calls/{}", arguments.correlation_id);
    let found = screen::block_on(running.get(&path, &[]))?;
    let empty = |name: &str| found[name].as_array().is_none_or(Vec::is_empty);
    if ["requests", "traces", "logs", "events", "items"].into_iter().all(empty) {
        bail!(
            "nothing is known of {}; the stack keeps the last 2000 requests since its start",
            arguments.correlation_id
        );
    }
    let text = match arguments.output {
        screen::Output::Text => render::text(&found),
        screen::Output::Json => screen::json(&found)?,
    };
    // A reader that had enough is no failure.
    let _ = screen::line(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Text that can be a correlation id, and so a segment of a path as it is.
fn correlation_id(text: &str) -> Result<String, String> {
    use users_contract::limits::CORRELATION_ID_MAX_BYTES;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let fits = (1..=CORRELATION_ID_MAX_BYTES).contains(&text.len());
    match fits && text.bytes().all(allowed) {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "a correlation id is 1 to {CORRELATION_ID_MAX_BYTES} letters, digits, dots, \
             underscores and hyphens"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::correlation_id;

    #[test]
    fn a_correlation_id_is_what_the_contract_takes() {
        assert_eq!(correlation_id("checkout-42").as_deref(), Ok("checkout-42"));
        for text in ["", "a b", "a/b", &"x".repeat(65)] {
            assert!(correlation_id(text).unwrap_err().contains("1 to 64 letters"), "{text}");
        }
    }
}
