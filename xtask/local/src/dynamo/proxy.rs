//! The DynamoDB endpoint that functions see: has the database carry out calls that they signed,
//! signals when something was written, and does what a test wants to go wrong.

use super::index_lag::reads_index;
use super::operations::carry_out;
use crate::auth::{Verifier, signed_call};
use crate::faults::{Fault, Faults, around};
use crate::names::uuid;
use crate::server::{Answer, Audience, Reply, Service, Stop, answer};
use bytes::Bytes;
use dynoxide::Database;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};

/// As many calls as the database is given at once.
const CALLS_AT_ONCE: usize = 2;
/// Largest request, in bytes, as on AWS.
const REQUEST_BYTES: usize = 16 * 1024 * 1024;
const CONTENT_TYPE: &str = "application/x-amz-json-1.0";

/// Signals when something was written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes(Arc<Notify>);

impl Changes {
    /// Something was written.
    pub(crate) fn signal(&self) {
        self.0.notify_one();
    }

    /// Returns when something was written since the last time.
    pub(crate) async fn wait(&self) {
        self.0.notified().await;
    }
}

struct Proxy {
    database: Database,
    /// What answers reads of an index; the same unless they are to lag.
    indexes: Database,
    /// Calls that run at once. The database does one after the other; more would only keep threads.
    turns: Semaphore,
    verifier: Verifier,
    faults: Arc<Faults>,
    changes: Changes,
}

/// Serves the endpoint until `stop`.
pub(super) async fn serve(
    listener: TcpListener,
    database: Database,
    indexes: Database,
    verifier: Verifier,
    faults: Arc<Faults>,
    changes: Changes,
    stop: Stop,
) {
    let turns = Semaphore::new(CALLS_AT_ONCE);
    let proxy = Arc::new(Proxy { database, indexes, turns, verifier, faults, changes });
    let service = Service::new(Audience::Functions);
    let served = service.serve(listener, stop, move |request, _| {
        let proxy = Arc::clone(&proxy);
        async move {
            let call = signed_call(&proxy.verifier, request, REQUEST_BYTES).await;
            let (parts, body) = match call {
                Ok(call) => call,
                Err(answer) => return answer.into(),
            };
            // A call that was sent is carried out, also when its caller dies meanwhile.
            let call = tokio::spawn(async move { proxy.call(&parts.headers, body).await });
            call.await.unwrap_or_else(|_| unavailable().into())
        }
    });
    served.await;
}

impl Proxy {
    async fn call(&self, headers: &HeaderMap, body: Bytes) -> Reply {
        let operation = operation_of(headers);
        if operation == "TransactWriteItems" && self.faults.cancels_transaction() {
            return cancelled(&body, &["TransactionConflict"]).into();
        }
        let call = self.faults.at_call(headers, &operation);
        let apply = |_| self.apply(body.clone(), operation.as_str());
        around(&self.faults, call, apply, |fault| refusal(fault, &operation, &body)).await
    }

    /// Has the database carry out a call.
    async fn apply(&self, body: Bytes, operation: &str) -> Answer {
        let faults = self.faults.get().dynamodb;
        hold(faults.delay_ms).await;
        let Ok(turn) = self.turns.acquire().await else { return unavailable() };
        let (whole, indexes, name) =
            (self.database.clone(), self.indexes.clone(), operation.to_owned());
        let done = tokio::task::spawn_blocking(move || {
            let database = if reads_index(&name, &body) { &indexes } else { &whole };
            carry_out(database, &name, &body)
        })
        .await;
        drop(turn);
        let answer = match done {
            Ok((status, body)) => answered(status, body),
            Err(_) => unavailable(),
        };
        if !is_read(operation) {
            self.changes.signal();
        }
        hold(faults.reply_delay_ms).await;
        answer
    }
}

fn answered(status: StatusCode, body: String) -> Answer {
    let mut answer = answer(status, CONTENT_TYPE, Bytes::from(body));
    if let Ok(id) = HeaderValue::from_str(&uuid()) {
        answer.headers_mut().insert("x-amzn-requestid", id);
    }
    answer
}

/// The operation of a call, such as `GetItem`.
fn operation_of(headers: &HeaderMap) -> String {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let name = target.and_then(|target| target.split_once('.')).map(|(_, name)| name);
    name.unwrap_or_default().to_owned()
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

/// The answer of a fault that is an answer.
fn refusal(fault: Fault, operation: &str, body: &[u8]) -> Answer {
    let refused = |kind| error(StatusCode::BAD_REQUEST, kind);
    let is_transaction = operation == "TransactWriteItems";
    match fault {
        Fault::Throttle => refused("ThrottlingException"),
        Fault::ProvisionedThroughputExceeded => refused("ProvisionedThroughputExceededException"),
        Fault::TransactionInProgress => refused("TransactionInProgressException"),
        Fault::TransactionConflict if !is_transaction => refused("TransactionConflictException"),
        Fault::TransactionConflict => cancelled(body, &["TransactionConflict"]),
        Fault::TransactionConflictEverywhere => cancelled(body, &["TransactionConflict"; 100]),
        Fault::TransactionThrottled => cancelled(body, &["ThrottlingError"]),
        _ => unavailable(),
    }
}

/// The transaction is cancelled for these reasons, one for each of its first members; the others
/// have none.
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
    let body = json!({
        "__type": format!("com.amazonaws.dynamodb.v20120810#{kind}"),
        "message": "The call could not be carried out"
    });
    answer(status, CONTENT_TYPE, Bytes::from(body.to_string()))
}
