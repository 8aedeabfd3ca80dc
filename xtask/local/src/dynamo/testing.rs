//! Tables for tests.

use crate::template::TablePlan;
use serde_json::json;

/// A table with a stream, a time to live, and the given indexes by their keys.
pub(super) fn indexed(range: &str, indexes: &[(&str, &str)]) -> TablePlan {
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
        stream_arn: "arn:aws:dynamodb:us-east-1:000000000000:table/Table/stream/local".to_owned(),
        stream_view_type: Some("NEW_IMAGE".to_owned()),
        ttl_attribute: Some("expiresAt".to_owned()),
    }
}
