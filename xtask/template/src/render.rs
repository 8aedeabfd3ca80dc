//! JSON as text, the same bytes for the same value.
//!
//! This module orders the members itself, because `serde_json` sorts them or keeps the order of
//! insertion, depending on the features that other crates of the same build turn on.

use serde_json::{Map, Value};

/// A document as indented text with a line feed at the end. Top-level members come in the order of
/// `first`, then the others; all members below are sorted.
pub(crate) fn document(document: &Value, first: &[&str]) -> String {
    let mut text = String::new();
    match document {
        Value::Object(members) => {
            let rank = |key: &str| first.iter().position(|name| *name == key).unwrap_or(usize::MAX);
            let mut entries = sorted(members);
            entries.sort_by_key(|(key, _)| rank(key));
            push_members(&mut text, &entries, Some(0));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            push(&mut text, document, Some(0));
        }
    }
    text.push('\n');
    text
}

/// A value in one line, with sorted members.
pub(crate) fn compact(value: &Value) -> String {
    let mut text = String::new();
    push(&mut text, value, None);
    text
}

/// Appends a value; `depth` is that of its first line, or `None` for no lines at all.
fn push(text: &mut String, value: &Value, depth: Option<usize>) {
    match value {
        Value::Object(members) => push_members(text, &sorted(members), depth),
        Value::Array(items) => {
            push_list(text, ['[', ']'], depth, items, push);
        }
        // A string has no line feed of its own in JSON, so indentation stays what it is.
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            text.push_str(&value.to_string());
        }
    }
}

fn push_members(text: &mut String, members: &[(&String, &Value)], depth: Option<usize>) {
    push_list(text, ['{', '}'], depth, members, |text, (key, member), depth| {
        text.push_str(&Value::from(key.as_str()).to_string());
        text.push_str(if depth.is_some() { ": " } else { ":" });
        push(text, member, depth);
    });
}

fn push_list<T>(
    text: &mut String,
    [open, close]: [char; 2],
    depth: Option<usize>,
    items: &[T],
    push_item: impl Fn(&mut String, &T, Option<usize>),
) {
    let line = |text: &mut String, depth: Option<usize>| {
        if let Some(depth) = depth {
            text.push('\n');
            text.extend(std::iter::repeat_n("  ", depth));
        }
    };
    let inner = depth.map(|depth| depth + 1);
    text.push(open);
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        line(text, inner);
        push_item(text, item, inner);
    }
    if !items.is_empty() {
        line(text, depth);
    }
    text.push(close);
}

fn sorted(members: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut entries: Vec<_> = members.iter().collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    entries
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
