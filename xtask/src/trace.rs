//! `cargo xtask trace CORRELATION_ID`: the traces, items, events and log lines of a call to the local
//! stack.

mod render;

use crate::running::running;
use crate::screen;
use anyhow::{Result, bail};
use xtask_cli::Output;
use xtask_cli::aws::Address;

/// Arguments of `trace`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The stack keeps the last 2000 requests, 1000 trace documents and 5000 log lines since its start; \
audit entries and events are in its data.

For a deployed stage: `cargo xtask logs --stage NAME --correlation-id ID`, and in X-Ray \
`annotation.correlation_id = \"ID\"`.")]
pub(crate) struct Arguments {
    /// The `X-Correlation-Id` of the call, from the request or the response.
    #[arg(value_parser = xtask_cli::correlation_id)]
    correlation_id: String,
    /// The local stack; traces of deployed stages are in X-Ray.
    #[arg(long, default_value = "local", value_parser = ["local"])]
    stage: String,
    /// `json` prints everything as one JSON document.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    address: Address,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let running = running(&arguments.address)?;
    let path = format!("/calls/{}", arguments.correlation_id);
    let found = screen::block_on(running.get(&path, &[]))?;
    let empty = |name: &str| found[name].as_array().is_none_or(Vec::is_empty);
    if ["requests", "traces", "logs", "events", "items"].into_iter().all(empty) {
        bail!(
            "no trace of {}; the stack keeps the last 2000 requests since its start",
            arguments.correlation_id
        );
    }
    let text = match arguments.output {
        Output::Text => render::text(&found),
        Output::Json => screen::json(&found)?,
    };
    screen::line(&text).map(drop)
}
