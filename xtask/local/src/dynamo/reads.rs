//! Reads of tables for the control endpoints: pages of items, their number, and a search by
//! attribute.

use super::service::Changes;
use anyhow::anyhow;
use dynoxide::Database;
use serde_json::{Map, Value, json};
use std::fmt;
use std::net::SocketAddr;

/// The default and maximum number of items of a page.
const ITEMS: u64 = 500;
/// The maximum number of pages, of 1 MiB each, of a search by attribute.
const SEARCHED_PAGES: usize = 64;

/// The database and the address of its endpoint.
#[derive(Clone)]
pub(crate) struct Dynamo {
    pub(crate) database: Database,
    pub(crate) address: SocketAddr,
    /// Signals writes.
    pub(crate) changes: Changes,
}

impl fmt::Debug for Dynamo {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Dynamo").field("address", &self.address).finish_non_exhaustive()
    }
}

/// A selection of a table's items.
#[derive(Clone, Debug, Default)]
pub(crate) struct ItemQuery {
    /// Only items of this partition.
    pub(crate) partition: Option<String>,
    /// Only items whose sort key begins with this; needs a partition.
    pub(crate) sort_prefix: Option<String>,
    /// The `next` of the previous page.
    pub(crate) start: Option<String>,
    pub(crate) limit: Option<u64>,
    /// In descending order; needs a partition.
    pub(crate) descending: bool,
}

/// A page of a table.
#[derive(Debug)]
pub(crate) struct ItemPage {
    /// In DynamoDB's JSON.
    pub(crate) items: Vec<Value>,
    /// The start of the next page, if there is one.
    pub(crate) next: Option<String>,
}

/// The result of a search by attribute.
#[derive(Debug)]
pub(crate) struct Found {
    /// As plain JSON.
    pub(crate) items: Vec<Value>,
    /// Whether the whole table was searched.
    pub(crate) complete: bool,
}

impl Dynamo {
    /// A page of a table's items.
    pub(crate) async fn items(&self, table: &str, query: ItemQuery) -> anyhow::Result<ItemPage> {
        let table = table.to_owned();
        self.blocking(move |database| {
            let limit = query.limit.unwrap_or(ITEMS).clamp(1, ITEMS);
            let mut request = json!({"TableName": table, "Limit": limit});
            if let Some(start) = &query.start {
                request["ExclusiveStartKey"] = serde_json::from_str(start)
                    .map_err(|_| anyhow!("start is not the next of a page"))?;
            }
            let page = match &query.partition {
                None => scan(database, request)?,
                Some(partition) => {
                    key_condition(database, &mut request, partition, query.sort_prefix.as_deref())?;
                    request["ScanIndexForward"] = json!(!query.descending);
                    let page = database.query(serde_json::from_value(request)?);
                    serde_json::to_value(&page.map_err(|error| anyhow!("{error}"))?)?
                }
            };
            let next = page.get("LastEvaluatedKey").map(Value::to_string);
            Ok(ItemPage { items: page["Items"].as_array().cloned().unwrap_or_default(), next })
        })
        .await
    }

    /// The number of a table's items, their size, and the names of its keys.
    pub(crate) async fn describe(&self, table: &str) -> anyhow::Result<Value> {
        let table = table.to_owned();
        self.blocking(move |database| {
            let description = describe(database, &table)?;
            let keys = description["KeySchema"].as_array().into_iter().flatten();
            let keys: Vec<_> = keys.map(|key| key["AttributeName"].clone()).collect();
            Ok(json!({
                "items": description["ItemCount"],
                "bytes": description["TableSizeBytes"],
                "keys": keys,
            }))
        })
        .await
    }

    /// The items of a table in which an attribute has a value.
    pub(crate) async fn items_with(
        &self,
        table: &str,
        attribute: &str,
        value: &str,
    ) -> anyhow::Result<Found> {
        let mut request = json!({
            "TableName": table,
            "FilterExpression": "#attribute = :value",
            "ExpressionAttributeNames": {"#attribute": attribute},
            "ExpressionAttributeValues": {":value": {"S": value}},
        });
        let mut found = Found { items: Vec::new(), complete: false };
        for _ in 0..SEARCHED_PAGES {
            // Calls of functions can run between two pages.
            let asked = request.clone();
            let page = self.blocking(move |database| scan(database, asked)).await?;
            found.items.extend(page["Items"].as_array().into_iter().flatten().map(plain));
            match page.get("LastEvaluatedKey") {
                Some(key) => request["ExclusiveStartKey"] = key.clone(),
                None => {
                    found.complete = true;
                    break;
                }
            }
        }
        Ok(found)
    }

    async fn blocking<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Database) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let database = self.database.clone();
        tokio::task::spawn_blocking(move || look(&database)).await?
    }
}

fn scan(database: &Database, request: Value) -> anyhow::Result<Value> {
    let page = database.scan(serde_json::from_value(request)?);
    Ok(serde_json::to_value(&page.map_err(|error| anyhow!("{error}"))?)?)
}

fn describe(database: &Database, table: &str) -> anyhow::Result<Value> {
    let request = serde_json::from_value(json!({"TableName": table}))?;
    let description = database.describe_table(request).map_err(|error| anyhow!("{error}"))?;
    Ok(serde_json::to_value(&description)?["Table"].take())
}

/// Restricts a request to a partition, or a part of it.
fn key_condition(
    database: &Database,
    request: &mut Value,
    partition: &str,
    sort_prefix: Option<&str>,
) -> anyhow::Result<()> {
    let table = request["TableName"].as_str().unwrap_or_default();
    let keys = describe(database, table)?["KeySchema"].take();
    let name = |at: usize| keys[at]["AttributeName"].as_str();
    let mut condition = "#partition = :partition".to_owned();
    let mut names = Map::from_iter([("#partition".to_owned(), json!(name(0)))]);
    let mut values = Map::from_iter([(":partition".to_owned(), json!({"S": partition}))]);
    if let Some(prefix) = sort_prefix {
        let sort = name(1).ok_or_else(|| anyhow!("the table has no sort key"))?;
        condition.push_str(" AND begins_with(#sort, :sort)");
        names.insert("#sort".to_owned(), json!(sort));
        values.insert(":sort".to_owned(), json!({"S": prefix}));
    }
    request["KeyConditionExpression"] = json!(condition);
    request["ExpressionAttributeNames"] = Value::Object(names);
    request["ExpressionAttributeValues"] = Value::Object(values);
    Ok(())
}

/// An item in DynamoDB's JSON as plain JSON.
pub(crate) fn plain(item: &Value) -> Value {
    let attributes = item.as_object().into_iter().flatten();
    attributes.map(|(name, value)| (name.clone(), plain_value(value))).collect()
}

fn plain_value(value: &Value) -> Value {
    let Some((kind, inner)) = value.as_object().and_then(|typed| typed.iter().next()) else {
        return value.clone();
    };
    match kind.as_str() {
        "M" => plain(inner),
        "L" => inner.as_array().into_iter().flatten().map(plain_value).collect(),
        // Text when the number has more digits than JavaScript can hold.
        "N" => inner
            .as_str()
            .and_then(|text| text.parse::<f64>().ok().filter(|number| number.to_string() == text))
            .map_or_else(|| inner.clone(), number),
        "NULL" => Value::Null,
        _ => inner.clone(),
    }
}

/// A JSON number without a fraction where it has none.
fn number(number: f64) -> Value {
    let whole = number as i64;
    if whole as f64 == number { whole.into() } else { number.into() }
}

#[cfg(test)]
mod tests {
    use super::plain;
    use serde_json::json;

    #[test]
    fn dynamodbs_json_becomes_plain() {
        let item = json!({
            "pk": {"S": "USER#1"}, "version": {"N": "3"}, "gone": {"NULL": true},
            "roles": {"L": [{"S": "admin"}]}, "attributes": {"M": {"S": {"S": "a"}}},
            "set": {"SS": ["a"]}, "is": {"BOOL": false},
            "share": {"N": "0.5"}, "long": {"N": "12345678901234567890123"}
        });
        let expected = json!({
            "pk": "USER#1", "version": 3, "gone": null, "roles": ["admin"],
            "attributes": {"S": "a"}, "set": ["a"], "is": false,
            "share": 0.5, "long": "12345678901234567890123"
        });
        assert_eq!(plain(&item), expected);
    }
}
