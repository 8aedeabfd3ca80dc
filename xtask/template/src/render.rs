//! JSON as text, the same bytes for the same value.
//!
//! This module orders the members itself, because `serde_json` sorts them or keeps the order of
//! insertion, depending on the features that other crates of the same build turn on.

use serde::{Serialize, Serializer};
use serde_json::Value;

/// A value whose members are sorted, those of the top level first in the order of a list.
struct Ordered<'a> {
    value: &'a Value,
    first: &'a [&'a str],
}

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let sorted = |value| Ordered { value, first: &[] };
        match self.value {
            Value::Object(members) => {
                let rank = |key: &str| self.first.iter().position(|name| *name == key);
                let mut entries: Vec<_> = members.iter().collect();
                entries.sort_unstable_by_key(|(key, _)| (rank(key).unwrap_or(usize::MAX), *key));
                serializer.collect_map(entries.into_iter().map(|(key, it)| (key, sorted(it))))
            }
            Value::Array(items) => serializer.collect_seq(items.iter().map(sorted)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                self.value.serialize(serializer)
            }
        }
    }
}

/// A document as indented text with a line feed at the end. Top-level members come in the order of
/// `first`, then the others; all members below are sorted.
pub(crate) fn document(value: &Value, first: &[&str]) -> String {
    serde_json::to_string_pretty(&Ordered { value, first }).expect("a value of JSON can be written")
        + "\n"
}

/// A value in one line, with sorted members.
pub(crate) fn compact(value: &Value) -> String {
    serde_json::to_string(&Ordered { value, first: &[] }).expect("a value of JSON can be written")
}

#[cfg(test)]
mod tests {
    use super::{compact, document};
    use serde_json::json;

    #[test]
    fn members_are_sorted_at_every_depth() {
        assert_eq!(
            compact(&json!({"b": [{"d": 1, "c": "x\ny"}], "a": null})),
            r#"{"a":null,"b":[{"c":"x\ny","d":1}]}"#
        );
    }

    #[test]
    fn top_level_members_come_in_the_order_asked_for() {
        let text = document(&json!({"a": {"y": 1, "x": 2}, "b": [], "c": "\n"}), &["c", "b"]);
        let expected =
            "{\n  \"c\": \"\\n\",\n  \"b\": [],\n  \"a\": {\n    \"x\": 2,\n    \"y\": 1\n  }\n}\n";
        assert_eq!(text, expected);
    }
}
