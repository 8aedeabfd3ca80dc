//! From the SDK's errors to ours: what may be tried again later, and what is a fault of ours.

use crate::error::{Cause, Error};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::RequestId;
use std::error::Error as StdError;

/// Error codes that say "later", as DynamoDB and EventBridge document them.
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
        // The connector's texts name addresses and system errors, nothing of the request.
        SdkError::DispatchFailure(failure) => unavailable(match failure.as_connector_error() {
            Some(connector) => format!("no connection: {}", crate::telemetry::chain(connector)),
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
        _ => Error::Internal(cause(call, "the request could not be built")),
    }
}

/// A cause without a request id.
pub(crate) fn cause(call: &'static str, what: impl Into<String>) -> Cause {
    Cause { call, what: what.into(), request_id: None }
}
