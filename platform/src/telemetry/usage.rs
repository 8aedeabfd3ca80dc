//! What an invocation asks of DynamoDB, counted between the SDK and the network: calls, attempts
//! and the capacity that DynamoDB says it took.
//!
//! The count belongs to the task of the invocation, so that whoever makes a call need not pass it
//! along; the SDK runs its interceptors in the task that made the call.

use aws_sdk_dynamodb::config::interceptors::{
    BeforeSerializationInterceptorContextMut, BeforeTransmitInterceptorContextRef,
    FinalizerInterceptorContextRef,
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
use std::cell::Cell;

/// What was asked of DynamoDB.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Usage {
    /// Calls, however often each was tried.
    pub(crate) calls: u32,
    /// Requests sent; more than calls when the SDK tried again.
    pub(crate) attempts: u32,
    /// Read capacity units.
    pub(crate) read_units: f64,
    /// Write capacity units.
    pub(crate) write_units: f64,
}

tokio::task_local! {
    static USAGE: Cell<Usage>;
}

/// Runs a future and counts what it asks of DynamoDB.
pub(crate) async fn counted<F: Future>(future: F) -> (F::Output, Usage) {
    USAGE
        .scope(Cell::default(), async move {
            let output = future.await;
            (output, USAGE.with(Cell::get))
        })
        .await
}

/// Counts, when somebody wants to know.
fn count(change: impl FnOnce(&mut Usage)) {
    let _ = USAGE.try_with(|usage| {
        let mut counted = usage.get();
        change(&mut counted);
        usage.set(counted);
    });
}

/// Asks DynamoDB to say what each call consumed, and counts.
#[derive(Debug)]
pub(crate) struct Meter;

impl Intercept for Meter {
    fn name(&self) -> &'static str {
        "Meter"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let input = context.input_mut();
        // The answer grows by one number; nothing else changes, and nothing is paid for it.
        macro_rules! ask {
            ($($input:ty),*) => {
                $(if let Some(input) = input.downcast_mut::<$input>() {
                    input.return_consumed_capacity = Some(ReturnConsumedCapacity::Total);
                })*
            };
        }
        ask!(BatchGetItemInput, GetItemInput, PutItemInput, QueryInput, TransactWriteItemsInput);
        count(|usage| usage.calls += 1);
        Ok(())
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        count(|usage| usage.attempts += 1);
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
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
        count(|usage| {
            usage.read_units += read;
            usage.write_units += written;
        });
        Ok(())
    }
}
