//! The operations of DynamoDB, carried out in this process. The engine's own HTTP server would
//! admit every caller.

use dynoxide::{Database, DynoxideError};
use http::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

/// Carries out a call and returns the status and the body of its answer. It blocks.
pub(super) fn carry_out(database: &Database, operation: &str, body: &[u8]) -> (StatusCode, String) {
    match operation {
        "BatchGetItem" => run(body, |it| database.batch_get_item(it)),
        "BatchWriteItem" => run(body, |it| database.batch_write_item(it)),
        "DeleteItem" => run(body, |it| database.delete_item(it)),
        "DescribeTable" => run(body, |it| database.describe_table(it)),
        "DescribeTimeToLive" => run(body, |it| database.describe_time_to_live(it)),
        "ExecuteStatement" => run(body, |it| database.execute_statement(it)),
        "GetItem" => run(body, |it| database.get_item(it)),
        "ListTables" => run(body, |it| database.list_tables(it)),
        "PutItem" => run(body, |it| database.put_item(it)),
        "Query" => run(body, |it| database.query(it)),
        "Scan" => run(body, |it| database.scan(it)),
        "TransactGetItems" => run(body, |it| database.transact_get_items(it)),
        "TransactWriteItems" => run(body, |it| database.transact_write_items(it)),
        "UpdateItem" => run(body, |it| database.update_item(it)),
        _ => failed("com.amazon.coral.service#UnknownOperationException", "no such operation here"),
    }
}

fn run<Q, A>(body: &[u8], operation: impl FnOnce(Q) -> dynoxide::Result<A>) -> (StatusCode, String)
where
    Q: DeserializeOwned,
    A: Serialize,
{
    let request = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(error) => {
            return failed("com.amazon.coral.validate#ValidationException", &error.to_string());
        }
    };
    let answer = operation(request).and_then(|answer| {
        serde_json::to_string(&answer)
            .map_err(|error| DynoxideError::InternalServerError(error.to_string()))
    });
    match answer {
        Ok(answer) => (StatusCode::OK, answer),
        Err(error) => {
            let status = StatusCode::from_u16(error.status_code());
            (status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), error.to_json())
        }
    }
}

fn failed(kind: &str, message: &str) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, json!({"__type": kind, "message": message}).to_string())
}

#[cfg(test)]
mod tests {
    use super::carry_out;
    use dynoxide::Database;
    use serde_json::{Value, json};

    fn call(database: &Database, operation: &str, request: &Value) -> (u16, Value) {
        let (status, body) = carry_out(database, operation, request.to_string().as_bytes());
        (status.as_u16(), serde_json::from_str(&body).unwrap())
    }

    #[test]
    fn items_are_written_read_and_guarded() {
        let database = Database::memory().unwrap();
        let table = serde_json::from_value(json!({
            "TableName": "Table",
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}]
        }));
        database.create_table(table.unwrap()).unwrap();
        let item = json!({"pk": {"S": "a"}, "n": {"N": "1"}});
        let put = json!({"Put": {
            "TableName": "Table", "Item": item, "ConditionExpression": "attribute_not_exists(pk)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD"
        }});
        let write = json!({"TransactItems": [put]});
        assert_eq!(call(&database, "TransactWriteItems", &write).0, 200);
        let read = json!({"TableName": "Table", "Key": {"pk": {"S": "a"}}});
        assert_eq!(call(&database, "GetItem", &read), (200, json!({"Item": item})));
        let (status, again) = call(&database, "TransactWriteItems", &write);
        assert_eq!(status, 400);
        let kind = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
        assert_eq!(again["__type"], kind);
        assert_eq!(again["CancellationReasons"][0]["Code"], "ConditionalCheckFailed");
        assert_eq!(again["CancellationReasons"][0]["Item"], item);
    }

    #[test]
    fn a_malformed_or_unknown_call_is_refused() {
        let database = Database::memory().unwrap();
        for (operation, request) in [
            ("GetItem", json!([])),
            ("GetItem", json!({"TableName": "Table"})),
            ("GetItem", json!({"TableName": "Gone", "Key": {"pk": {"S": "a"}}})),
            ("CreateBackup", json!({})),
            ("", json!({})),
        ] {
            let (status, answer) = call(&database, operation, &request);
            assert_eq!(status, 400, "{operation} {request}");
            assert!(answer["__type"].is_string(), "{answer}");
        }
    }
}
