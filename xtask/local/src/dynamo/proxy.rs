//! The DynamoDB endpoint that functions see: passes calls on to the database, tells when something
//! was written, and does what a test wants to go wrong.

use crate::faults::{Fault, Faults, around};
use crate::server::{Answer, BodyError, Reply, Stop, answer, read_body, serve as serve_http};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Notify;

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
    client: Client<HttpConnector, Full<Bytes>>,
    upstream: SocketAddr,
    faults: Arc<Faults>,
    changes: Changes,
}

/// Serves the endpoint until `stop`.
pub(super) async fn serve(
    listener: TcpListener,
    upstream: SocketAddr,
    faults: Arc<Faults>,
    changes: Changes,
    stop: Stop,
) {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let proxy = Arc::new(Proxy { client, upstream, faults, changes });
    serve_http(listener, stop, move |request, _| {
        let proxy = Arc::clone(&proxy);
        async move {
            let (parts, body) = request.into_parts();
            let body = match read_body(body, REQUEST_BYTES).await {
                Ok(body) => body,
                Err(BodyError::TooLarge) => {
                    return error(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge").into();
                }
                Err(BodyError::Broken) => {
                    return error(StatusCode::BAD_REQUEST, "SerializationException").into();
                }
            };
            // A call that was sent is carried out, also when its caller dies meanwhile.
            let call =
                tokio::spawn(async move { proxy.call(parts.method, parts.headers, body).await });
            call.await.unwrap_or_else(|_| unavailable().into())
        }
    })
    .await;
}

impl Proxy {
    async fn call(&self, method: http::Method, headers: HeaderMap, body: Bytes) -> Reply {
        let operation = operation_of(&headers);
        if operation == "TransactWriteItems" && self.faults.cancels_transaction() {
            return cancelled(&body, &["TransactionConflict"]).into();
        }
        let call = self.faults.at_call(&headers, &operation);
        let apply =
            |_| self.apply(method.clone(), headers.clone(), body.clone(), operation.as_str());
        around(&self.faults, call, apply, |fault| refusal(fault, &operation, &body)).await
    }

    /// Passes a call on to the database.
    async fn apply(
        &self,
        method: http::Method,
        mut headers: HeaderMap,
        body: Bytes,
        operation: &str,
    ) -> Answer {
        let faults = self.faults.get().dynamodb;
        hold(faults.delay_ms).await;
        for name in [HOST, CONTENT_LENGTH, TRANSFER_ENCODING] {
            headers.remove(name);
        }
        let uri = Uri::builder()
            .scheme("http")
            .authority(self.upstream.to_string())
            .path_and_query("/")
            .build();
        let Ok(uri) = uri else { return unavailable() };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        let answer = match self.client.request(request).await {
            Ok(response) => collect(response).await,
            Err(_) => unavailable(),
        };
        if !is_read(operation) {
            self.changes.signal();
        }
        hold(faults.reply_delay_ms).await;
        answer
    }
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

async fn collect(response: Response<Incoming>) -> Answer {
    let (parts, body) = response.into_parts();
    match body.collect().await {
        Ok(body) => Response::from_parts(parts, Full::new(body.to_bytes())),
        Err(_) => unavailable(),
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
