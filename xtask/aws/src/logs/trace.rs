//! The lines of one call: those of function, API and Lambda share request ids, but only the function's
//! line has the correlation id.

use super::read::{Event, Failure, Reader, Window};
use super::select::{Group, Kind, Source, any, any_word};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use users_support::log_line::LogLine;

/// Terms of one pattern. A pattern may have 1024 characters, and a term has fewer than 100.
const TERMS: usize = 10;

/// The known ids of a call.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Known {
    /// The given correlation id.
    correlation: BTreeSet<String>,
    /// Ids of API Gateway. In answers of the gateway itself this is also the correlation id.
    api: BTreeSet<String>,
    /// Ids of Lambda.
    function: BTreeSet<String>,
}

impl Known {
    /// Only a correlation id.
    pub(super) fn of(correlation_id: &str) -> Self {
        let ids: BTreeSet<_> = [correlation_id.to_owned()].into();
        Self { correlation: ids.clone(), api: ids, function: BTreeSet::new() }
    }

    fn is_empty(&self) -> bool {
        self.correlation.is_empty() && self.api.is_empty() && self.function.is_empty()
    }

    /// The ids that `other` does not have.
    fn without(&self, other: &Self) -> Self {
        let less = |ids: &BTreeSet<String>, others| ids.difference(others).cloned().collect();
        Self {
            correlation: less(&self.correlation, &other.correlation),
            api: less(&self.api, &other.api),
            function: less(&self.function, &other.function),
        }
    }

    /// Adds the ids of an event of the call.
    fn learn(&mut self, event: &Event) {
        let Some(line) = LogLine::read(event.text()) else { return };
        // The gateway writes `-` for a missing value.
        let id = |name| line.field(name).filter(|id| is_request_id(id)).map(str::to_owned);
        match event.group.kind {
            Kind::Function => self.function.extend(id("function_request_id")),
            Kind::Access => {
                self.api.extend(id("requestId"));
                self.function.extend(id("integrationRequestId"));
            }
            Kind::Execution => {}
        }
    }

    /// The patterns for the known ids in a group.
    fn patterns(&self, kind: Kind) -> Vec<String> {
        fn named<'a>(
            name: &'static str,
            ids: &'a BTreeSet<String>,
        ) -> impl Iterator<Item = (&'static str, &'a str)> {
            ids.iter().map(move |id| (name, id.as_str()))
        }
        let terms: Vec<_> = match kind {
            Kind::Function => named("correlation_id", &self.correlation)
                .chain(named("function_request_id", &self.function))
                .chain(named("record.requestId", &self.function))
                .collect(),
            Kind::Access => named("requestId", &self.api)
                .chain(named("integrationRequestId", &self.function))
                .collect(),
            Kind::Execution => named("", &self.api).collect(),
        };
        let pattern = |terms: &[(&str, &str)]| match kind {
            Kind::Function | Kind::Access => any(terms),
            Kind::Execution => any_word(&terms.iter().map(|(_, id)| *id).collect::<Vec<_>>()),
        };
        terms.chunks(TERMS).map(pattern).collect()
    }

    fn sources(&self, reader: &Reader) -> Vec<Source> {
        let groups = reader.groups().iter().enumerate();
        groups
            .flat_map(|(group, Group { kind, .. })| {
                let source = move |pattern| Source { group, pattern: Some(pattern) };
                self.patterns(*kind).into_iter().map(source)
            })
            .collect()
    }
}

/// The events of the call in a window, and of calls that share an id with it, in the order of time.
/// New ids are added to `known` for the next window.
pub(super) async fn collect(
    reader: &mut Reader,
    known: &mut Known,
    window: Window,
) -> Result<Vec<Event>, Failure> {
    let mut events = BTreeMap::new();
    let mut asked = Known::default();
    loop {
        let fresh = known.without(&asked);
        if fresh.is_empty() {
            return Ok(events.into_values().collect());
        }
        asked = known.clone();
        let sources = fresh.sources(reader);
        reader
            .read(sources, window, &mut |event| {
                known.learn(&event);
                let (time, ingestion, id) = event.key();
                // Two patterns may find the same event.
                events.insert((time, ingestion, id.to_owned()), event);
                Ok(ControlFlow::Continue(()))
            })
            .await?;
    }
}

fn is_request_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    text.len() > 1 && text.bytes().all(allowed)
}
