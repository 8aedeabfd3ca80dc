//! DynamoDB for the functions under measurement: the tables of the template on an engine in this
//! process, called without a server in between.

use anyhow::{Context, Result, bail};
use dynoxide::{Database, ImportOptions};
use serde_json::{Map, Value, json};
use std::path::Path;

/// The users table.
pub(crate) const USERS: &str = "UsersTable";
/// The table of recorded answers.
pub(crate) const IDEMPOTENCY: &str = "IdempotencyTable";

/// What a request to create a table takes over from the template.
const CREATION_PROPERTIES: &[&str] =
    &["AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexes", "KeySchema"];

/// The engine; clones share their data.
#[derive(Clone)]
pub(crate) struct Engine {
    database: Database,
}

impl Engine {
    /// An engine with the tables of `template`, in memory or in a file. Tables have no streams:
    /// nobody reads them here, and writing them is no part of what a function waits for.
    pub(crate) fn new(file: Option<&Path>, template: &Value) -> Result<Self> {
        let database = match file {
            None => Database::memory(),
            Some(file) => Database::new(file.to_str().context("the path is not plain text")?),
        }
        .map_err(|error| anyhow::anyhow!("cannot open a database: {error}"))?;
        for table in [USERS, IDEMPOTENCY] {
            let properties = &template["Resources"][table]["Properties"];
            let mut request = Map::from_iter([("TableName".to_owned(), json!(table))]);
            for name in CREATION_PROPERTIES {
                if let Some(value) = properties.get(*name) {
                    request.insert((*name).to_owned(), value.clone());
                }
            }
            let request = serde_json::from_value(Value::Object(request))
                .with_context(|| format!("the template has no usable {table}"))?;
            database.create_table(request).map_err(|error| anyhow::anyhow!("{table}: {error}"))?;
        }
        Ok(Self { database })
    }

    /// Answers a request of the protocol.
    pub(crate) fn call(&self, operation: &str, body: &[u8]) -> Result<Vec<u8>> {
        macro_rules! run {
            ($method:ident) => {{
                let request = serde_json::from_slice(body).context("the request cannot be read")?;
                let output = self.database.$method(request);
                let output = output.map_err(|error| anyhow::anyhow!("{operation}: {error}"))?;
                Ok(serde_json::to_vec(&output)?)
            }};
        }
        match operation {
            "BatchGetItem" => run!(batch_get_item),
            "GetItem" => run!(get_item),
            "PutItem" => run!(put_item),
            "Query" => run!(query),
            "TransactWriteItems" => run!(transact_write_items),
            other => bail!("no function is known to call {other}"),
        }
    }

    /// Puts many items into the users table.
    pub(crate) fn import(&self, items: &[Value]) -> Result<()> {
        let items = items.iter().cloned().map(serde_json::from_value).collect::<Result<_, _>>()?;
        self.database
            .import_items(USERS, items, ImportOptions::default())
            .map_err(|error| anyhow::anyhow!("cannot fill the users table: {error}"))?;
        Ok(())
    }

    /// Everything about a user, in the protocol's form.
    pub(crate) fn items_of(&self, user_id: &str) -> Result<Vec<Value>> {
        let request = json!({
            "TableName": USERS,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": format!("USER#{user_id}")}},
        });
        let answer: Value =
            serde_json::from_slice(&self.call("Query", request.to_string().as_bytes())?)?;
        Ok(answer["Items"].as_array().cloned().unwrap_or_default())
    }
}
