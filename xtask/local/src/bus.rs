//! EventBridge: takes `PutEvents` and keeps the events, on file and readable in order.

mod file;

use crate::auth::{Verifier, signed_call};
use crate::data::DataDirectory;
use crate::faults::{BusFault, Fault, Faults, around};
use crate::names::{rfc3339, uuid};
use crate::observe::Observed;
use crate::server::{Answer, Audience, Reply, Service, Stop, json as json_answer};
use crate::template::BusPlan;
use anyhow::Context;
use bytes::Bytes;
use http::{Request, StatusCode};
use hyper::body::Incoming;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;

/// Most entries of one call.
const ENTRIES: usize = 10;
/// Size that all entries of one call together must stay below, in bytes.
const ENTRY_BYTES: usize = 1024 * 1024;
/// Largest request, in bytes: entries with their escapes.
const REQUEST_BYTES: usize = 4 * 1024 * 1024;
/// The file in the data directory.
const FILE: &str = "events.jsonl";
/// Events kept in memory; older ones are read from the file.
const WINDOW: usize = 10_000;

/// The buses and their events.
#[derive(Debug)]
pub(crate) struct EventLog {
    buses: Vec<BusPlan>,
    path: PathBuf,
    observed: Arc<Observed>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: File,
    /// The length of the file.
    length: u64,
    /// Number of the next event, from 1.
    next: u64,
    /// The latest events, as they stand in the file: a tree of values would take ten times as much.
    window: VecDeque<Box<str>>,
    /// Most events of the window.
    most: usize,
}

/// A page of events.
#[derive(Debug)]
pub(crate) struct EventPage {
    /// The events, in order of arrival.
    pub(crate) items: Vec<Value>,
    /// The number of the last of them, to go on after.
    pub(crate) next: u64,
}

impl EventLog {
    /// Opens the events of a data directory.
    pub(crate) fn open(
        buses: Vec<BusPlan>,
        data: &DataDirectory,
        observed: &Arc<Observed>,
    ) -> anyhow::Result<Self> {
        let path = data.file(FILE);
        let most = WINDOW.min(observed.history);
        let state = State::open(&path, most, data.is_as_it_was(FILE)).with_context(|| {
            format!(
                "the events in {} cannot be read; put a copy of the file in its place, or move it \
                 away to begin without past events",
                path.display()
            )
        })?;
        Ok(Self { buses, path, observed: Arc::clone(observed), state: Mutex::new(state) })
    }

    /// Up to `limit` events that arrived after number `after`.
    pub(crate) fn page(&self, after: u64, limit: usize) -> anyhow::Result<EventPage> {
        let state = self.lock();
        let first_kept = state.next - state.window.len() as u64;
        let items: Vec<Value> = if first_kept > after.saturating_add(1) {
            File::open(&self.path)
                .map_err(anyhow::Error::from)
                .and_then(|mut file| file::page(&mut file, state.length, after, limit))
                .with_context(|| format!("cannot read the events in {}", self.path.display()))?
        } else {
            let skipped = after.saturating_add(1).saturating_sub(first_kept);
            let newer = state.window.iter().skip(usize::try_from(skipped).unwrap_or(usize::MAX));
            newer.take(limit).filter_map(|line| serde_json::from_str(line).ok()).collect()
        };
        let next = items.last().and_then(|event| event["seq"].as_u64()).unwrap_or(after);
        Ok(EventPage { items, next })
    }

    /// The newest `limit` of the latest events that fit, in order of arrival.
    pub(crate) fn latest(&self, limit: usize, fits: impl Fn(&Value) -> bool) -> EventPage {
        let state = self.lock();
        let parsed = state.window.iter().rev().filter_map(|line| serde_json::from_str(line).ok());
        let mut items: Vec<Value> = parsed.filter(|event| fits(event)).take(limit).collect();
        items.reverse();
        EventPage { items, next: state.next - 1 }
    }

    /// Carries out a call and gives back the status and the body of the answer.
    fn put_events(
        &self,
        request: &[u8],
        fault: BusFault,
        refuses: impl Fn(usize) -> bool,
    ) -> (StatusCode, Value) {
        if fault == BusFault::Unavailable {
            return refusal(StatusCode::SERVICE_UNAVAILABLE, "InternalException", "Unavailable");
        }
        let Ok(request) = serde_json::from_slice::<Value>(request) else {
            return refusal(StatusCode::BAD_REQUEST, "SerializationException", "not JSON");
        };
        let entries = request["Entries"].as_array().map(Vec::as_slice).unwrap_or_default();
        if entries.is_empty() || entries.len() > ENTRIES {
            let text = format!("Entries must have between 1 and {ENTRIES} members");
            return refusal(StatusCode::BAD_REQUEST, "ValidationException", &text);
        }
        if entries.iter().map(entry_bytes).sum::<usize>() >= ENTRY_BYTES {
            let text = "Total size of the entries in the request is over the limit.";
            return refusal(StatusCode::BAD_REQUEST, "ValidationException", text);
        }
        let mut accepted = Vec::new();
        let mut results = Vec::new();
        let now = Timestamp::now();
        for (index, entry) in entries.iter().enumerate() {
            let refused = fault == BusFault::RefuseAll
                || (fault == BusFault::RefuseSome && index.is_multiple_of(2))
                || refuses(index);
            let judged = match refused {
                true => Err(("ThrottlingException", "Rate exceeded".to_owned())),
                false => self.judge(entry, now),
            };
            results.push(match judged {
                Ok(event) => {
                    let id = event["id"].clone();
                    accepted.push(event);
                    json!({"EventId": id})
                }
                Err((code, message)) => json!({"ErrorCode": code, "ErrorMessage": message}),
            });
        }
        let failed = results.len() - accepted.len();
        if self.append(accepted).is_err() {
            let text = "the events cannot be written";
            return refusal(StatusCode::INTERNAL_SERVER_ERROR, "InternalException", text);
        }
        (StatusCode::OK, json!({"FailedEntryCount": failed, "Entries": results}))
    }

    /// The event of an entry, or the entry's error.
    fn judge(&self, entry: &Value, now: Timestamp) -> Result<Value, (&'static str, String)> {
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

    /// Numbers events and keeps them; they are on file when this returns.
    fn append(&self, events: Vec<Value>) -> std::io::Result<()> {
        let mut state = self.lock();
        let mut lines = String::new();
        let mut numbered = Vec::new();
        for (next, mut event) in (state.next..).zip(events) {
            event["seq"] = json!(next);
            let line = event.to_string();
            lines.push_str(&line);
            lines.push('\n');
            numbered.push(line.into_boxed_str());
        }
        let length = state.length;
        let written = state.file.write_all(lines.as_bytes()).and_then(|()| state.file.sync_data());
        if let Err(error) = written {
            // No half of a batch may stay; should this fail too, opening cuts it off.
            let _ = state.file.set_len(length);
            let _ = state.file.seek(SeekFrom::Start(length));
            return Err(error);
        }
        state.length += lines.len() as u64;
        for line in numbered {
            state.keep(line);
        }
        drop(state);
        self.observed.activity.note();
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Opens the file; half a line at its end, from a kill, is cut off. Every line is looked at
    /// unless the file is `trusted`: the same as at an orderly stop.
    fn open(path: &Path, most: usize, trusted: bool) -> anyhow::Result<Self> {
        let mut file =
            File::options().create(true).truncate(false).read(true).write(true).open(path)?;
        let length = file::complete_length(&mut file)?;
        if !trusted {
            file::check(&mut file, length)?;
        }
        let (window, last) = file::tail(&mut file, length, most)?;
        file.set_len(length)?;
        file.seek(SeekFrom::End(0))?;
        Ok(Self { file, length, next: last + 1, window, most })
    }

    /// Takes the next event into the window.
    fn keep(&mut self, line: Box<str>) {
        self.next += 1;
        self.window.push_back(line);
        if self.window.len() > self.most {
            self.window.pop_front();
        }
    }
}

/// Opens the endpoint and serves until `stop`.
pub(crate) async fn start(
    log: Arc<EventLog>,
    verifier: Verifier,
    faults: Arc<Faults>,
    stop: Stop,
) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0))
        .await
        .context("cannot open the EventBridge endpoint")?;
    let address = listener.local_addr().context("cannot open the EventBridge endpoint")?;
    tokio::spawn(Service::new(Audience::Functions).serve(listener, stop, move |request, _| {
        let (log, faults) = (Arc::clone(&log), Arc::clone(&faults));
        handle(log, verifier.clone(), faults, request)
    }));
    Ok(address)
}

async fn handle(
    log: Arc<EventLog>,
    verifier: Verifier,
    faults: Arc<Faults>,
    request: Request<Incoming>,
) -> Reply {
    let (parts, body) = match signed_call(&verifier, request, REQUEST_BYTES).await {
        Ok(call) => call,
        Err(answer) => return answer.into(),
    };
    let target = parts.headers.get("x-amz-target");
    if target.is_none_or(|target| target != "AWSEvents.PutEvents") {
        let (status, body) =
            refusal(StatusCode::BAD_REQUEST, "UnknownOperationException", "only PutEvents is here");
        return json_answer(status, &body).into();
    }
    let call = faults.at_call(&parts.headers, "PutEvents");
    // A call that was sent is carried out, also when its caller dies meanwhile.
    let done = tokio::spawn(async move {
        let apply = |refused| put(Arc::clone(&log), faults.get().bus, refused, body.clone());
        around(&faults, call, apply, injected).await
    });
    done.await.unwrap_or_else(|_| injected(Fault::InternalError).into())
}

/// Carries out a call, with some entries refused when a fault wants it.
async fn put(log: Arc<EventLog>, bus: BusFault, refused: Option<Fault>, body: Bytes) -> Answer {
    let refuses = move |index: usize| match refused {
        Some(Fault::RefuseFirst) => index == 0,
        Some(Fault::RefuseSome) => index % 2 == 1,
        Some(Fault::RefuseAll) => true,
        _ => false,
    };
    let done = tokio::task::spawn_blocking(move || log.put_events(&body, bus, refuses)).await;
    let (status, body) = done.unwrap_or_else(|_| {
        refusal(StatusCode::INTERNAL_SERVER_ERROR, "InternalException", "interrupted")
    });
    json_answer(status, &body)
}

/// The answer of a fault that is an answer.
fn injected(fault: Fault) -> Answer {
    let (status, kind) = match fault {
        Fault::Throttle => (StatusCode::BAD_REQUEST, "ThrottlingException"),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "InternalException"),
    };
    let (status, body) = refusal(status, kind, "The call could not be carried out");
    json_answer(status, &body)
}

fn refusal(status: StatusCode, kind: &str, message: &str) -> (StatusCode, Value) {
    (status, json!({"__type": kind, "message": message}))
}

/// The size of an entry as EventBridge counts it.
fn entry_bytes(entry: &Value) -> usize {
    let text = |name: &str| entry[name].as_str().map_or(0, str::len);
    let resources: usize = entry["Resources"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::len)
        .sum();
    let time = if entry["Time"].is_null() { 0 } else { 14 };
    text("Source") + text("DetailType") + text("Detail") + resources + time
}

#[cfg(test)]
mod tests;
