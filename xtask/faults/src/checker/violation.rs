//! A broken rule, and the reading of items.

use crate::history::Exchange;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::fmt;

#[derive(Clone, Debug)]
pub(crate) struct Violation {
    pub(crate) rule: &'static str,
    pub(crate) text: String,
    /// The ids of the requests involved.
    pub(crate) requests: BTreeSet<String>,
    /// The items involved.
    pub(crate) items: Vec<Value>,
}

impl Violation {
    pub(super) fn new(rule: &'static str, text: impl Into<String>) -> Self {
        Self { rule, text: text.into(), requests: BTreeSet::new(), items: Vec::new() }
    }

    pub(super) fn of(mut self, exchange: &Exchange) -> Self {
        self.requests.insert(exchange.id.clone());
        self
    }

    pub(super) fn with(mut self, item: &Value) -> Self {
        self.items.push(item.clone());
        self
    }

    pub(super) fn with_all<'a>(mut self, items: impl IntoIterator<Item = &'a &'a Value>) -> Self {
        self.items.extend(items.into_iter().map(|item| (*item).clone()));
        self
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.rule, self.text)
    }
}

pub(super) fn text<'a>(item: &'a Value, name: &str) -> &'a str {
    item[name].as_str().unwrap_or_default()
}

/// The roles of a user.
pub(super) fn roles(user: &Value) -> impl Iterator<Item = &str> {
    user["roles"].as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// The attributes of an audit item that the API does not show.
const HIDDEN: [&str; 3] = ["pk", "sk", "traceHeader"];

/// An audit entry as the API shows it, from its item.
pub(super) fn as_shown(item: &Value) -> Map<String, Value> {
    let mut entry = item.as_object().cloned().unwrap_or_default();
    entry.retain(|name, _| !HIDDEN.contains(&name.as_str()));
    entry
}
