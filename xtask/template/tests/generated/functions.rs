//! Functions, their roles, and the way of the events.

use serde_json::{Value, json};
use users_contract::{OPERATIONS, Operation, OperationName, RELAY, Table};
use users_template::{Stage, template};

use crate::support::{method, of_type, only, resources, stage, test_template};

fn named(name: &str) -> Value {
    json!({"Fn::Sub": format!("${{AWS::StackName}}-{name}")})
}

#[track_caller]
fn function<'a>(template: &'a Value, name: &str) -> (&'a str, &'a Value) {
    only(template, "AWS::Lambda::Function", |properties| properties["FunctionName"] == named(name))
}

/// The logical id of a function's alias.
fn alias(function_id: &str) -> String {
    format!("{}Alias", function_id.strip_suffix("Function").unwrap())
}

fn get_att(id: &str, attribute: &str) -> Value {
    json!({"Fn::GetAtt": [id, attribute]})
}

/// The statements of a function's role.
fn statements<'a>(template: &'a Value, function: &Value) -> &'a Value {
    let role = function["Role"]["Fn::GetAtt"][0].as_str().unwrap();
    let policies = resources(template)[role]["Properties"]["Policies"].as_array().unwrap();
    assert_eq!(policies.len(), 1, "{role}");
    &policies[0]["PolicyDocument"]["Statement"]
}

/// What every function may do: write its own log and send traces.
fn base_statements(function: &Value) -> Vec<Value> {
    let logs = function["LoggingConfig"]["LogGroup"]["Ref"].as_str().unwrap();
    vec![
        json!({
            "Sid": "Logs",
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": get_att(logs, "Arn"),
        }),
        json!({
            "Sid": "Traces",
            "Effect": "Allow",
            "Action": ["xray:PutTelemetryRecords", "xray:PutTraceSegments"],
            "Resource": "*",
        }),
    ]
}

#[test]
fn there_is_one_function_per_operation_and_the_relay() {
    let template = test_template();
    let count = OPERATIONS.len() + 1;
    for name in
        ["AWS::Lambda::Function", "AWS::Lambda::Version", "AWS::Lambda::Alias", "AWS::IAM::Role"]
    {
        assert_eq!(of_type(&template, name).len(), count, "{name}");
    }
    assert_eq!(template["Parameters"].as_object().unwrap().len(), count + 1);
    for name in OPERATIONS.iter().map(|row| row.function).chain([RELAY.function]) {
        let (id, properties) = function(&template, name);
        assert_eq!(properties["Architectures"], json!(["arm64"]), "{id}");
        assert_eq!(properties["MemorySize"], 256, "{id}");
        assert_eq!(properties["Timeout"], 30, "{id}");
        assert_eq!(
            properties["Code"],
            json!({"S3Bucket": {"Ref": "ArtifactBucket"}, "S3Key": {"Ref": format!("{id}Key")}})
        );
        let logs = properties["LoggingConfig"]["LogGroup"]["Ref"].as_str().unwrap();
        assert_eq!(
            resources(&template)[logs]["Properties"]["LogGroupName"],
            json!({"Fn::Sub": format!("/aws/lambda/${{AWS::StackName}}-{name}")})
        );
    }
}

#[test]
fn a_role_allows_exactly_what_its_operation_needs() {
    let template = test_template();
    for operation in OPERATIONS {
        let (_, properties) = function(&template, operation.function);
        let mut expected = base_statements(properties);
        for access in operation.access {
            let (sid, resource) = match access.table {
                Table::Users => ("UsersTable", get_att("UsersTable", "Arn")),
                Table::Directory => {
                    ("Directory", json!({"Fn::Sub": "${UsersTable.Arn}/index/directory"}))
                }
                Table::Status => ("Status", json!({"Fn::Sub": "${UsersTable.Arn}/index/status"})),
                Table::Idempotency => ("IdempotencyTable", get_att("IdempotencyTable", "Arn")),
            };
            let actions: Vec<_> =
                access.actions.iter().map(|action| format!("dynamodb:{action}")).collect();
            expected.push(json!({
                "Sid": sid,
                "Effect": "Allow",
                "Action": actions,
                "Resource": resource,
            }));
        }
        assert_eq!(statements(&template, properties), &json!(expected), "{}", operation.id);
    }
}

#[test]
fn the_relay_reads_the_stream_and_writes_to_bus_and_queue() {
    let template = test_template();
    let (_, properties) = function(&template, RELAY.function);
    let mut expected = base_statements(properties);
    for (sid, actions, resource) in [
        (
            "Stream",
            json!(["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]),
            get_att("UsersTable", "StreamArn"),
        ),
        (
            "Streams",
            json!(["dynamodb:ListStreams"]),
            json!({"Fn::Sub": "${UsersTable.Arn}/stream/*"}),
        ),
        (
            "AuditBus",
            json!(["events:PutEvents"]),
            json!({"Fn::Sub": concat!(
                "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}",
                ":event-bus/${AWS::StackName}-audit"
            )}),
        ),
        ("DeadLetters", json!(["sqs:SendMessage"]), get_att("AuditDeadLetters", "Arn")),
    ] {
        expected.push(json!({
            "Sid": sid,
            "Effect": "Allow",
            "Action": actions,
            "Resource": resource,
        }));
    }
    assert_eq!(statements(&template, properties), &json!(expected));
}

#[test]
fn a_function_gets_only_the_variables_that_it_uses() {
    let template = test_template();
    let mut reading = json!({
        "CORS_ALLOW_ORIGIN": "*",
        "LOG_LEVEL": "info",
        "METRICS_STACK": {"Ref": "AWS::StackName"},
        "USERS_TABLE": {"Ref": "UsersTable"},
    });
    let of = |name: &str| function(&template, name).1["Environment"]["Variables"].clone();
    let by_id = [OperationName::GetUser, OperationName::QueryAudit];
    for name in by_id {
        assert_eq!(of(Operation::of(name).function), reading, "{name:?}");
    }
    reading["DIRECTORY_SHARDS"] = json!("2");
    assert_eq!(of(Operation::of(OperationName::ListUsers).function), reading);
    reading["IDEMPOTENCY_TABLE"] = json!({"Ref": "IdempotencyTable"});
    reading["IDEMPOTENCY_TTL_HOURS"] = json!("24");
    for operation in OPERATIONS.iter().filter(|row| row.is_write()) {
        assert_eq!(of(operation.function), reading, "{}", operation.id);
    }
    assert_eq!(
        of(RELAY.function),
        json!({
            "DEAD_LETTERS_URL": {"Ref": "AuditDeadLetters"},
            "EVENT_BUS_NAME": {"Ref": "AuditBus"},
            "LOG_LEVEL": "info",
            "METRICS_STACK": {"Ref": "AWS::StackName"},
        })
    );
}

#[test]
fn an_operation_has_a_signed_method_with_its_function_and_permission() {
    let template = test_template();
    for operation in OPERATIONS {
        let (function_id, _) = function(&template, operation.function);
        let (_, properties) = method(&template, operation.path, operation.method.as_str());
        assert_eq!(properties["AuthorizationType"], "AWS_IAM", "{}", operation.id);
        assert_eq!(properties["OperationName"], operation.id);
        let integration = &properties["Integration"];
        assert_eq!(integration["Type"], "AWS_PROXY", "{}", operation.id);
        assert_eq!(integration["IntegrationHttpMethod"], "POST", "{}", operation.id);
        let uri = integration["Uri"]["Fn::Sub"].as_str().unwrap();
        let alias = alias(function_id);
        assert!(uri.contains(&format!("/${{{alias}}}/invocations")), "{uri}");
        assert_permission(&template, operation, &alias, "prod");
    }
}

#[track_caller]
fn assert_permission(template: &Value, operation: &Operation, alias: &str, stage: &str) {
    let (_, permission) = only(template, "AWS::Lambda::Permission", |properties| {
        properties["FunctionName"] == json!({"Ref": alias})
    });
    let path: Vec<_> = operation
        .path
        .split('/')
        .map(|segment| if segment.starts_with('{') { "*" } else { segment })
        .collect();
    let arn = format!(
        "arn:${{AWS::Partition}}:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:${{Api}}/{stage}/{}{}",
        operation.method.as_str(),
        path.join("/")
    );
    assert_eq!(
        permission,
        &json!({
            "Action": "lambda:InvokeFunction",
            "FunctionName": {"Ref": alias},
            "Principal": "apigateway.amazonaws.com",
            "SourceArn": {"Fn::Sub": arn},
        })
    );
}

#[test]
fn the_settings_of_a_stage_reach_its_resources() {
    let stage = Stage {
        api_stage: "v1".to_owned(),
        architecture: users_template::Architecture::X8664,
        memory_mb: 512,
        timeout_seconds: 10,
        log_level: users_template::LogLevel::Debug,
        debug_sample_percent: 5,
        metrics: false,
        log_retention_days: 90,
        throttle_rate: 50,
        throttle_burst: 75,
        cors_allow_origin: "https://app.example.com".to_owned(),
        idempotency_ttl_hours: 48,
        directory_shards: 4,
        directory_shards_read: Some(8),
        directory_old_form: true,
        protected: false,
        ..stage()
    };
    let template = template(&stage);
    let operation = &OPERATIONS[0];
    let (id, properties) = function(&template, operation.function);
    assert_eq!(properties["Architectures"], json!(["x86_64"]));
    assert_eq!(properties["MemorySize"], 512);
    assert_eq!(properties["Timeout"], 10);
    let variables = &properties["Environment"]["Variables"];
    assert_eq!(variables["LOG_LEVEL"], "debug");
    assert_eq!(variables["POWERTOOLS_LOGGER_SAMPLE_RATE"], "0.05");
    assert_eq!(variables["METRICS_STACK"], Value::Null);
    assert_eq!(variables["CORS_ALLOW_ORIGIN"], "https://app.example.com");
    assert_eq!(variables["IDEMPOTENCY_TTL_HOURS"], "48");
    assert_eq!(variables["DIRECTORY_SHARDS"], "4");
    assert_eq!(variables["DIRECTORY_SHARDS_READ"], Value::Null, "a write reads no list");
    let list = Operation::of(OperationName::ListUsers).function;
    let variables = &function(&template, list).1["Environment"]["Variables"];
    assert_eq!(variables["DIRECTORY_SHARDS_READ"], "8");
    assert_eq!(variables["DIRECTORY_OLD_FORM"], "true");
    assert_permission(&template, operation, &alias(id), "v1");
    for (id, properties) in of_type(&template, "AWS::Logs::LogGroup") {
        assert_eq!(properties["RetentionInDays"], 90, "{id}");
    }
    for (id, properties) in of_type(&template, "AWS::DynamoDB::Table") {
        assert_eq!(properties["DeletionProtectionEnabled"], false, "{id}");
    }
    let api_stage = &resources(&template)["ApiStage"]["Properties"];
    assert_eq!(api_stage["StageName"], "v1");
    let settings = &api_stage["MethodSettings"][0];
    assert_eq!(settings["ThrottlingRateLimit"].as_f64(), Some(50.0));
    assert_eq!(settings["ThrottlingBurstLimit"], 75);
    assert_eq!(settings["DataTraceEnabled"], false);
}

#[test]
fn the_stream_feeds_the_relay_with_new_audit_entries() {
    let template = test_template();
    let mapping = &resources(&template)["AuditStream"]["Properties"];
    let (relay, _) = function(&template, RELAY.function);
    assert_eq!(mapping["FunctionName"], json!({"Ref": alias(relay)}));
    assert_eq!(mapping["EventSourceArn"], get_att("UsersTable", "StreamArn"));
    let pattern = mapping["FilterCriteria"]["Filters"][0]["Pattern"].as_str().unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(pattern).unwrap(),
        json!({
            "eventName": ["INSERT"],
            "dynamodb": {"Keys": {"sk": {"S": [{"prefix": "AUDIT#"}]}}},
        })
    );
    assert_eq!(
        mapping["DestinationConfig"]["OnFailure"]["Destination"],
        get_att("AuditDeadLetters", "Arn")
    );
}
