//! New lines as they arrive.

use super::Sink;
use super::read::{Reader, Window};
use super::select::{self, Selection};
use super::trace::{self, Known};
use crate::ui;
use anyhow::Result;
use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::time::Duration;

/// How long to wait between two looks, at least and for each search. Searches of an account are
/// limited to 5 to 10 a second, and others may want to make some, too.
const PAUSE: Duration = Duration::from_secs(2);
const PAUSE_PER_SEARCH: Duration = Duration::from_millis(350);

/// Events arrive late and not in their order, so what is this much older than the newest event is
/// looked at again.
const OVERLAP: SignedDuration = SignedDuration::from_secs(30);

/// Where nothing is written, there is no need to look further back than this from the last look;
/// it has room for a clock that goes wrong.
const QUIET: SignedDuration = SignedDuration::from_mins(5);

/// Hands over events until the sink has enough; `clock` tells the time.
///
/// # Errors
/// When the first look fails, or a later one in a way that does not pass.
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
        let mut fresh = |event: super::Event| {
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
            // The next look begins where this one did.
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

/// How far one has come.
#[derive(Debug)]
struct Progress {
    since: Timestamp,
    /// The time of the newest event.
    newest: Option<Timestamp>,
    /// When one looked with success.
    looked: Option<Timestamp>,
    /// The ids of the events that the next look may find again, with their times.
    seen: HashMap<String, Timestamp>,
}

impl Progress {
    /// From when on to look next.
    fn start(&self) -> Timestamp {
        let before = |time: Option<Timestamp>, by| time.and_then(|time| time.checked_sub(by).ok());
        let newest = before(self.newest, OVERLAP);
        let looked = before(self.looked, QUIET);
        newest.into_iter().chain(looked).fold(self.since, Ord::max)
    }

    /// Notes an event; whether it was not there before. Something that stands in for AWS may find
    /// more than it was asked for.
    fn is_new(&mut self, event: &super::Event, start: Timestamp) -> bool {
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
        // The search takes milliseconds, so one before may still be found.
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
    fn the_next_look_begins_before_the_newest_event_but_never_before_the_beginning() {
        let progress =
            |newest, looked| Progress { since: at(1_000), newest, looked, seen: HashMap::new() };
        assert_eq!(progress(None, None).start(), at(1_000));
        assert_eq!(progress(Some(at(1_010)), Some(at(1_012))).start(), at(1_000));
        assert_eq!(progress(Some(at(1_100)), Some(at(1_102))).start(), at(1_070));
        // Nothing came for a long time.
        assert_eq!(progress(None, Some(at(5_000))).start(), at(4_700));
        assert_eq!(progress(Some(at(1_100)), Some(at(5_000))).start(), at(4_700));
    }

    #[test]
    fn the_more_groups_the_longer_the_pause() {
        assert_eq!([1, 5, 11].map(|groups| pause(groups).as_millis()), [2_000, 2_000, 3_850]);
    }

    #[test]
    fn ids_are_forgotten_once_they_cannot_come_again() {
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
