//! The deployment is named after what it publishes.

use std::collections::BTreeSet;

use serde_json::Value;
use users_template::{Architecture, LogLevel, Stage, render_template, template};

use crate::support::{of_type, stage, test_template};

fn deployment(template: &Value) -> String {
    let found = of_type(template, "AWS::ApiGateway::Deployment");
    assert_eq!(found.len(), 1);
    found[0].0.to_owned()
}

#[test]
fn another_api_is_another_deployment() {
    let before = deployment(&test_template());
    // The origin is part of every mock and gateway response; the name, as a tag, of the API.
    let origin = Stage { cors_allow_origin: "https://app.example.com".to_owned(), ..stage() };
    let name = Stage { name: "other".to_owned(), ..stage() };
    for changed in [origin, name] {
        assert_ne!(deployment(&template(&changed)), before, "{changed:?}");
    }
}

#[test]
fn other_settings_do_not_change_the_deployment() {
    let before = deployment(&test_template());
    let changed = Stage {
        architecture: Architecture::X8664,
        memory_mb: 1024,
        timeout_seconds: 5,
        log_level: LogLevel::Error,
        log_retention_days: 1,
        throttle_rate: 1,
        throttle_burst: 1,
        idempotency_ttl_hours: 1,
        protected: false,
        api_stage: "v2".to_owned(),
        ..stage()
    };
    assert_eq!(deployment(&template(&changed)), before);
}

#[test]
fn the_same_stage_gives_the_same_bytes() {
    assert_eq!(render_template(&stage()), render_template(&stage()));
    assert_eq!(users_template::render_openapi(), users_template::render_openapi());
}

#[test]
fn the_text_is_the_document() {
    let text = render_template(&stage());
    assert!(text.ends_with("}\n"));
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), test_template());
}

#[test]
fn outputs_name_what_others_need() {
    let template = test_template();
    let found: BTreeSet<_> = template["Outputs"].as_object().unwrap().keys().cloned().collect();
    let mut expected: BTreeSet<_> = [
        "AlarmTopicArn",
        "ApiId",
        "ApiUrl",
        "AuditBusArn",
        "AuditDeadLettersUrl",
        "AuditBusName",
        "IdempotencyTableName",
        "UsersTableName",
    ]
    .map(str::to_owned)
    .into();
    expected.extend(
        of_type(&template, "AWS::Lambda::Function").into_iter().map(|(id, _)| format!("{id}Arn")),
    );
    assert_eq!(found, expected);
}
