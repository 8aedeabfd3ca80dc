//! The table of operations: one row per operation, the single source of the routes.

use crate::operation::{
    Access, Method, Operation, OperationName, ParameterKind, PathParameter, QueryParameter,
    RequestBody, RequestHeader, ResponseBody, Table,
};
use crate::{ErrorCode, limits, schema};

impl Operation {
    /// The row of an operation.
    #[must_use]
    pub fn of(name: OperationName) -> &'static Self {
        // The order of the table is the order of the enum; a test checks it.
        &OPERATIONS[name as usize]
    }
}

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
                kind: ParameterKind::Enum { values: schema::STATUSES, default: None },
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
                kind: ParameterKind::Enum { values: schema::AUDIT_ACTIONS, default: None },
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
