//! The wrapper around all eight handlers: configuration, clients, timing, error mapping and the
//! one log line of an invocation.

use super::event::GatewayEvent;
use super::problem::Rejection;
use super::request::Request;
use super::response::Response;
use crate::aws;
use crate::clock::{Clock, Entropy, SystemClock, SystemEntropy};
use crate::config::{AwsConfig, ServiceConfig, TelemetryConfig, process_environment, runtime_api};
use crate::lambda;
use crate::store::Store;
use crate::telemetry::{Completion, Invocation, Telemetry, TraceHeader, recorded};
use crate::use_case::Service;
use futures_util::future::BoxFuture;
use lambda_http::aws_lambda_events::apigw::ApiGatewayProxyResponse;
use lambda_http::lambda_runtime::{Context, Error};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use users_contract::{Operation, OperationName};

/// The dependencies of a handler.
#[derive(Clone, Debug)]
pub struct App {
    /// The use cases.
    pub service: Service,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    config: ServiceConfig,
    telemetry: Arc<Telemetry>,
}

impl App {
    /// An application over a store.
    #[must_use]
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        config: ServiceConfig,
        telemetry: Telemetry,
    ) -> Self {
        let ttl = config.idempotency_ttl;
        let service = Service::new(store, Arc::clone(&clock), Arc::clone(&entropy), ttl);
        Self { service, clock, entropy, config, telemetry: Arc::new(telemetry) }
    }
}

/// One operation: decode, call one use case, encode.
pub trait Handler {
    /// Its row in the table of operations.
    const OPERATION: OperationName;

    /// Answers a request. After `deadline` no attempt against concurrent writers begins.
    fn handle(
        app: &App,
        request: &Request,
        deadline: Instant,
    ) -> impl Future<Output = Result<Response, Rejection>> + Send;
}

/// Longest time to spend on attempts against concurrent writers.
const PATIENCE: Duration = Duration::from_secs(10);
/// The time that a last attempt and the answer need.
const RESERVE: Duration = Duration::from_secs(5);

/// Serves an operation until the execution environment ends.
///
/// # Errors
///
/// When a variable is missing, or the Runtime API cannot be reached.
pub async fn serve<H: Handler>() -> Result<(), Error> {
    let env = &process_environment;
    let telemetry = Telemetry::new(TelemetryConfig::from_env(env));
    let config = ServiceConfig::from_env(env)?;
    let client = aws::dynamodb(&AwsConfig::from_env(env)?, telemetry.recorder()).await?;
    let store = Store::new(client, config.users_table.clone(), config.idempotency_table.clone())
        .with_shards(config.shards);
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    let app = &App::new(store, clock, entropy, config, telemetry);
    lambda::run(&runtime_api(env)?, async |event: GatewayEvent, context: Context| {
        let left = context
            .deadline
            .saturating_sub(u64::try_from(app.clock.now().as_millis()).unwrap_or_default());
        let patience = Duration::from_millis(left).saturating_sub(RESERVE).min(PATIENCE);
        respond::<H>(app, event, &context, Instant::now() + patience).await
    })
    .await
}

/// Answers one event. It never fails: every failure has an answer.
pub async fn respond<H: Handler>(
    app: &App,
    event: GatewayEvent,
    context: &Context,
    deadline: Instant,
) -> ApiGatewayProxyResponse {
    let begun = std::time::Instant::now();
    let mut request = Request::from_event(event, app.clock.now(), app.entropy.as_ref());
    let trace = TraceHeader::parse(context.xray_trace_id.as_deref());
    let span_id = app.telemetry.span_id(trace, app.entropy.as_ref());
    request.trace_header = span_id.as_deref().map(|id| trace.child_header(id));
    // Boxed and type-erased, because the SDK's futures nest too deeply for the compiler to lay out.
    let handled: BoxFuture<'_, _> = Box::pin(H::handle(app, &request, deadline));
    let (result, calls) = recorded(context.xray_trace_id.as_deref(), handled).await;
    let mut invocation = Invocation {
        operation: Operation::of(H::OPERATION).id,
        function_request_id: &context.request_id,
        correlation_id: request.correlation_id.as_str(),
        trace,
        span_id,
        caller_account: &request.actor.account_id,
        begun,
        calls,
    };
    let (response, rejection) = match result {
        Ok(response) => (response, None),
        Err(rejection) => (rejection.respond(&request), Some(rejection)),
    };
    let completion = Completion {
        error: response.problem,
        status: response.status,
        replayed: response.replayed,
        retries: response.retries,
        cause: rejection.as_ref().map(|rejection| rejection as &dyn std::error::Error),
    };
    invocation.report(&app.telemetry, &completion, app.clock.as_ref(), app.entropy.as_ref());
    response.into_event(&request.correlation_id, &app.config.cors_allow_origin)
}
