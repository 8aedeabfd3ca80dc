//! What one part of a template says of another.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{option_stages, repository_stages, resources, test_template, walk};

/// The stages of the repository and those of the tests.
fn every_stage() -> impl Iterator<Item = (String, users_template::Stage)> {
    repository_stages().into_iter().chain(option_stages())
}

/// The names in `${…}` of a pattern, without attributes.
fn substituted(pattern: &str) -> Vec<String> {
    pattern
        .split("${")
        .skip(1)
        .map(|rest| {
            let name = rest.split('}').next().unwrap();
            if name.starts_with("AWS::") { name } else { name.split('.').next().unwrap() }
                .to_owned()
        })
        .collect()
}

#[test]
fn every_reference_points_at_something() {
    for (name, stage) in every_stage() {
        assert_references(&name, &users_template::template(&stage));
    }
}

fn assert_references(stage: &str, template: &Value) {
    let mut known: BTreeSet<String> =
        ["AWS::AccountId", "AWS::Partition", "AWS::Region", "AWS::StackName", "AWS::URLSuffix"]
            .map(str::to_owned)
            .into();
    known.extend(resources(template).keys().cloned());
    known.extend(template["Parameters"].as_object().unwrap().keys().cloned());
    let mut found = 0;
    let mut check = |name: &str| {
        found += 1;
        assert!(known.contains(name), "{stage}: {name} does not exist");
    };
    walk(template, &mut |value| {
        if let Some(name) = value["Ref"].as_str() {
            check(name);
        }
        if let Some(name) = value["Fn::GetAtt"][0].as_str() {
            check(name);
        }
        if let Some(pattern) = value["Fn::Sub"].as_str() {
            substituted(pattern).iter().for_each(|name| check(name));
        }
    });
    for resource in resources(template).values() {
        for name in resource["DependsOn"].as_array().into_iter().flatten() {
            check(name.as_str().unwrap());
        }
    }
    assert!(found > 300, "{stage}: only {found} references were found");
}

#[test]
fn text_with_a_variable_stands_in_a_substitution() {
    let template = test_template();
    let mut inside = 0;
    let mut all = 0;
    walk(&template, &mut |value| {
        let has_variable = |value: &Value| value.as_str().is_some_and(|text| text.contains("${"));
        inside += usize::from(has_variable(&value["Fn::Sub"]));
        all += usize::from(has_variable(value));
    });
    assert_eq!(all, inside);
}

#[test]
fn resources_do_not_depend_on_each_other_in_a_circle() {
    for (name, stage) in every_stage() {
        assert_no_circle(&name, &users_template::template(&stage));
    }
}

fn assert_no_circle(stage: &str, template: &Value) {
    let mut waiting: Vec<(String, BTreeSet<String>)> = resources(template)
        .iter()
        .map(|(id, resource)| {
            let mut needs = BTreeSet::new();
            walk(resource, &mut |value| {
                needs.extend(value["Ref"].as_str().map(str::to_owned));
                needs.extend(value["Fn::GetAtt"][0].as_str().map(str::to_owned));
                needs.extend(value["Fn::Sub"].as_str().into_iter().flat_map(substituted));
            });
            let before = resource["DependsOn"].as_array().into_iter().flatten();
            needs.extend(before.filter_map(|name| name.as_str().map(str::to_owned)));
            needs.retain(|name| resources(template).contains_key(name));
            (id.clone(), needs)
        })
        .collect();
    loop {
        let ready: BTreeSet<String> = waiting
            .iter()
            .filter(|(_, needs)| needs.is_empty())
            .map(|(id, _)| id.clone())
            .collect();
        if ready.is_empty() {
            break;
        }
        waiting.retain(|(id, _)| !ready.contains(id));
        for (_, needs) in &mut waiting {
            needs.retain(|id| !ready.contains(id));
        }
    }
    assert!(waiting.is_empty(), "{stage}: {waiting:?}");
}

#[test]
fn everything_that_takes_tags_says_service_and_stage() {
    // Of all types in the templates, those that take none.
    let without = [
        "AWS::ApiGateway::Account",
        "AWS::ApiGateway::BasePathMapping",
        "AWS::ApiGateway::Deployment",
        "AWS::ApiGateway::GatewayResponse",
        "AWS::ApiGateway::Method",
        "AWS::ApiGateway::Model",
        "AWS::ApiGateway::RequestValidator",
        "AWS::ApiGateway::Resource",
        "AWS::CloudWatch::Dashboard",
        "AWS::Events::Archive",
        "AWS::IAM::ManagedPolicy",
        "AWS::Lambda::Alias",
        "AWS::Lambda::Permission",
        "AWS::Lambda::Version",
        "AWS::Route53::RecordSet",
        "AWS::SNS::TopicPolicy",
        "AWS::SQS::QueuePolicy",
        "AWS::WAFv2::WebACLAssociation",
    ];
    for (name, stage) in every_stage() {
        let template = users_template::template(&stage);
        let tags = json!([
            {"Key": "service", "Value": "users"},
            {"Key": "stage", "Value": name},
        ]);
        for (id, resource) in resources(&template) {
            let expected = if without.contains(&resource["Type"].as_str().unwrap()) {
                &Value::Null
            } else {
                &tags
            };
            assert_eq!(&resource["Properties"]["Tags"], expected, "{name}: {id}");
        }
    }
}

#[test]
fn tables_have_the_keys_that_the_code_reads_and_writes() {
    let template = test_template();
    let users = &resources(&template)["UsersTable"]["Properties"];
    let keys = |hash: &str, range: &str| {
        json!([
            {"AttributeName": hash, "KeyType": "HASH"},
            {"AttributeName": range, "KeyType": "RANGE"},
        ])
    };
    assert_eq!(users["KeySchema"], keys("pk", "sk"));
    assert_eq!(users["StreamSpecification"]["StreamViewType"], "NEW_IMAGE");
    for (at, name, key, projection) in
        [(0, "directory", "directoryPk", "ALL"), (1, "status", "statusPk", "KEYS_ONLY")]
    {
        let index = &users["GlobalSecondaryIndexes"][at];
        assert_eq!(index["IndexName"], name);
        assert_eq!(index["KeySchema"], keys(key, "userId"));
        assert_eq!(index["Projection"]["ProjectionType"], projection);
    }
    assert_eq!(users["GlobalSecondaryIndexes"].as_array().map(Vec::len), Some(2));
    let idempotency = &resources(&template)["IdempotencyTable"]["Properties"];
    assert_eq!(idempotency["KeySchema"], json!([{"AttributeName": "id", "KeyType": "HASH"}]));
    assert_eq!(
        idempotency["TimeToLiveSpecification"],
        json!({"AttributeName": "expiresAt", "Enabled": true})
    );
}
