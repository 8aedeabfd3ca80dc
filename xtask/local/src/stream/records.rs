//! Reading a table's stream.

use crate::dynamo::Dynamo;
use anyhow::{Context, anyhow};
use dynoxide::Database;
use serde_json::{Value, json};

/// Records read at once.
const READ_AT_ONCE: usize = 1000;

/// What is behind a position.
pub(super) struct Page {
    pub(super) records: Vec<Value>,
    /// Where to begin later, when the mapping begins at the end of the stream.
    pub(super) start: Option<String>,
}

/// The records behind the last one that is done.
pub(super) fn read(
    database: &Database,
    table: &str,
    last: Option<&str>,
    from_latest: bool,
) -> anyhow::Result<Page> {
    let records = records_after(database, table, last)?;
    if last.is_none() && from_latest {
        // What there is already is passed over.
        let start = records
            .last()
            .and_then(|record| record["dynamodb"]["SequenceNumber"].as_str())
            .map(str::to_owned);
        return Ok(Page { records: Vec::new(), start });
    }
    Ok(Page { records, start: None })
}

/// The next records of a table's stream after the one with the number `last`, or from its
/// beginning.
pub(crate) fn records_after(
    database: &Database,
    table: &str,
    last: Option<&str>,
) -> anyhow::Result<Vec<Value>> {
    let from = match last {
        None => json!({"ShardIteratorType": "TRIM_HORIZON"}),
        Some(last) => {
            json!({"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": last})
        }
    };
    records(database, table, from, READ_AT_ONCE)
}

/// Whether the stream of a table has a record of this number.
pub(super) fn has_record(dynamo: &Dynamo, table: &str, number: &str) -> anyhow::Result<bool> {
    let at = json!({"ShardIteratorType": "AT_SEQUENCE_NUMBER", "SequenceNumber": number});
    let found = records(&dynamo.database, table, at, 1)?;
    Ok(found.first().is_some_and(|record| record["dynamodb"]["SequenceNumber"] == number))
}

/// The records of a table's stream from a position on.
fn records(
    database: &Database,
    table: &str,
    from: Value,
    limit: usize,
) -> anyhow::Result<Vec<Value>> {
    let failed = |error: dynoxide::DynoxideError| anyhow!("cannot read the stream: {error}");
    let description = database
        .describe_table(serde_json::from_value(json!({"TableName": table}))?)
        .map_err(failed)?;
    let description = serde_json::to_value(&description)?;
    let stream = description["Table"]["LatestStreamArn"]
        .as_str()
        .with_context(|| format!("the table {table} has no stream"))?;
    let mut request = from;
    request["StreamArn"] = json!(stream);
    request["ShardId"] = json!(dynoxide::streams::shard_id(table));
    let iterator = database
        .get_shard_iterator(serde_json::from_value(request)?)
        .map_err(failed)?
        .shard_iterator
        .context("the stream has no position")?;
    let request = json!({"ShardIterator": iterator, "Limit": limit});
    let page = database.get_records(serde_json::from_value(request)?).map_err(failed)?;
    Ok(page.records.iter().map(serde_json::to_value).collect::<Result<_, _>>()?)
}
