//! `users-aws logs`: the log lines of all functions and of the API, merged by time.

mod follow;
mod print;
mod read;
mod select;
mod since;
mod trace;

use crate::session::{Session, StageArguments};
use crate::stack::{self, StackClient};
use crate::ui;
use anyhow::{Result, bail};
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::config::retry::RetryConfig;
use jiff::Timestamp;
use std::ops::ControlFlow;
use std::process::ExitCode;

use self::print::Printer;
use self::read::{Event, Reader, Source, Window};
use self::select::{Group, Selection};

/// The template's output that holds the id of the API.
const API_ID: &str = "ApiId";

/// CloudWatch Logs takes 5 to 10 searches a second, and we make one for each group: some of them
/// will have to be made again.
const ATTEMPTS: u32 = 10;

/// Arguments of `logs`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
With --correlation-id, the access log line of the call and Lambda's own lines about it are looked up
too, by the request ids that they share with the function's line.

Exit status: 0 for success, also when there are no lines or --follow was ended with Ctrl-C; 1 for
failure; 2 for a command line that cannot be understood.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    stage: StageArguments,
    /// Go on with new lines as they arrive, until Ctrl-C.
    #[arg(long)]
    follow: bool,
    /// Only what belongs to calls with this correlation id.
    #[arg(long, value_name = "ID", conflicts_with_all = ["filter", "errors"])]
    #[arg(value_parser = select::correlation_id)]
    correlation_id: Option<String>,
    /// Only this function (`users-profile-get`), and nothing of the API. May be repeated.
    #[arg(long, value_name = "NAME")]
    function: Vec<String>,
    /// How far back: a duration (`15m`, `2h`, `1d`) or a time (`2026-11-22T10:00:00Z`).
    #[arg(long, value_name = "WHEN", default_value = "1h")]
    since: String,
    /// Only lines that match this filter pattern of CloudWatch Logs.
    #[arg(long, value_name = "PATTERN", conflicts_with = "errors")]
    filter: Option<String>,
    /// Only warnings and errors of functions, answers with 5xx, and what the gateway could not do.
    #[arg(long)]
    errors: bool,
    /// `json` prints each event as it is, with its log group, as one line of JSON.
    #[arg(long, value_enum, default_value_t)]
    output: ui::Output,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<ExitCode> {
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
    let selection = arguments.selection();
    if arguments.follow {
        let ended = async {
            // Without a handler there is nothing to wait for, and Ctrl-C ends the process anyway.
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let mut sink = |event: Event| printer.print(&event);
        tokio::select! {
            result = follow::run(&mut reader, &selection, since, &Timestamp::now, &mut sink) => {
                result?;
            }
            () = ended => {}
        }
        return Ok(ExitCode::SUCCESS);
    }
    let window = Window { start: since, end: Some(now) };
    show(&mut reader, &selection, window, &mut |event| printer.print(&event)).await?;
    if reader.all_missing() {
        bail!(
            "none of the log groups of {} is in {}; deploy the stage first, or check the Region",
            session.stack,
            session.region
        );
    }
    if printer.is_unused() {
        ui::say(format_args!("No such log lines since {since}."));
    }
    Ok(ExitCode::SUCCESS)
}

impl Arguments {
    fn selection(&self) -> Selection {
        match (&self.correlation_id, &self.filter) {
            (Some(id), _) => Selection::Correlation(id.clone()),
            (None, Some(pattern)) => Selection::Filter(pattern.clone()),
            (None, None) if self.errors => Selection::Errors,
            (None, None) => Selection::All,
        }
    }
}

/// What takes events in the order of their times, and says whether it wants more.
type Sink<'a> = dyn FnMut(Event) -> Result<ControlFlow<()>> + 'a;

/// Hands over what is selected of a window of time.
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

/// The id of the API, which the name of its execution log holds; the other logs can be read without.
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
