//! The stage of the API: logs and limits; and the policies that callers need.

use serde_json::{Value, json};
use users_contract::{OPERATIONS, Operation, OperationName};
use users_template::{Stage, outputs, template};

use crate::support::{of_type, repository_stages, resources, stage, test_template};

fn published(template: &Value) -> &Value {
    &resources(template)["ApiStage"]
}

#[test]
fn the_access_log_says_who_and_what_but_nothing_of_users() {
    let template = test_template();
    let setting = &published(&template)["Properties"]["AccessLogSetting"];
    assert_eq!(setting["DestinationArn"], json!({"Fn::GetAtt": ["ApiAccessLogs", "Arn"]}));
    let format = setting["Format"].as_str().unwrap();
    let line: Value = serde_json::from_str(format).unwrap();
    for (field, variable) in [
        ("requestId", "$context.requestId"),
        ("extendedRequestId", "$context.extendedRequestId"),
        ("userArn", "$context.identity.userArn"),
        ("ip", "$context.identity.sourceIp"),
        ("method", "$context.httpMethod"),
        ("resourcePath", "$context.resourcePath"),
        ("status", "$context.status"),
        ("errorMessage", "$context.error.message"),
        ("errorType", "$context.error.responseType"),
        ("integrationStatus", "$context.integration.status"),
        ("integrationLatency", "$context.integration.latency"),
        ("responseLatency", "$context.responseLatency"),
        ("wafStatus", "$context.waf.status"),
    ] {
        assert_eq!(line[field], variable);
    }
    // What could hold a user's id, an email address of a filter, a header or a part of a body.
    for variable in ["$context.path", "userAgent", "validationErrorString", "requestOverride"] {
        assert!(!format.contains(variable), "{format}");
    }
}

#[test]
fn both_logs_have_a_group_that_does_not_last_for_ever() {
    let template = test_template();
    for id in ["ApiAccessLogs", "ApiExecutionLogs"] {
        assert_eq!(resources(&template)[id]["Properties"]["RetentionInDays"], 30, "{id}");
    }
    let name = &resources(&template)["ApiExecutionLogs"]["Properties"]["LogGroupName"];
    assert_eq!(name, &json!({"Fn::Sub": "API-Gateway-Execution-Logs_${Api}/prod"}));
    assert_eq!(published(&template)["DependsOn"], json!(["ApiExecutionLogs"]));
}

#[test]
fn lists_are_limited_more_than_the_rest() {
    let stage = Stage {
        throttle_rate: 300,
        throttle_burst: 600,
        list_throttle_rate: 40,
        list_throttle_burst: 900,
        ..stage()
    };
    let template = template(&stage);
    let settings = published(&template)["Properties"]["MethodSettings"].as_array().unwrap();
    let limits: Vec<_> = settings
        .iter()
        .map(|setting| {
            assert_eq!(setting["LoggingLevel"], "ERROR");
            assert_eq!(setting["DataTraceEnabled"], false);
            assert_eq!(setting["MetricsEnabled"], true);
            (
                setting["HttpMethod"].as_str().unwrap(),
                setting["ResourcePath"].as_str().unwrap(),
                setting["ThrottlingRateLimit"].as_f64().unwrap(),
                setting["ThrottlingBurstLimit"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        limits,
        [
            ("*", "/*", 300.0, 600),
            ("GET", "/~1users", 40.0, 600),
            ("GET", "/~1users~1{userId}~1audit", 40.0, 600),
        ]
    );
    assert_eq!(Operation::of(OperationName::QueryAudit).path, "/users/{userId}/audit");
}

#[test]
fn the_logging_role_of_the_account_is_ours_only_on_request_and_outlives_us() {
    let template = test_template();
    assert!(of_type(&template, "AWS::ApiGateway::Account").is_empty());
    let template = users_template::template(&Stage { manage_api_gateway_account: true, ..stage() });
    for id in ["ApiAccount", "ApiAccountRole"] {
        assert_eq!(resources(&template)[id]["DeletionPolicy"], "Retain", "{id}");
        assert_eq!(resources(&template)[id]["UpdateReplacePolicy"], "Retain", "{id}");
    }
    let waits = published(&template)["DependsOn"].as_array().unwrap();
    assert!(waits.contains(&json!("ApiAccount")), "{waits:?}");
}

#[test]
fn there_is_a_policy_for_the_callers_of_every_operation() {
    let files = outputs(&repository_stages());
    let (_, text) = files.iter().find(|(name, _)| name == "caller-policies.json").unwrap();
    let policies: Value = serde_json::from_str(text).unwrap();
    assert_eq!(policies.as_object().unwrap().len(), OPERATIONS.len());
    assert_eq!(
        policies["removeRole"]["Statement"][0]["Resource"],
        "arn:aws:execute-api:REGION:ACCOUNT:API_ID/STAGE/DELETE/users/*/roles/*"
    );
    let template = template(&Stage { caller_policies: true, ..stage() });
    let managed = of_type(&template, "AWS::IAM::ManagedPolicy");
    assert_eq!(managed.len(), OPERATIONS.len());
    for (id, policy) in managed {
        let statement = &policy["PolicyDocument"]["Statement"][0];
        assert_eq!(statement["Action"], json!(["execute-api:Invoke"]), "{id}");
        let method = statement["Resource"]["Fn::Sub"].as_str().unwrap();
        assert!(method.contains(":${Api}/prod/"), "{id}: {method}");
        assert_eq!(template["Outputs"][format!("{id}Arn")]["Value"], json!({"Ref": id}));
    }
}
