//! Reading log groups: concurrently, page by page, merged by time.

use super::select::{Group, Source};
use crate::explain::explain;
use crate::ui;
use anyhow::Result;
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudwatchlogs::operation::filter_log_events::FilterLogEventsError;
use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;
use futures_util::future::join_all;
use jiff::Timestamp;
use std::collections::{BTreeSet, VecDeque};
use std::ops::ControlFlow;

/// Takes events in the order of their times, and breaks to stop.
pub(super) type Sink<'a> = dyn FnMut(Event) -> Result<ControlFlow<()>> + 'a;

/// A window of time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Window {
    pub(super) start: Timestamp,
    /// `None` for no end.
    pub(super) end: Option<Timestamp>,
}

/// A log event with its group.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) group: Group,
    pub(super) event: FilteredLogEvent,
}

impl Event {
    /// The sort key; the id distinguishes events of the same millisecond.
    pub(super) fn key(&self) -> (i64, i64, &str) {
        let event = &self.event;
        let time = event.timestamp.unwrap_or_default();
        (time, event.ingestion_time.unwrap_or_default(), self.id())
    }

    pub(super) fn id(&self) -> &str {
        self.event.event_id().unwrap_or_default()
    }

    /// The message, without the line feed at its end.
    pub(super) fn text(&self) -> &str {
        self.event.message().unwrap_or_default().trim_end()
    }
}

/// A failure to read.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: anyhow::Error,
    /// Whether the same request may succeed later.
    pub(super) passing: bool,
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self { error, passing: false }
    }
}

impl From<Failure> for anyhow::Error {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

/// Reads the log groups of a stage.
#[derive(Debug)]
pub(super) struct Reader {
    client: Client,
    groups: Vec<Group>,
    missing: BTreeSet<usize>,
}

impl Reader {
    pub(super) fn new(client: Client, groups: Vec<Group>) -> Self {
        Self { client, groups, missing: BTreeSet::new() }
    }

    pub(super) fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Whether none of the groups exists.
    pub(super) fn all_missing(&self) -> bool {
        self.missing.len() == self.groups.len()
    }

    /// Passes the events of the searches to the sink, in the order of time. Each search holds at most a
    /// page. A group that does not exist is reported once and skipped.
    pub(super) async fn read(
        &mut self,
        sources: Vec<Source>,
        window: Window,
        sink: &mut Sink<'_>,
    ) -> Result<(), Failure> {
        let mut searches: Vec<_> = sources.into_iter().map(Search::new).collect();
        loop {
            let waiting = searches.iter_mut().filter(|search| search.wants_page());
            let pages = waiting.map(|search| search.fill(&self.client, &self.groups, window));
            for page in join_all(pages).await {
                if let Page::NoGroup(index) = page?
                    && self.missing.insert(index)
                {
                    let name = &self.groups[index].name;
                    let text = format_args!("! There is no log group {name}.");
                    ui::say(ui::styled(ui::WARNING, text));
                }
            }
            let next = searches
                .iter_mut()
                .filter(|search| !search.found.is_empty())
                .min_by(|one, other| one.found[0].key().cmp(&other.found[0].key()));
            // All searches without events are at their end.
            let Some(event) = next.and_then(|search| search.found.pop_front()) else {
                return Ok(());
            };
            if sink(event)?.is_break() {
                return Ok(());
            }
        }
    }
}

/// A search in progress.
#[derive(Debug)]
struct Search {
    source: Source,
    found: VecDeque<Event>,
    token: Option<String>,
    ended: bool,
}

enum Page {
    Read,
    NoGroup(usize),
}

impl Search {
    fn new(source: Source) -> Self {
        Self { source, found: VecDeque::new(), token: None, ended: false }
    }

    fn wants_page(&self) -> bool {
        self.found.is_empty() && !self.ended
    }

    /// Reads pages until one has events; an empty page may have a successor.
    async fn fill(
        &mut self,
        client: &Client,
        groups: &[Group],
        window: Window,
    ) -> Result<Page, Failure> {
        let group = &groups[self.source.group];
        while self.wants_page() {
            let answer = client
                .filter_log_events()
                .log_group_name(&group.name)
                .start_time(window.start.as_millisecond())
                .set_end_time(window.end.map(Timestamp::as_millisecond))
                .set_filter_pattern(self.source.pattern.clone())
                .set_next_token(self.token.clone())
                .send()
                .await;
            let output = match answer {
                Ok(output) => output,
                Err(error) if is_missing(&error) => {
                    self.ended = true;
                    return Ok(Page::NoGroup(self.source.group));
                }
                Err(error) => return Err(failure(group, &error)),
            };
            let events = output.events.unwrap_or_default().into_iter();
            self.found.extend(events.map(|event| Event { group: group.clone(), event }));
            self.ended = output.next_token.is_none();
            self.token = output.next_token;
        }
        Ok(Page::Read)
    }
}

fn is_missing(error: &SdkError<FilterLogEventsError>) -> bool {
    error.as_service_error().is_some_and(FilterLogEventsError::is_resource_not_found_exception)
}

fn failure(group: &Group, error: &SdkError<FilterLogEventsError>) -> Failure {
    let passing = match error {
        SdkError::DispatchFailure(failure) => !failure.is_user(),
        SdkError::TimeoutError(_) | SdkError::ResponseError(_) => true,
        _ => matches!(
            error.code(),
            Some("ServiceUnavailableException" | "ThrottlingException" | "InternalFailure")
        ),
    };
    Failure { error: explain(format_args!("read the log group {}", group.name), error), passing }
}
