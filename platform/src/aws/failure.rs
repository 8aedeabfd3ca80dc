//! Sorts the SDK's errors into those that may pass and those that are faults of this service.

use crate::error::{Cause, Error, chain};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::RequestId;
use std::error::Error as StdError;

/// Error codes that DynamoDB, EventBridge and SQS document as temporary.
const TRANSIENT: &[&str] = &[
    "InternalException",
    "InternalFailure",
    "InternalServerError",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestTimeout",
    "ServiceUnavailable",
    "ThrottlingException",
    "TransactionInProgressException",
];

/// Sorts an error of the SDK into [`Error::Unavailable`] or [`Error::Internal`].
pub(crate) fn classify<E, R>(call: &'static str, error: &SdkError<E, R>) -> Error
where
    E: ProvideErrorMetadata + RequestId + StdError + 'static,
    R: std::fmt::Debug,
{
    let request_id = error.as_service_error().and_then(|it| it.request_id()).map(str::to_owned);
    let unavailable =
        |what: String| Error::Unavailable(Cause { call, what, request_id: request_id.clone() });
    match error {
        SdkError::TimeoutError(_) => unavailable("no answer in time".to_owned()),
        // The connector's texts name addresses and system errors, but nothing of the request.
        SdkError::DispatchFailure(failure) => unavailable(match failure.as_connector_error() {
            Some(connector) => format!("no connection: {}", chain(connector)),
            None => "no connection".to_owned(),
        }),
        SdkError::ResponseError(_) => unavailable("the answer could not be read".to_owned()),
        SdkError::ServiceError(service) => {
            let code = service.err().code().unwrap_or("an error without a code");
            if TRANSIENT.contains(&code) {
                unavailable(code.to_owned())
            } else {
                Error::Internal(Cause { call, what: code.to_owned(), request_id })
            }
        }
        _ => Error::Internal(Cause::new(call, "the request could not be built")),
    }
}
