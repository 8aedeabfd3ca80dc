//! Errors of AWS, with the task that failed and advice.

use anyhow::{Result, anyhow};
use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};
use std::error::Error;
use std::fmt;

/// Adds the task to a failed call of AWS.
pub(crate) trait Explain<T> {
    /// Turns the error into one that names the task, such as “read the events of the stack”.
    fn explain(self, task: impl fmt::Display) -> Result<T>;
}

impl<T, E, R> Explain<T> for Result<T, SdkError<E, R>>
where
    E: ProvideErrorMetadata + Error + 'static,
    R: fmt::Debug,
{
    fn explain(self, task: impl fmt::Display) -> Result<T> {
        self.map_err(|error| explain(task, &error))
    }
}

/// An error with the task and advice. The message of AWS about permissions is kept, since it names the
/// action and the principal.
pub(crate) fn explain<E, R>(task: impl fmt::Display, error: &SdkError<E, R>) -> anyhow::Error
where
    E: ProvideErrorMetadata + Error + 'static,
    R: fmt::Debug,
{
    let message = error.message().unwrap_or("no message");
    if let Some(code) = error.code() {
        return match advice(code) {
            Some(advice) => anyhow!("cannot {task}: {advice} ({code}: {message})"),
            None => anyhow!("cannot {task}: AWS answers {code}: {message}"),
        };
    }
    let advice = match error {
        SdkError::TimeoutError(_) => "AWS did not answer in time",
        SdkError::DispatchFailure(failure) if failure.is_user() => "the request could not be made",
        SdkError::DispatchFailure(_) => {
            "AWS could not be reached; check the network and the Region"
        }
        _ => "the answer of AWS cannot be understood",
    };
    anyhow!(
        "cannot {task}: {advice}; run the command again to continue from where it stopped ({})",
        chain(error)
    )
}

fn advice(code: &str) -> Option<&'static str> {
    Some(match code {
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => {
            "the AWS credentials have expired; sign in again (for SSO: `aws sso login`) or check \
             this machine's clock, then run the command again"
        }
        "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "InvalidAccessKeyId"
        | "IncompleteSignature" => "AWS does not accept the credentials",
        "SignatureDoesNotMatch" => {
            "AWS does not accept the credentials, or this machine's clock is wrong"
        }
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" => {
            "the credentials lack a permission; have it granted, then run the command again"
        }
        "Throttling"
        | "ThrottlingException"
        | "RequestLimitExceeded"
        | "TooManyRequestsException"
        | "SlowDown" => {
            "AWS still asks to slow down after several attempts; wait a minute, then run the command \
             again"
        }
        "ServiceUnavailable" | "InternalFailure" | "InternalError" | "InternalServerError" => {
            "AWS has an internal error; run the command again later"
        }
        _ => return None,
    })
}

/// The error with its causes, since `SdkError` itself says little.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        // Some layers repeat the text of their cause.
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}
