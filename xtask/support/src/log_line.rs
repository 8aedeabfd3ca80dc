//! Makes JSON log lines readable: those of the functions, those of Lambda, and metrics. The local
//! stack and `cargo xtask logs` show them in the same way.

mod escape;
mod row;

pub use escape::{escaped, escaped_json};
pub use row::{Row, of_access, of_function};

use serde_json::{Map, Value};
use std::fmt;

/// Members that are shown first, and not repeated as `name=value`.
const TIME_KEYS: &[&str] = &["timestamp", "time", "@timestamp"];
const LEVEL_KEYS: &[&str] = &["level", "severity"];
const MESSAGE_KEYS: &[&str] = &["message", "msg"];

/// The label of a line of metrics (CloudWatch's embedded metric format), in place of a level.
const METRICS: &str = "METRICS";

/// A log line that is a JSON object. It is displayed as `message name=value ...`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LogLine {
    /// The time at which it was written, according to the line.
    pub time: Option<String>,
    /// `INFO`, `ERROR` and so on; `METRICS` for a line that holds only metrics.
    pub level: Option<String>,
    /// The message.
    pub message: Option<String>,
    /// All other members by name: first those of an inner object (`fields` of `tracing`, `record`
    /// of Lambda), then those beside it. `null` members are left out.
    pub fields: Vec<(String, String)>,
}

impl LogLine {
    /// Reads a line; `None` if it is not a JSON object.
    #[must_use]
    pub fn read(line: &str) -> Option<Self> {
        let Ok(Value::Object(mut members)) = serde_json::from_str(line) else { return None };
        let metrics = members.remove("_aws");
        let mut take =
            |keys: &[&str]| keys.iter().find_map(|key| members.remove(*key)).and_then(plain);
        let time = take(TIME_KEYS);
        let level = take(LEVEL_KEYS).or_else(|| metrics.map(|_| METRICS.to_owned()));
        let mut message = take(MESSAGE_KEYS);
        // Lambda's own lines: `{"time": …, "type": "platform.report", "record": {…}}`.
        if message.is_none() && members.get("record").is_some_and(Value::is_object) {
            message = members.remove("type").and_then(plain);
        }
        let mut inner = Vec::new();
        for name in ["fields", "record"] {
            match members.remove(name) {
                Some(Value::Object(opened)) => inner.extend(sorted(opened)),
                Some(other) => drop(members.insert(name.to_owned(), other)),
                None => {}
            }
        }
        inner.extend(sorted(members));
        Some(Self { time, level, message, fields: inner })
    }

    /// The value of a field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl fmt::Display for LogLine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut space = "";
        if let Some(message) = &self.message {
            formatter.write_str(message)?;
            space = " ";
        }
        for (name, value) in &self.fields {
            write!(formatter, "{space}{name}={value}")?;
            space = " ";
        }
        Ok(())
    }
}

/// Members that are not `null`, sorted by name, because the order of `serde_json`'s map depends on
/// its features.
fn sorted(members: Map<String, Value>) -> Vec<(String, String)> {
    let mut fields: Vec<_> =
        members.into_iter().filter_map(|(name, value)| Some((name, plain(value)?))).collect();
    fields.sort_unstable();
    fields
}

fn plain(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::LogLine;
    use rstest::rstest;

    #[rstest]
    #[case::of_a_function(
        r#"{"timestamp":"2026-11-22T10:00:00.000Z","level":"INFO","message":"done","status":201}"#,
        "2026-11-22T10:00:00.000Z|INFO|done status=201"
    )]
    #[case::inner_fields(
        r#"{"level":"WARN","fields":{"message":"late","ms":3},"target":"x"}"#,
        "-|WARN|message=late ms=3 target=x"
    )]
    #[case::metrics(r#"{"_aws":{"Timestamp":1},"Latency":12.5}"#, "-|METRICS|Latency=12.5")]
    #[case::of_lambda(
        r#"{"time":"2026-11-22T10:00:00.000Z","type":"platform.report","record":{"requestId":"r","metrics":{"durationMs":1.5},"status":"success"}}"#,
        r#"2026-11-22T10:00:00.000Z|-|platform.report metrics={"durationMs":1.5} requestId=r status=success"#
    )]
    #[case::members_without_a_value(r#"{"message":"m","cause":null}"#, "-|-|m")]
    #[case::a_field_of_another_type(
        r#"{"type":"t","fields":1,"record":2}"#,
        "-|-|fields=1 record=2 type=t"
    )]
    #[case::nothing("{}", "-|-|")]
    fn a_json_object_is_split_into_its_parts(#[case] line: &str, #[case] expected: &str) {
        let line = LogLine::read(line).unwrap();
        let time = line.time.as_deref().unwrap_or("-");
        let level = line.level.as_deref().unwrap_or("-");
        assert_eq!(format!("{time}|{level}|{line}"), expected);
    }

    #[rstest]
    #[case("hello")]
    #[case("[1]")]
    #[case("{\"a\":")]
    fn other_text_is_not_a_log_line(#[case] line: &str) {
        assert_eq!(LogLine::read(line), None);
    }

    #[test]
    fn a_field_is_found_by_its_name() {
        let line = LogLine::read(r#"{"a":1,"b":"x"}"#).unwrap();
        assert_eq!((line.field("b"), line.field("c")), (Some("x"), None));
    }
}
