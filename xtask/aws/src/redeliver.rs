//! `redeliver`: sends the audit entries of the dead letters to the relay again.
//!
//! Only the relay may put events on the bus, so it is invoked with the present entries of the table, in
//! the order of each user's versions. It recognises them by their source, and its response names those
//! that it still cannot deliver.

mod entries;
mod place;

use crate::session::Session;
use crate::ui;
use anyhow::{Context, Result, bail};
use entries::{Entry, Key, Range};
use place::{Letter, Place};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use xtask_cli::Output;
use xtask_cli::aws::Redeliver;

/// The services of the local stack as JSON, set by `cargo xtask` for `--stage local`.
const LOCAL_SERVICES: &str = "USERS_LOCAL_AWS";
/// Exit status when letters stay in the queue.
const LEFT: u8 = 3;
/// The most entries of one invocation, as in the relay's mapping.
const BATCH_ENTRIES: usize = 100;
/// The most bytes of one invocation; Lambda accepts 6 MB.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// The result.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    /// Letters in the queue.
    letters: usize,
    /// Deleted letters.
    deleted: usize,
    /// Entries, in the order of sending.
    entries: Vec<Outcome>,
    /// Letters without an entry to send.
    unusable: Vec<Unusable>,
    /// The reason for an early end.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

/// The outcome of an entry.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    user_id: String,
    event_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// Not sent, after an earlier failure or in a dry run.
    Waiting,
    Delivered,
    Undeliverable,
}

/// A letter without an entry to send.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Unusable {
    message_id: String,
    reason: &'static str,
}

/// The relay's response.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Response {
    batch_item_failures: Vec<Item>,
    undeliverable: Vec<Item>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    item_identifier: String,
    #[serde(default)]
    reason: Option<String>,
}

pub(crate) async fn run(arguments: &Redeliver) -> Result<ExitCode> {
    let place = if arguments.stage.is_local() {
        let services = std::env::var(LOCAL_SERVICES);
        Place::local(&services.with_context(|| format!("{LOCAL_SERVICES} is not set"))?)?
    } else {
        Place::of(&Session::open(&arguments.stage).await?).await?
    };
    let report = redeliver(&place, arguments.dry_run).await?;
    match arguments.output {
        Output::Json => ui::json(&report)?,
        Output::Text => report.lines(arguments.dry_run).iter().try_for_each(ui::result)?,
    }
    if let Some(failure) = report.failure {
        bail!("{failure}");
    }
    let left = report.letters > report.deleted;
    Ok(if left { ExitCode::from(LEFT) } else { ExitCode::SUCCESS })
}

/// Sends the entries of all letters, and deletes the letters whose entries were all delivered.
pub(crate) async fn redeliver(place: &Place, dry_run: bool) -> Result<Report> {
    let letters = place.receive().await?;
    let sent = send(place, &letters, dry_run).await;
    let deleted = sent.as_ref().map(|(_, deleted)| deleted.clone()).unwrap_or_default();
    // Also after a failure, so that they are visible again at once.
    for letter in letters.iter().filter(|letter| !deleted.contains(&letter.id)) {
        place.release(letter).await?;
    }
    sent.map(|(report, _)| report)
}

async fn send(
    place: &Place,
    letters: &[Letter],
    dry_run: bool,
) -> Result<(Report, BTreeSet<String>)> {
    let mut report = Report { letters: letters.len(), ..Report::default() };
    let (entries, members) = find(place, letters, &mut report).await?;
    let entries: Vec<Entry> = entries.into_values().collect();
    report.entries = entries.iter().map(Outcome::of).collect();
    if !dry_run {
        deliver(place, &entries, &mut report).await?;
    }
    let taken: BTreeSet<&Key> = entries
        .iter()
        .zip(&report.entries)
        .filter(|(_, outcome)| outcome.state == State::Delivered)
        .map(|(entry, _)| &entry.key)
        .collect();
    let mut deleted = BTreeSet::new();
    for (letter, keys) in letters.iter().zip(&members) {
        if !keys.is_empty() && keys.iter().all(|key| taken.contains(key)) {
            place.delete(letter).await?;
            deleted.insert(letter.id.clone());
        }
    }
    report.deleted = deleted.len();
    Ok((report, deleted))
}

/// The entries of all letters, by user and version, and the keys of each letter.
async fn find(
    place: &Place,
    letters: &[Letter],
    report: &mut Report,
) -> Result<(BTreeMap<Key, Entry>, Vec<Vec<Key>>)> {
    let ranges: Vec<_> = letters.iter().map(|letter| Range::of_mapping(&letter.body)).collect();
    let mut entries = BTreeMap::new();
    if let Some(all) = Range::around(ranges.iter().flatten()) {
        for entry in place.written_within(&all).await? {
            if ranges.iter().flatten().any(|range| range.holds(&entry.key)) {
                entries.insert(entry.key.clone(), entry);
            }
        }
    }
    let mut members = Vec::with_capacity(letters.len());
    for (letter, range) in letters.iter().zip(&ranges) {
        let (keys, otherwise) = match (range, Key::of_letter(&letter.body)) {
            (Some(range), _) => {
                let keys = entries.keys().filter(|key| range.holds(key)).cloned().collect();
                (keys, "no audit entry of its time is in the table")
            }
            (None, Some(key)) => {
                if !entries.contains_key(&key)
                    && let Some(entry) = place.entry(&key).await?
                {
                    entries.insert(key.clone(), entry);
                }
                let found = entries.contains_key(&key);
                (Vec::from_iter(found.then_some(key)), "its audit entry is not in the table")
            }
            (None, None) => (Vec::new(), "it names no audit entry"),
        };
        if keys.is_empty() {
            let message_id = letter.id.clone();
            report.unusable.push(Unusable { message_id, reason: otherwise });
        }
        members.push(keys);
    }
    Ok((entries, members))
}

/// Sends entries to the relay, in their order, until one fails.
async fn deliver(place: &Place, entries: &[Entry], report: &mut Report) -> Result<()> {
    let mut first = 0;
    while first < entries.len() {
        let mut records = Vec::new();
        let mut bytes = 0;
        for (index, entry) in entries.iter().enumerate().skip(first).take(BATCH_ENTRIES) {
            let record = entry.record(index, &place.region);
            bytes += record.to_string().len();
            if bytes > BATCH_BYTES && !records.is_empty() {
                break;
            }
            records.push(record);
        }
        let next = first + records.len();
        let answer = match place.invoke(&serde_json::json!({"Records": records})).await {
            Ok(answer) => answer,
            // Earlier batches are in the report, so their letters are deleted.
            Err(error) => {
                report.failure = Some(format!("{error:#}"));
                return Ok(());
            }
        };
        let failed = record(&answer, first..next, report)?;
        if failed {
            report.failure = Some(
                "the relay could not deliver an entry; its log line has the cause. Run the command \
                 again when the cause has passed"
                    .to_owned(),
            );
            return Ok(());
        }
        first = next;
    }
    Ok(())
}

/// Records the response to a batch; returns whether an entry failed.
fn record(answer: &Value, batch: std::ops::Range<usize>, report: &mut Report) -> Result<bool> {
    let response = Response::deserialize(answer).context("the relay's answer has another form")?;
    let index = |item: &Item| {
        let index = item.item_identifier.parse().ok().filter(|index| batch.contains(index));
        index.context("the relay's answer names an unknown entry")
    };
    let mut reasons = BTreeMap::new();
    for item in &response.undeliverable {
        reasons.insert(index(item)?, item.reason.clone());
    }
    let failures = response.batch_item_failures.iter().map(index);
    let failed = failures.collect::<Result<Vec<usize>>>()?.into_iter().min();
    for index in batch.start..failed.unwrap_or(batch.end) {
        let outcome = &mut report.entries[index];
        outcome.state = State::Delivered;
        if let Some(reason) = reasons.remove(&index) {
            outcome.state = State::Undeliverable;
            outcome.reason = reason;
        }
    }
    Ok(failed.is_some())
}

impl Outcome {
    fn of(entry: &Entry) -> Self {
        let (user_id, event_id) = entry.key.ids();
        Self {
            user_id: user_id.to_owned(),
            event_id: event_id.to_owned(),
            version: entry.version(),
            state: State::Waiting,
            reason: None,
        }
    }
}

impl Report {
    fn lines(&self, dry_run: bool) -> Vec<String> {
        let mut lines = Vec::new();
        for outcome in &self.entries {
            let version = outcome.version.map_or("?".to_owned(), |version| version.to_string());
            let state = match (outcome.state, &outcome.reason) {
                (State::Delivered, _) => "delivered".to_owned(),
                (State::Undeliverable, Some(reason)) => format!("cannot be delivered: {reason}"),
                (State::Undeliverable, None) => "cannot be delivered".to_owned(),
                (State::Waiting, _) if dry_run => "would be sent".to_owned(),
                (State::Waiting, _) => "not sent".to_owned(),
            };
            lines.push(format!("user {} version {version}: {state}", outcome.user_id));
        }
        for letter in &self.unusable {
            lines.push(format!("message {}: {}", letter.message_id, letter.reason));
        }
        let delivered =
            self.entries.iter().filter(|outcome| outcome.state == State::Delivered).count();
        lines.push(format!(
            "dead letters: {}, entries delivered: {delivered}, letters deleted: {}, left: {}",
            self.letters,
            self.deleted,
            self.letters - self.deleted
        ));
        lines
    }
}

#[cfg(test)]
mod tests;
