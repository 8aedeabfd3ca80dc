//! The DynamoDB endpoint for functions: runs their calls in the database, signals writes, and
//! injects faults.

use super::index_lag::reads_index;
use super::operations::carry_out;
use crate::endpoint::{AwsService, refusal};
use crate::faults::{Fault, Faults};
use crate::names::uuid;
use crate::server::{Answer, answer};
use bytes::Bytes;
use dynoxide::Database;
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};

/// The maximum number of concurrent calls of the database.
const CONCURRENT_CALLS: usize = 2;
const CONTENT_TYPE: &str = "application/x-amz-json-1.0";

/// Signals writes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes(Arc<Notify>);

impl Changes {
    /// Reports a write.
    pub(crate) fn signal(&self) {
        self.0.notify_one();
    }

    /// Waits for the next write since the last call.
    pub(crate) async fn wait(&self) {
        self.0.notified().await;
    }
}

/// The endpoint.
pub(super) struct DynamoService {
    database: Database,
    /// Answers reads of an index; the same database unless they lag.
    indexes: Database,
    /// Bounds concurrent calls. The engine runs one at a time; more would only block threads.
    permits: Semaphore,
    faults: Arc<Faults>,
    changes: Changes,
}

impl DynamoService {
    pub(super) fn new(
        database: Database,
        indexes: Database,
        faults: Arc<Faults>,
        changes: Changes,
    ) -> Self {
        let permits = Semaphore::new(CONCURRENT_CALLS);
        Self { database, indexes, permits, faults, changes }
    }
}

impl AwsService for DynamoService {
    const NAME: &'static str = "DynamoDB";
    const REQUEST_BYTES: usize = 16 * 1024 * 1024;

    async fn apply(self: Arc<Self>, operation: String, body: Bytes, _: Option<Fault>) -> Answer {
        if operation == "TransactWriteItems" && self.faults.cancels_transaction() {
            return cancelled(&body, &["TransactionConflict"]);
        }
        let faults = self.faults.get().dynamodb;
        hold(faults.delay_ms).await;
        let Ok(permit) = self.permits.acquire().await else { return unavailable() };
        let database = match reads_index(&operation, &body) {
            true => self.indexes.clone(),
            false => self.database.clone(),
        };
        let name = operation.clone();
        let done = tokio::task::spawn_blocking(move || carry_out(&database, &name, &body)).await;
        drop(permit);
        let answer = match done {
            Ok((status, body)) => answered(status, body),
            Err(_) => unavailable(),
        };
        if !is_read(&operation) {
            self.changes.signal();
        }
        hold(faults.reply_delay_ms).await;
        answer
    }

    fn refuse(&self, fault: Fault, operation: &str, body: &[u8]) -> Answer {
        let refused = |kind| error(StatusCode::BAD_REQUEST, kind);
        let is_transaction = operation == "TransactWriteItems";
        match fault {
            Fault::Throttle => refused("ThrottlingException"),
            Fault::ProvisionedThroughputExceeded => {
                refused("ProvisionedThroughputExceededException")
            }
            Fault::TransactionInProgress => refused("TransactionInProgressException"),
            Fault::TransactionConflict if !is_transaction => {
                refused("TransactionConflictException")
            }
            Fault::TransactionConflict => cancelled(body, &["TransactionConflict"]),
            Fault::TransactionConflictEverywhere => cancelled(body, &["TransactionConflict"; 100]),
            Fault::TransactionThrottled => cancelled(body, &["ThrottlingError"]),
            _ => unavailable(),
        }
    }
}

fn answered(status: StatusCode, body: String) -> Answer {
    let mut answer = answer(status, CONTENT_TYPE, Bytes::from(body));
    if let Ok(id) = HeaderValue::from_str(&uuid()) {
        answer.headers_mut().insert("x-amzn-requestid", id);
    }
    answer
}

async fn hold(milliseconds: u64) {
    if milliseconds > 0 {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    }
}

fn is_read(operation: &str) -> bool {
    matches!(
        operation,
        "BatchGetItem" | "DescribeTable" | "GetItem" | "Query" | "Scan" | "TransactGetItems"
    )
}

/// A cancelled transaction, with these reasons for its first members and none for the others.
fn cancelled(body: &[u8], codes: &[&str]) -> Answer {
    let members = serde_json::from_slice::<Value>(body)
        .ok()
        .and_then(|request| request["TransactItems"].as_array().map(Vec::len))
        .unwrap_or(1);
    let reasons: Vec<_> = (0..members)
        .map(|index| match codes.get(index) {
            Some(code) => json!({"Code": code, "Message": "The transaction could not be done"}),
            None => json!({"Code": "None"}),
        })
        .collect();
    let codes: Vec<_> = reasons.iter().filter_map(|reason| reason["Code"].as_str()).collect();
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": format!(
            "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
            codes.join(", ")
        ),
        "CancellationReasons": reasons,
    });
    answer(StatusCode::BAD_REQUEST, CONTENT_TYPE, Bytes::from(body.to_string()))
}

fn unavailable() -> Answer {
    error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError")
}

fn error(status: StatusCode, kind: &str) -> Answer {
    let kind = format!("com.amazonaws.dynamodb.v20120810#{kind}");
    refusal(status, &kind, "The call could not be carried out")
}
