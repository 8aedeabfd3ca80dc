//! The functions, each with its log group, its role and, behind the API, its permission.

use std::collections::BTreeMap;

use stratosphere::services::aws::{lambda, logs};
use stratosphere::value::ExpString;
use users_contract::{OPERATIONS, Operation, RELAY};

use super::envelope::{
    Parameter, Resource, Template, attribute, reference, substitute, text, text_map,
};
use super::names::{
    API, ARTIFACT_BUCKET, AUDIT_BUS, FunctionIds, IDEMPOTENCY_TABLE, USERS_TABLE, in_stack,
};
use super::{iam, tags};
use crate::stages::Stage;

/// Adds the functions of all operations and the relay.
pub(super) fn add(template: &mut Template, stage: &Stage) {
    template.parameters.insert(
        ARTIFACT_BUCKET.to_owned(),
        Parameter {
            description: "Bucket that holds the archives of the functions".to_owned(),
            allowed_pattern: "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
            constraint: "must be the name of an S3 bucket: 3 to 63 lower case letters, digits, \
                         dots and hyphens",
        },
    );
    for operation in OPERATIONS {
        let statements = operation.access.iter().map(iam::table_statement).collect();
        let ids = add_function(
            template,
            stage,
            &Function {
                name: operation.function,
                description: operation.summary,
                environment: operation_environment(operation, stage),
                statements,
            },
        );
        template.add(&ids.permission, Resource::new(&permission(operation, &ids, stage)));
    }
    add_function(
        template,
        stage,
        &Function {
            name: RELAY.function,
            description: "Carry audit entries from the users table's stream to the audit bus.",
            environment: text_map([
                ("EVENT_BUS_NAME", reference(AUDIT_BUS)),
                ("LOG_LEVEL", text(stage.log_level.as_str())),
            ]),
            statements: iam::relay_statements(),
        },
    );
}

/// What tells one function from another.
struct Function {
    name: &'static str,
    description: &'static str,
    environment: BTreeMap<String, ExpString>,
    statements: Vec<serde_json::Value>,
}

fn add_function(template: &mut Template, stage: &Stage, function: &Function) -> FunctionIds {
    let ids = FunctionIds::of(function.name);
    template.parameters.insert(
        ids.key.clone(),
        Parameter {
            description: format!("Key of the archive of {} in that bucket", function.name),
            allowed_pattern: r"^[A-Za-z0-9][A-Za-z0-9!_.*'()/-]{0,1018}\.zip$",
            constraint: "must be the key of a .zip archive, not beginning with a slash",
        },
    );
    iam::add_role(template, stage, &ids, function.statements.clone());
    template.add(&ids.logs, Resource::new(&log_group(stage, function.name)));
    template.add(&ids.function, Resource::new(&lambda_function(stage, &ids, function)));
    ids
}

fn log_group(stage: &Stage, function: &str) -> logs::LogGroup_ {
    logs::LogGroup! {
        log_group_name: substitute(format!("/aws/lambda/${{AWS::StackName}}-{function}")),
        retention_in_days: i32::from(stage.log_retention_days),
        tags: tags(stage),
    }
}

fn lambda_function(stage: &Stage, ids: &FunctionIds, function: &Function) -> lambda::Function_ {
    lambda::Function! {
        architectures: vec![text(stage.architecture.as_str())],
        code: lambda::function::Code! {
            s3_bucket: reference(ARTIFACT_BUCKET),
            s3_key: reference(&ids.key),
        },
        description: text(function.description),
        environment: lambda::function::Environment! {
            variables: function.environment.clone(),
        },
        // A function has no state, so its name may be fixed, and operators recognise it by it.
        function_name: in_stack(function.name),
        handler: "bootstrap",
        // The functions print JSON lines themselves and this runtime passes them on as they are.
        // The format makes the platform's own lines JSON too. `LOG_LEVEL` is the one filter of the
        // functions' lines: a second one here would drop metrics, whose lines have no level.
        logging_config: lambda::function::LoggingConfig! {
            application_log_level: "TRACE",
            log_format: "JSON",
            log_group: reference(&ids.logs),
            system_log_level: "INFO",
        },
        memory_size: i32::from(stage.memory_mb),
        role: attribute(&ids.role, "Arn"),
        runtime: "provided.al2023",
        tags: tags(stage),
        timeout: i32::from(stage.timeout_seconds),
        tracing_config: lambda::function::TracingConfig! { mode: "Active" },
    }
}

fn operation_environment(operation: &Operation, stage: &Stage) -> BTreeMap<String, ExpString> {
    let mut environment = text_map([
        ("CORS_ALLOW_ORIGIN", text(&stage.cors_allow_origin)),
        ("LOG_LEVEL", text(stage.log_level.as_str())),
        ("USERS_TABLE", reference(USERS_TABLE)),
    ]);
    if operation.is_write() {
        environment.extend(text_map([
            ("IDEMPOTENCY_TABLE", reference(IDEMPOTENCY_TABLE)),
            ("IDEMPOTENCY_TTL_HOURS", text(stage.idempotency_ttl_hours.to_string())),
        ]));
    }
    environment
}

/// Lets the API call the function for this method and path of this stage, and for nothing else.
fn permission(operation: &Operation, ids: &FunctionIds, stage: &Stage) -> lambda::Permission_ {
    let path: Vec<_> = operation
        .path
        .split('/')
        .map(|segment| if segment.starts_with('{') { "*" } else { segment })
        .collect();
    let source = format!(
        "arn:${{AWS::Partition}}:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:${{{API}}}/{}/{}{}",
        stage.api_stage,
        operation.method.as_str(),
        path.join("/"),
    );
    lambda::Permission! {
        action: "lambda:InvokeFunction",
        function_name: attribute(&ids.function, "Arn"),
        principal: "apigateway.amazonaws.com",
        source_arn: substitute(source),
    }
}
