//! Audit entries: those of a letter, and their records.

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use users_contract::RELAY;

/// The most milliseconds between a change and its stream record.
const MARGIN_MS: i64 = 60_000;
/// The digits of ULIDs.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// The prefix of the user id.
const PK_PREFIX: &str = "USER#";

/// The key of an audit entry. Keys sort by user, and those of a user by version.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Key {
    pub(super) pk: String,
    pub(super) sk: String,
}

/// An audit entry of the table.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) image: HashMap<String, AttributeValue>,
}

/// The sort keys of the audit entries of a time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Range {
    pub(super) first: String,
    pub(super) last: String,
}

impl Key {
    /// The key of a letter's entry, if the relay wrote the letter.
    pub(super) fn of_letter(body: &Value) -> Option<Self> {
        let text = |name: &str| body["key"][name].as_str().map(str::to_owned);
        Some(Self { pk: text("pk")?, sk: text("sk")? })
    }

    pub(super) fn of_item(item: &HashMap<String, AttributeValue>) -> Option<Self> {
        let text = |name: &str| item.get(name)?.as_s().ok().cloned();
        Some(Self { pk: text("pk")?, sk: text("sk")? })
    }

    /// The ids of the user and of the event.
    pub(super) fn ids(&self) -> (&str, &str) {
        let user_id = self.pk.strip_prefix(PK_PREFIX).unwrap_or(&self.pk);
        (user_id, self.sk.strip_prefix(RELAY.sort_key_prefix).unwrap_or(&self.sk))
    }
}

impl Entry {
    pub(super) fn version(&self) -> Option<u64> {
        self.image.get("version")?.as_n().ok()?.parse().ok()
    }

    /// The entry as a record of the stream, with a number as its id.
    pub(super) fn record(&self, number: usize, region: &str) -> Value {
        json!({
            "eventID": number.to_string(),
            "eventName": "INSERT",
            "eventSource": RELAY.redelivery_source,
            "awsRegion": region,
            "dynamodb": {
                "Keys": {"pk": {"S": self.key.pk}, "sk": {"S": self.key.sk}},
                "NewImage": members(&self.image),
                "SequenceNumber": number.to_string(),
                "SizeBytes": 0,
            },
        })
    }
}

impl Range {
    /// The range of a letter's records, if the stream's mapping wrote the letter.
    pub(super) fn of_mapping(body: &Value) -> Option<Self> {
        let batch = &body["DDBStreamBatchInfo"];
        let millis = |name: &str| {
            let time: jiff::Timestamp = batch[name].as_str()?.parse().ok()?;
            Some(time.as_millisecond())
        };
        let first = millis("approximateArrivalOfFirstRecord")?;
        let last = millis("approximateArrivalOfLastRecord")?;
        // To the end of the last second, since the times may be whole seconds.
        let (first, last) = (first - MARGIN_MS, last + MARGIN_MS + 999);
        let prefix = RELAY.sort_key_prefix;
        Some(Self {
            first: format!("{prefix}{}", ulid_time(first)),
            last: format!("{prefix}{}{}", ulid_time(last), "Z".repeat(16)),
        })
    }

    /// The smallest range around all of these; `None` without any.
    pub(super) fn around<'a>(ranges: impl Iterator<Item = &'a Self> + Clone) -> Option<Self> {
        let first = ranges.clone().map(|range| &range.first).min()?.clone();
        let last = ranges.map(|range| &range.last).max()?.clone();
        Some(Self { first, last })
    }

    pub(super) fn holds(&self, key: &Key) -> bool {
        (&self.first..=&self.last).contains(&&key.sk)
    }
}

/// The ten digits of a ULID for its time.
fn ulid_time(millis: i64) -> String {
    let millis = u64::try_from(millis).unwrap_or_default();
    let digit = |place: u32| char::from(DIGITS[(millis >> (5 * place) & 31) as usize]);
    (0..10).rev().map(digit).collect()
}

fn members(item: &HashMap<String, AttributeValue>) -> Value {
    let members: Map<_, _> =
        item.iter().map(|(name, value)| (name.clone(), attribute(value))).collect();
    Value::Object(members)
}

/// An attribute in the JSON of streams.
fn attribute(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({"S": text}),
        AttributeValue::N(number) => json!({"N": number}),
        AttributeValue::Bool(value) => json!({"BOOL": value}),
        AttributeValue::B(bytes) => json!({"B": STANDARD.encode(bytes)}),
        AttributeValue::M(map) => json!({"M": members(map)}),
        AttributeValue::L(list) => json!({"L": list.iter().map(attribute).collect::<Vec<_>>()}),
        AttributeValue::Ss(texts) => json!({"SS": texts}),
        AttributeValue::Ns(numbers) => json!({"NS": numbers}),
        AttributeValue::Bs(all) => {
            json!({"BS": all.iter().map(|bytes| STANDARD.encode(bytes)).collect::<Vec<_>>()})
        }
        // The relay does not read values of newer types either.
        _ => json!({"NULL": true}),
    }
}

#[cfg(test)]
mod tests {
    use super::{Entry, Key, Range, ulid_time};
    use aws_sdk_dynamodb::primitives::Blob;
    use aws_sdk_dynamodb::types::AttributeValue;
    use serde_json::json;

    #[test]
    fn a_time_is_written_as_in_ulids() {
        // The example of the specification, and the ends.
        assert_eq!(ulid_time(1_469_918_176_385), "01ARYZ6S41");
        assert_eq!(ulid_time(0), "0000000000");
        assert_eq!(ulid_time(-1), "0000000000");
        assert_eq!(ulid_time((1 << 48) - 1), "7ZZZZZZZZZ");
    }

    #[test]
    fn a_letter_of_the_mapping_stands_for_a_range_of_keys() {
        let body = json!({"DDBStreamBatchInfo": {
            "approximateArrivalOfFirstRecord": "2016-07-30T22:36:16Z",
            "approximateArrivalOfLastRecord": "2016-07-30T22:36:16Z",
        }});
        let range = Range::of_mapping(&body).unwrap();
        let key = |time: i64| Key {
            pk: "USER#1".to_owned(),
            sk: format!("AUDIT#{}0123456789ABCDEF", ulid_time(time)),
        };
        let written = 1_469_918_176_385;
        for (time, expected) in [
            (written, true),
            (written - 60_000, true),
            (written + 60_000, true),
            (written - 62_000, false),
            (written + 62_000, false),
        ] {
            assert_eq!(range.holds(&key(time)), expected, "{time}");
        }
        assert_eq!(Range::of_mapping(&json!({"userId": "1"})), None);
    }

    #[test]
    fn every_type_of_attribute_is_handed_on() {
        let text = || "a".to_owned();
        let image = [
            ("s", AttributeValue::S(text())),
            ("n", AttributeValue::N("1.5".to_owned())),
            ("b", AttributeValue::B(Blob::new([255]))),
            ("l", AttributeValue::L(vec![AttributeValue::Bool(true), AttributeValue::Null(true)])),
            ("m", AttributeValue::M([("in".to_owned(), AttributeValue::S(text()))].into())),
            ("ss", AttributeValue::Ss(vec![text()])),
            ("ns", AttributeValue::Ns(vec!["1".to_owned()])),
            ("bs", AttributeValue::Bs(vec![Blob::new([0])])),
        ];
        let image = image.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let entry = Entry { key: Key { pk: "USER#1".into(), sk: "AUDIT#2".into() }, image };
        let record = entry.record(7, "eu-west-1");
        assert_eq!(
            record["dynamodb"]["NewImage"],
            json!({
                "s": {"S": "a"}, "n": {"N": "1.5"}, "b": {"B": "/w=="},
                "l": {"L": [{"BOOL": true}, {"NULL": true}]}, "m": {"M": {"in": {"S": "a"}}},
                "ss": {"SS": ["a"]}, "ns": {"NS": ["1"]}, "bs": {"BS": ["AA=="]},
            })
        );
        assert_eq!(record["eventSource"], "users:redelivery");
        assert_eq!(record["dynamodb"]["SequenceNumber"], "7");
    }
}
