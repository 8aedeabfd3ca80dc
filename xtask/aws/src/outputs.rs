//! `outputs`: what a deployed stack shows to whoever deployed it.

use crate::session::{Session, StageArguments};
use crate::stack::{StackClient, outputs};
use crate::ui::{self, Output};
use anyhow::{Context, Result};
use std::process::ExitCode;

/// Arguments of `outputs`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    stage: StageArguments,
    /// Only the value of this output.
    name: Option<String>,
    /// `json` prints one line of JSON.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let session = Session::open(&arguments.stage).await?;
    let outputs = outputs(&StackClient::of(&session).get().await?);
    match &arguments.name {
        Some(name) => {
            let value = outputs.get(name).with_context(|| {
                let known = outputs.keys().cloned().collect::<Vec<_>>().join(", ");
                format!("{} has no output {name}; it has: {known}", session.stack)
            })?;
            match arguments.output {
                Output::Text => ui::result(value)?,
                Output::Json => ui::json(value)?,
            }
        }
        None => match arguments.output {
            Output::Text => {
                outputs
                    .iter()
                    .try_for_each(|(key, value)| ui::result(format_args!("{key} = {value}")))?;
            }
            Output::Json => ui::json(&outputs)?,
        },
    }
    Ok(ExitCode::SUCCESS)
}
