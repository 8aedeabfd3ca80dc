//! What telling costs: the same calls without logs, metrics and traces, with logs and metrics, and
//! with all of it, in turns within one run.
//!
//! ```sh
//! cargo run --release -p users-functions --example telemetry_cost > target/telemetry.log
//! ```
//!
//! The service runs in this process as in a function, on one thread, and speaks HTTP to a stand-in
//! for DynamoDB on another, which answers at once. Every line is written to standard output; traces
//! are of every invocation or of none, as API Gateway samples them: by default one a second and one
//! in twenty of the others. What a real invocation has besides (TLS, the Runtime API, a database that takes
//! its time) is the same for both and left out, so the share that telling takes is the most it can
//! be. CPU is that of the thread of the service, from Linux's scheduler.

#![expect(clippy::print_stderr, reason = "the result; standard output takes the log")]

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::{BehaviorVersion, Builder, Region};
use lambda_http::aws_lambda_events::apigw::ApiGatewayProxyRequest;
use lambda_http::lambda_runtime::{Context, Error};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};
use users_platform::http::handler::{GetUser, ListUsers, UpdateUser};
use users_platform::http::{App, Handler, respond};
use users_platform::store::Store;
use users_platform::telemetry::{Recorder, Telemetry};
use users_platform::{ServiceConfig, SystemClock, SystemEntropy};

const USER_ID: &str = "01JD8Z6T3Y5V0Q4C9K2M7N8P1R";
const SAMPLED: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
const UNSAMPLED: &str =
    "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0";
/// Turns of each kind; many short ones, so that whatever else the machine does meets both.
const TURNS: usize = 300;
/// Calls of each operation in a turn.
const CALLS: usize = 20;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let database = database()?;
    let daemon = UdpSocket::bind("127.0.0.1:0")?;
    let daemon_address = daemon.local_addr()?.to_string();
    let telemetry = Telemetry::from_env(&|name| match name {
        "AWS_LAMBDA_FUNCTION_NAME" => Some("users-dev-users-profile-get".to_owned()),
        "METRICS_STACK" => Some("users-dev".to_owned()),
        "AWS_XRAY_DAEMON_ADDRESS" => Some(daemon_address.clone()),
        _ => None,
    });
    // Somebody has to take the packets, or sending them is cheaper than it is.
    std::thread::spawn(move || {
        let mut packet = [0; 65_536];
        while daemon.recv(&mut packet).is_ok() {}
    });
    let telling = app(database, telemetry, |config| config.interceptor(Recorder));
    let silent = app(database, Telemetry::off(), |config| config);

    let kinds = [
        ("nothing told", &silent, UNSAMPLED),
        ("logs and metrics", &telling, UNSAMPLED),
        ("and a trace of each", &telling, SAMPLED),
    ];
    // Connections, caches and the allocator get warm.
    for (_, app, header) in kinds {
        turn(app, header).await?;
    }
    let mut costs = [Cost::default(), Cost::default(), Cost::default()];
    let per_thousand = |took: Duration| took.as_secs_f64() * 1000.0 * 1000.0 / (3 * CALLS) as f64;
    for number in 0..TURNS {
        for step in 0..kinds.len() {
            // None is always first.
            let which = (number + step) % kinds.len();
            let (_, app, header) = kinds[which];
            let (begun, cpu) = (Instant::now(), cpu_time()?);
            turn(app, header).await?;
            costs[which].wall.push(per_thousand(begun.elapsed()));
            costs[which].cpu.push(per_thousand(cpu_time()?.saturating_sub(cpu)));
        }
    }
    eprintln!("1000 invocations, a third of them each reads, writes and lists, median of {TURNS}:");
    for ((name, ..), cost) in kinds.into_iter().zip(&costs) {
        eprintln!(
            "{name:>20}: {:.0} ms of CPU ({:+.1} %), {:.0} ms ({:+.1} %)",
            median(cost.cpu.clone()),
            more(&costs[0].cpu, &cost.cpu),
            median(cost.wall.clone()),
            more(&costs[0].wall, &cost.wall),
        );
    }
    Ok(())
}

/// What each turn took, in milliseconds for a thousand invocations.
#[derive(Debug, Default)]
struct Cost {
    wall: Vec<f64>,
    cpu: Vec<f64>,
}

/// How much more one took than the other, in percent: the median over turns, each of which compares
/// what was measured within a few milliseconds, since the pace of a machine changes between turns.
fn more(without: &[f64], with: &[f64]) -> f64 {
    median(
        with.iter()
            .zip(without)
            .map(|(with, without)| 100.0 * (with - without) / without)
            .collect(),
    )
}

/// Not the mean, which whatever else the machine does would move.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Time that this thread was running.
fn cpu_time() -> std::io::Result<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanos = text.split_whitespace().next().and_then(|first| first.parse().ok());
    nanos
        .map(Duration::from_nanos)
        .ok_or_else(|| std::io::Error::other("/proc/thread-self/schedstat has another form"))
}

fn app(database: SocketAddr, telemetry: Telemetry, change: fn(Builder) -> Builder) -> App {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(format!("http://{database}"))
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    let client = aws_sdk_dynamodb::Client::from_conf(change(config).build());
    let config = ServiceConfig {
        users_table: "users".to_owned(),
        idempotency_table: Some("idempotency".to_owned()),
        idempotency_ttl: Duration::from_secs(24 * 3600),
        cors_allow_origin: "*".to_owned(),
    };
    let store = Store::new(client, config.users_table.clone(), config.idempotency_table.clone());
    App::new(store, Arc::new(SystemClock), Arc::new(SystemEntropy), config, telemetry)
}

/// Reads a user, changes it, and lists users, a few times each.
async fn turn(app: &App, header: &str) -> Result<(), Error> {
    for number in 0..CALLS {
        let patch = json!({"displayName": format!("Ada {number}")}).to_string();
        call::<GetUser>(app, header, "GET", "/users/{userId}", None).await?;
        call::<UpdateUser>(app, header, "PATCH", "/users/{userId}", Some(patch)).await?;
        call::<ListUsers>(app, header, "GET", "/users", None).await?;
    }
    Ok(())
}

async fn call<H: Handler>(
    app: &App,
    header: &str,
    method: &str,
    resource: &str,
    body: Option<String>,
) -> Result<(), Error> {
    let event: Result<ApiGatewayProxyRequest, _> = serde_json::from_value(json!({
        "resource": resource,
        "path": resource.replace("{userId}", USER_ID),
        "httpMethod": method,
        "headers": {},
        "multiValueHeaders": {"Content-Type": ["application/json"]},
        "pathParameters": {"userId": USER_ID},
        "body": body,
        "isBase64Encoded": false,
        "requestContext": {
            "path": format!("/prod{}", resource.replace("{userId}", USER_ID)),
            "stage": "prod",
            "httpMethod": method,
            "accountId": "123456789012",
            "identity": {"userArn": "arn:aws:iam::123456789012:user/ada"},
        },
    }));
    let mut context = Context::default();
    context.request_id = "b0d4f7c2-7a0b-4a7e-9f7b-3a5b7c1d2e3f".to_owned();
    context.xray_trace_id = Some(header.to_owned());
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    let answer = respond::<H>(app, event?, &context, deadline).await;
    match answer.status_code {
        200 => Ok(()),
        // What fails measures something else.
        status => {
            Err(format!("{method} {resource} is answered {status}: {:?}", answer.body).into())
        }
    }
}

/// Starts the stand-in for DynamoDB.
fn database() -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            // A connection that breaks is opened again by the client.
            std::thread::spawn(move || serve(connection));
        }
    });
    Ok(address)
}

/// Answers the requests of a connection.
fn serve(connection: TcpStream) -> std::io::Result<()> {
    connection.set_nodelay(true)?;
    let mut answers = connection.try_clone()?;
    let mut requests = BufReader::new(connection);
    loop {
        let (mut length, mut target) = (0, String::new());
        loop {
            let mut line = String::new();
            if requests.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let Some((name, value)) = line.trim_end().split_once(':') else {
                if line.trim_end().is_empty() {
                    break;
                }
                continue;
            };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().unwrap_or_default(),
                "x-amz-target" => target = value.trim().to_owned(),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        requests.read_exact(&mut body)?;
        let body = answer(&target).to_string();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nx-amzn-RequestId: \
             0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEF\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        answers.write_all([head.as_bytes(), body.as_bytes()].concat().as_slice())?;
    }
}

/// What DynamoDB says to a call.
fn answer(target: &str) -> Value {
    let consumed = json!({"TableName": "users", "CapacityUnits": 1.0});
    match target.rsplit('.').next().unwrap_or_default() {
        "GetItem" => json!({"Item": user(), "ConsumedCapacity": consumed}),
        "Query" => json!({"Items": [user()], "Count": 1, "ConsumedCapacity": consumed}),
        _ => json!({"ConsumedCapacity": [consumed]}),
    }
}

fn user() -> Value {
    json!({
        "pk": {"S": format!("USER#{USER_ID}")},
        "sk": {"S": "PROFILE"},
        "directoryPk": {"S": "STATUS#active#1"},
        "userId": {"S": USER_ID},
        "email": {"S": "ada@example.com"},
        "emailKey": {"S": "ada@example.com"},
        "displayName": {"S": "Ada Lovelace"},
        "status": {"S": "active"},
        "roles": {"L": [{"S": "admin"}]},
        "version": {"N": "3"},
        "createdAt": {"S": "2026-11-22T10:00:00.000Z"},
        "updatedAt": {"S": "2026-11-22T10:05:00.000Z"},
    })
}
