//! The functions, each with its log group, its role, version and alias and, behind the API, the
//! permission of the alias.

use std::collections::BTreeMap;

use stratosphere::services::aws::lambda;
use stratosphere::value::ExpString;
use users_contract::{OPERATIONS, Operation, OperationName, RELAY};

use super::envelope::{
    Parameter, Resource, Template, attribute, reference, substitute, tags, text, text_map,
};
use super::names::{
    API, ARTIFACT_BUCKET, AUDIT_BUS, AUDIT_DEAD_LETTERS, FunctionIds, IDEMPOTENCY_TABLE,
    USERS_TABLE, in_stack,
};
use super::{callers, iam, keys, logs, rollout};
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
    let mut functions = Vec::new();
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
        functions.push(ids);
    }
    let relay = add_function(
        template,
        stage,
        &Function {
            name: RELAY.function,
            description: "Carry audit entries from the users table's stream to the audit bus.",
            environment: {
                let mut environment = telemetry_environment(stage);
                environment.extend(text_map([
                    ("DEAD_LETTERS_URL", reference(AUDIT_DEAD_LETTERS)),
                    ("EVENT_BUS_NAME", reference(AUDIT_BUS)),
                ]));
                environment
            },
            statements: iam::relay_statements(),
        },
    );
    functions.push(relay);
    rollout::add_application(template, stage, &functions);
}

/// The properties in which functions differ.
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
            // At most 256 characters, because the version's description holds it.
            allowed_pattern: r"^[A-Za-z0-9][A-Za-z0-9!_.*'()/-]{0,251}\.zip$",
            constraint: "must be the key of a .zip archive, named after its content: at most 256 \
                         characters, not beginning with a slash",
        },
    );
    iam::add_role(template, stage, &ids, function.statements.clone());
    let group = format!("/aws/lambda/${{AWS::StackName}}-{}", function.name);
    logs::add(template, stage, &ids.logs, substitute(group));
    let resource = Resource::new(&lambda_function(stage, &ids, function))
        .skip(&skipped_checks(stage, function.name));
    rollout::add(template, stage, function.name, &ids, &resource);
    template.add(&ids.function, resource);
    ids
}

/// The checks of checkov that a function of this stage fails on purpose, with reasons.
fn skipped_checks(stage: &Stage, function: &str) -> Vec<(&'static str, &'static str)> {
    let mut checks = vec![
        (
            "CKV_AWS_116",
            if function == RELAY.function {
                "Invoked by a stream; the event source mapping has the queue for what fails"
            } else {
                "Invoked by the API, which waits for the answer; there is no asynchronous event"
            },
        ),
        (
            "CKV_AWS_117",
            "Speaks to AWS services only, which IAM guards; a VPC would add a path, not a barrier",
        ),
    ];
    if !stage.reserved_concurrency.contains_key(function) {
        checks.push((
            "CKV_AWS_115",
            "An account may have too little to reserve; reserved_concurrency in stages.toml sets it",
        ));
    }
    if !stage.customer_managed_key {
        checks.push(("CKV_AWS_173", "Holds names and settings, no secrets; encrypted by Lambda"));
    }
    checks
}

fn lambda_function(stage: &Stage, ids: &FunctionIds, function: &Function) -> lambda::Function_ {
    let mut resource = lambda::Function! {
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
    };
    resource.kms_key_arn = keys::data_key(stage);
    resource.reserved_concurrent_executions =
        stage.reserved_concurrency.get(function.name).map(|number| i32::from(*number));
    resource
}

/// The settings of a function's telemetry.
fn telemetry_environment(stage: &Stage) -> BTreeMap<String, ExpString> {
    let mut environment = text_map([("LOG_LEVEL", text(stage.log_level.as_str()))]);
    if stage.metrics {
        environment.extend(text_map([("METRICS_STACK", reference("AWS::StackName"))]));
    }
    if stage.debug_sample_percent > 0 {
        let share = f64::from(stage.debug_sample_percent) / 100.0;
        let rate = ("POWERTOOLS_LOGGER_SAMPLE_RATE", text(share.to_string()));
        environment.extend(text_map([rate]));
    }
    environment
}

fn operation_environment(operation: &Operation, stage: &Stage) -> BTreeMap<String, ExpString> {
    let mut environment = telemetry_environment(stage);
    environment.extend(text_map([
        ("CORS_ALLOW_ORIGIN", text(&stage.cors_allow_origin)),
        ("USERS_TABLE", reference(USERS_TABLE)),
    ]));
    if operation.is_write() {
        environment.extend(text_map([
            ("IDEMPOTENCY_TABLE", reference(IDEMPOTENCY_TABLE)),
            ("IDEMPOTENCY_TTL_HOURS", text(stage.idempotency_ttl_hours.to_string())),
        ]));
    }
    // A read by id does not touch the index.
    let is_list = operation.name == OperationName::ListUsers;
    if operation.is_write() || is_list {
        let shards = text(stage.directory_shards.to_string());
        environment.extend(text_map([("DIRECTORY_SHARDS", shards)]));
    }
    if let Some(read) = stage.directory_shards_read.filter(|_| is_list) {
        environment.extend(text_map([("DIRECTORY_SHARDS_READ", text(read.to_string()))]));
    }
    if stage.directory_old_form && is_list {
        environment.extend(text_map([("DIRECTORY_OLD_FORM", text("true"))]));
    }
    environment
}

/// Lets the API call the function for this method and path of this stage, and for nothing else.
fn permission(operation: &Operation, ids: &FunctionIds, stage: &Stage) -> lambda::Permission_ {
    let source = callers::method_arn(
        operation,
        "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}",
        &format!("${{{API}}}"),
        &stage.api_stage,
    );
    lambda::Permission! {
        action: "lambda:InvokeFunction",
        function_name: reference(&ids.alias),
        principal: "apigateway.amazonaws.com",
        source_arn: substitute(source),
    }
}
