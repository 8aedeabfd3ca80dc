//! Reading log groups: all at once, page by page, merged by time.

use super::{Group, Sink};
use crate::explain::explain;
use crate::ui;
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudwatchlogs::operation::filter_log_events::FilterLogEventsError;
use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;
use futures_util::future::join_all;
use jiff::Timestamp;
use std::collections::{BTreeSet, VecDeque};

/// A stretch of time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Window {
    pub(super) start: Timestamp,
    /// `None` for no end.
    pub(super) end: Option<Timestamp>,
}

/// A search.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Source {
    /// Index of the group.
    pub(super) group: usize,
    /// A pattern of CloudWatch Logs; `None` for all lines.
    pub(super) pattern: Option<String>,
}

/// A log event with the group that it was found in.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) group: Group,
    pub(super) event: FilteredLogEvent,
}

impl Event {
    /// What events are ordered by; the id tells apart what was written in the same millisecond.
    pub(super) fn key(&self) -> (i64, i64, &str) {
        let event = &self.event;
        let time = event.timestamp.unwrap_or_default();
        (time, event.ingestion_time.unwrap_or_default(), self.id())
    }

    pub(super) fn id(&self) -> &str {
        self.event.event_id().unwrap_or_default()
    }

    /// What was written, without the line feed at its end.
    pub(super) fn text(&self) -> &str {
        self.event.message().unwrap_or_default().trim_end()
    }
}

/// Why reading stopped.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: anyhow::Error,
    /// Whether the same may succeed in a while.
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

    /// Whether none of the groups was there when it was read.
    pub(super) fn all_missing(&self) -> bool {
        self.missing.len() == self.groups.len()
    }

    /// Hands over what the searches find, in the order of time. Of each search no more than a page
    /// is held at once. Groups that do not exist are told of once and passed over.
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
            // Searches that have nothing any more were read to their end just now.
            let Some(event) = next.and_then(|search| search.found.pop_front()) else {
                return Ok(());
            };
            if sink(event)?.is_break() {
                return Ok(());
            }
        }
    }
}

/// A search under way.
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

    /// Reads pages until one has something; a page may be empty with more to come.
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
    Failure { error: explain(&format!("read the log group {}", group.name), error), passing }
}
