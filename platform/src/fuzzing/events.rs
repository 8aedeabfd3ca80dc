//! Whole requests, through the real handlers up to their first call to DynamoDB, which never
//! answers. A request that gets that far was accepted.

use super::{Verdict, details};
use crate::clock::{Clock, Entropy};
use crate::config::{ServiceConfig, Shards};
use crate::http::handler::{
    AssignRole, GetUser, ListUsers, QueryAudit, RegisterUser, RemoveRole, SetStatus, UpdateUser,
};
use crate::http::{App, GatewayEvent, Handler, respond};
use crate::store::Store;
use crate::telemetry::Telemetry;
use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use futures_util::FutureExt;
use lambda_http::Body;
use lambda_http::aws_lambda_events::apigw::ApiGatewayProxyResponse;
use lambda_http::lambda_runtime::Context;
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::time::Instant;
use users_contract::{ErrorCode, OPERATIONS, Operation, OperationName, header};
use users_domain::{CorrelationId, Timestamp};

/// The input is an event as API Gateway sends it. Its method and resource choose the handler.
pub fn gateway_event(data: &[u8]) -> Verdict {
    let Ok(event) = serde_json::from_slice::<GatewayEvent>(data) else { return Verdict::Refused };
    let whole: Value = serde_json::from_slice(data).unwrap_or_default();
    let named = OPERATIONS.iter().find(|operation| {
        whole["resource"] == operation.path && whole["httpMethod"] == operation.method.as_str()
    });
    answer(named.unwrap_or(&OPERATIONS[data.len() % OPERATIONS.len()]), &event)
}

/// The input resembles a request on the wire: a byte that chooses the operation, the variables of
/// the path and the query in one line, headers in more, an empty line, the body.
pub fn raw_request(data: &[u8]) -> Verdict {
    let (first, rest) = data.split_first().unwrap_or((&0, &[]));
    let operation = &OPERATIONS[usize::from(*first) % OPERATIONS.len()];
    let (head, body) = match rest.windows(2).position(|pair| pair == b"\n\n") {
        Some(end) => (&rest[..end], Some(&rest[end + 2..])),
        None => (rest, None),
    };
    let head = String::from_utf8_lossy(head);
    let (target, headers) = head.split_once('\n').unwrap_or((&head, ""));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let variables: serde_json::Map<String, Value> = operation
        .path_parameters
        .iter()
        .zip(path.split('/'))
        .map(|(parameter, value)| (parameter.name.to_owned(), json!(value)))
        .collect();
    let event = serde_json::from_value(json!({
        "resource": operation.path,
        "path": format!("/{path}"),
        "httpMethod": operation.method.as_str(),
        "headers": {},
        "multiValueHeaders": multiple(headers.lines(), ':'),
        "multiValueQueryStringParameters": multiple(query.split('&'), '='),
        "pathParameters": variables,
        "body": body.map(String::from_utf8_lossy),
        "isBase64Encoded": first & 0x80 != 0,
        "requestContext": {
            "path": format!("/prod/{path}"),
            "httpMethod": operation.method.as_str(),
            "stage": "prod",
            "accountId": "123456789012",
            "identity": {"userArn": "arn:aws:iam::123456789012:user/ada"},
        }
    }));
    // An event of another shape has no answer.
    event.map_or(Verdict::Refused, |event| answer(operation, &event))
}

/// The parts as a map of lists.
fn multiple<'t>(parts: impl Iterator<Item = &'t str>, separator: char) -> Value {
    let mut map = serde_json::Map::new();
    for (name, value) in parts.filter_map(|part| part.split_once(separator)) {
        let values = map.entry(name.trim()).or_insert_with(|| json!([]));
        if let Some(values) = values.as_array_mut() {
            values.push(json!(value));
        }
    }
    Value::Object(map)
}

/// Handles an event and checks the answer, if it is refused, against the contract.
fn answer(operation: &Operation, event: &GatewayEvent) -> Verdict {
    let answered = match operation.name {
        OperationName::RegisterUser => poll::<RegisterUser>(event),
        OperationName::GetUser => poll::<GetUser>(event),
        OperationName::UpdateUser => poll::<UpdateUser>(event),
        OperationName::SetStatus => poll::<SetStatus>(event),
        OperationName::AssignRole => poll::<AssignRole>(event),
        OperationName::RemoveRole => poll::<RemoveRole>(event),
        OperationName::ListUsers => poll::<ListUsers>(event),
        OperationName::QueryAudit => poll::<QueryAudit>(event),
    };
    match answered {
        None => Verdict::Accepted,
        Some(answer) => {
            check_refusal(operation, &answer);
            Verdict::Refused
        }
    }
}

fn check_refusal(operation: &Operation, answer: &ApiGatewayProxyResponse) {
    let Some(Body::Text(text)) = &answer.body else {
        panic!("a refusal without a text");
    };
    let problem: Value = serde_json::from_str(text).expect("a problem document is JSON");
    let is_code = |code: &&ErrorCode| problem["code"] == code.as_str();
    let code = ErrorCode::ALL.iter().find(is_code).expect("a code of the contract");
    assert!(operation.all_errors().contains(code), "{} says {code}", operation.id);
    assert!(code.status() < 500, "{} says {code}", operation.id);
    assert_eq!(answer.status_code, i64::from(code.status()));
    assert_eq!(problem["status"], code.status());
    assert_eq!(problem["title"], code.title());
    assert!(problem["instance"].is_string());

    let header = |name| answer.headers.get(name).and_then(|value| value.to_str().ok());
    assert_eq!(header("content-type"), Some("application/problem+json"));
    assert_eq!(header("cache-control"), Some("no-store"));
    assert_eq!(header("access-control-allow-origin"), Some("*"));
    let correlation_id = header(header::CORRELATION_ID).unwrap_or_default();
    assert!(CorrelationId::parse(correlation_id).is_some(), "a correlation id of the contract");
    assert_eq!(problem["correlationId"], correlation_id);

    let errors = problem["errors"].as_array().map_or(&[][..], Vec::as_slice);
    assert_eq!(*code == ErrorCode::InvalidRequest, !errors.is_empty(), "problems and their list");
    for error in errors {
        details::check_text(error["detail"].as_str().unwrap_or_default());
        let places = ["pointer", "parameter", "header"];
        assert_eq!(places.iter().filter(|place| error[**place].is_string()).count(), 1);
    }
}

/// The answer; `None` when the handler waits for DynamoDB.
fn poll<H: Handler>(event: &GatewayEvent) -> Option<ApiGatewayProxyResponse> {
    static APP: LazyLock<App> = LazyLock::new(app);
    // The SDK's timeouts need a timer, but nothing waits for it.
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime")
    });
    let _entered = RUNTIME.enter();
    let until = Instant::now() + Duration::from_secs(1);
    respond::<H>(&APP, event.clone(), &Context::default(), until).now_or_never()
}

fn app() -> App {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .http_client(http_client_fn(|_, _| SharedHttpConnector::new(Silent)))
        .build();
    let client = aws_sdk_dynamodb::Client::from_conf(config);
    let config = ServiceConfig {
        users_table: "users".to_owned(),
        idempotency_table: Some("idempotency".to_owned()),
        idempotency_ttl: Duration::from_secs(24 * 3600),
        cors_allow_origin: "*".to_owned(),
        shards: Shards::default(),
    };
    let store = Store::new(client, "users".to_owned(), Some("idempotency".to_owned()));
    let telemetry = Telemetry::to("fuzz", Box::new(|_| {}), Box::new(|_| {}));
    App::new(store, Arc::new(Fixed), Arc::new(Fixed), config, telemetry)
}

/// Takes every request and answers none.
#[derive(Debug)]
struct Silent;

impl HttpConnector for Silent {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(std::future::pending())
    }
}

/// A fixed time and fixed bits, so that an input always has the same result.
#[derive(Debug)]
struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        // 2026-11-22T10:00:00Z
        Timestamp::from_millis(1_795_341_600_000)
    }
}

impl Entropy for Fixed {
    fn bits(&self) -> u128 {
        7
    }
}
