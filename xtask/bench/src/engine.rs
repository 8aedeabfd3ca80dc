//! DynamoDB for the functions under measurement: the tables of the template on an engine in memory,
//! called without a server in between.

use anyhow::{Context, Result, anyhow, bail};
use dynoxide::Database;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// The users table.
pub(crate) const USERS: &str = "UsersTable";
/// The table of idempotency records.
pub(crate) const IDEMPOTENCY: &str = "IdempotencyTable";

/// The properties of a table in the template that are also members of `CreateTable`. Streams are left
/// out: nothing reads them here, and no function waits for a write to one.
const CREATION_PROPERTIES: &[&str] =
    &["AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexes", "KeySchema"];

/// The engine.
pub(crate) struct Engine {
    database: Database,
}

impl Engine {
    /// An engine with the tables of a template.
    pub(crate) fn new(template: &Value) -> Result<Self> {
        let database =
            Database::memory().map_err(|error| anyhow!("cannot open a database: {error}"))?;
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
            database.create_table(request).map_err(|error| anyhow!("{table}: {error}"))?;
        }
        Ok(Self { database })
    }

    /// Carries out a request of the protocol.
    pub(crate) fn call(&self, operation: &str, body: &[u8]) -> Result<Vec<u8>> {
        let answer = match operation {
            "BatchGetItem" => run(body, |it| self.database.batch_get_item(it)),
            "GetItem" => run(body, |it| self.database.get_item(it)),
            "PutItem" => run(body, |it| self.database.put_item(it)),
            "Query" => run(body, |it| self.database.query(it)),
            "TransactWriteItems" => run(body, |it| self.database.transact_write_items(it)),
            _ => bail!("no function is known to call {operation}"),
        };
        answer.with_context(|| operation.to_owned())
    }

    /// All items of a user, in the protocol's form.
    pub(crate) fn items_of(&self, user_id: &str) -> Result<Vec<Value>> {
        let request = json!({
            "TableName": USERS,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": format!("USER#{user_id}")}},
        });
        let answer = self.call("Query", request.to_string().as_bytes())?;
        let answer: Value = serde_json::from_slice(&answer)?;
        Ok(answer["Items"].as_array().cloned().unwrap_or_default())
    }
}

fn run<Q: DeserializeOwned, A: Serialize>(
    body: &[u8],
    operation: impl FnOnce(Q) -> dynoxide::Result<A>,
) -> Result<Vec<u8>> {
    let request = serde_json::from_slice(body).context("the request cannot be read")?;
    let answer = operation(request).map_err(|error| anyhow!("{error}"))?;
    Ok(serde_json::to_vec(&answer)?)
}
