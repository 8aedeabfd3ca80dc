//! Versions, aliases, and how an alias moves.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use users_template::{Canary, LogLevel, Stage, template};

use crate::support::{of_type, resources, stage, test_template};

/// The logical ids of versions, by function.
fn versions(template: &Value) -> BTreeMap<String, String> {
    of_type(template, "AWS::Lambda::Version")
        .into_iter()
        .map(|(id, version)| {
            (version["FunctionName"]["Ref"].as_str().unwrap().to_owned(), id.into())
        })
        .collect()
}

#[test]
fn an_alias_points_at_the_version_of_its_function() {
    let template = test_template();
    for (id, alias) in of_type(&template, "AWS::Lambda::Alias") {
        assert_eq!(alias["Name"], "live", "{id}");
        let function = alias["FunctionName"]["Ref"].as_str().unwrap();
        let version = alias["FunctionVersion"]["Fn::GetAtt"][0].as_str().unwrap();
        assert_eq!(alias["FunctionVersion"]["Fn::GetAtt"][1], "Version", "{id}");
        assert_eq!(versions(&template)[function], version, "{id}");
    }
}

#[test]
fn other_code_is_another_version() {
    let template = test_template();
    for (id, version) in of_type(&template, "AWS::Lambda::Version") {
        let function = version["FunctionName"]["Ref"].as_str().unwrap();
        let key = &resources(&template)[function]["Properties"]["Code"]["S3Key"];
        // CloudFormation replaces a version whose description changes.
        assert_eq!(&version["Description"], key, "{id}");
        let key = key["Ref"].as_str().unwrap();
        let pattern = template["Parameters"][key]["AllowedPattern"].as_str().unwrap();
        assert!(pattern.contains("{0,251}"), "a description has 256 characters at most: {pattern}");
    }
}

#[test]
fn another_configuration_is_another_version() {
    let before = versions(&test_template());
    let all = [
        Stage { memory_mb: 512, ..stage() },
        Stage { timeout_seconds: 3, ..stage() },
        Stage { log_level: LogLevel::Error, ..stage() },
        Stage { architecture: users_template::Architecture::X8664, ..stage() },
        Stage { customer_managed_key: true, ..stage() },
    ];
    for changed in all {
        let after = versions(&template(&changed));
        for (function, id) in &before {
            assert_ne!(&after[function], id, "{changed:?}");
        }
    }
    let origin = Stage { cors_allow_origin: "https://x.io".to_owned(), ..stage() };
    let after = versions(&template(&origin));
    assert_ne!(after["UsersProfileGetFunction"], before["UsersProfileGetFunction"]);
    assert_eq!(after["UsersAuditPublishFunction"], before["UsersAuditPublishFunction"]);
}

#[test]
fn settings_that_a_version_does_not_copy_publish_no_version() {
    let before = versions(&test_template());
    let mut changed = Stage {
        name: "renamed".to_owned(),
        log_retention_days: 1,
        canary: Some(Canary::Canary10Percent5Minutes),
        ..stage()
    };
    changed.reserved_concurrency.insert("users-profile-get".to_owned(), 7);
    changed.provisioned_concurrency.insert("users-profile-get".to_owned(), 2);
    let template = template(&changed);
    assert_eq!(versions(&template), before);
    let function = &resources(&template)["UsersProfileGetFunction"]["Properties"];
    assert_eq!(function["ReservedConcurrentExecutions"], 7);
    assert_eq!(
        resources(&template)["UsersProfileGetAlias"]["Properties"]["ProvisionedConcurrencyConfig"],
        json!({"ProvisionedConcurrentExecutions": 2})
    );
}

#[test]
fn a_canary_moves_every_alias_and_goes_back_when_the_new_version_fails() {
    let stage = Stage { canary: Some(Canary::Canary10Percent5Minutes), ..stage() };
    let template = template(&stage);
    let aliases = of_type(&template, "AWS::Lambda::Alias");
    assert_eq!(of_type(&template, "AWS::CodeDeploy::DeploymentGroup").len(), aliases.len());
    for (id, alias) in aliases {
        let update = &resources(&template)[id]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"];
        let group = update["DeploymentGroupName"]["Ref"].as_str().unwrap();
        let group = &resources(&template)[group]["Properties"];
        assert_eq!(update["ApplicationName"], group["ApplicationName"], "{id}");
        assert_eq!(
            group["DeploymentConfigName"], "CodeDeployDefault.LambdaCanary10Percent5Minutes",
            "{id}"
        );
        assert_eq!(group["AutoRollbackConfiguration"]["Enabled"], true, "{id}");
        let alarm = group["AlarmConfiguration"]["Alarms"][0]["Name"]["Ref"].as_str().unwrap();
        let alarm = &resources(&template)[alarm]["Properties"];
        assert_eq!(alarm["MetricName"], "Errors", "{id}");
        let function = alias["FunctionName"]["Ref"].as_str().unwrap();
        let version = &versions(&template)[function];
        assert_eq!(
            alarm["Dimensions"],
            json!([
                {"Name": "FunctionName", "Value": {"Ref": function}},
                {"Name": "Resource", "Value": {"Fn::Sub": format!("${{{function}}}:live")}},
                {"Name": "ExecutedVersion", "Value": {"Fn::Sub": format!("${{{version}.Version}}")}},
            ]),
            "{id}"
        );
    }
    for (id, resource) in resources(&test_template()) {
        assert_eq!(resource["UpdatePolicy"], Value::Null, "{id}: all at once by default");
    }
}
