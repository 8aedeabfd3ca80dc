//! Functions, their permissions and logs.

use super::support::{remove, set};
use super::{Mutation, VERSION, row};
use serde_json::json;

pub(super) fn mutations() -> Vec<Mutation> {
    let function = "/Resources/UsersProfileGetFunction/Properties";
    let it = "UsersProfileGetFunction";
    let permission = "/Resources/UsersProfileGetPermission/Properties";
    vec![
        row(
            "function-architecture",
            it,
            "an instruction set by default",
            remove(format!("{function}/Architectures")),
        ),
        row(
            "function-log-format",
            it,
            "logs as text",
            set(format!("{function}/LoggingConfig/LogFormat"), json!("Text")),
        ),
        row("function-memory", it, "memory missing", remove(format!("{function}/MemorySize"))),
        row(
            "function-memory",
            it,
            "too little memory",
            set(format!("{function}/MemorySize"), json!(64)),
        ),
        row(
            "function-no-secrets",
            it,
            "a secret in a variable",
            set(format!("{function}/Environment/Variables/SIGNING_SECRET"), json!("x")),
        ),
        row(
            "function-own-logs",
            it,
            "the log group of another function",
            set(
                format!("{function}/LoggingConfig/LogGroup"),
                json!({"Ref": "UsersAuditQueryLogs"}),
            ),
        ),
        row(
            "function-own-logs",
            it,
            "a log group that Lambda makes by itself",
            remove(format!("{function}/LoggingConfig/LogGroup")),
        ),
        row(
            "function-own-role",
            "UsersStatusUpdateFunction",
            "one role for two functions",
            set(
                "/Resources/UsersStatusUpdateFunction/Properties/Role",
                json!({"Fn::GetAtt": ["UsersRoleRemoveRole", "Arn"]}),
            ),
        ),
        row(
            "function-own-role",
            it,
            "a role from elsewhere",
            set(format!("{function}/Role"), json!("arn:aws:iam::123456789012:role/shared")),
        ),
        row(
            "function-runtime",
            it,
            "an old runtime",
            set(format!("{function}/Runtime"), json!("provided.al2")),
        ),
        row("function-timeout", it, "no time limit", remove(format!("{function}/Timeout"))),
        row(
            "function-traced",
            it,
            "no tracing",
            set(format!("{function}/TracingConfig/Mode"), json!("PassThrough")),
        ),
        row(
            "log-group-retention",
            "UsersProfileGetLogs",
            "logs for ever",
            remove("/Resources/UsersProfileGetLogs/Properties/RetentionInDays"),
        ),
        row(
            "permission-principal",
            "UsersProfileGetPermission",
            "a public principal",
            set(format!("{permission}/Principal"), json!("*")),
        ),
        row(
            "permission-principal",
            "UsersProfileGetPermission",
            "a permission for everything",
            set(format!("{permission}/Action"), json!("lambda:*")),
        ),
        row(
            "permission-scoped",
            "UsersProfileGetPermission",
            "a permission without SourceArn",
            remove(format!("{permission}/SourceArn")),
        ),
        row(
            "permission-scoped",
            "UsersProfileGetPermission",
            "a permission for every stage",
            set(
                format!("{permission}/SourceArn"),
                json!({"Fn::Sub": "arn:${AWS::Partition}:execute-api:x:y:${Api}/*/*/*"}),
            ),
        ),
        row(
            "function-called-live",
            "UsersProfileGetPermission",
            "a permission for the function itself",
            set(
                format!("{permission}/FunctionName"),
                json!({"Fn::GetAtt": ["UsersProfileGetFunction", "Arn"]}),
            ),
        ),
        row(
            "function-called-live",
            "AuditStream",
            "a stream that calls the function itself",
            set(
                "/Resources/AuditStream/Properties/FunctionName",
                json!({"Fn::GetAtt": ["UsersAuditPublishFunction", "Arn"]}),
            ),
        ),
        row(
            "function-version-current",
            VERSION,
            "a stale version",
            set(format!("{function}/MemorySize"), json!(512)),
        ),
    ]
}
