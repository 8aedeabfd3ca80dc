//! Reads of an index that lag behind by a set time, as they may on AWS.
//!
//! The indexes of the embedded database are always current. With a lag, a copy of the tables that
//! have indexes follows their streams with that delay. Reads of an index go to the copy, all other
//! calls to the database itself.

use super::records::{records_after, sequence_number};
use super::tables::ensure;
use crate::console::Console;
use crate::server::Stop;
use crate::template::TablePlan;
use anyhow::{Context, bail};
use bytes::Bytes;
use dynoxide::Database;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The polling interval, and so the largest error of the lag.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Starts a copy of these tables whose indexes are `lag` old.
pub(super) fn start(
    database: &Database,
    tables: &[TablePlan],
    lag: Duration,
    console: &Console,
    stop: &Stop,
) -> anyhow::Result<Database> {
    let copy = Database::memory().map_err(|error| anyhow::anyhow!("cannot copy: {error}"))?;
    for table in tables {
        if table.properties.get("GlobalSecondaryIndexes").is_none() {
            continue;
        }
        let follower = Follower::new(database, &copy, table)
            .with_context(|| format!("cannot delay the indexes of {}", table.logical_id))?;
        tokio::spawn(follower.run(lag, console.clone(), stop.clone()));
    }
    Ok(copy)
}

/// Whether a call reads an index.
pub(super) fn reads_index(operation: &str, body: &Bytes) -> bool {
    matches!(operation, "Query" | "Scan")
        && serde_json::from_slice::<Value>(body)
            .is_ok_and(|request| request["IndexName"].is_string())
}

/// Keeps one table of the copy up to date.
struct Follower {
    database: Database,
    copy: Database,
    table: String,
    /// The number of the last record that was read.
    last: Option<String>,
}

impl Follower {
    /// Copies a table as it is now.
    fn new(database: &Database, copy: &Database, plan: &TablePlan) -> anyhow::Result<Self> {
        if !plan.stream_view_type.as_deref().is_some_and(|view| view.starts_with("NEW")) {
            bail!("the table has no stream of new images");
        }
        ensure(copy, plan)?;
        let (database, copy, table) = (database.clone(), copy.clone(), plan.name.clone());
        let mut follower = Self { database, copy, table, last: None };
        // The table already has the changes of all earlier records.
        while !follower.read()?.is_empty() {}
        follower.copy_items()?;
        Ok(follower)
    }

    fn copy_items(&self) -> anyhow::Result<()> {
        let mut request = json!({"TableName": self.table});
        loop {
            let page = self.database.scan(serde_json::from_value(request.clone())?);
            let page = serde_json::to_value(&page.map_err(failed)?)?;
            for item in page["Items"].as_array().into_iter().flatten() {
                self.put(item)?;
            }
            match page.get("LastEvaluatedKey") {
                Some(key) => request["ExclusiveStartKey"] = key.clone(),
                None => return Ok(()),
            }
        }
    }

    fn put(&self, item: &Value) -> anyhow::Result<()> {
        let request = json!({"TableName": self.table, "Item": item});
        self.copy.put_item(serde_json::from_value(request)?).map(drop).map_err(failed)
    }

    /// The records since the last time.
    fn read(&mut self) -> anyhow::Result<Vec<Value>> {
        let records = records_after(&self.database, &self.table, self.last.as_deref())?;
        if let Some(record) = records.last() {
            self.last = Some(sequence_number(record)?.to_owned());
        }
        Ok(records)
    }

    fn apply(&self, record: &Value) -> anyhow::Result<()> {
        let change = &record["dynamodb"];
        if record["eventName"] != "REMOVE" {
            return self.put(&change["NewImage"]);
        }
        let request = json!({"TableName": self.table, "Key": change["Keys"]});
        self.copy.delete_item(serde_json::from_value(request)?).map(drop).map_err(failed)
    }

    async fn run(mut self, lag: Duration, console: Console, mut stop: Stop) {
        let mut waiting = VecDeque::new();
        loop {
            tokio::select! {
                () = stop.wait() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let stepped = tokio::task::spawn_blocking(move || {
                let done = self.step(&mut waiting, lag);
                (self, waiting, done)
            });
            let Ok((follower, left, done)) = stepped.await else { return };
            (self, waiting) = (follower, left);
            if let Err(error) = done {
                console.line("dynamodb", &format!("ERROR delaying the indexes: {error:#}"));
                return;
            }
        }
    }

    /// Queues new records, and applies the due ones.
    fn step(
        &mut self,
        waiting: &mut VecDeque<(Instant, Value)>,
        lag: Duration,
    ) -> anyhow::Result<()> {
        let now = Instant::now();
        waiting.extend(self.read()?.into_iter().map(|record| (now + lag, record)));
        while let Some((_, record)) = waiting.pop_front_if(|(due, _)| *due <= now) {
            self.apply(&record)?;
        }
        Ok(())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to `map_err`")]
fn failed(error: dynoxide::DynoxideError) -> anyhow::Error {
    anyhow::anyhow!("{error}")
}

#[cfg(test)]
mod tests {
    use super::{Follower, reads_index};
    use crate::dynamo::tables::{ensure, open};
    use crate::dynamo::testing::indexed;
    use crate::template::TablePlan;
    use bytes::Bytes;
    use dynoxide::Database;
    use serde_json::{Value, json};
    use std::collections::VecDeque;
    use std::time::Duration;

    const HOUR: Duration = Duration::from_secs(3600);

    fn plan() -> TablePlan {
        indexed("sk", &[("lists", "list")])
    }

    fn put(database: &Database, pk: &str, list: &str) {
        let request = json!({"TableName": "Table", "Item": {"pk": {"S": pk}, "sk": {"S": "sk"}, "list": {"S": list}}});
        database.put_item(serde_json::from_value(request).unwrap()).unwrap();
    }

    fn delete(database: &Database, pk: &str) {
        let request = json!({"TableName": "Table", "Key": {"pk": {"S": pk}, "sk": {"S": "sk"}}});
        database.delete_item(serde_json::from_value(request).unwrap()).unwrap();
    }

    /// The items of a list in the index of the copy.
    fn listed(follower: &Follower, list: &str) -> Vec<String> {
        let request = json!({
            "TableName": "Table", "IndexName": "lists",
            "KeyConditionExpression": "#list = :list",
            "ExpressionAttributeNames": {"#list": "list"},
            "ExpressionAttributeValues": {":list": {"S": list}}
        });
        let page = follower.copy.query(serde_json::from_value(request).unwrap()).unwrap();
        let page = serde_json::to_value(&page).unwrap();
        let items = page["Items"].as_array().unwrap().iter();
        let mut found: Vec<_> =
            items.map(|item| item["pk"]["S"].as_str().unwrap().to_owned()).collect();
        found.sort();
        found
    }

    #[test]
    fn an_index_lags_behind_the_table() {
        let directory = tempfile::tempdir().unwrap();
        let database = open(&directory.path().join("dynamodb.sqlite")).unwrap();
        ensure(&database, &plan()).unwrap();
        put(&database, "moved", "one");
        put(&database, "removed", "one");
        put(&database, "stays", "one");
        let copy = Database::memory().unwrap();
        let mut follower = Follower::new(&database, &copy, &plan()).unwrap();
        let before = ["moved", "removed", "stays"];
        assert_eq!(listed(&follower, "one"), before, "the items at the start");

        put(&database, "moved", "two");
        delete(&database, "removed");
        put(&database, "new", "one");
        let mut waiting = VecDeque::new();
        follower.step(&mut waiting, HOUR).unwrap();
        assert_eq!(waiting.len(), 3);
        assert_eq!(listed(&follower, "one"), before);
        assert_eq!(listed(&follower, "two"), [""; 0]);

        for (due, _) in &mut waiting {
            *due -= HOUR;
        }
        follower.step(&mut waiting, HOUR).unwrap();
        assert_eq!(listed(&follower, "one"), ["new", "stays"]);
        assert_eq!(listed(&follower, "two"), ["moved"]);

        put(&database, "moved", "three");
        follower.step(&mut waiting, Duration::ZERO).unwrap();
        assert_eq!(listed(&follower, "three"), ["moved"], "without a lag it is current");
    }

    #[test]
    fn a_table_without_a_stream_of_images_cannot_be_followed() {
        for view in [None, Some("KEYS_ONLY"), Some("OLD_IMAGE")] {
            let plan = TablePlan { stream_view_type: view.map(str::to_owned), ..plan() };
            let directory = tempfile::tempdir().unwrap();
            let database = open(&directory.path().join("dynamodb.sqlite")).unwrap();
            ensure(&database, &plan).unwrap();
            let copy = Database::memory().unwrap();
            let error = Follower::new(&database, &copy, &plan).err().unwrap().to_string();
            assert_eq!(error, "the table has no stream of new images", "{view:?}");
        }
    }

    #[test]
    fn only_reads_of_an_index_lag() {
        let of_index = json!({"TableName": "Table", "IndexName": "lists"});
        let of_table = json!({"TableName": "Table"});
        for (operation, request, expected) in [
            ("Query", &of_index, true),
            ("Scan", &of_index, true),
            ("Query", &of_table, false),
            ("Scan", &of_table, false),
            ("GetItem", &of_table, false),
            ("PutItem", &json!({"TableName": "Table", "Item": {"IndexName": {"S": "x"}}}), false),
            ("Query", &Value::Null, false),
        ] {
            let body = Bytes::from(request.to_string());
            assert_eq!(reads_index(operation, &body), expected, "{operation} {request}");
        }
        assert!(!reads_index("Query", &Bytes::from_static(b"{\"IndexName\"")), "not JSON");
    }
}
