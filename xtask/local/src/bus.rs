//! EventBridge: takes `PutEvents` and keeps the events, on file and readable in order.

use crate::data::DataDirectory;
use crate::endpoint::{AwsService, refusal};
use crate::faults::{BusFault, Fault, Faults};
use crate::journal::{Journal, check_numbered};
use crate::names::{rfc3339, uuid};
use crate::observe::Observed;
use crate::server::Answer;
use crate::template::BusPlan;
use anyhow::Context;
use bytes::Bytes;
use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The maximum number of entries of one call.
const ENTRIES: usize = 10;
/// The exclusive limit of the total size of one call's entries, in bytes.
const ENTRY_BYTES: usize = 1024 * 1024;
/// The file in the data directory.
const FILE: &str = "events.jsonl";
/// The latest events that are searched.
const SEARCHED: usize = 10_000;

/// The buses and their events.
#[derive(Debug)]
pub(crate) struct EventBus {
    buses: Vec<BusPlan>,
    observed: Arc<Observed>,
    faults: Arc<Faults>,
    journal: Mutex<Journal>,
}

/// The status, the type and the message of a refused call.
type Refused = (StatusCode, &'static str, String);

/// A page of events.
#[derive(Debug)]
pub(crate) struct EventPage {
    /// The events, in order of arrival.
    pub(crate) items: Vec<Value>,
    /// The number of the last of them.
    pub(crate) next: u64,
}

impl EventBus {
    /// Opens the events of a data directory.
    pub(crate) fn open(
        buses: Vec<BusPlan>,
        data: &DataDirectory,
        observed: &Arc<Observed>,
        faults: &Arc<Faults>,
    ) -> anyhow::Result<Self> {
        let is_trusted = data.is_as_it_was(FILE);
        let journal = Journal::open(&data.file(FILE), data.bytes_at_stop(FILE), |number, line| {
            match is_trusted {
                true => Ok(()),
                false => check_numbered(number, line),
            }
        })?;
        Ok(Self {
            buses,
            observed: Arc::clone(observed),
            faults: Arc::clone(faults),
            journal: Mutex::new(journal),
        })
    }

    /// Up to `limit` events that arrived after number `after`.
    pub(crate) fn page(&self, after: u64, limit: usize) -> anyhow::Result<EventPage> {
        let first = usize::try_from(after).unwrap_or(usize::MAX);
        let items = self.lock().lines(first..first.saturating_add(limit));
        let items = items.context("cannot read the events")?;
        let next = after.saturating_add(items.len() as u64);
        Ok(EventPage { items, next })
    }

    /// The newest `limit` events.
    pub(crate) fn latest(&self, limit: usize) -> anyhow::Result<EventPage> {
        let count = self.lock().len();
        let after = count.saturating_sub(limit) as u64;
        self.page(after, limit)
    }

    /// The newest `limit` of the latest events whose detail has a member with this value.
    pub(crate) fn find(
        &self,
        limit: usize,
        member: &str,
        value: &str,
    ) -> anyhow::Result<Vec<Value>> {
        let mut found = self.latest(SEARCHED)?.items;
        found.retain(|event| event["detail"][member] == value);
        Ok(found.split_off(found.len().saturating_sub(limit)))
    }

    /// Carries out `PutEvents`. `refuses` decides by the index of an entry.
    fn put_events(
        &self,
        request: &[u8],
        refuses: impl Fn(usize) -> bool,
    ) -> Result<Value, Refused> {
        let invalid = |kind, text: &str| (StatusCode::BAD_REQUEST, kind, text.to_owned());
        let request: Value = serde_json::from_slice(request)
            .map_err(|_| invalid("SerializationException", "the request is not JSON"))?;
        let entries = request["Entries"].as_array().map(Vec::as_slice).unwrap_or_default();
        if entries.is_empty() || entries.len() > ENTRIES {
            let text = format!("Entries must have between 1 and {ENTRIES} members");
            return Err(invalid("ValidationException", &text));
        }
        if entries.iter().map(entry_bytes).sum::<usize>() >= ENTRY_BYTES {
            let text = "Total size of the entries in the request is over the limit.";
            return Err(invalid("ValidationException", text));
        }
        let (mut accepted, mut results) = (Vec::new(), Vec::new());
        let now = Timestamp::now();
        for (index, entry) in entries.iter().enumerate() {
            let event = match refuses(index) {
                true => Err(("ThrottlingException", "Rate exceeded".to_owned())),
                false => self.event(entry, now),
            };
            results.push(match event {
                Ok(event) => {
                    let id = event["id"].clone();
                    accepted.push(event);
                    json!({"EventId": id})
                }
                Err((code, message)) => json!({"ErrorCode": code, "ErrorMessage": message}),
            });
        }
        let failed = results.len() - accepted.len();
        self.append(accepted).map_err(|_| {
            let text = "the events cannot be written".to_owned();
            (StatusCode::INTERNAL_SERVER_ERROR, "InternalException", text)
        })?;
        Ok(json!({"FailedEntryCount": failed, "Entries": results}))
    }

    /// The event of an entry, or the entry's error.
    fn event(&self, entry: &Value, now: Timestamp) -> Result<Value, (&'static str, String)> {
        let required = |name: &str| {
            entry[name].as_str().filter(|text| !text.is_empty()).ok_or_else(|| {
                let text = format!(
                    "Parameter {name} is not valid. Reason: {name} is a required argument."
                );
                ("InvalidArgument", text)
            })
        };
        let (source, detail_type) = (required("Source")?, required("DetailType")?);
        let detail = serde_json::from_str::<Value>(required("Detail")?)
            .ok()
            .filter(Value::is_object)
            .ok_or_else(|| ("MalformedDetail", "Detail is malformed.".to_owned()))?;
        let name = entry["EventBusName"].as_str().unwrap_or("default");
        let bus = self
            .buses
            .iter()
            .find(|bus| bus.name == name || bus.arn == name)
            .ok_or_else(|| ("NotFound", format!("Event bus {name} does not exist.")))?;
        Ok(json!({
            "bus": bus.name,
            "source": source,
            "detailType": detail_type,
            "detail": detail,
            "id": uuid(),
            "time": rfc3339(now),
        }))
    }

    /// Numbers events and writes them.
    fn append(&self, mut events: Vec<Value>) -> std::io::Result<()> {
        let mut journal = self.lock();
        for (seq, event) in (journal.len() as u64 + 1..).zip(&mut events) {
            event["seq"] = json!(seq);
        }
        journal.append(&events)?;
        drop(journal);
        self.observed.activity.note();
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AwsService for EventBus {
    const NAME: &'static str = "EventBridge";
    /// Entries with their escapes.
    const REQUEST_BYTES: usize = 4 * 1024 * 1024;

    async fn apply(
        self: Arc<Self>,
        operation: String,
        body: Bytes,
        fault: Option<Fault>,
    ) -> Answer {
        if operation != "PutEvents" {
            let text = "only PutEvents is supported here";
            return refusal(StatusCode::BAD_REQUEST, "UnknownOperationException", text);
        }
        let setting = self.faults.get().bus;
        if setting == BusFault::Unavailable {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            return refusal(status, "InternalException", "Unavailable");
        }
        let refuses = move |index: usize| match (setting, fault) {
            (BusFault::RefuseAll, _) | (_, Some(Fault::RefuseAll)) => true,
            (BusFault::RefuseSome, _) => index.is_multiple_of(2),
            (_, Some(Fault::RefuseFirst)) => index == 0,
            (_, Some(Fault::RefuseSome)) => index % 2 == 1,
            _ => false,
        };
        let done = tokio::task::spawn_blocking(move || self.put_events(&body, refuses)).await;
        match done {
            Ok(Ok(body)) => crate::server::json(StatusCode::OK, &body),
            Ok(Err((status, kind, text))) => refusal(status, kind, &text),
            Err(_) => internal("interrupted"),
        }
    }

    fn refuse(&self, fault: Fault, _operation: &str, _body: &[u8]) -> Answer {
        let text = "The call could not be carried out";
        match fault {
            Fault::Throttle => refusal(StatusCode::BAD_REQUEST, "ThrottlingException", text),
            _ => internal(text),
        }
    }
}

fn internal(text: &str) -> Answer {
    refusal(StatusCode::INTERNAL_SERVER_ERROR, "InternalException", text)
}

/// The size of an entry as EventBridge counts it.
fn entry_bytes(entry: &Value) -> usize {
    let text = |value: &Value| value.as_str().map_or(0, str::len);
    let resources: usize = entry["Resources"].as_array().into_iter().flatten().map(text).sum();
    let texts = ["Source", "DetailType", "Detail"].map(|name| text(&entry[name]));
    let time = if entry["Time"].is_null() { 0 } else { 14 };
    texts.iter().sum::<usize>() + resources + time
}

#[cfg(test)]
mod tests;
