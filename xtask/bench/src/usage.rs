//! The AWS usage of an invocation, from its exchanges with the endpoint.

use crate::endpoint::Exchange;
use crate::stats::median;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Calls, capacity and items of an invocation.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Usage {
    pub(crate) requests: f64,
    /// Requests in sequence: those that overlap count once.
    pub(crate) round_trips: f64,
    /// Read capacity units.
    pub(crate) read_units: f64,
    /// Write capacity units.
    pub(crate) write_units: f64,
    pub(crate) items_read: f64,
    /// Items of the page, when the answer is one.
    pub(crate) items_returned: f64,
}

impl Usage {
    /// The usage of one invocation, with the body of its answer.
    pub(crate) fn of(exchanges: &[Exchange], body: &Value) -> Self {
        let mut usage = Self {
            requests: exchanges.len() as f64,
            round_trips: f64::from(served(exchanges).1),
            items_returned: body["items"].as_array().map_or(0, Vec::len) as f64,
            ..Self::default()
        };
        for it in exchanges {
            let answer: Value = serde_json::from_slice(&it.answer).unwrap_or_default();
            let units = match &answer["ConsumedCapacity"] {
                Value::Array(tables) => {
                    tables.iter().filter_map(|table| table["CapacityUnits"].as_f64()).sum()
                }
                table => table["CapacityUnits"].as_f64().unwrap_or_default(),
            };
            match it.operation.as_str() {
                "PutItem" | "TransactWriteItems" => usage.write_units += units,
                _ => usage.read_units += units,
            }
            let items = match it.operation.as_str() {
                "GetItem" => u64::from(answer.get("Item").is_some()),
                "Query" => answer["ScannedCount"].as_u64().unwrap_or_default(),
                "BatchGetItem" => {
                    let tables = answer["Responses"].as_object().into_iter().flatten();
                    tables.filter_map(|(_, items)| Some(items.as_array()?.len() as u64)).sum()
                }
                _ => 0,
            };
            usage.items_read += items as f64;
        }
        usage
    }

    /// The median of each figure.
    pub(crate) fn median(of: &[Self]) -> Self {
        let middle = |figure: fn(&Self) -> f64| median(&of.iter().map(figure).collect::<Vec<_>>());
        Self {
            requests: middle(|it| it.requests),
            round_trips: middle(|it| it.round_trips),
            read_units: middle(|it| it.read_units),
            write_units: middle(|it| it.write_units),
            items_read: middle(|it| it.items_read),
            items_returned: middle(|it| it.items_returned),
        }
    }
}

/// How long the endpoint served at least one of some exchanges, in the order of their requests, and
/// in how many intervals.
pub(crate) fn served(exchanges: &[Exchange]) -> (Duration, u32) {
    let (mut busy, mut intervals) = (Duration::ZERO, 0);
    let mut until: Option<Instant> = None;
    for it in exchanges {
        match until {
            Some(end) if it.begun < end => busy += it.ended.saturating_duration_since(end),
            _ => {
                intervals += 1;
                busy += it.ended - it.begun;
            }
        }
        until = until.max(Some(it.ended));
    }
    (busy, intervals)
}

#[cfg(test)]
mod tests {
    use super::{Usage, served};
    use crate::endpoint::Exchange;
    use serde_json::json;
    use std::time::{Duration, Instant};

    #[test]
    fn overlapping_requests_are_one_round_trip() {
        let start = Instant::now();
        let exchange = |from: u64, to: u64| Exchange {
            operation: "Query".to_owned(),
            request: Vec::new(),
            answer: br#"{"ConsumedCapacity":{"CapacityUnits":0.5},"ScannedCount":3}"#.to_vec(),
            begun: start + Duration::from_millis(from),
            ended: start + Duration::from_millis(to),
        };
        let exchanges = [exchange(0, 20), exchange(10, 30), exchange(12, 15), exchange(40, 45)];
        assert_eq!(served(&exchanges), (Duration::from_millis(35), 2));
        let usage = Usage::of(&exchanges, &json!({"items": [1, 2]}));
        let expected = Usage {
            requests: 4.0,
            round_trips: 2.0,
            read_units: 2.0,
            items_read: 12.0,
            items_returned: 2.0,
            ..Usage::default()
        };
        assert_eq!(usage, expected);
    }

    #[test]
    fn no_exchanges_are_no_usage() {
        assert_eq!(Usage::of(&[], &json!(null)), Usage::default());
    }
}
