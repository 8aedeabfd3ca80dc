//! DynamoDB: an embedded database, the tables of the template, and the endpoint.
//!
//! The database is a SQLite file in write-ahead mode. A write is in the log and synchronised
//! (`synchronous = FULL`, SQLite's default) before it is acknowledged, so killing the process loses
//! nothing.

mod damage;
mod index_lag;
mod operations;
mod reads;
mod records;
mod service;
mod tables;

pub(crate) use damage::check;
pub(crate) use reads::{Dynamo, Found, ItemQuery, plain};
pub(crate) use records::{has_record, records_after, sequence_number};

use self::service::{Changes, DynamoService};
use crate::auth::Verifier;
use crate::console::Console;
use crate::endpoint;
use crate::faults::Faults;
use crate::server::Stop;
use crate::template::TablePlan;
use anyhow::Context;
use dynoxide::Database;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The interval of the removal of expired items.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// Opens the database at `path`, creates missing tables and serves until `stop`. Reads of an index
/// are `index_lag` old.
pub(crate) async fn start(
    path: &Path,
    plans: &[TablePlan],
    verifier: Verifier,
    index_lag: Duration,
    faults: Arc<Faults>,
    console: &Console,
    stop: &Stop,
) -> anyhow::Result<Dynamo> {
    let database = tables::open(path)?;
    for table in plans {
        tables::ensure(&database, table)
            .with_context(|| format!("cannot create the table {}", table.logical_id))?;
    }
    let indexes = match index_lag {
        Duration::ZERO => database.clone(),
        lag => index_lag::start(&database, plans, lag, console, stop)?,
    };
    let changes = Changes::default();
    let service =
        DynamoService::new(database.clone(), indexes, Arc::clone(&faults), changes.clone());
    let address = endpoint::start(Arc::new(service), verifier, faults, stop.clone()).await?;
    tokio::spawn(sweep(database.clone(), console.clone(), stop.clone()));
    Ok(Dynamo { database, address, changes })
}

/// Moves the write-ahead log into the database file. Nothing depends on it: the log is as durable as
/// the file.
pub(crate) fn checkpoint(path: &Path) -> anyhow::Result<()> {
    rusqlite::Connection::open(path)
        .and_then(|connection| {
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        })
        .context("cannot tidy up the database")
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
mod testing;
