//! Control endpoints under `/_local/`: the state of the stack, the console, and the faults.

mod invoke;
mod query;

use self::query::{BadParameter, Query};
use crate::auth::Verifier;
use crate::bus::EventBus;
use crate::calls;
use crate::dynamo::{Dynamo, ItemQuery, plain};
use crate::endpoint::signed_call;
use crate::faults::{FaultSettings, Faults, Placement};
use crate::lambda::{Fleet, PAYLOAD_BYTES};
use crate::observe::{LogSelection, Observed, Page};
use crate::page;
use crate::queue::DeadLetters;
use crate::server::{
    Answer, Bodies, BodyError, Stop, forbidden, foreign_page, json as json_answer,
};
use crate::stream::Progress;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use http::{HeaderValue, Method, Request, StatusCode};
use hyper::body::Incoming;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// The first segment of control paths.
pub(crate) const PREFIX: &str = "/_local/";

const BODY_BYTES: usize = 64 * 1024;
/// The default and the maximum number of entries of a page.
const ENTRIES: (usize, usize) = (100, 1000);
/// The maximum wait for activity.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

const ENDPOINTS: &str = "control endpoints: GET console/, health, activity?seen=N&wait=SECONDS, \
    requests, logs, events, calls/{correlation id}, traces, dead-letters, functions, tables, \
    tables/{LogicalId}/items, streams, aws, faults, faults/kinds, faults/report, \
    faults/placed/{id}; POST faults, faults/placed, streams, and Invoke of Lambda below lambda/";

/// The parts of the stack that the endpoints show and change.
#[derive(Debug)]
pub(crate) struct Control {
    /// Everything that a tool for AWS needs: Region, endpoints, key, outputs.
    pub(crate) aws: Value,
    /// Verifies calls of Lambda.
    pub(crate) lambda: Verifier,
    pub(crate) dynamo: Dynamo,
    /// Names of tables by logical id.
    pub(crate) tables: BTreeMap<String, String>,
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) events: Arc<EventBus>,
    pub(crate) streams: Vec<Arc<Progress>>,
    pub(crate) dead_letters: Arc<DeadLetters>,
    pub(crate) observed: Arc<Observed>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) bodies: Bodies,
    /// Held while a page is made: one at a time, so that reads of large pages leave a processor to
    /// the gateway.
    pub(crate) pages: Semaphore,
    /// Ends waits for activity.
    pub(crate) stop: Stop,
}

/// A failed request.
#[derive(Debug)]
enum Failure {
    /// The request is malformed.
    Bad(String),
    Unknown(String),
    Broken(anyhow::Error),
}

impl From<BadParameter> for Failure {
    fn from(error: BadParameter) -> Self {
        Self::Bad(error.0)
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Broken(error.into())
    }
}

impl Control {
    /// Answers a request whose path begins with [`PREFIX`].
    pub(crate) async fn handle(&self, request: Request<Incoming>) -> Answer {
        let (parts, body) = request.into_parts();
        if let Some(text) = foreign_page(&parts, |path| page::answer_to(path).is_some()) {
            return protected(forbidden(text));
        }
        if parts.method == Method::GET
            && let Some(answer) = page::answer_to(parts.uri.path())
        {
            return protected(answer);
        }
        if let Some(function) = invoke::function(&parts.method, parts.uri.path()) {
            let request = Request::from_parts(parts, body);
            return protected(match signed_call(&self.lambda, request, PAYLOAD_BYTES).await {
                Ok((_, event)) => invoke::run(&self.fleet, &function, event).await,
                Err(answer) => answer,
            });
        }
        protected(match self.answer(Request::from_parts(parts, body)).await {
            Ok(body) => {
                let _permit = self.pages.acquire().await;
                json_answer(StatusCode::OK, &body)
            }
            Err(Failure::Bad(text)) => refusal(StatusCode::BAD_REQUEST, &text),
            Err(Failure::Unknown(text)) => refusal(StatusCode::NOT_FOUND, &text),
            Err(Failure::Broken(error)) => {
                refusal(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error:#}"))
            }
        })
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Value, Failure> {
        let path = request.uri().path().to_owned();
        let query = Query::new(request.uri().query().unwrap_or_default());
        let segments: Vec<_> = path.strip_prefix(PREFIX).unwrap_or_default().split('/').collect();
        // These wait: for a body, or for activity.
        let waits =
            request.method() != Method::GET || matches!(segments.as_slice(), ["activity" | "logs"]);
        let _permit = if waits { None } else { Some(self.pages.acquire().await?) };
        Ok(match (request.method(), segments.as_slice()) {
            (&Method::GET, ["health"]) => json!({"status": "ok"}),
            (&Method::GET, ["activity"]) => self.activity(&query).await?,
            (&Method::GET, ["requests"]) => {
                let wanted = query.text("correlation-id");
                let items = self.observed.requests.page(page_of(&query)?, |request| {
                    wanted.as_deref().is_none_or(|id| request.has_correlation_id(id))
                });
                json!({"items": items, "next": self.observed.requests.newest()})
            }
            (&Method::GET, ["logs"]) => self.logs(&query).await?,
            (&Method::GET, ["events"]) => self.events(&query)?,
            (&Method::GET, ["calls", id]) => {
                let id = percent_decode_str(id).decode_utf8_lossy();
                let Self { observed, events, dynamo, tables, .. } = self;
                calls::find(&id, observed, events, dynamo, tables).await?
            }
            (&Method::GET, ["dead-letters"]) => json!({"items": self.dead_letters.all()}),
            (&Method::GET, ["aws"]) => self.aws.clone(),
            (&Method::GET, ["traces"]) => json!({"items": self.observed.traces.all()}),
            (&Method::GET, ["functions"]) => json!({"items": self.fleet.describe()}),
            (&Method::GET, ["tables"]) => {
                let mut items = Vec::new();
                for (logical_id, name) in &self.tables {
                    let mut table = self.dynamo.describe(name).await?;
                    table["name"] = json!(logical_id);
                    items.push(table);
                }
                json!({"items": items})
            }
            (&Method::GET, ["tables", table, "items"]) => self.items(table, &query).await?,
            (&Method::GET, ["faults"]) => serde_json::to_value(self.faults.get())?,
            (&Method::POST, ["faults"]) => {
                let settings: FaultSettings = self.parsed(request).await?;
                self.faults.set(settings);
                serde_json::to_value(self.faults.get())?
            }
            (&Method::GET, ["faults", "kinds"]) => Faults::kinds(),
            (&Method::GET, ["faults", "report"]) => self.faults.report(),
            (&Method::POST, ["faults", "placed"]) => {
                let placement: Placement = self.parsed(request).await?;
                self.faults.place(placement);
                json!({})
            }
            (&Method::GET, ["faults", "placed", id]) => {
                let unknown = || Failure::Unknown("no fault is placed by this id".to_owned());
                self.faults.placement(id).ok_or_else(unknown)?
            }
            (&Method::POST, ["streams"]) => {
                let wanted: Value = self.parsed(request).await?;
                let Some(hold) = wanted["hold"].as_bool() else {
                    return Err(Failure::Bad("hold must be true or false".to_owned()));
                };
                self.faults.hold_streams(hold);
                wanted
            }
            (&Method::GET, ["streams"]) => {
                // The caller waits for the mapping to catch up.
                self.dynamo.changes.signal();
                let streams: Vec<_> = self.streams.iter().map(|it| it.describe()).collect();
                json!({"items": streams})
            }
            _ => return Err(Failure::Unknown(ENDPOINTS.to_owned())),
        })
    }

    /// Waits for activity that the caller has not seen.
    async fn activity(&self, query: &Query) -> Result<Value, Failure> {
        let activity = &self.observed.activity;
        let revision = match query.number("seen")? {
            None => activity.revision(),
            Some(seen) => activity.beyond(seen, wait(query)?, self.stop.clone()).await,
        };
        Ok(json!({"revision": revision, "started": self.observed.started}))
    }

    /// A page of log lines. On request, it waits for the first.
    async fn logs(&self, query: &Query) -> Result<Value, Failure> {
        let page = page_of(query)?;
        let selection = LogSelection {
            sources: query.all("source"),
            errors: query.is("errors"),
            since: query.time("since", Timestamp::now())?.map_or(0, Timestamp::as_millisecond),
            correlation_id: query.text("correlation-id"),
        };
        let deadline = tokio::time::Instant::now() + wait(query)?;
        loop {
            let seen = self.observed.activity.revision();
            let newest = self.observed.logs.newest();
            let traces = match &selection.correlation_id {
                Some(id) => self.observed.traces_of(id),
                None => BTreeSet::new(),
            };
            let permit = self.pages.acquire().await?;
            let items = self.observed.logs.page(page, &selection, &traces);
            drop(permit);
            let left = deadline.saturating_duration_since(tokio::time::Instant::now());
            if !items.is_empty() || left.is_zero() || self.stop.is_set() {
                let next = items.last().map_or(newest, |last| last.seq);
                return Ok(json!({"items": items, "next": next, "started": self.observed.started}));
            }
            self.observed.activity.beyond(seen, left, self.stop.clone()).await;
        }
    }

    fn events(&self, query: &Query) -> Result<Value, Failure> {
        let page = match page_of(query)? {
            Page::Last(limit) if query.text("last").is_some() => self.events.latest(limit)?,
            Page::Last(limit) => self.events.page(0, limit)?,
            Page::After(after, limit) => self.events.page(after, limit)?,
        };
        Ok(json!({"items": page.items, "next": page.next}))
    }

    /// Parses the body as JSON. The content types that a form of a foreign page could send are
    /// refused.
    async fn parsed<T: DeserializeOwned>(&self, request: Request<Incoming>) -> Result<T, Failure> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            return Err(Failure::Bad(
                "send JSON, with the header Content-Type: application/json".to_owned(),
            ));
        }
        let body = self.bodies.read(request.into_body(), BODY_BYTES).await.map_err(|error| {
            Failure::Bad(match error {
                BodyError::TooLarge => format!("the body has more than {BODY_BYTES} bytes"),
                BodyError::TooSlow => "the body did not arrive in time".to_owned(),
                BodyError::Broken => "the body is incomplete".to_owned(),
            })
        })?;
        serde_json::from_slice(&body).map_err(|error| Failure::Bad(error.to_string()))
    }

    /// A page of a table's items; `start` is the `next` of the previous page.
    async fn items(&self, table: &str, query: &Query) -> Result<Value, Failure> {
        let Some(name) = self.tables.get(table) else {
            let known: Vec<_> = self.tables.keys().map(String::as_str).collect();
            return Err(Failure::Unknown(format!(
                "there is no table {table}; there are {}",
                known.join(", ")
            )));
        };
        let page = ItemQuery {
            partition: query.text("partition"),
            sort_prefix: query.text("sort-prefix"),
            start: query.text("start"),
            limit: query.number("limit")?,
            descending: query.is("descending"),
        };
        let page = self.dynamo.items(name, page).await?;
        let items = match query.is("plain") {
            true => page.items.iter().map(plain).collect(),
            false => page.items,
        };
        let mut answer = json!({"items": items});
        if let Some(next) = page.next {
            answer["next"] = json!(next);
        }
        Ok(answer)
    }
}

/// The requested page: `after=N&limit=M` continues, `last=M`, or nothing, begins at the end.
fn page_of(query: &Query) -> Result<Page, BadParameter> {
    let (default, most) = ENTRIES;
    let number = |name| -> Result<_, BadParameter> {
        let number = query.number(name)?;
        Ok(number.map(|number| usize::try_from(number).unwrap_or(most).min(most)))
    };
    let limit = number("limit")?.unwrap_or(default);
    Ok(match query.number("after")? {
        Some(after) => Page::After(after, limit),
        None => Page::Last(number("last")?.unwrap_or(limit)),
    })
}

fn wait(query: &Query) -> Result<Duration, BadParameter> {
    Ok(Duration::from_secs(query.number("wait")?.unwrap_or(0)).min(LONGEST_WAIT))
}

fn refusal(status: StatusCode, text: &str) -> Answer {
    json_answer(status, &json!({"error": text}))
}

/// Keeps answers from foreign pages and from caches.
fn protected(mut answer: Answer) -> Answer {
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, value) in [
        ("cross-origin-resource-policy", "same-origin"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    answer
}
