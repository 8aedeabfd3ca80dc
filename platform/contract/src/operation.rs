//! The table of operations: one row per operation, the single source of the routes.

use crate::ErrorCode;
use crate::limits;

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

/// What a successful answer holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ResponseBody {
    /// Name of its schema in [`crate::schema::components`].
    pub schema: &'static str,
    /// The status code.
    pub status: u16,
    /// What it means, for the OpenAPI document.
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
    /// What it must look like to name something.
    pub pattern: &'static str,
    /// What it is.
    pub description: &'static str,
}

/// What a query parameter may hold.
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
    /// What it may hold.
    pub kind: ParameterKind,
    /// What it does.
    pub description: &'static str,
}

/// A request header that an operation acts on, besides those that every operation has.
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
    /// One line on what it does.
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
    /// Its own errors, besides those that every operation can give.
    pub errors: &'static [ErrorCode],
    /// What its role may do.
    pub access: &'static [Access],
}

impl Operation {
    /// The row of an operation.
    #[must_use]
    pub fn of(name: OperationName) -> &'static Self {
        // The order of the table is the order of the enum, which a test holds.
        &OPERATIONS[name as usize]
    }

    /// Whether it changes something, and so takes `Idempotency-Key`.
    #[must_use]
    pub fn is_write(&self) -> bool {
        self.takes(RequestHeader::IdempotencyKey)
    }

    /// Whether it answers that the caller has the current version already, without a body.
    #[must_use]
    pub fn answers_not_modified(&self) -> bool {
        self.takes(RequestHeader::IfNoneMatch) && !self.is_write()
    }

    /// Whether it acts on a request header.
    #[must_use]
    pub fn takes(&self, header: RequestHeader) -> bool {
        self.headers.contains(&header)
    }

    /// Every error it can give, those that all operations can give included, without doubles and
    /// in the order of the catalogue.
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
    /// What it is called in logs, metrics and traces, as an operation is by its id.
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

const JSON: &[&str] = &["application/json"];
const JSON_OR_MERGE_PATCH: &[&str] = &["application/json", "application/merge-patch+json"];

const USER_ID: PathParameter = PathParameter {
    name: "userId",
    pattern: limits::USER_ID_PATTERN,
    description: "The user's id: a ULID in canonical upper case. Another spelling names no user.",
};

const ROLE: PathParameter = PathParameter {
    name: "role",
    pattern: limits::ROLE_PATTERN,
    description: "The role to remove.",
};

const LIMIT: QueryParameter = QueryParameter {
    name: "limit",
    kind: ParameterKind::Integer {
        min: limits::PAGE_SIZE_MIN,
        max: limits::PAGE_SIZE_MAX,
        default: limits::PAGE_SIZE_DEFAULT,
    },
    description: "Most items of the page. Out of range is an error, never clamped.",
};

const CURSOR: QueryParameter = QueryParameter {
    name: "cursor",
    kind: ParameterKind::Text { max_bytes: limits::CURSOR_MAX_BYTES },
    description: "The nextCursor of the page before, with the same filters and order.",
};

const ORDER: QueryParameter = QueryParameter {
    name: "order",
    kind: ParameterKind::Enum { values: &["asc", "desc"], default: Some("desc") },
    description: "Oldest first (asc) or newest first (desc).",
};

const USER: ResponseBody = ResponseBody {
    schema: "User",
    status: 200,
    description: "The user as it is now.",
    etag: true,
    location: false,
};

/// Those of a write of a user that exists.
const WRITE_HEADERS: &[RequestHeader] =
    &[RequestHeader::IdempotencyKey, RequestHeader::IfMatch, RequestHeader::IfNoneMatch];

const RECORD: Access = Access { table: Table::Idempotency, actions: &["GetItem", "PutItem"] };

/// The operations, in the order of [`OperationName`].
pub const OPERATIONS: &[Operation] = &[
    Operation {
        name: OperationName::RegisterUser,
        id: "registerUser",
        function: "users-register-create",
        method: Method::Post,
        path: "/users",
        summary: "Register a user.",
        path_parameters: &[],
        query_parameters: &[],
        headers: &[RequestHeader::IdempotencyKey],
        request: Some(RequestBody { schema: "RegisterUser", content_types: JSON }),
        success: ResponseBody {
            schema: "User",
            status: 201,
            description: "The user was registered.",
            etag: true,
            location: true,
        },
        errors: &[ErrorCode::EmailAlreadyRegistered],
        access: &[Access { table: Table::Users, actions: &["PutItem"] }, RECORD],
    },
    Operation {
        name: OperationName::GetUser,
        id: "getUser",
        function: "users-profile-get",
        method: Method::Get,
        path: "/users/{userId}",
        summary: "Get a user's profile.",
        path_parameters: &[USER_ID],
        query_parameters: &[],
        headers: &[RequestHeader::IfMatch, RequestHeader::IfNoneMatch],
        request: None,
        success: USER,
        errors: &[ErrorCode::UserNotFound, ErrorCode::VersionMismatch],
        access: &[Access { table: Table::Users, actions: &["GetItem"] }],
    },
    Operation {
        name: OperationName::UpdateUser,
        id: "updateUser",
        function: "users-profile-update",
        method: Method::Patch,
        path: "/users/{userId}",
        summary: "Change a user's profile with a JSON Merge Patch.",
        path_parameters: &[USER_ID],
        query_parameters: &[],
        headers: WRITE_HEADERS,
        request: Some(RequestBody { schema: "UpdateUser", content_types: JSON_OR_MERGE_PATCH }),
        success: USER,
        errors: &[
            ErrorCode::UserNotFound,
            ErrorCode::EmailAlreadyRegistered,
            ErrorCode::UserDeleted,
            ErrorCode::VersionMismatch,
        ],
        access: &[
            Access { table: Table::Users, actions: &["DeleteItem", "GetItem", "PutItem"] },
            RECORD,
        ],
    },
    Operation {
        name: OperationName::SetStatus,
        id: "setStatus",
        function: "users-status-update",
        method: Method::Put,
        path: "/users/{userId}/status",
        summary: "Enable, disable or delete a user.",
        path_parameters: &[USER_ID],
        query_parameters: &[],
        headers: WRITE_HEADERS,
        request: Some(RequestBody { schema: "SetStatus", content_types: JSON }),
        success: USER,
        errors: &[
            ErrorCode::UserNotFound,
            ErrorCode::InvalidStatusTransition,
            ErrorCode::VersionMismatch,
        ],
        access: &[
            Access { table: Table::Users, actions: &["DeleteItem", "GetItem", "PutItem"] },
            RECORD,
        ],
    },
    Operation {
        name: OperationName::AssignRole,
        id: "assignRole",
        function: "users-role-assign",
        method: Method::Post,
        path: "/users/{userId}/roles",
        summary: "Give a user a role.",
        path_parameters: &[USER_ID],
        query_parameters: &[],
        headers: WRITE_HEADERS,
        request: Some(RequestBody { schema: "AssignRole", content_types: JSON }),
        success: USER,
        errors: &[
            ErrorCode::UserNotFound,
            ErrorCode::UserDeleted,
            ErrorCode::TooManyRoles,
            ErrorCode::VersionMismatch,
        ],
        access: &[Access { table: Table::Users, actions: &["GetItem", "PutItem"] }, RECORD],
    },
    Operation {
        name: OperationName::RemoveRole,
        id: "removeRole",
        function: "users-role-remove",
        method: Method::Delete,
        path: "/users/{userId}/roles/{role}",
        summary: "Take a role from a user.",
        path_parameters: &[USER_ID, ROLE],
        query_parameters: &[],
        headers: WRITE_HEADERS,
        request: None,
        success: USER,
        errors: &[
            ErrorCode::UserNotFound,
            ErrorCode::RoleNotAssigned,
            ErrorCode::UserDeleted,
            ErrorCode::VersionMismatch,
        ],
        access: &[
            Access { table: Table::Users, actions: &["DeleteItem", "GetItem", "PutItem"] },
            RECORD,
        ],
    },
    Operation {
        name: OperationName::ListUsers,
        id: "listUsers",
        function: "users-list-query",
        method: Method::Get,
        path: "/users",
        summary: "List users by status, role or email address.",
        path_parameters: &[],
        query_parameters: &[
            LIMIT,
            CURSOR,
            QueryParameter {
                name: "status",
                kind: ParameterKind::Enum {
                    values: &["active", "disabled", "deleted"],
                    default: None,
                },
                description: "Only users with this status. Without it, active and disabled users.",
            },
            QueryParameter {
                name: "role",
                kind: ParameterKind::Pattern(limits::ROLE_PATTERN),
                description: "Only users with this role.",
            },
            QueryParameter {
                name: "email",
                kind: ParameterKind::Email,
                description: "The user, if any, with this email address, which is trimmed as in a \
                              registration; stands alone with limit.",
            },
            ORDER,
        ],
        headers: &[],
        request: None,
        success: ResponseBody {
            schema: "UserPage",
            status: 200,
            description: "A page of users, ordered by registration time.",
            etag: false,
            location: false,
        },
        errors: &[ErrorCode::InvalidCursor],
        access: &[
            Access { table: Table::Users, actions: &["BatchGetItem", "GetItem"] },
            Access { table: Table::Directory, actions: &["Query"] },
            Access { table: Table::Status, actions: &["Query"] },
        ],
    },
    Operation {
        name: OperationName::QueryAudit,
        id: "queryAudit",
        function: "users-audit-query",
        method: Method::Get,
        path: "/users/{userId}/audit",
        summary: "Read a user's audit history.",
        path_parameters: &[USER_ID],
        query_parameters: &[
            LIMIT,
            CURSOR,
            QueryParameter {
                name: "from",
                kind: ParameterKind::DateTime,
                description: "Only entries at or after this time.",
            },
            QueryParameter {
                name: "to",
                kind: ParameterKind::DateTime,
                description: "Only entries before this time, which must be after from.",
            },
            QueryParameter {
                name: "action",
                kind: ParameterKind::Enum { values: crate::schema::AUDIT_ACTIONS, default: None },
                description: "Only entries of this action.",
            },
            ORDER,
        ],
        headers: &[RequestHeader::IfMatch],
        request: None,
        success: ResponseBody {
            schema: "AuditPage",
            status: 200,
            description: "A page of audit entries, one for each version of the user.",
            etag: false,
            location: false,
        },
        errors: &[ErrorCode::UserNotFound, ErrorCode::InvalidCursor, ErrorCode::VersionMismatch],
        access: &[Access { table: Table::Users, actions: &["GetItem", "Query"] }],
    },
];

#[cfg(test)]
mod tests {
    use super::{OPERATIONS, Operation};
    use std::collections::BTreeSet;

    #[test]
    fn every_name_finds_its_own_row() {
        for operation in OPERATIONS {
            assert_eq!(Operation::of(operation.name), operation);
        }
    }

    #[test]
    fn functions_ids_and_routes_are_distinct() {
        let functions: BTreeSet<_> = OPERATIONS.iter().map(|row| row.function).collect();
        let ids: BTreeSet<_> = OPERATIONS.iter().map(|row| row.id).collect();
        let routes: BTreeSet<_> = OPERATIONS.iter().map(|row| (row.path, row.method)).collect();
        assert_eq!(functions.len(), OPERATIONS.len());
        assert_eq!(ids.len(), OPERATIONS.len());
        assert_eq!(routes.len(), OPERATIONS.len());
    }

    #[test]
    fn path_parameters_are_those_of_the_path() {
        for operation in OPERATIONS {
            let in_path: Vec<_> = operation
                .path
                .split('/')
                .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
                .collect();
            let declared: Vec<_> = operation.path_parameters.iter().map(|row| row.name).collect();
            assert_eq!(in_path, declared, "{}", operation.id);
        }
    }

    #[test]
    fn actions_are_sorted_and_distinct() {
        for operation in OPERATIONS {
            for access in operation.access {
                let sorted: BTreeSet<_> = access.actions.iter().collect();
                let given: Vec<_> = access.actions.iter().collect();
                assert_eq!(sorted.into_iter().collect::<Vec<_>>(), given, "{}", operation.id);
            }
        }
    }
}
