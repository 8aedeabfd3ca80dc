//! Documents sent to the X-Ray daemon, and the trace header of calls.

use super::activity::Activity;
use super::ring::{Page, Ring};
use serde_json::Value;
use std::fmt;

/// The maximum number of documents.
const KEPT: usize = 1000;

/// The received documents, oldest first, as text: parsed values would take ten times the memory.
#[derive(Debug)]
pub(crate) struct Traces(Ring<Box<str>>);

impl Traces {
    pub(super) fn new(history: usize, activity: &Activity) -> Self {
        Self(Ring::new(KEPT.min(history), usize::MAX, activity))
    }

    /// Keeps a document.
    pub(crate) fn push(&self, document: &Value) {
        self.0.push(document.to_string().into_boxed_str(), 0);
    }

    /// All documents, oldest first.
    pub(crate) fn all(&self) -> Vec<Value> {
        self.select(|_| true)
    }

    /// The documents of a trace.
    pub(crate) fn of(&self, trace_id: &str) -> Vec<Value> {
        self.select(|document| document["trace_id"] == trace_id)
    }

    /// The ids of the traces that have a document annotated with a correlation id.
    pub(super) fn annotated(&self, correlation_id: &str) -> Vec<String> {
        self.select(|document| document["annotations"]["correlation_id"] == correlation_id)
            .into_iter()
            .filter_map(|document| document["trace_id"].as_str().map(str::to_owned))
            .collect()
    }

    fn select(&self, fits: impl Fn(&Value) -> bool) -> Vec<Value> {
        let page = self.0.page(Page::Last(KEPT), |_| true);
        let parsed = page.into_iter().filter_map(|kept| serde_json::from_str(&kept.item).ok());
        parsed.filter(fits).collect()
    }
}

/// A tracing header: `Root=...;Parent=...;Sampled=1`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct TraceHeader {
    /// The id of the trace.
    pub(crate) root: String,
    /// The parent of the receiver's segment.
    pub(crate) parent: Option<String>,
}

/// All traces are kept here, so all are sampled.
impl fmt::Display for TraceHeader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Root={}", self.root)?;
        if let Some(parent) = &self.parent {
            write!(formatter, ";Parent={parent}")?;
        }
        formatter.write_str(";Sampled=1")
    }
}

#[cfg(test)]
mod tests {
    use super::{Activity, KEPT, TraceHeader, Traces};
    use serde_json::json;

    #[test]
    fn only_the_latest_documents_are_kept() {
        let traces = Traces::new(usize::MAX, &Activity::default());
        for number in 0..KEPT + 2 {
            traces.push(&json!(number));
        }
        assert_eq!(traces.all().len(), KEPT);
        assert_eq!(traces.all()[0], 2);
    }

    #[test]
    fn documents_are_found_by_trace_and_annotation() {
        let traces = Traces::new(usize::MAX, &Activity::default());
        traces.push(&json!({"trace_id": "1-a", "annotations": {"correlation_id": "x"}}));
        traces.push(&json!({"trace_id": "1-b"}));
        assert_eq!(traces.annotated("x"), ["1-a"]);
        assert_eq!(traces.of("1-b"), [json!({"trace_id": "1-b"})]);
    }

    #[test]
    fn a_header_is_written_as_aws_does() {
        let parent = Some("53995c3f42cd8ad8".to_owned());
        let header = TraceHeader { root: "1-a-b".to_owned(), parent };
        assert_eq!(header.to_string(), "Root=1-a-b;Parent=53995c3f42cd8ad8;Sampled=1");
        let header = TraceHeader { parent: None, ..header };
        assert_eq!(header.to_string(), "Root=1-a-b;Sampled=1");
    }

    #[test]
    fn a_short_history_keeps_the_latest() {
        let traces = Traces::new(1, &Activity::default());
        traces.push(&json!({"id": "a"}));
        traces.push(&json!({"id": "b"}));
        assert_eq!(traces.all(), [json!({"id": "b"})]);
    }
}
