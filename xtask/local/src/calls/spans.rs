//! A trace as a waterfall: the spans of the gateway, Lambda and the functions as a tree, in order of
//! time.

use crate::observe::{Invocation, Observed, Request};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A trace, as rows.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Waterfall {
    trace_id: String,
    /// The start of the first span, milliseconds since 1970.
    start: f64,
    duration_ms: f64,
    spans: Vec<Row>,
}

/// A span in the waterfall.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    /// The number of its ancestors.
    depth: usize,
    /// After the beginning of the trace.
    offset_ms: f64,
    duration_ms: f64,
    #[serde(flatten)]
    span: Span,
}

/// A segment or subsegment.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Span {
    id: String,
    #[serde(skip)]
    parent: Option<String>,
    kind: Kind,
    name: String,
    /// Further information, such as the outcome.
    detail: Vec<String>,
    status: Option<u64>,
    /// `fault`, `error` or `throttle`, the terms of X-Ray for failures.
    problem: Option<&'static str>,
    /// Milliseconds since 1970.
    #[serde(skip)]
    start: f64,
    #[serde(skip)]
    end: f64,
}

/// The component of a span.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Gateway,
    Lambda,
    /// A function's own segment.
    Function,
    /// A call of AWS.
    Aws,
}

/// The waterfall of a trace.
pub(super) fn waterfall(trace_id: &str, observed: &Observed) -> Waterfall {
    let requests = observed.requests.all(|request| request.trace_id == trace_id);
    let invocations = observed.invocations.all(|invocation| invocation.trace_id == trace_id);
    let mut spans: Vec<_> = requests.iter().map(|kept| of_request(&kept.item)).collect();
    spans.extend(invocations.iter().map(|kept| of_invocation(&kept.item)));
    for document in observed.traces.of(trace_id) {
        collect(&document, None, &mut spans);
    }
    arrange(trace_id, spans)
}

fn of_request(request: &Request) -> Span {
    let start = request.time as f64;
    let resource = request.resource.as_deref().unwrap_or("(no resource)");
    Span {
        id: request.segment_id.clone(),
        parent: None,
        kind: Kind::Gateway,
        name: format!("{} {resource}", request.method),
        detail: Vec::new(),
        status: Some(u64::from(request.status)),
        problem: problem_of(request.status),
        start,
        end: start + request.duration_ms,
    }
}

fn problem_of(status: u16) -> Option<&'static str> {
    match status {
        429 => Some("throttle"),
        400..=499 => Some("error"),
        500.. => Some("fault"),
        _ => None,
    }
}

fn of_invocation(invocation: &Invocation) -> Span {
    let cold = invocation.cold.then(|| "cold start".to_owned());
    Span {
        id: invocation.segment_id.clone(),
        parent: invocation.parent_id.clone(),
        kind: Kind::Lambda,
        name: invocation.function.clone(),
        detail: cold.into_iter().chain(invocation.error.clone()).collect(),
        status: None,
        problem: invocation.error.is_some().then_some("fault"),
        start: invocation.start,
        end: invocation.start + invocation.duration_ms,
    }
}

/// The spans of a document and of its subsegments.
fn collect(document: &Value, parent: Option<&str>, spans: &mut Vec<Span>) {
    let milliseconds = |name: &str| document[name].as_f64().map(|seconds| seconds * 1000.0);
    let text = |name: &str| document[name].as_str().unwrap_or_default();
    let Some(start) = milliseconds("start_time") else { return };
    let aws = &document["aws"];
    let mut detail = Vec::new();
    let mut name = text("name").to_owned();
    if let Some(operation) = aws["operation"].as_str() {
        name = format!("{name} {operation}");
    }
    if let Some(outcome) = document["annotations"]["outcome"].as_str() {
        detail.push(outcome.to_owned());
    }
    match aws["retries"].as_u64() {
        None | Some(0) => {}
        Some(1) => detail.push("1 retry".to_owned()),
        Some(retries) => detail.push(format!("{retries} retries")),
    }
    if document["in_progress"] == true {
        detail.push("in progress".to_owned());
    }
    let id = text("id");
    spans.push(Span {
        id: id.to_owned(),
        parent: parent.or(document["parent_id"].as_str()).map(str::to_owned),
        kind: if document["namespace"] == "aws" { Kind::Aws } else { Kind::Function },
        name,
        detail,
        status: document["http"]["response"]["status"].as_u64(),
        problem: ["throttle", "fault", "error"].into_iter().find(|flag| document[*flag] == true),
        start,
        end: milliseconds("end_time").unwrap_or(start).max(start),
    });
    for inner in document["subsegments"].as_array().into_iter().flatten() {
        collect(inner, Some(id), spans);
    }
}

/// Arranges spans as a tree, siblings in order of time.
fn arrange(trace_id: &str, spans: Vec<Span>) -> Waterfall {
    // Of a segment that was sent twice, the last is complete.
    let mut by_id: BTreeMap<_, _> = spans.into_iter().map(|span| (span.id.clone(), span)).collect();
    let start = by_id.values().map(|span| span.start).fold(f64::INFINITY, f64::min);
    let end = by_id.values().map(|span| span.end).fold(start, f64::max);
    let mut children = BTreeMap::<Option<String>, Vec<String>>::new();
    let mut in_time: Vec<_> = by_id.values().collect();
    in_time.sort_by(|a, b| a.start.total_cmp(&b.start).then(b.end.total_cmp(&a.end)));
    for span in in_time {
        let parent = span.parent.clone().filter(|id| by_id.contains_key(id) && *id != span.id);
        children.entry(parent).or_default().push(span.id.clone());
    }
    let mut rows = Vec::new();
    let mut waiting = children_of(&children, &None, 0);
    // Each span is removed when it is added, so a cycle of parents ends.
    while let Some((id, depth)) = waiting.pop() {
        let Some(span) = by_id.remove(&id) else { continue };
        waiting.extend(children_of(&children, &Some(id), depth + 1));
        rows.push(Row {
            depth,
            offset_ms: span.start - start,
            duration_ms: span.end - span.start,
            span,
        });
    }
    let duration_ms = if rows.is_empty() { 0.0 } else { end - start };
    let start = if rows.is_empty() { 0.0 } else { start };
    Waterfall { trace_id: trace_id.to_owned(), start, duration_ms, spans: rows }
}

/// The children of a span, the last first, with their depth.
fn children_of(
    children: &BTreeMap<Option<String>, Vec<String>>,
    parent: &Option<String>,
    depth: usize,
) -> Vec<(String, usize)> {
    let ids = children.get(parent).into_iter().flatten();
    ids.rev().map(|id| (id.clone(), depth)).collect()
}

#[cfg(test)]
mod tests {
    use super::waterfall;
    use crate::observe::{Invocation, Observed, Request};
    use serde_json::{Value, json};

    fn observed() -> Observed {
        let observed = Observed::new();
        let request = Request {
            time: 1_000_000,
            method: "PATCH".to_owned(),
            resource: Some("/users/{userId}".to_owned()),
            status: 503,
            duration_ms: 30.0,
            correlation_id: None,
            sent_correlation_id: None,
            request_id: "r".to_owned(),
            trace_id: "1-a".to_owned(),
            segment_id: "gateway".to_owned(),
            function: None,
        };
        observed.requests.push(request, 0);
        let invocation = Invocation {
            function: "users-profile-update".to_owned(),
            trace_id: "1-a".to_owned(),
            segment_id: "lambda".to_owned(),
            parent_id: Some("gateway".to_owned()),
            start: 1_000_001.0,
            duration_ms: 28.0,
            cold: true,
            error: None,
        };
        observed.invocations.push(invocation, 0);
        observed
    }

    fn rows(observed: &Observed) -> Vec<(u64, String, Value)> {
        let waterfall = serde_json::to_value(waterfall("1-a", observed)).unwrap();
        let spans = waterfall["spans"].as_array().cloned().unwrap();
        let row = |span: &Value| {
            let name = span["name"].as_str().unwrap().to_owned();
            (span["depth"].as_u64().unwrap(), name, span["offsetMs"].clone())
        };
        spans.iter().map(row).collect()
    }

    #[test]
    fn spans_follow_their_parents_in_order_of_time() {
        let observed = observed();
        observed.traces.push(&json!({
            "name": "updateUser", "id": "function", "trace_id": "1-a", "parent_id": "lambda",
            "start_time": 1000.002, "end_time": 1000.028, "fault": true,
            "annotations": {"outcome": "service-unavailable"},
            "subsegments": [
                {"name": "DynamoDB", "id": "second", "namespace": "aws", "start_time": 1000.012,
                 "end_time": 1000.027, "aws": {"operation": "TransactWriteItems", "retries": 2}},
                {"name": "DynamoDB", "id": "first", "namespace": "aws", "start_time": 1000.004,
                 "end_time": 1000.01, "aws": {"operation": "GetItem", "retries": 0}}
            ]
        }));
        // The later segment of the relay is a child of the request's.
        observed.traces.push(&json!({
            "name": "publishAudit", "id": "relay", "trace_id": "1-a", "parent_id": "function",
            "start_time": 1000.5, "end_time": 1000.6
        }));
        let found = rows(&observed);
        let names: Vec<_> = found.iter().map(|(depth, name, _)| (*depth, name.as_str())).collect();
        assert_eq!(
            names,
            [
                (0, "PATCH /users/{userId}"),
                (1, "users-profile-update"),
                (2, "updateUser"),
                (3, "DynamoDB GetItem"),
                (3, "DynamoDB TransactWriteItems"),
                (3, "publishAudit"),
            ]
        );
        assert_eq!(found[1].2, 1.0);
        let waterfall = serde_json::to_value(waterfall("1-a", &observed)).unwrap();
        assert!((waterfall["durationMs"].as_f64().unwrap() - 600.0).abs() < 0.01, "{waterfall}");
        let spans = &waterfall["spans"];
        assert_eq!((&spans[0]["status"], &spans[0]["problem"]), (&json!(503), &json!("fault")));
        assert_eq!(spans[1]["detail"], json!(["cold start"]));
        assert_eq!(spans[2]["detail"], json!(["service-unavailable"]));
        assert_eq!(
            (&spans[4]["detail"], &spans[4]["kind"]),
            (&json!(["2 retries"]), &json!("aws"))
        );
    }

    #[test]
    fn a_span_without_a_known_parent_is_a_root_and_a_cycle_ends() {
        let observed = observed();
        for (id, parent) in [("lost", "nobody"), ("a", "b"), ("b", "a"), ("own", "own")] {
            observed.traces.push(&json!({
                "name": id, "id": id, "trace_id": "1-a", "parent_id": parent,
                "start_time": 1001, "end_time": 1002
            }));
        }
        let names: Vec<_> = rows(&observed).into_iter().map(|(_, name, _)| name).collect();
        assert_eq!(names, ["PATCH /users/{userId}", "users-profile-update", "lost", "own"]);
    }

    #[test]
    fn an_unknown_trace_is_empty() {
        let waterfall = serde_json::to_value(waterfall("1-b", &observed())).unwrap();
        assert_eq!(waterfall["spans"], json!([]));
        assert_eq!(waterfall["durationMs"], 0.0);
    }
}
