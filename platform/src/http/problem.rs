//! Problem documents: the one place where failures become statuses.

use super::request::Request;
use super::response::Response;
use crate::error::Error;
use crate::wire::json;
use serde::Serialize;
use users_contract::ErrorCode;
use users_domain::{Place, Violation};

/// Why a request was refused.
#[derive(Debug, thiserror::Error)]
pub enum Rejection {
    /// The body is over the limit.
    #[error("the body is too large")]
    PayloadTooLarge,
    /// The body is not declared to be JSON.
    #[error("the content type is not supported")]
    UnsupportedMediaType,
    /// The use case failed.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl From<Vec<Violation>> for Rejection {
    fn from(violations: Vec<Violation>) -> Self {
        Self::Failed(Error::Invalid(violations))
    }
}

impl Rejection {
    /// The code of the problem.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::PayloadTooLarge => ErrorCode::PayloadTooLarge,
            Self::UnsupportedMediaType => ErrorCode::UnsupportedMediaType,
            Self::Failed(error) => match error {
                Error::Invalid(_) => ErrorCode::InvalidRequest,
                Error::InvalidCursor => ErrorCode::InvalidCursor,
                Error::UserNotFound => ErrorCode::UserNotFound,
                Error::RoleNotAssigned => ErrorCode::RoleNotAssigned,
                Error::EmailAlreadyRegistered => ErrorCode::EmailAlreadyRegistered,
                Error::InvalidStatusTransition => ErrorCode::InvalidStatusTransition,
                Error::UserDeleted => ErrorCode::UserDeleted,
                Error::TooManyRoles => ErrorCode::TooManyRoles,
                Error::VersionMismatch => ErrorCode::VersionMismatch,
                Error::IdempotencyKeyReused => ErrorCode::IdempotencyKeyReused,
                Error::RequestInProgress => ErrorCode::RequestInProgress,
                Error::ConcurrentModification => ErrorCode::ConcurrentModification,
                Error::Unavailable(_) => ErrorCode::ServiceUnavailable,
                Error::Internal(_) => ErrorCode::InternalError,
            },
        }
    }

    fn violations(&self) -> &[Violation] {
        match self {
            Self::Failed(Error::Invalid(violations)) => violations,
            Self::PayloadTooLarge | Self::UnsupportedMediaType | Self::Failed(_) => &[],
        }
    }

    /// The problem document that answers a request.
    #[must_use]
    pub fn respond(&self, request: &Request) -> Response {
        let code = self.code();
        let violations = self.violations();
        let body = Problem {
            r#type: code.urn(),
            title: code.title(),
            status: code.status(),
            code: code.as_str(),
            detail: match violations.len() {
                0 => code.default_detail().to_owned(),
                1 => "1 problem was found".to_owned(),
                count => format!("{count} problems were found"),
            },
            instance: &request.path,
            correlation_id: request.correlation_id.as_str(),
            errors: violations.iter().map(Element::from).collect(),
        };
        Response::problem(code, json(&body))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Problem<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    code: &'static str,
    detail: String,
    instance: &'a str,
    correlation_id: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Element<'a>>,
}

#[derive(Default, Serialize)]
struct Element<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<String>,
    detail: &'a str,
}

impl<'a> From<&'a Violation> for Element<'a> {
    fn from(violation: &'a Violation) -> Self {
        let element = Self { detail: &violation.detail, ..Self::default() };
        match &violation.place {
            Place::Pointer(pointer) => Self { pointer: Some(pointer), ..element },
            Place::Parameter(parameter) => Self { parameter: Some(parameter), ..element },
            Place::Header(header) => Self { header: Some(title_case(header)), ..element },
        }
    }
}

/// A header's name as the contract writes it: `Idempotency-Key` for `idempotency-key`.
fn title_case(name: &str) -> String {
    let mut title = String::with_capacity(name.len());
    let mut at_start = true;
    for letter in name.chars() {
        title.push(if at_start { letter.to_ascii_uppercase() } else { letter });
        at_start = letter == '-';
    }
    title
}
