//! New lines as they arrive.

use super::read::{Event, Reader, Sink, Window};
use super::select::{self, Selection};
use super::trace::{self, Known};
use crate::ui;
use anyhow::Result;
use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::time::Duration;

/// The pause between two rounds of searches, at least and per search. An account may make 5 to 10
/// searches a second, and others need some of them.
const PAUSE: Duration = Duration::from_secs(2);
const PAUSE_PER_SEARCH: Duration = Duration::from_millis(350);

/// Events arrive late and out of order, so those up to this much older than the newest are searched
/// again.
const OVERLAP: SignedDuration = SignedDuration::from_secs(30);

/// Without new events, a round begins this much before the last one, which allows for a wrong clock.
const QUIET: SignedDuration = SignedDuration::from_mins(5);

/// Passes events to the sink until it breaks.
///
/// # Errors
/// When the first round fails, or a later one permanently.
pub(super) async fn run(
    reader: &mut Reader,
    selection: &Selection,
    since: Timestamp,
    clock: &dyn Fn() -> Timestamp,
    sink: &mut Sink<'_>,
) -> Result<()> {
    let mut known = match selection {
        Selection::Correlation(id) => Some(Known::of(id)),
        Selection::All | Selection::Errors | Selection::Filter(_) => None,
    };
    let mut progress = Progress { since, newest: None, looked: None, seen: HashMap::new() };
    loop {
        let now = clock();
        let window = Window { start: progress.start(), end: None };
        let mut flow = ControlFlow::Continue(());
        let mut fresh = |event: Event| {
            if progress.is_new(&event, window.start) {
                flow = sink(event)?;
            }
            Ok(flow)
        };
        let result = match &mut known {
            None => {
                reader.read(select::sources(reader.groups(), selection), window, &mut fresh).await
            }
            Some(known) => match trace::collect(reader, known, window).await {
                Ok(events) => events
                    .into_iter()
                    .map(&mut fresh)
                    .take_while(|flow| !matches!(flow, Ok(ControlFlow::Break(()))))
                    .try_for_each(|flow| flow.map(drop))
                    .map_err(Into::into),
                Err(failure) => Err(failure),
            },
        };
        if flow.is_break() {
            return Ok(());
        }
        match result {
            Ok(()) => progress.looked(now),
            // The next round begins at the same time.
            Err(failure) if failure.passing && progress.looked.is_some() => {
                let text = format_args!("! {:#}", failure.error);
                ui::say(ui::styled(ui::WARNING, text));
            }
            Err(failure) => return Err(failure.error),
        }
        tokio::time::sleep(pause(reader.groups().len())).await;
    }
}

fn pause(groups: usize) -> Duration {
    let searches = u32::try_from(groups).unwrap_or(u32::MAX);
    PAUSE.max(PAUSE_PER_SEARCH.saturating_mul(searches))
}

/// The progress of following.
#[derive(Debug)]
struct Progress {
    since: Timestamp,
    /// The time of the newest event.
    newest: Option<Timestamp>,
    /// The start of the last successful round.
    looked: Option<Timestamp>,
    /// The ids of the events that the next round may find again, with their times.
    seen: HashMap<String, Timestamp>,
}

impl Progress {
    /// The start of the next window.
    fn start(&self) -> Timestamp {
        let before = |time: Option<Timestamp>, by| time.and_then(|time| time.checked_sub(by).ok());
        let newest = before(self.newest, OVERLAP);
        let looked = before(self.looked, QUIET);
        newest.into_iter().chain(looked).fold(self.since, Ord::max)
    }

    /// Records an event; returns whether it is new. An emulator may return older events than requested.
    fn is_new(&mut self, event: &Event, start: Timestamp) -> bool {
        let time = event.event.timestamp.unwrap_or_default();
        if time < start.as_millisecond() {
            return false;
        }
        let time = Timestamp::from_millisecond(time).unwrap_or(self.since);
        self.newest = self.newest.max(Some(time));
        self.seen.insert(event.id().to_owned(), time).is_none()
    }

    fn looked(&mut self, now: Timestamp) {
        self.looked = Some(now);
        let start = self.start();
        // Searches have a resolution of milliseconds, so an event just before may be found again.
        self.seen.retain(|_, time| time.as_millisecond() >= start.as_millisecond());
    }
}

#[cfg(test)]
mod tests {
    use super::{Progress, pause};
    use jiff::Timestamp;
    use std::collections::HashMap;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_next_window_begins_before_the_newest_event_but_never_before_the_first_window() {
        let progress =
            |newest, looked| Progress { since: at(1_000), newest, looked, seen: HashMap::new() };
        assert_eq!(progress(None, None).start(), at(1_000));
        assert_eq!(progress(Some(at(1_010)), Some(at(1_012))).start(), at(1_000));
        assert_eq!(progress(Some(at(1_100)), Some(at(1_102))).start(), at(1_070));
        // No event came for a long time.
        assert_eq!(progress(None, Some(at(5_000))).start(), at(4_700));
        assert_eq!(progress(Some(at(1_100)), Some(at(5_000))).start(), at(4_700));
    }

    #[test]
    fn the_more_groups_the_longer_the_pause() {
        assert_eq!([1, 5, 11].map(|groups| pause(groups).as_millis()), [2_000, 2_000, 3_850]);
    }

    #[test]
    fn ids_are_dropped_once_they_cannot_be_found_again() {
        let mut progress = Progress {
            since: at(1_000),
            newest: Some(at(1_100)),
            looked: None,
            seen: [("old".to_owned(), at(1_069)), ("new".to_owned(), at(1_070))].into(),
        };
        progress.looked(at(1_101));
        assert_eq!(progress.seen.keys().collect::<Vec<_>>(), ["new"]);
    }
}
