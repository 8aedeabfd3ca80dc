//! Log lines of functions and of the gateway.

use super::activity::Activity;
use super::ring::{Kept, Page, Ring};
use crate::names::rfc3339;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The maximum number of lines, and of bytes of their text.
const LINES: usize = 5000;
const BYTES: usize = 8 * 1024 * 1024;
/// The maximum length of a line, in bytes; longer ones are cut. CloudWatch cuts at 1 MiB.
const LINE_BYTES: usize = 64 * 1024;

/// A log line as in CloudWatch, with its request and trace.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogRecord {
    /// The time, milliseconds since 1970.
    pub(crate) time: i64,
    /// The time as RFC 3339 in UTC.
    pub(crate) at: String,
    /// The function, or `api` for a line of the access log.
    pub(crate) source: String,
    /// The log group.
    pub(crate) group: String,
    /// The log stream: the instance of the function.
    pub(crate) stream: String,
    /// The level in the line, such as `ERROR` or `WARN`.
    pub(crate) level: Option<String>,
    /// Lambda's id of the invocation.
    pub(crate) request_id: Option<String>,
    pub(crate) trace_id: Option<String>,
    pub(crate) correlation_id: Option<String>,
    /// The text.
    pub(crate) message: String,
}

/// The known members of a line: those that Lambda Powertools also writes.
#[derive(Deserialize)]
struct Known {
    level: Option<String>,
    function_request_id: Option<String>,
    xray_trace_id: Option<String>,
    correlation_id: Option<String>,
}

impl LogRecord {
    /// A line of a function. `invocation` has the request id and the trace id of its instance, for
    /// lines without their own.
    pub(crate) fn of_function(
        time: Timestamp,
        source: &str,
        group: &str,
        stream: &str,
        invocation: Option<(String, String)>,
        message: &str,
    ) -> Self {
        let known = serde_json::from_str::<Known>(message).ok();
        let (request_id, trace_id) = invocation.unzip();
        let (level, own_request_id, own_trace_id, correlation_id) = match known {
            None => (None, None, None, None),
            Some(it) => (it.level, it.function_request_id, it.xray_trace_id, it.correlation_id),
        };
        Self {
            time: time.as_millisecond(),
            at: rfc3339(time),
            source: source.to_owned(),
            group: group.to_owned(),
            stream: stream.to_owned(),
            level,
            request_id: own_request_id.or(request_id),
            trace_id: own_trace_id.filter(|id| !id.is_empty()).or(trace_id),
            correlation_id,
            message: cut(message).to_owned(),
        }
    }

    fn is_error(&self) -> bool {
        matches!(self.level.as_deref(), Some("ERROR" | "WARN"))
    }
}

/// A text, cut to its maximum length.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(LINE_BYTES)]
}

/// A selection of lines: those that meet every set condition.
#[derive(Clone, Debug, Default)]
pub(crate) struct LogSelection {
    /// Only these sources; all when empty.
    pub(crate) sources: Vec<String>,
    /// Only warnings and errors.
    pub(crate) errors: bool,
    /// Not before this time, milliseconds since 1970.
    pub(crate) since: i64,
    /// Only lines of this correlation id.
    pub(crate) correlation_id: Option<String>,
}

/// The latest lines, oldest first.
#[derive(Debug)]
pub(crate) struct LogLines(Ring<LogRecord>);

impl LogLines {
    pub(super) fn new(history: usize, activity: &Activity) -> Self {
        Self(Ring::new(LINES.min(history), BYTES, activity))
    }

    /// Keeps a line.
    pub(crate) fn push(&self, record: LogRecord) {
        let weight = record.message.len();
        self.0.push(record, weight);
    }

    /// The number of the newest line, 0 before the first.
    pub(crate) fn newest(&self) -> u64 {
        self.0.newest()
    }

    /// A page of the selected lines. `traces` are those of the wanted correlation id: lines without
    /// one, such as those of a crash, have a trace id.
    pub(crate) fn page(
        &self,
        page: Page,
        selection: &LogSelection,
        traces: &BTreeSet<String>,
    ) -> Vec<Kept<LogRecord>> {
        let wanted = selection.correlation_id.as_deref();
        let has_id = |record: &LogRecord| record.correlation_id.as_deref() == wanted;
        let mut invocations = BTreeSet::new();
        if wanted.is_some() {
            let found = self.0.all(has_id);
            invocations.extend(found.into_iter().filter_map(|kept| kept.item.request_id));
        }
        let is_in = |set: &BTreeSet<String>, id: &Option<String>| {
            id.as_ref().is_some_and(|id| set.contains(id))
        };
        self.0.page(page, |record| {
            record.time >= selection.since
                && (!selection.errors || record.is_error())
                && (selection.sources.is_empty() || selection.sources.contains(&record.source))
                && (wanted.is_none()
                    || has_id(record)
                    || is_in(&invocations, &record.request_id)
                    || is_in(traces, &record.trace_id))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Activity, LINE_BYTES, LogLines, LogRecord, LogSelection, Page};
    use jiff::Timestamp;
    use std::collections::BTreeSet;

    fn line(message: &str) -> LogRecord {
        let invocation = Some(("request-0".to_owned(), "1-0".to_owned()));
        let time = Timestamp::from_millisecond(1000).unwrap();
        LogRecord::of_function(time, "get", "/aws/lambda/get", "local/1", invocation, message)
    }

    fn messages(lines: &LogLines, selection: &LogSelection, traces: &[&str]) -> Vec<String> {
        let traces: BTreeSet<_> = traces.iter().map(|id| (*id).to_owned()).collect();
        let page = lines.page(Page::Last(100), selection, &traces);
        page.into_iter().map(|kept| kept.item.message).collect()
    }

    #[test]
    fn a_line_has_its_own_ids_or_those_of_its_instance() {
        let own = line(
            r#"{"level":"WARN","function_request_id":"r","xray_trace_id":"1-a","correlation_id":"c","x":1}"#,
        );
        assert_eq!(own.request_id.as_deref(), Some("r"));
        assert_eq!(own.trace_id.as_deref(), Some("1-a"));
        assert_eq!(own.correlation_id.as_deref(), Some("c"));
        assert_eq!(own.level.as_deref(), Some("WARN"));
        for other in ["out of memory", r#"{"level":"INFO"}"#, r#"{"xray_trace_id":""}"#] {
            let other = line(other);
            assert_eq!(other.request_id.as_deref(), Some("request-0"));
            assert_eq!(other.trace_id.as_deref(), Some("1-0"));
        }
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let text = format!("{}ä", "x".repeat(LINE_BYTES - 1));
        assert_eq!(line(&text).message.len(), LINE_BYTES - 1);
    }

    #[test]
    fn a_correlation_id_finds_every_line_of_the_invocation_and_of_the_trace() {
        let lines = LogLines::new(usize::MAX, &Activity::default());
        let known = r#"{"function_request_id":"r","xray_trace_id":"1-a","correlation_id":"c"}"#;
        let same_invocation = r#"{"function_request_id":"r","xray_trace_id":"1-x"}"#;
        let same_trace = r#"{"function_request_id":"s","xray_trace_id":"1-b"}"#;
        for message in [known, same_invocation, same_trace, "something else"] {
            lines.push(line(message));
        }
        let wanted = |id: &str| LogSelection {
            correlation_id: Some(id.to_owned()),
            ..LogSelection::default()
        };
        assert_eq!(messages(&lines, &wanted("c"), &[]), [known, same_invocation]);
        assert_eq!(messages(&lines, &wanted("c"), &["1-b"]), [known, same_invocation, same_trace]);
        assert_eq!(messages(&lines, &wanted("d"), &[]), Vec::<String>::new());
        assert_eq!(lines.newest(), 4);
    }

    #[test]
    fn lines_are_selected_by_level_source_and_time() {
        let lines = LogLines::new(usize::MAX, &Activity::default());
        let (info, error) = (r#"{"level":"INFO"}"#, r#"{"level":"ERROR"}"#);
        lines.push(line(info));
        lines.push(line(error));
        let errors = LogSelection { errors: true, ..LogSelection::default() };
        assert_eq!(messages(&lines, &errors, &[]), [error]);
        let other = LogSelection { sources: vec!["put".to_owned()], ..LogSelection::default() };
        assert!(messages(&lines, &other, &[]).is_empty());
        let later = LogSelection { since: 1001, ..LogSelection::default() };
        assert!(messages(&lines, &later, &[]).is_empty());
        assert_eq!(messages(&lines, &LogSelection::default(), &[]), [info, error]);
    }
}
