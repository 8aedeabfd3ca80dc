//! Reading a table's stream.

use anyhow::{Context, anyhow};
use dynoxide::Database;
use serde_json::{Value, json};

/// The maximum number of records of one read.
const READ_AT_ONCE: usize = 1000;

/// The sequence number of a record.
pub(crate) fn sequence_number(record: &Value) -> anyhow::Result<&str> {
    record["dynamodb"]["SequenceNumber"].as_str().context("a stream record has no number")
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
pub(crate) fn has_record(database: &Database, table: &str, number: &str) -> anyhow::Result<bool> {
    let at = json!({"ShardIteratorType": "AT_SEQUENCE_NUMBER", "SequenceNumber": number});
    let found = records(database, table, at, 1)?;
    Ok(found.first().is_some_and(|record| record["dynamodb"]["SequenceNumber"] == number))
}

/// The records of a table's stream from a position on.
fn records(
    database: &Database,
    table: &str,
    mut position: Value,
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
    position["StreamArn"] = json!(stream);
    position["ShardId"] = json!(dynoxide::streams::shard_id(table));
    let iterator = database
        .get_shard_iterator(serde_json::from_value(position)?)
        .map_err(failed)?
        .shard_iterator
        .context("the stream has no position")?;
    let request = json!({"ShardIterator": iterator, "Limit": limit});
    let page = database.get_records(serde_json::from_value(request)?).map_err(failed)?;
    Ok(page.records.iter().map(serde_json::to_value).collect::<Result<_, _>>()?)
}
