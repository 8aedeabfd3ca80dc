//! Opens the database and creates the tables of the template.

use crate::template::TablePlan;
use anyhow::{Context, bail};
use dynoxide::Database;
use serde_json::{Map, Value, json};
use std::path::Path;

/// Properties of a table that have the same form in the template and in `CreateTable`.
const CREATION_PROPERTIES: &[&str] = &[
    "AttributeDefinitions",
    "BillingMode",
    "GlobalSecondaryIndexes",
    "KeySchema",
    "LocalSecondaryIndexes",
    "ProvisionedThroughput",
];

/// The engine looks stream records up by a number that it stores as text. Without these indexes it
/// would scan all records at every write.
const STREAM_INDEXES: &str = "
    CREATE INDEX IF NOT EXISTS local_stack_stream_sequence
        ON _stream_records (table_name, CAST(sequence_number AS INTEGER));
    CREATE INDEX IF NOT EXISTS local_stack_stream_position
        ON _stream_records (table_name, shard_id, CAST(sequence_number AS INTEGER));";

/// Opens the database at `path`.
pub(super) fn open(path: &Path) -> anyhow::Result<Database> {
    let text = path.to_str().context("the path of the data directory is not plain text")?;
    let database = Database::new(text)
        .map_err(|error| anyhow::anyhow!("cannot open the database {text}: {error}"))?;
    rusqlite::Connection::open(path)
        .and_then(|connection| connection.execute_batch(STREAM_INDEXES))
        .with_context(|| format!("cannot index the streams in {text}"))?;
    Ok(database)
}

/// Creates a table. One that exists must have the keys, indexes and stream of the template.
pub(super) fn ensure(database: &Database, plan: &TablePlan) -> anyhow::Result<()> {
    let description = json!({"TableName": plan.name});
    let existing = serde_json::from_value(description)
        .map_err(anyhow::Error::from)
        .map(|request| database.describe_table(request))?;
    if let Ok(existing) = existing {
        let existing = serde_json::to_value(&existing)?;
        return compare(&existing["Table"], plan);
    }
    let mut request = Map::new();
    request.insert("TableName".to_owned(), json!(plan.name));
    for property in CREATION_PROPERTIES {
        if let Some(value) = plan.properties.get(*property) {
            request.insert((*property).to_owned(), value.clone());
        }
    }
    if let Some(view) = &plan.stream_view_type {
        let stream = json!({"StreamEnabled": true, "StreamViewType": view});
        request.insert("StreamSpecification".to_owned(), stream);
    }
    let request = serde_json::from_value(Value::Object(request))
        .context("its properties are not those of a table")?;
    database.create_table(request).map_err(|error| anyhow::anyhow!("{error}"))?;
    if let Some(attribute) = &plan.ttl_attribute {
        let request = serde_json::from_value(json!({
            "TableName": plan.name,
            "TimeToLiveSpecification": {"AttributeName": attribute, "Enabled": true}
        }))?;
        database.update_time_to_live(request).map_err(|error| anyhow::anyhow!("{error}"))?;
    }
    Ok(())
}

/// Refuses a table from an earlier template, which would fail in ways hard to understand.
fn compare(existing: &Value, plan: &TablePlan) -> anyhow::Result<()> {
    let index_names = |indexes: &Value| {
        let mut names: Vec<_> = indexes
            .as_array()
            .into_iter()
            .flatten()
            .map(|index| (index["IndexName"].clone(), index["KeySchema"].clone()))
            .map(|(name, keys)| format!("{name}{keys}"))
            .collect();
        names.sort();
        names
    };
    let same_keys = existing["KeySchema"] == plan.properties["KeySchema"];
    let same_indexes = index_names(&existing["GlobalSecondaryIndexes"])
        == index_names(&plan.properties["GlobalSecondaryIndexes"]);
    let view = existing["StreamSpecification"]["StreamViewType"].as_str();
    if same_keys && same_indexes && view == plan.stream_view_type.as_deref() {
        return Ok(());
    }
    bail!(
        "the table in the data directory has other keys, indexes or streams than the template's; \
         remove the data directory to start afresh, or choose another with --data"
    )
}

#[cfg(test)]
mod tests {
    use super::{ensure, open};
    use crate::dynamo::testing::indexed;

    #[test]
    fn a_table_is_created_once_and_must_match_the_template_later() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("dynamodb.sqlite");
        ensure(&open(&path).unwrap(), &indexed("sk", &[])).unwrap();
        let reopened = open(&path).unwrap();
        ensure(&reopened, &indexed("sk", &[])).unwrap();
        let error = ensure(&reopened, &indexed("other", &[])).unwrap_err().to_string();
        assert!(error.contains("remove the data directory"), "{error}");
    }

    #[test]
    fn data_from_before_an_index_was_added_or_changed_is_refused() {
        let directory_and_status = [("directory", "directoryPk"), ("status", "statusPk")];
        for before in [
            &[][..],
            &[("directory", "directoryPk")],
            &[("status", "statusPk")],
            &[("directory", "directoryPk"), ("status", "status")],
            &[("directory", "directoryPk"), ("statuses", "statusPk")],
        ] {
            let directory = tempfile::tempdir().unwrap();
            let database = open(&directory.path().join("dynamodb.sqlite")).unwrap();
            ensure(&database, &indexed("sk", before)).unwrap();
            let error = ensure(&database, &indexed("sk", &directory_and_status)).unwrap_err();
            assert!(error.to_string().contains("remove the data directory"), "{before:?} {error}");
            ensure(&database, &indexed("sk", before)).unwrap();
        }
    }

    #[test]
    fn acknowledged_writes_are_synchronised() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("dynamodb.sqlite");
        let _database = open(&path).unwrap();
        let connection = rusqlite::Connection::open(&path).unwrap();
        let mode: String =
            connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
        let synchronous: i64 =
            connection.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
        assert_eq!((mode.as_str(), synchronous), ("wal", 2));
    }
}
