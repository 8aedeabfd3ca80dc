//! Roles: one per function, with its own log group, traces, and exactly the table actions that the
//! contract's table names.

use serde_json::{Value, json};
use stratosphere::services::aws::iam;
use stratosphere::value::ToValue;
use users_contract::{Access, Table};

use super::envelope::{Resource, Template, attribute, substitute};
use super::names::{
    AUDIT_DEAD_LETTERS, DIRECTORY_INDEX, FunctionIds, IDEMPOTENCY_TABLE, STATUS_INDEX, USERS_TABLE,
    audit_bus_arn,
};
use super::{keys, tags};
use crate::stages::Stage;

/// Adds the role of a function. `statements` are what it may do besides logging and tracing.
pub(super) fn add_role(
    template: &mut Template,
    stage: &Stage,
    ids: &FunctionIds,
    statements: Vec<Value>,
) {
    let mut all = vec![
        json!({
            "Sid": "Logs",
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            // The attribute ends in `:*`, which stands for the streams of this one group.
            "Resource": attribute(&ids.logs, "Arn").to_value(),
        }),
        json!({
            "Sid": "Traces",
            "Effect": "Allow",
            "Action": ["xray:PutTelemetryRecords", "xray:PutTraceSegments"],
            // X-Ray has no resources to name in a policy.
            "Resource": "*",
        }),
    ];
    all.extend(statements);
    all.extend(keys::function_statement(stage));
    let role = iam::Role! {
        assume_role_policy_document: json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }],
        }),
        policies: vec![iam::role::Policy! {
            policy_document: json!({"Version": "2012-10-17", "Statement": all}),
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
    json!({
        "Sid": sid,
        "Effect": "Allow",
        "Action": actions,
        "Resource": resource.to_value(),
    })
}

/// What the relay may do: read the stream, put events on the bus, and give up into the queue, by
/// itself or through the mapping that invokes it.
pub(super) fn relay_statements() -> Vec<Value> {
    vec![
        json!({
            "Sid": "Stream",
            "Effect": "Allow",
            "Action": [
                "dynamodb:DescribeStream",
                "dynamodb:GetRecords",
                "dynamodb:GetShardIterator",
            ],
            "Resource": attribute(USERS_TABLE, "StreamArn").to_value(),
        }),
        json!({
            "Sid": "Streams",
            "Effect": "Allow",
            "Action": ["dynamodb:ListStreams"],
            // Lambda asks for this action when it makes the mapping; it lists, so it cannot be
            // narrowed to one stream, but to those of one table.
            "Resource": substitute(format!("${{{USERS_TABLE}.Arn}}/stream/*")).to_value(),
        }),
        json!({
            "Sid": "AuditBus",
            "Effect": "Allow",
            "Action": ["events:PutEvents"],
            "Resource": audit_bus_arn().to_value(),
        }),
        json!({
            "Sid": "DeadLetters",
            "Effect": "Allow",
            "Action": ["sqs:SendMessage"],
            "Resource": attribute(AUDIT_DEAD_LETTERS, "Arn").to_value(),
        }),
    ]
}
