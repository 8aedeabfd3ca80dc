//! Roles: one per function, with its own log group, traces, and exactly the table actions that the
//! contract's table names.

use serde_json::Value;
use stratosphere::services::aws::iam;
use stratosphere::value::ToValue;
use users_contract::{Access, Table};

use super::envelope::{Resource, Template, attribute, substitute, tags};
use super::names::{
    AUDIT_DEAD_LETTERS, DIRECTORY_INDEX, FunctionIds, IDEMPOTENCY_TABLE, STATUS_INDEX, USERS_TABLE,
    audit_bus_arn,
};
use super::{keys, policy};
use crate::stages::Stage;

/// Adds the role of a function. `statements` are added to those for logging and tracing.
pub(super) fn add_role(
    template: &mut Template,
    stage: &Stage,
    ids: &FunctionIds,
    statements: Vec<Value>,
) {
    let mut all = vec![
        // The attribute ends in `:*`, which covers the streams of this one group.
        policy::allow(
            "Logs",
            &["logs:CreateLogStream", "logs:PutLogEvents"],
            attribute(&ids.logs, "Arn").to_value(),
        ),
        // X-Ray has no resources to name in a policy.
        policy::allow("Traces", &["xray:PutTelemetryRecords", "xray:PutTraceSegments"], "*"),
    ];
    all.extend(statements);
    all.extend(keys::function_statement(stage));
    let role = iam::Role! {
        assume_role_policy_document: policy::assumed_by("lambda.amazonaws.com"),
        policies: vec![iam::role::Policy! {
            policy_document: policy::document(all),
            policy_name: "function",
        }],
        tags: tags(stage),
    };
    template.add(&ids.role, Resource::new(&role));
}

/// The statement for one row of an operation's access.
pub(super) fn table_statement(access: &Access) -> Value {
    let index = |name| substitute(format!("${{{USERS_TABLE}.Arn}}/index/{name}"));
    let (sid, resource) = match access.table {
        Table::Users => ("UsersTable", attribute(USERS_TABLE, "Arn")),
        Table::Directory => ("Directory", index(DIRECTORY_INDEX)),
        Table::Status => ("Status", index(STATUS_INDEX)),
        Table::Idempotency => ("IdempotencyTable", attribute(IDEMPOTENCY_TABLE, "Arn")),
    };
    let actions: Vec<_> = access.actions.iter().map(|name| format!("dynamodb:{name}")).collect();
    let actions: Vec<_> = actions.iter().map(String::as_str).collect();
    policy::allow(sid, &actions, resource.to_value())
}

/// The permissions of the relay: to read the stream, to put events on the bus, and to send dead
/// letters, by itself or through the mapping that invokes it.
pub(super) fn relay_statements() -> Vec<Value> {
    vec![
        policy::allow(
            "Stream",
            &["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"],
            attribute(USERS_TABLE, "StreamArn").to_value(),
        ),
        // Lambda checks this action when it creates the mapping. It lists, so it can be narrowed to
        // the streams of one table, and not to one stream.
        policy::allow(
            "Streams",
            &["dynamodb:ListStreams"],
            substitute(format!("${{{USERS_TABLE}.Arn}}/stream/*")).to_value(),
        ),
        policy::allow("AuditBus", &["events:PutEvents"], audit_bus_arn().to_value()),
        policy::allow(
            "DeadLetters",
            &["sqs:SendMessage"],
            attribute(AUDIT_DEAD_LETTERS, "Arn").to_value(),
        ),
    ]
}
