//! DynamoDB: an embedded database, its tables as the template wants them, and its endpoint.
//!
//! The database is a SQLite file in write-ahead mode. A write is in the log, and synchronised
//! (`synchronous = FULL`, SQLite's default, which the database leaves as it is), before it is
//! acknowledged, so killing the process loses nothing.

mod damage;
mod index_lag;
mod look;
mod operations;
mod proxy;

pub(crate) use damage::check;
pub(crate) use look::{Found, ItemQuery, plain};
pub(crate) use proxy::Changes;

use crate::auth::Verifier;
use crate::console::Console;
use crate::faults::Faults;
use crate::server::Stop;
use crate::template::TablePlan;
use anyhow::{Context, bail};
use dynoxide::Database;
use serde_json::{Map, Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// Properties of a template's table that are the same in a request to create it.
const CREATION_PROPERTIES: &[&str] = &[
    "AttributeDefinitions",
    "BillingMode",
    "GlobalSecondaryIndexes",
    "KeySchema",
    "LocalSecondaryIndexes",
    "ProvisionedThroughput",
];

/// How often expired items are removed.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// Both look-ups of stream records are by the number of a record that is stored as text, and would
/// read the whole table of records each time, at every write.
const STREAM_INDEXES: &str = "
    CREATE INDEX IF NOT EXISTS local_stack_stream_sequence
        ON _stream_records (table_name, CAST(sequence_number AS INTEGER));
    CREATE INDEX IF NOT EXISTS local_stack_stream_position
        ON _stream_records (table_name, shard_id, CAST(sequence_number AS INTEGER));";

/// The database and where it listens.
#[derive(Clone)]
pub(crate) struct Dynamo {
    pub(crate) database: Database,
    pub(crate) address: SocketAddr,
    /// Signals when something was written.
    pub(crate) changes: Changes,
}

impl std::fmt::Debug for Dynamo {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Dynamo").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Opens the database at `path`, makes missing tables and serves until `stop`. Reads of an index
/// are `index_lag` old.
pub(crate) async fn start(
    path: &Path,
    tables: &[TablePlan],
    verifier: Verifier,
    index_lag: Duration,
    faults: Arc<Faults>,
    console: &Console,
    stop: &Stop,
) -> anyhow::Result<Dynamo> {
    let database = open(path)?;
    for table in tables {
        ensure(&database, table)
            .with_context(|| format!("cannot make the table {}", table.logical_id))?;
    }
    let indexes = match index_lag {
        Duration::ZERO => database.clone(),
        lag => index_lag::start(&database, tables, lag, console, stop)?,
    };
    let listener =
        TcpListener::bind(("127.0.0.1", 0)).await.context("cannot open the DynamoDB endpoint")?;
    let address = listener.local_addr().context("cannot open the DynamoDB endpoint")?;
    let changes = Changes::default();
    tokio::spawn(proxy::serve(
        listener,
        database.clone(),
        indexes,
        verifier,
        faults,
        changes.clone(),
        stop.clone(),
    ));
    tokio::spawn(sweep(database.clone(), console.clone(), stop.clone()));
    Ok(Dynamo { database, address, changes })
}

/// Moves what is in the write-ahead log into the database file. Nothing depends on it: the log is
/// as durable as the file.
pub(crate) fn checkpoint(path: &Path) -> anyhow::Result<()> {
    rusqlite::Connection::open(path)
        .and_then(|connection| {
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        })
        .context("cannot tidy up the database")
}

fn open(path: &Path) -> anyhow::Result<Database> {
    let text = path.to_str().context("the path of the data directory is not plain text")?;
    let database = Database::new(text)
        .map_err(|error| anyhow::anyhow!("cannot open the database {text}: {error}"))?;
    rusqlite::Connection::open(path)
        .and_then(|connection| connection.execute_batch(STREAM_INDEXES))
        .with_context(|| format!("cannot index the streams in {text}"))?;
    Ok(database)
}

/// Makes a table unless it is there; one that is there must be what the template says.
fn ensure(database: &Database, plan: &TablePlan) -> anyhow::Result<()> {
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

/// A table from an earlier template would fail in odd ways; better to say so.
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
         remove the data directory to begin anew, or choose another with --data"
    )
}

async fn sweep(database: Database, console: Console, mut stop: Stop) {
    loop {
        tokio::select! {
            () = stop.wait() => break,
            () = tokio::time::sleep(SWEEP_EVERY) => {}
        }
        let database = database.clone();
        let swept = tokio::task::spawn_blocking(move || database.sweep_ttl()).await;
        match swept {
            Ok(Ok(0)) | Err(_) => {}
            Ok(Ok(count)) => console.line("dynamodb", &format!("{count} expired items removed")),
            Ok(Err(error)) => {
                console.line("dynamodb", &format!("ERROR removing expired items: {error}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ensure, open};
    use crate::template::TablePlan;
    use serde_json::json;

    fn plan(range: &str) -> TablePlan {
        indexed(range, &[])
    }

    fn indexed(range: &str, indexes: &[(&str, &str)]) -> TablePlan {
        let key = |name| json!([{"AttributeName": name, "KeyType": "HASH"}]);
        let mut plan = unindexed(range);
        for (name, by) in indexes {
            let index = json!({
                "IndexName": name, "KeySchema": key(*by),
                "Projection": {"ProjectionType": "KEYS_ONLY"}
            });
            let definition = json!({"AttributeName": by, "AttributeType": "S"});
            let properties = &mut plan.properties;
            properties["AttributeDefinitions"].as_array_mut().unwrap().push(definition);
            match properties["GlobalSecondaryIndexes"].as_array_mut() {
                Some(indexes) => indexes.push(index),
                None => properties["GlobalSecondaryIndexes"] = json!([index]),
            }
        }
        plan
    }

    fn unindexed(range: &str) -> TablePlan {
        TablePlan {
            logical_id: "Table".to_owned(),
            name: "Table".to_owned(),
            properties: json!({
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [
                    {"AttributeName": "pk", "AttributeType": "S"},
                    {"AttributeName": range, "AttributeType": "S"}
                ],
                "KeySchema": [
                    {"AttributeName": "pk", "KeyType": "HASH"},
                    {"AttributeName": range, "KeyType": "RANGE"}
                ],
                "SSESpecification": {"SSEEnabled": true}
            }),
            stream_arn: "arn:aws:dynamodb:us-east-1:000000000000:table/Table/stream/local"
                .to_owned(),
            stream_view_type: Some("NEW_IMAGE".to_owned()),
            ttl_attribute: Some("expiresAt".to_owned()),
        }
    }

    #[test]
    fn a_table_is_made_once_and_must_fit_the_template_later() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("dynamodb.sqlite");
        ensure(&open(&path).unwrap(), &plan("sk")).unwrap();
        let reopened = open(&path).unwrap();
        ensure(&reopened, &plan("sk")).unwrap();
        let error = ensure(&reopened, &plan("other")).unwrap_err().to_string();
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
