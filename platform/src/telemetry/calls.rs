//! The AWS calls of an invocation, recorded between the SDK and the network: attempts, duration and
//! the capacity that DynamoDB reports; and the metrics that use cases count.
//!
//! The record is a local of the invocation's task, so no caller passes it along; the SDK runs its
//! interceptors in the task that made the call.

use super::function::{SERVICE, function_name};
use aws_sdk_dynamodb::config::interceptors::{
    BeforeSerializationInterceptorContextMut, BeforeTransmitInterceptorContextMut,
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::batch_get_item::{BatchGetItemInput, BatchGetItemOutput};
use aws_sdk_dynamodb::operation::get_item::{GetItemInput, GetItemOutput};
use aws_sdk_dynamodb::operation::put_item::{PutItemInput, PutItemOutput};
use aws_sdk_dynamodb::operation::query::{QueryInput, QueryOutput};
use aws_sdk_dynamodb::operation::transact_write_items::{
    TransactWriteItemsInput, TransactWriteItemsOutput,
};
use aws_sdk_dynamodb::types::{ConsumedCapacity, ReturnConsumedCapacity};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use std::cell::RefCell;
use std::time::{Duration, Instant};
use users_contract::metric::Metric;

/// The AWS calls of an invocation and its counted metrics.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calls {
    /// The calls, in the order of their beginning.
    pub(crate) list: Vec<Call>,
    /// The sums, each metric once.
    pub(crate) measured: Vec<(Metric, f64)>,
}

/// One call with all its attempts.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The service, as the SDK calls it.
    pub(crate) service: String,
    /// The operation, such as `GetItem`.
    pub(crate) operation: String,
    pub(crate) begun: Instant,
    /// Its duration with all attempts; zero while it lasts.
    pub(crate) took: Duration,
    /// Requests sent; more than one when the SDK retried.
    pub(crate) attempts: u32,
    /// The status of the last answer, if there was any.
    pub(crate) status: Option<u16>,
    /// The AWS request id of the last answer.
    pub(crate) request_id: Option<String>,
    /// Read capacity units.
    pub(crate) read_units: f64,
    /// Write capacity units. DynamoDB does not report those of a cancelled transaction.
    pub(crate) write_units: f64,
}

impl Call {
    /// Repeated requests.
    pub(crate) fn retries(&self) -> u32 {
        self.attempts.saturating_sub(1)
    }
}

impl Calls {
    /// Requests sent, summed.
    pub(crate) fn attempts(&self) -> u32 {
        self.list.iter().map(|call| call.attempts).sum()
    }

    /// Repeated requests, summed.
    pub(crate) fn retries(&self) -> u32 {
        self.list.iter().map(Call::retries).sum()
    }

    /// Read capacity units, summed.
    pub(crate) fn read_units(&self) -> f64 {
        self.list.iter().map(|call| call.read_units).sum()
    }

    /// Write capacity units, summed.
    pub(crate) fn write_units(&self) -> f64 {
        self.list.iter().map(|call| call.write_units).sum()
    }

    /// Adds to a metric.
    pub(crate) fn measure(&mut self, metric: Metric, value: f64) {
        match self.measured.iter_mut().find(|(known, _)| known.name == metric.name) {
            Some((_, sum)) => *sum += value,
            None => self.measured.push((metric, value)),
        }
    }

    /// Writes a debug line for each call.
    pub(crate) fn log(&self, function_request_id: &str, root: &str, correlation_id: Option<&str>) {
        for call in &self.list {
            tracing::debug!(
                service = SERVICE,
                function_name = function_name(),
                function_request_id,
                xray_trace_id = root,
                correlation_id,
                aws_service = call.service,
                aws_operation = call.operation,
                aws_request_id = call.request_id,
                status = call.status,
                duration_ms = call.took.as_micros() as f64 / 1000.0,
                attempts = call.attempts,
                read_units = call.read_units,
                write_units = call.write_units,
                "call of AWS"
            );
        }
    }
}

tokio::task_local! {
    static CALLS: RefCell<Calls>;
    /// The tracing header of the invocation.
    static TRACE: Option<String>;
}

/// The header that puts a call of AWS into a trace.
const TRACE_HEADER: &str = "x-amzn-trace-id";

/// Runs a future and records its AWS calls, which carry the tracing header.
pub(crate) async fn recorded<F: Future>(trace: Option<&str>, future: F) -> (F::Output, Calls) {
    let recorded = CALLS.scope(RefCell::default(), async move {
        let output = future.await;
        (output, CALLS.with(RefCell::take))
    });
    TRACE.scope(trace.map(str::to_owned), recorded).await
}

/// Adds to a metric of the invocation whose task this is.
pub(crate) fn measure(metric: Metric, value: f64) {
    record(|calls| calls.measure(metric, value));
}

/// Changes the record, if there is one. The hooks below borrow it briefly and never call one another,
/// so it is never borrowed twice.
fn record<T>(change: impl FnOnce(&mut Calls) -> T) -> Option<T> {
    CALLS.try_with(|calls| calls.try_borrow_mut().ok().map(|mut calls| change(&mut calls))).ok()?
}

/// The position in the record of the call that a configuration belongs to; calls run concurrently.
#[derive(Clone, Copy, Debug)]
struct Place(usize);

impl Storable for Place {
    type Storer = StoreReplace<Self>;
}

/// Changes the call that a configuration belongs to.
fn record_call(bag: &ConfigBag, change: impl FnOnce(&mut Call)) {
    let Some(Place(place)) = bag.load::<Place>() else { return };
    record(|calls| calls.list.get_mut(*place).map(change));
}

/// An interceptor for clients of the SDK that records calls and asks DynamoDB to report the capacity
/// that each consumed. Outside an invocation it records nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recorder;

impl Intercept for Recorder {
    fn name(&self) -> &'static str {
        "Recorder"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let input = context.input_mut();
        // The answer grows by one number, free of charge.
        macro_rules! ask {
            ($($input:ty),*) => {
                $(if let Some(input) = input.downcast_mut::<$input>() {
                    input.return_consumed_capacity = Some(ReturnConsumedCapacity::Total);
                })*
            };
        }
        ask!(BatchGetItemInput, GetItemInput, PutItemInput, QueryInput, TransactWriteItemsInput);
        let metadata = bag.load::<Metadata>();
        let call = Call {
            service: metadata.map(Metadata::service).unwrap_or_default().to_owned(),
            operation: metadata.map(Metadata::name).unwrap_or_default().to_owned(),
            begun: Instant::now(),
            took: Duration::ZERO,
            attempts: 0,
            status: None,
            request_id: None,
            read_units: 0.0,
            write_units: 0.0,
        };
        let place = record(|calls| {
            calls.list.push(call);
            calls.list.len() - 1
        });
        if let Some(place) = place {
            bag.interceptor_state().store_put(Place(place));
        }
        Ok(())
    }

    /// The SDK takes the header from the environment, which [`crate::lambda`] leaves alone.
    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Ok(Some(trace)) = TRACE.try_with(Clone::clone) {
            // A header that cannot be sent only costs the trace its link.
            let _ = context.request_mut().headers_mut().try_insert(TRACE_HEADER, trace);
        }
        Ok(())
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        record_call(bag, |call| call.attempts += 1);
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        record_call(bag, |call| {
            call.took = call.begun.elapsed();
            call.status = response.map(|response| response.status().as_u16());
            let id = response.and_then(|response| response.headers().get("x-amzn-requestid"));
            call.request_id = id.map(str::to_owned);
        });
        let Some(Ok(output)) = context.output_or_error() else { return Ok(()) };
        let one = |consumed: Option<&ConsumedCapacity>| {
            consumed.and_then(ConsumedCapacity::capacity_units).unwrap_or_default()
        };
        let all = |consumed: &[ConsumedCapacity]| -> f64 {
            consumed.iter().filter_map(ConsumedCapacity::capacity_units).sum()
        };
        let mut read = 0.0;
        let mut written = 0.0;
        if let Some(output) = output.downcast_ref::<GetItemOutput>() {
            read = one(output.consumed_capacity());
        } else if let Some(output) = output.downcast_ref::<QueryOutput>() {
            read = one(output.consumed_capacity());
        } else if let Some(output) = output.downcast_ref::<BatchGetItemOutput>() {
            read = all(output.consumed_capacity());
        } else if let Some(output) = output.downcast_ref::<PutItemOutput>() {
            written = one(output.consumed_capacity());
        } else if let Some(output) = output.downcast_ref::<TransactWriteItemsOutput>() {
            written = all(output.consumed_capacity());
        }
        record_call(bag, |call| {
            call.read_units = read;
            call.write_units = written;
        });
        Ok(())
    }
}
