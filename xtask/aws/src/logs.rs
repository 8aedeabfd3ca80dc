//! `logs`: the log lines of all functions and of the API, merged by time.

mod follow;
mod print;
mod read;
mod select;
mod since;
mod trace;

use crate::session::Session;
use crate::stack::{self, StackClient};
use crate::ui;
use anyhow::{Result, bail};
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::config::retry::RetryConfig;
use jiff::Timestamp;
use print::Printer;
use read::{Event, Reader, Sink, Window};
use select::Selection;
use std::process::ExitCode;
use xtask_cli::aws::Logs;

/// The output with the id of the API.
const API_ID: &str = "ApiId";

/// Attempts of a search. CloudWatch Logs allows 5 to 10 searches a second, and each group needs one, so
/// some are throttled.
const ATTEMPTS: u32 = 10;

pub(crate) async fn run(arguments: &Logs) -> Result<ExitCode> {
    let now = Timestamp::now();
    let since = since::parse(&arguments.since, now)?;
    let functions = select::functions(&arguments.function)?;
    let session = Session::open(&arguments.stage).await?;
    let mut groups = select::function_groups(&session.stack, &functions);
    if arguments.function.is_empty() {
        let api = api_id(&session).await;
        groups.extend(select::api_groups(&session.stack, &session.stage.api_stage, api.as_deref()));
    }
    let mut printer = Printer::new(arguments.output, &groups);
    let mut reader = Reader::new(client(&session), groups);
    let selection = selection(arguments);
    if arguments.follow {
        let mut sink = |event: Event| printer.print(&event);
        tokio::select! {
            result = follow::run(&mut reader, &selection, since, &Timestamp::now, &mut sink) => {
                result?;
            }
            // Without a handler, Ctrl-C ends the process.
            Ok(()) = tokio::signal::ctrl_c() => {}
        }
        return Ok(ExitCode::SUCCESS);
    }
    let window = Window { start: since, end: Some(now) };
    show(&mut reader, &selection, window, &mut |event| printer.print(&event)).await?;
    if reader.all_missing() {
        bail!(
            "{} has no log groups in {}; deploy the stage first, or check the Region",
            session.stack,
            session.region
        );
    }
    if printer.is_unused() {
        ui::say(format_args!("No such log lines since {since}."));
    }
    Ok(ExitCode::SUCCESS)
}

/// The lines that the options select.
fn selection(arguments: &Logs) -> Selection {
    match (&arguments.correlation_id, &arguments.filter) {
        (Some(id), _) => Selection::Correlation(id.clone()),
        (None, Some(pattern)) => Selection::Filter(pattern.clone()),
        (None, None) if arguments.errors => Selection::Errors,
        (None, None) => Selection::All,
    }
}

/// Passes the selected events of a window to the sink.
async fn show(
    reader: &mut Reader,
    selection: &Selection,
    window: Window,
    sink: &mut Sink<'_>,
) -> Result<(), read::Failure> {
    if let Selection::Correlation(id) = selection {
        for event in trace::collect(reader, &mut trace::Known::of(id), window).await? {
            if sink(event)?.is_break() {
                break;
            }
        }
        return Ok(());
    }
    let sources = select::sources(reader.groups(), selection);
    reader.read(sources, window, sink).await
}

fn client(session: &Session) -> Client {
    let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS);
    let config = aws_sdk_cloudwatchlogs::config::Builder::from(&session.config);
    Client::from_conf(config.retry_config(retries).build())
}

/// The id of the API, which is part of the name of its execution log only.
async fn api_id(session: &Session) -> Option<String> {
    let found = StackClient::of(session).get().await;
    let id = found.map(|stack| stack::outputs(&stack).remove(API_ID));
    let why = match id {
        Ok(Some(id)) => return Some(id),
        Ok(None) => format!("the stack {} has no output {API_ID}", session.stack),
        Err(error) => format!("{error:#}"),
    };
    ui::say(ui::styled(ui::WARNING, format_args!("! The API's execution log is left out: {why}")));
    None
}

#[cfg(test)]
mod tests;
