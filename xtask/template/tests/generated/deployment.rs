//! The deployment is named after what it publishes.

use std::collections::BTreeSet;
use std::time::Instant;

use serde_json::Value;
use users_template::{Architecture, LogLevel, Stage, render_template, template};

use crate::support::{of_type, option_stages, repository_stages, resources, stage, test_template};

fn deployment(template: &Value) -> String {
    let found = of_type(template, "AWS::ApiGateway::Deployment");
    assert_eq!(found.len(), 1);
    found[0].0.to_owned()
}

#[test]
fn its_id_is_a_hash_and_the_stage_publishes_it() {
    let template = test_template();
    let id = deployment(&template);
    let digest = id.strip_prefix("ApiDeployment").unwrap();
    assert_eq!(digest.len(), 12);
    assert!(digest.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    assert_eq!(resources(&template)["ApiStage"]["Properties"]["DeploymentId"]["Ref"], id);
}

#[test]
fn it_waits_for_everything_that_it_publishes() {
    let template = test_template();
    let waits: BTreeSet<_> = resources(&template)[&deployment(&template)]["DependsOn"]
        .as_array()
        .unwrap()
        .iter()
        .map(|id| id.as_str().unwrap())
        .collect();
    for name in ["GatewayResponse", "Method", "Model", "RequestValidator", "Resource"] {
        let found = of_type(&template, &format!("AWS::ApiGateway::{name}"));
        assert!(!found.is_empty(), "{name}");
        for (id, _) in found {
            assert!(waits.contains(id), "{id}");
        }
    }
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
fn what_the_api_does_not_publish_does_not_change_its_deployment() {
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
fn every_template_keeps_within_the_limits_of_cloudformation() {
    for (name, stage) in repository_stages().into_iter().chain(option_stages()) {
        let template = template(&stage);
        let bytes = render_template(&stage).len();
        let count = resources(&template).len();
        println!("{name}: {bytes} bytes, {count} resources");
        assert!(bytes < 1_000_000, "{name}: a template from S3 is at most 1 MB, not {bytes}");
        assert!(count <= 500, "{name}: {count} resources");
        for section in ["Parameters", "Outputs"] {
            let count = template[section].as_object().unwrap().len();
            assert!(count <= 200, "{name}: {count} {section}");
        }
        for id in resources(&template).keys() {
            assert!(id.len() <= 255 && id.bytes().all(|b| b.is_ascii_alphanumeric()), "{id}");
        }
    }
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

#[test]
fn all_templates_are_made_in_no_time() {
    let stages = repository_stages();
    let begin = Instant::now();
    let files = users_template::outputs(&stages);
    let elapsed = begin.elapsed();
    println!("{} files in {elapsed:?}", files.len());
    // Many times what it takes, so that a busy machine does not fail the test.
    assert!(elapsed.as_millis() < 500, "{elapsed:?}");
}
