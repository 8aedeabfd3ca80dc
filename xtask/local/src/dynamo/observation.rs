//! DynamoDB's metrics, by what its endpoint answers: what failed, was refused or met others.

use crate::observe::{MetricKey, Observed};
use crate::server::Answer;
use bytes::Bytes;
use http_body_util::BodyExt;
use serde_json::Value;
use std::collections::BTreeSet;

const NAMESPACE: &str = "AWS/DynamoDB";

/// Keeps what an answer says about the tables of its request. Answers without an error, nearly all,
/// are not even looked into.
pub(super) async fn note(observed: &Observed, operation: &str, request: &Bytes, answer: &Answer) {
    let status = answer.status();
    if status.is_success() {
        return;
    }
    let Ok(request) = serde_json::from_slice::<Value>(request) else { return };
    let body = match answer.body().clone().collect().await {
        Ok(body) => body.to_bytes(),
        Err(never) => match never {},
    };
    let body = serde_json::from_slice::<Value>(&body).unwrap_or_default();
    let count = |name: &str, table: &str, operation: Option<&str>| {
        let mut dimensions = vec![("TableName", table)];
        dimensions.extend(operation.map(|operation| ("Operation", operation)));
        observed.metrics.series(MetricKey::new(NAMESPACE, name, &dimensions)).record(1.0);
    };
    let kind = body["__type"].as_str().and_then(|kind| kind.rsplit('#').next()).unwrap_or_default();
    for table in tables(&request) {
        if status.is_server_error() {
            count("SystemErrors", table, Some(operation));
        } else if matches!(kind, "ProvisionedThroughputExceededException" | "ThrottlingException") {
            let name = match super::proxy::is_read(operation) {
                true => "ReadThrottleEvents",
                false => "WriteThrottleEvents",
            };
            count(name, table, None);
        }
    }
    let members = request["TransactItems"].as_array().into_iter().flatten();
    let reasons = body["CancellationReasons"].as_array().into_iter().flatten();
    for (member, reason) in members.zip(reasons) {
        if reason["Code"] == "TransactionConflict"
            && let Some(table) = table_of(member)
        {
            count("TransactionConflict", table, None);
        }
    }
}

/// The tables of a request, each once.
fn tables(request: &Value) -> BTreeSet<&str> {
    let batch = request["RequestItems"].as_object().into_iter().flatten();
    let members = request["TransactItems"].as_array().into_iter().flatten();
    let one = request["TableName"].as_str();
    one.into_iter()
        .chain(batch.map(|(table, _)| table.as_str()))
        .chain(members.filter_map(table_of))
        .collect()
}

/// The table of a member of a transaction, which is an object in an object.
fn table_of(member: &Value) -> Option<&str> {
    member.as_object()?.values().find_map(|action| action["TableName"].as_str())
}

#[cfg(test)]
mod tests {
    use super::note;
    use crate::observe::{MetricKey, Observed, Statistic};
    use crate::server::json as json_answer;
    use bytes::Bytes;
    use http::StatusCode;
    use jiff::Timestamp;
    use serde_json::{Value, json};

    async fn count(
        operation: &str,
        request: &Value,
        status: StatusCode,
        answer: &Value,
        key: (&str, &[(&str, &str)]),
    ) -> Option<f64> {
        let observed = Observed::new();
        let request = Bytes::from(request.to_string());
        note(&observed, operation, &request, &json_answer(status, answer)).await;
        let series = observed.metrics.find(&MetricKey::new("AWS/DynamoDB", key.0, key.1))?;
        // The minute may just have ended.
        Some(series.window(Timestamp::now(), 2)?.statistic(Statistic::Sum))
    }

    #[tokio::test]
    async fn failures_count_for_table_and_operation() {
        let request = json!({"TransactItems": [
            {"Put": {"TableName": "Users"}}, {"Delete": {"TableName": "Users"}},
            {"ConditionCheck": {"TableName": "Keys"}}
        ]});
        for table in ["Users", "Keys"] {
            let dimensions = [("TableName", table), ("Operation", "TransactWriteItems")];
            let counted = count(
                "TransactWriteItems",
                &request,
                StatusCode::INTERNAL_SERVER_ERROR,
                &json!({"__type": "x#InternalServerError"}),
                ("SystemErrors", &dimensions),
            )
            .await;
            assert_eq!(counted, Some(1.0), "{table}");
        }
    }

    #[tokio::test]
    async fn conflicts_count_for_the_tables_that_met_others() {
        let request = json!({"TransactItems": [
            {"Put": {"TableName": "Users"}}, {"Put": {"TableName": "Keys"}}
        ]});
        let answer = json!({
            "__type": "x#TransactionCanceledException",
            "CancellationReasons": [{"Code": "TransactionConflict"}, {"Code": "None"}]
        });
        for (table, expected) in [("Users", Some(1.0)), ("Keys", None)] {
            let counted = count(
                "TransactWriteItems",
                &request,
                StatusCode::BAD_REQUEST,
                &answer,
                ("TransactionConflict", &[("TableName", table)]),
            )
            .await;
            assert_eq!(counted, expected, "{table}");
        }
    }

    #[tokio::test]
    async fn refusals_count_as_reads_or_writes_and_other_errors_not_at_all() {
        let throttled = json!({"__type": "x#ProvisionedThroughputExceededException"});
        let users: &[(&str, &str)] = &[("TableName", "Users")];
        for (operation, request, answer, name, expected) in [
            ("Query", json!({"TableName": "Users"}), &throttled, "ReadThrottleEvents", Some(1.0)),
            (
                "BatchGetItem",
                json!({"RequestItems": {"Users": {}}}),
                &throttled,
                "ReadThrottleEvents",
                Some(1.0),
            ),
            (
                "PutItem",
                json!({"TableName": "Users"}),
                &throttled,
                "WriteThrottleEvents",
                Some(1.0),
            ),
            ("PutItem", json!({"TableName": "Users"}), &throttled, "ReadThrottleEvents", None),
            (
                "PutItem",
                json!({"TableName": "Users"}),
                &json!({"__type": "x#ConditionalCheckFailedException"}),
                "WriteThrottleEvents",
                None,
            ),
        ] {
            let status = StatusCode::BAD_REQUEST;
            let counted = count(operation, &request, status, answer, (name, users)).await;
            assert_eq!(counted, expected, "{operation} {name}");
        }
    }
}
