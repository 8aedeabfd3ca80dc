//! The row of an operation: its route, parameters, bodies, errors and access.

use crate::ErrorCode;

/// Names an operation in code.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum OperationName {
    /// `POST /users`
    RegisterUser,
    /// `GET /users/{userId}`
    GetUser,
    /// `PATCH /users/{userId}`
    UpdateUser,
    /// `PUT /users/{userId}/status`
    SetStatus,
    /// `POST /users/{userId}/roles`
    AssignRole,
    /// `DELETE /users/{userId}/roles/{role}`
    RemoveRole,
    /// `GET /users`
    ListUsers,
    /// `GET /users/{userId}/audit`
    QueryAudit,
}

/// The HTTP methods that operations use.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Method {
    /// `DELETE`
    Delete,
    /// `GET`
    Get,
    /// `PATCH`
    Patch,
    /// `POST`
    Post,
    /// `PUT`
    Put,
}

impl Method {
    /// The method as it stands in a request line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delete => "DELETE",
            Self::Get => "GET",
            Self::Patch => "PATCH",
            Self::Post => "POST",
            Self::Put => "PUT",
        }
    }
}

/// The body that an operation reads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RequestBody {
    /// Name of its schema, in [`crate::schema::components`] and [`crate::schema::gateway_model`].
    pub schema: &'static str,
    /// The content types it may be declared as.
    pub content_types: &'static [&'static str],
}

/// A successful answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ResponseBody {
    /// Name of its schema in [`crate::schema::components`].
    pub schema: &'static str,
    /// The status code.
    pub status: u16,
    /// Its meaning, for the OpenAPI document.
    pub description: &'static str,
    /// Whether it carries `ETag`.
    pub etag: bool,
    /// Whether it carries `Location`.
    pub location: bool,
}

/// A variable segment of a path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PathParameter {
    /// Its name in the path's template.
    pub name: &'static str,
    /// The pattern of its valid values.
    pub pattern: &'static str,
    /// Its description.
    pub description: &'static str,
}

/// The valid values of a query parameter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ParameterKind {
    /// A whole number in a closed range, with a default.
    Integer {
        /// Smallest value.
        min: u16,
        /// Largest value.
        max: u16,
        /// Value when absent.
        default: u16,
    },
    /// One of a few words, perhaps with a default.
    Enum {
        /// The words.
        values: &'static [&'static str],
        /// Value when absent.
        default: Option<&'static str>,
    },
    /// Text that matches a pattern.
    Pattern(&'static str),
    /// An email address.
    Email,
    /// Text of at most so many bytes, with rules that no pattern can say.
    Text {
        /// Most bytes.
        max_bytes: usize,
    },
    /// An RFC 3339 date-time.
    DateTime,
}

/// A query parameter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct QueryParameter {
    /// Its name.
    pub name: &'static str,
    /// Its valid values.
    pub kind: ParameterKind,
    /// Its effect.
    pub description: &'static str,
}

/// A request header of some operations, in addition to those of every operation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RequestHeader {
    /// `Idempotency-Key`
    IdempotencyKey,
    /// `If-Match`
    IfMatch,
    /// `If-None-Match`
    IfNoneMatch,
}

/// The tables and indexes that a function may be allowed to touch.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Table {
    /// Users, their roles, audit entries and email guards.
    Users,
    /// The index `directory` of the users table.
    Directory,
    /// The index `status` of the users table.
    Status,
    /// Recorded answers of requests with an idempotency key.
    Idempotency,
}

/// DynamoDB actions that an operation needs on one table. A member of a transaction needs the
/// action of its own kind (`PutItem` for a `Put`), not `TransactWriteItems`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Access {
    /// The table or index.
    pub table: Table,
    /// IAM action names without the `dynamodb:` prefix, sorted.
    pub actions: &'static [&'static str],
}

/// One row of the table of operations.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Operation {
    /// Its name in code.
    pub name: OperationName,
    /// Its `operationId` in the OpenAPI document, also the `operation` of logs and metrics.
    pub id: &'static str,
    /// The Lambda function, and the binary, that serves it.
    pub function: &'static str,
    /// The HTTP method.
    pub method: Method,
    /// The path's template below the API stage.
    pub path: &'static str,
    /// Its summary, in one line.
    pub summary: &'static str,
    /// The path's variables, in order.
    pub path_parameters: &'static [PathParameter],
    /// The query parameters it takes; all others are refused.
    pub query_parameters: &'static [QueryParameter],
    /// The request headers it acts on.
    pub headers: &'static [RequestHeader],
    /// The body it reads.
    pub request: Option<RequestBody>,
    /// Its success.
    pub success: ResponseBody,
    /// Its own errors, in addition to those of all operations.
    pub errors: &'static [ErrorCode],
    /// The access that its IAM role grants.
    pub access: &'static [Access],
}

impl Operation {
    /// Whether it is a write, which takes `Idempotency-Key`.
    #[must_use]
    pub fn is_write(&self) -> bool {
        self.takes(RequestHeader::IdempotencyKey)
    }

    /// Whether it can answer 304, without a body.
    #[must_use]
    pub fn answers_not_modified(&self) -> bool {
        self.takes(RequestHeader::IfNoneMatch) && !self.is_write()
    }

    /// Whether it acts on a request header.
    #[must_use]
    pub fn takes(&self, header: RequestHeader) -> bool {
        self.headers.contains(&header)
    }

    /// All its errors, including those of all operations, each once and in the order of the
    /// catalogue.
    #[must_use]
    pub fn all_errors(&self) -> Vec<ErrorCode> {
        let general = |code: ErrorCode| match code {
            ErrorCode::InvalidRequest
            | ErrorCode::NotAuthenticated
            | ErrorCode::AccessDenied
            | ErrorCode::TooManyRequests
            | ErrorCode::HeadersTooLarge
            | ErrorCode::InternalError
            | ErrorCode::ServiceUnavailable => true,
            ErrorCode::PayloadTooLarge => true,
            ErrorCode::UnsupportedMediaType => self.request.is_some(),
            ErrorCode::IdempotencyKeyReused
            | ErrorCode::RequestInProgress
            | ErrorCode::ConcurrentModification => self.is_write(),
            ErrorCode::InvalidCursor
            | ErrorCode::UserNotFound
            | ErrorCode::RoleNotAssigned
            | ErrorCode::RouteNotFound
            | ErrorCode::MethodNotAllowed
            | ErrorCode::EmailAlreadyRegistered
            | ErrorCode::InvalidStatusTransition
            | ErrorCode::UserDeleted
            | ErrorCode::TooManyRoles
            | ErrorCode::VersionMismatch => false,
        };
        ErrorCode::ALL
            .iter()
            .copied()
            .filter(|code| general(*code) || self.errors.contains(code))
            .collect()
    }
}

/// The function that carries audit entries from the table's stream to the bus.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Relay {
    /// Its name in logs, metrics and traces, like an operation's id.
    pub id: &'static str,
    /// The Lambda function and the binary.
    pub function: &'static str,
    /// Prefix of the sort key of the items it carries.
    pub sort_key_prefix: &'static str,
    /// The `source` of the events.
    pub event_source: &'static str,
    /// The `eventSource` of records that an operator hands it again. What cannot be delivered of
    /// those is reported in the response and gets no second dead letter.
    pub redelivery_source: &'static str,
}

/// The one relay.
pub const RELAY: Relay = Relay {
    id: "publishAudit",
    function: "users-audit-publish",
    sort_key_prefix: "AUDIT#",
    event_source: "users.service",
    redelivery_source: "users:redelivery",
};
