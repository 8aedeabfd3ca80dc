//! What AWS refused, in words that say what to do.

use anyhow::anyhow;
use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};
use std::error::Error;

/// An error with `task` (“read the events of the stack”) and advice. What AWS says about
/// permissions is kept: it names the action and the principal.
pub(crate) fn explain<E, R>(task: &str, error: &SdkError<E, R>) -> anyhow::Error
where
    E: ProvideErrorMetadata + Error + 'static,
    R: std::fmt::Debug,
{
    let message = error.message().unwrap_or("no further words");
    match error.code() {
        Some(code) => match advice(code) {
            Some(advice) => anyhow!("cannot {task}: {advice} ({code}: {message})"),
            None => anyhow!("cannot {task}: AWS answers {code}: {message}"),
        },
        None => {
            let advice = match error {
                SdkError::TimeoutError(_) => "AWS did not answer in time",
                SdkError::DispatchFailure(failure) if failure.is_user() => {
                    "the request could not be made"
                }
                SdkError::DispatchFailure(_) => {
                    "AWS could not be reached; check the network and the Region"
                }
                _ => "AWS answered with something that cannot be understood",
            };
            anyhow!(
                "cannot {task}: {advice}; run the command again to go on from where it stopped ({})",
                chain(error)
            )
        }
    }
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
        | "SignatureDoesNotMatch"
        | "IncompleteSignature" => "AWS does not accept the credentials",
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" => {
            "the credentials lack a permission; have it granted, then run the command again"
        }
        "Throttling"
        | "ThrottlingException"
        | "RequestLimitExceeded"
        | "TooManyRequestsException"
        | "SlowDown" => {
            "AWS asks to slow down, after several tries; wait a minute, then run the command again"
        }
        "ServiceUnavailable" | "InternalFailure" | "InternalError" | "InternalServerError" => {
            "AWS has a fault of its own; run the command again in a while"
        }
        _ => return None,
    })
}

/// An error with its causes: `SdkError` itself says little more than that there is one.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        // Some layers repeat what they wrap.
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}
