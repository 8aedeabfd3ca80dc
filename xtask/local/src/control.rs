//! Control endpoints under `/_local/`: what tests and people look into, and the faults.

use crate::bus::EventLog;
use crate::dynamo::Dynamo;
use crate::faults::{FaultSettings, Faults, Placement};
use crate::lambda::Fleet;
use crate::server::{Answer, json as json_answer, read_body};
use crate::stream::{DeadLetters, Progress};
use crate::xray::Traces;
use anyhow::anyhow;
use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

/// The first segment of control paths.
pub(crate) const PREFIX: &str = "/_local/";

const BODY_BYTES: usize = 64 * 1024;
/// Events of a page when the caller names no number, and most.
const EVENTS: (usize, usize) = (100, 1000);
/// Items of a page of a table.
const ITEMS: usize = 500;

/// Everything there is to look into.
#[derive(Debug)]
pub(crate) struct Control {
    pub(crate) dynamo: Dynamo,
    /// Names of tables by logical id.
    pub(crate) tables: BTreeMap<String, String>,
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) events: Arc<EventLog>,
    pub(crate) streams: Vec<Arc<Progress>>,
    pub(crate) dead_letters: Arc<DeadLetters>,
    pub(crate) traces: Arc<Traces>,
    pub(crate) faults: Arc<Faults>,
}

impl Control {
    /// Answers a request whose path begins with [`PREFIX`].
    pub(crate) async fn handle(&self, request: Request<Incoming>, peer: SocketAddr) -> Answer {
        if !peer.ip().is_loopback() {
            return refusal(StatusCode::FORBIDDEN, "only this machine may use control endpoints");
        }
        match self.answer(request).await {
            Ok(answer) => answer,
            Err(error) => refusal(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error:#}")),
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> anyhow::Result<Answer> {
        let path = request.uri().path().to_owned();
        let query = request.uri().query().unwrap_or_default().to_owned();
        let segments: Vec<_> = path.strip_prefix(PREFIX).unwrap_or_default().split('/').collect();
        let body = match (request.method(), segments.as_slice()) {
            (&Method::GET, ["health"]) => json!({"status": "ok"}),
            (&Method::GET, ["events"]) => {
                let (default, most) = EVENTS;
                let limit = number(&query, "limit")?.unwrap_or(default as u64);
                let limit = usize::try_from(limit).unwrap_or(most).min(most);
                let page = self.events.page(number(&query, "after")?.unwrap_or(0), limit)?;
                json!({"items": page.items, "next": page.next})
            }
            (&Method::GET, ["dead-letters"]) => json!({"items": self.dead_letters.all()?}),
            (&Method::GET, ["traces"]) => json!({"items": self.traces.all()}),
            (&Method::GET, ["functions"]) => json!({"items": self.fleet.describe()}),
            (&Method::GET, ["tables", table, "items"]) => {
                let Some(name) = self.tables.get(*table) else {
                    let known: Vec<_> = self.tables.keys().map(String::as_str).collect();
                    let text = format!("there is no table {table}; there are {}", known.join(", "));
                    return Ok(refusal(StatusCode::NOT_FOUND, &text));
                };
                self.items(name, parameter(&query, "start").as_deref()).await?
            }
            (&Method::GET, ["faults"]) => serde_json::to_value(self.faults.get())?,
            (&Method::POST, ["faults"]) => {
                match serde_json::from_slice::<FaultSettings>(&body_of(request).await?) {
                    Ok(settings) => {
                        self.faults.set(settings);
                        serde_json::to_value(self.faults.get())?
                    }
                    Err(error) => {
                        return Ok(refusal(StatusCode::BAD_REQUEST, &error.to_string()));
                    }
                }
            }
            (&Method::GET, ["faults", "kinds"]) => Faults::kinds(),
            (&Method::GET, ["faults", "report"]) => self.faults.report(),
            (&Method::POST, ["faults", "placed"]) => {
                match serde_json::from_slice::<Placement>(&body_of(request).await?) {
                    Ok(placement) => {
                        self.faults.place(placement);
                        json!({})
                    }
                    Err(error) => {
                        return Ok(refusal(StatusCode::BAD_REQUEST, &error.to_string()));
                    }
                }
            }
            (&Method::GET, ["faults", "placed", id]) => match self.faults.placement(id) {
                Some(placed) => placed,
                None => {
                    return Ok(refusal(StatusCode::NOT_FOUND, "no fault is placed by this id"));
                }
            },
            (&Method::POST, ["streams"]) => {
                let wanted: Value = serde_json::from_slice(&body_of(request).await?)?;
                let Some(hold) = wanted["hold"].as_bool() else {
                    let text = "hold must be true or false";
                    return Ok(refusal(StatusCode::BAD_REQUEST, text));
                };
                self.faults.hold_streams(hold);
                wanted
            }
            (&Method::GET, ["streams"]) => {
                // Whoever asks waits for the end of it.
                self.dynamo.changes.signal();
                let streams: Vec<_> = self.streams.iter().map(|it| it.describe()).collect();
                json!({"items": streams})
            }
            _ => {
                return Ok(refusal(
                    StatusCode::NOT_FOUND,
                    "control endpoints: GET health, events?after=N&limit=M, dead-letters, traces, \
                     functions, streams, tables/{LogicalId}/items?start=..., faults, \
                     faults/kinds, faults/report, faults/placed/{id}; POST faults, faults/placed, \
                     streams",
                ));
            }
        };
        Ok(json_answer(StatusCode::OK, &body))
    }

    /// A page of a table's items; `start` is the `next` of the page before.
    async fn items(&self, table: &str, start: Option<&str>) -> anyhow::Result<Value> {
        let mut request = json!({"TableName": table, "Limit": ITEMS});
        if let Some(start) = start {
            request["ExclusiveStartKey"] =
                serde_json::from_str(start).map_err(|_| anyhow!("start is not a next"))?;
        }
        let request = serde_json::from_value(request)?;
        let database = self.dynamo.database.clone();
        let page = tokio::task::spawn_blocking(move || database.scan(request))
            .await?
            .map_err(|error| anyhow!("{error}"))?;
        let page = serde_json::to_value(&page)?;
        let mut answer = json!({"items": page["Items"]});
        if let Some(key) = page.get("LastEvaluatedKey") {
            answer["next"] = json!(key.to_string());
        }
        Ok(answer)
    }
}

async fn body_of(request: Request<Incoming>) -> anyhow::Result<bytes::Bytes> {
    read_body(request.into_body(), BODY_BYTES).await.map_err(|_| anyhow!("the body cannot be read"))
}

fn parameter(query: &str, name: &str) -> Option<String> {
    query.split('&').find_map(|pair| {
        let (known, value) = pair.split_once('=')?;
        (known == name).then(|| percent_decode_str(value).decode_utf8_lossy().into_owned())
    })
}

fn number(query: &str, name: &str) -> anyhow::Result<Option<u64>> {
    parameter(query, name)
        .map(|text| text.parse().map_err(|_| anyhow!("{name} must be a whole number")))
        .transpose()
}

fn refusal(status: StatusCode, text: &str) -> Answer {
    json_answer(status, &json!({"error": text}))
}
