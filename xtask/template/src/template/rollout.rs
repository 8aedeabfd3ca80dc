//! The published version of each function, and the alias `live` that callers use.
//!
//! A version is an immutable copy, which CloudFormation publishes when it creates the resource. Each
//! change of anything that a version copies must therefore make a new resource:
//!
//! - A change of the configuration changes the logical id, which holds a hash of it.
//! - A change of the code changes the description, which is the key of the archive. The key is a
//!   parameter and not known here, but it is named after the archive's content, and CloudFormation
//!   replaces a version whose description changes.
//!
//! The hash leaves out properties that a version does not copy (tags, reserved concurrency), because
//! Lambda refuses to publish a version that equals the one before.
//!
//! Old versions are deleted once the alias has left them. Kept ones would stand in the way when a
//! deployment that was rolled back is tried again, for the same reason; the archives are still
//! there to go back to.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use stratosphere::services::aws::{codedeploy, iam, lambda};
use stratosphere::value::ToValue;

use super::envelope::{Resource, Template, attribute, digest, reference, substitute, tags, text};
use super::names::{ALIAS, FunctionIds};
use super::{alarms, policy};
use crate::stages::{Canary, Stage};

const APPLICATION: &str = "Rollout";
const ROLE: &str = "RolloutRole";

/// The properties of a function that its versions do not copy, and the code, see above.
const NOT_COPIED: &[&str] = &["Code", "ReservedConcurrentExecutions", "Tags"];

/// Adds version and alias of a function, and with a canary the deployment group that moves the alias.
pub(super) fn add(
    template: &mut Template,
    stage: &Stage,
    name: &str,
    ids: &FunctionIds,
    function: &Resource,
) {
    let version = add_version(template, ids, function);
    let mut alias = lambda::Alias! {
        description: "What the API and the stream call",
        function_name: reference(&ids.function),
        function_version: attribute(&version, "Version"),
        name: ALIAS,
    };
    alias.provisioned_concurrency_config = stage.provisioned_concurrency.get(name).map(|number| {
        lambda::alias::ProvisionedConcurrencyConfiguration! {
            provisioned_concurrent_executions: i32::from(*number),
        }
    });
    let mut resource = Resource::new(&alias);
    if let Some(canary) = stage.canary {
        let alarm = alarms::add_canary(template, stage, name, ids, &version);
        let group = add_group(template, stage, ids, canary, &alarm);
        resource = resource.update_policy(json!({
            "CodeDeployLambdaAliasUpdate": {
                "ApplicationName": reference(APPLICATION).to_value(),
                "DeploymentGroupName": reference(&group).to_value(),
            },
        }));
    }
    template.add(&ids.alias, resource);
}

/// Adds CodeDeploy's shared resources, after all functions.
pub(super) fn add_application(template: &mut Template, stage: &Stage, functions: &[FunctionIds]) {
    if stage.canary.is_none() {
        return;
    }
    let application = codedeploy::Application! {
        compute_platform: "Lambda",
        tags: tags(stage),
    };
    template.add(APPLICATION, Resource::new(&application));
    let role = iam::Role! {
        assume_role_policy_document: policy::assumed_by("codedeploy.amazonaws.com"),
        policies: vec![iam::role::Policy! {
            policy_document: policy::document(statements(functions)),
            policy_name: "rollout",
        }],
        tags: tags(stage),
    };
    template.add(ROLE, Resource::new(&role));
}

/// Twelve hexadecimal digits of a hash of the properties that a version copies of its function.
pub(super) fn version_digest(properties: &Map<String, Value>) -> String {
    let copied: BTreeMap<String, Value> = properties
        .iter()
        .filter(|(name, _)| !NOT_COPIED.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    digest(&copied)
}

fn add_version(template: &mut Template, ids: &FunctionIds, function: &Resource) -> String {
    let version = lambda::Version! {
        description: reference(&ids.key),
        function_name: reference(&ids.function),
    };
    template.add(
        format!("{}Version{}", ids.stem, version_digest(function.properties())),
        Resource::new(&version),
    )
}

fn add_group(
    template: &mut Template,
    stage: &Stage,
    ids: &FunctionIds,
    canary: Canary,
    alarm: &str,
) -> String {
    use codedeploy::deploymentgroup;

    let group = codedeploy::DeploymentGroup! {
        alarm_configuration: deploymentgroup::AlarmConfiguration! {
            alarms: vec![deploymentgroup::Alarm! { name: reference(alarm) }],
            enabled: true,
            ignore_poll_alarm_failure: false,
        },
        application_name: reference(APPLICATION),
        auto_rollback_configuration: deploymentgroup::AutoRollbackConfiguration! {
            enabled: true,
            events: vec![
                text("DEPLOYMENT_FAILURE"),
                text("DEPLOYMENT_STOP_ON_ALARM"),
                text("DEPLOYMENT_STOP_ON_REQUEST"),
            ],
        },
        deployment_config_name: text(canary.configuration()),
        deployment_style: deploymentgroup::DeploymentStyle! {
            deployment_option: "WITH_TRAFFIC_CONTROL",
            deployment_type: "BLUE_GREEN",
        },
        service_role_arn: attribute(ROLE, "Arn"),
        tags: tags(stage),
    };
    template.add(format!("{}Rollout", ids.stem), Resource::new(&group))
}

/// The permissions of CodeDeploy: to read the alarms of its groups, and to move the aliases.
fn statements(functions: &[FunctionIds]) -> Vec<Value> {
    let alarms: Vec<_> =
        functions.iter().map(|ids| attribute(&alarms::canary_id(ids), "Arn").to_value()).collect();
    let aliases: Vec<_> = functions
        .iter()
        .flat_map(|ids| {
            [
                attribute(&ids.function, "Arn").to_value(),
                substitute(format!("${{{}.Arn}}:{ALIAS}", ids.function)).to_value(),
            ]
        })
        .collect();
    vec![
        policy::allow("Alarms", &["cloudwatch:DescribeAlarms"], alarms),
        policy::allow(
            "Aliases",
            &["lambda:GetAlias", "lambda:GetProvisionedConcurrencyConfig", "lambda:UpdateAlias"],
            aliases,
        ),
    ]
}
