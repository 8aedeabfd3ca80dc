//! A world for tests: the service over a real DynamoDB engine in the same process, with faults
//! that can be put between the two, a clock that tests turn and counted random numbers.

mod faults;
mod telemetry;

pub(crate) use faults::{Fault, Faults, scripted};
pub(crate) use telemetry::CollectedTelemetry;

use crate::clock::{Clock, Entropy};
use crate::config::{ServiceConfig, Shards};
use crate::http::{App, GatewayEvent, Handler, respond};
use crate::store::Store;
use crate::telemetry::Telemetry;
use aws_credential_types::Credentials;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use dynoxide::Database;
use lambda_http::Body;
use lambda_http::aws_lambda_events::apigw::ApiGatewayProxyResponse;
use lambda_http::lambda_runtime::Context;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;
use users_contract::Operation;
use users_domain::Timestamp;

/// 2026-11-22T10:00:00Z
pub(crate) const START_MILLIS: i64 = 1_795_341_600_000;

/// A clock that stands still until it is turned.
#[derive(Debug)]
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn at(millis: i64) -> Self {
        Self(AtomicI64::new(millis))
    }

    pub(crate) fn turn(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Numbers that differ, spread over all shards.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Entropy for Counter {
    fn bits(&self) -> u128 {
        u128::from(self.0.fetch_add(1, Ordering::SeqCst))
    }
}

/// The service, its engine and the faults between them.
pub(crate) struct World {
    pub(crate) app: App,
    pub(crate) database: Database,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) faults: Faults,
    pub(crate) telemetry: CollectedTelemetry,
    _server: tokio::task::JoinHandle<()>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with_telemetry(|telemetry| telemetry).await
    }

    /// A world with other settings of telemetry.
    pub(crate) async fn with_telemetry(change: impl FnOnce(Telemetry) -> Telemetry) -> Self {
        Self::made(Shards::default(), change).await
    }

    /// A world with another number of partitions.
    pub(crate) async fn with_shards(shards: Shards) -> Self {
        Self::made(shards, |telemetry| telemetry).await
    }

    async fn made(shards: Shards, change: impl FnOnce(Telemetry) -> Telemetry) -> Self {
        let database = Database::memory().expect("an engine in memory");
        create_tables(&database);
        let listener =
            tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port on loopback");
        let address = listener.local_addr().expect("a bound listener");
        let server = tokio::spawn(dynoxide::server::serve_on(listener, database.clone()));
        let faults = Faults::default();
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .retry_config(
                RetryConfig::standard()
                    .with_max_attempts(3)
                    .with_initial_backoff(Duration::from_millis(1)),
            )
            .endpoint_url(format!("http://{address}"))
            .interceptor(crate::telemetry::Recorder)
            .http_client(faults.over(aws_smithy_http_client::Builder::new().build_http()))
            .build();
        let store = Store::new(
            Client::from_conf(config),
            "users".to_owned(),
            Some("idempotency".to_owned()),
        )
        .with_shards(shards);
        let clock = Arc::new(TestClock::at(START_MILLIS));
        let config = ServiceConfig {
            users_table: "users".to_owned(),
            idempotency_table: Some("idempotency".to_owned()),
            idempotency_ttl: Duration::from_secs(24 * 3600),
            cors_allow_origin: "*".to_owned(),
            shards,
        };
        let clock_of_app: Arc<dyn Clock> = clock.clone();
        let collected = CollectedTelemetry::default();
        let telemetry = change(collected.telemetry());
        let entropy = Arc::new(Counter::default());
        let app = App::new(store.clone(), clock_of_app, entropy, config, telemetry);
        Self { app, database, clock, faults, telemetry: collected, _server: server }
    }

    /// Calls an operation as API Gateway would.
    pub(crate) async fn call<H: Handler>(&self, call: &Call) -> Answered {
        self.call_until::<H>(call, Instant::now() + Duration::from_secs(10)).await
    }

    /// The same, without attempts after `deadline`.
    pub(crate) async fn call_until<H: Handler>(&self, call: &Call, deadline: Instant) -> Answered {
        let event = call.event(Operation::of(H::OPERATION));
        let mut context = Context::default();
        context.xray_trace_id = call.trace.map(str::to_owned);
        Answered::new(respond::<H>(&self.app, event, &context, deadline).await)
    }

    /// Every item of a table.
    pub(crate) fn items(&self, table: &str) -> Vec<Value> {
        let request = serde_json::from_value(json!({"TableName": table})).expect("a scan");
        let output = self.database.scan(request).expect("a table to scan");
        let output = serde_json::to_value(output).expect("an answer to a scan");
        assert!(output.get("LastEvaluatedKey").is_none(), "more than one page");
        output["Items"].as_array().cloned().unwrap_or_default()
    }
}

fn create_tables(database: &Database) {
    let users = json!({
        "TableName": "users",
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"}
        ],
        "AttributeDefinitions": [
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
            {"AttributeName": "directoryPk", "AttributeType": "S"},
            {"AttributeName": "statusPk", "AttributeType": "S"},
            {"AttributeName": "userId", "AttributeType": "S"}
        ],
        "GlobalSecondaryIndexes": [{
            "IndexName": "directory",
            "KeySchema": [
                {"AttributeName": "directoryPk", "KeyType": "HASH"},
                {"AttributeName": "userId", "KeyType": "RANGE"}
            ],
            "Projection": {"ProjectionType": "ALL"}
        }, {
            "IndexName": "status",
            "KeySchema": [
                {"AttributeName": "statusPk", "KeyType": "HASH"},
                {"AttributeName": "userId", "KeyType": "RANGE"}
            ],
            "Projection": {"ProjectionType": "KEYS_ONLY"}
        }]
    });
    let idempotency = json!({
        "TableName": "idempotency",
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}]
    });
    for table in [users, idempotency] {
        let request = serde_json::from_value(table).expect("a table");
        database.create_table(request).expect("a new table");
    }
}

/// A call to make.
#[derive(Clone, Debug, Default)]
pub(crate) struct Call {
    path_parameters: Vec<(&'static str, String)>,
    query: Vec<(String, String)>,
    headers: Vec<(&'static str, String)>,
    body: Option<Vec<u8>>,
    caller: Option<&'static str>,
    trace: Option<&'static str>,
}

impl Call {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn user(mut self, user_id: &str) -> Self {
        self.path_parameters.push(("userId", user_id.to_owned()));
        self
    }

    pub(crate) fn role(mut self, role: &str) -> Self {
        self.path_parameters.push(("role", role.to_owned()));
        self
    }

    pub(crate) fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn key(self, key: &str) -> Self {
        self.header("Idempotency-Key", key)
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.bytes(body.to_string().as_bytes()).header("Content-Type", "application/json")
    }

    pub(crate) fn bytes(mut self, body: &[u8]) -> Self {
        self.body = Some(body.to_vec());
        self
    }

    pub(crate) fn caller(mut self, arn: &'static str) -> Self {
        self.caller = Some(arn);
        self
    }

    /// Within a trace, by its tracing header.
    pub(crate) fn trace(mut self, header: &'static str) -> Self {
        self.trace = Some(header);
        self
    }

    fn event(&self, operation: &Operation) -> GatewayEvent {
        let mut path = operation.path.to_owned();
        for (name, value) in &self.path_parameters {
            path = path.replace(&format!("{{{name}}}"), value);
        }
        let many = |pairs: &[(&str, &str)]| {
            let mut map = serde_json::Map::new();
            for (name, value) in pairs {
                let values = map.entry((*name).to_owned()).or_insert_with(|| json!([]));
                if let Some(values) = values.as_array_mut() {
                    values.push(json!(value));
                }
            }
            map
        };
        let headers: Vec<_> =
            self.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let query: Vec<_> =
            self.query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let path_parameters: serde_json::Map<_, _> = self
            .path_parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!(value)))
            .collect();
        let caller = self.caller.unwrap_or("arn:aws:iam::123456789012:user/ada");
        serde_json::from_value(json!({
            "resource": operation.path,
            "path": path,
            "httpMethod": operation.method.as_str(),
            "headers": {},
            "multiValueHeaders": many(&headers),
            "queryStringParameters": null,
            "multiValueQueryStringParameters": many(&query),
            "pathParameters": path_parameters,
            "stageVariables": null,
            "body": self.body.as_ref().map(|body| String::from_utf8_lossy(body)),
            "isBase64Encoded": false,
            "requestContext": {
                "path": format!("/prod{path}"),
                "stage": "prod",
                "httpMethod": operation.method.as_str(),
                "accountId": "123456789012",
                "requestId": "gateway-request",
                "identity": {
                    "userArn": caller,
                    "accountId": "123456789012",
                    "sourceIp": "203.0.113.7",
                    "userAgent": "mark-agent"
                }
            }
        }))
        .expect("an event of API Gateway")
    }
}

/// An answer that was given.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: i64,
    pub(crate) text: String,
    headers: lambda_http::http::HeaderMap,
}

impl Answered {
    fn new(response: ApiGatewayProxyResponse) -> Self {
        let text = match response.body {
            Some(Body::Text(text)) => text,
            _ => String::new(),
        };
        Self { status: response.status_code, text, headers: response.headers }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn user_id(&self) -> String {
        self.json()["userId"].as_str().expect("a user").to_owned()
    }

    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}
