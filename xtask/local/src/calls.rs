//! All records of a correlation id: requests, traces, log lines, events and items.

mod spans;

use crate::bus::EventBus;
use crate::dynamo::{Dynamo, Found};
use crate::observe::{LogSelection, Observed, Page};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The maximum number of each kind. A correlation id is meant for one call or a few.
const MOST: usize = 500;
/// The attribute of an item, and the member of an event's detail, that holds a correlation id.
const ATTRIBUTE: &str = "correlationId";

/// Collects the records of a correlation id.
///
/// # Errors
/// When the database or the events cannot be read.
pub(crate) async fn find(
    id: &str,
    observed: &Observed,
    events: &EventBus,
    dynamo: &Dynamo,
    tables: &BTreeMap<String, String>,
) -> anyhow::Result<Value> {
    let traces = observed.traces_of(id);
    let selection = LogSelection { correlation_id: Some(id.to_owned()), ..LogSelection::default() };
    let logs = observed.logs.page(Page::Last(MOST), &selection, &traces);
    let requests = observed.requests.page(Page::Last(MOST), |it| it.has_correlation_id(id));
    let events = events.find(MOST, ATTRIBUTE, id)?;
    let mut items = Vec::new();
    let mut searched_all = true;
    for (logical_id, name) in tables {
        let Found { items: found, complete } = dynamo.items_with(name, ATTRIBUTE, id).await?;
        searched_all &= complete;
        items.extend(found.into_iter().map(|item| json!({"table": logical_id, "item": item})));
    }
    let traces: Vec<_> =
        traces.iter().take(MOST).map(|trace| spans::waterfall(trace, observed)).collect();
    Ok(json!({
        "correlationId": id,
        "requests": requests,
        "traces": traces,
        "logs": logs,
        "events": events,
        "items": items,
        "searchedAllItems": searched_all,
    }))
}
