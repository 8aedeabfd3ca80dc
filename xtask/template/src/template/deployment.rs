//! The logical ids of deployments of the API and versions of functions, computed from a template:
//! for the generator, and for the policy rules that check a finished template.

use serde_json::{Map, Value};
use std::collections::BTreeMap;

use super::envelope::digest;
use super::rollout;

/// The types that a deployment copies.
const DEPLOYED: &[&str] = &[
    "AWS::ApiGateway::GatewayResponse",
    "AWS::ApiGateway::Method",
    "AWS::ApiGateway::Model",
    "AWS::ApiGateway::RequestValidator",
    "AWS::ApiGateway::Resource",
    "AWS::ApiGateway::RestApi",
];

/// The logical ids of the resources of a template that a deployment copies.
pub(crate) fn deployed_resources(template: &Value) -> Vec<&str> {
    deployed(template).map(|(id, _)| id.as_str()).collect()
}

/// The logical id that the deployment of a template's API must have: a hash of everything it copies.
pub(crate) fn deployment_id(template: &Value) -> String {
    let resources: BTreeMap<_, _> =
        deployed(template).map(|(id, resource)| (id.clone(), resource.clone())).collect();
    format!("ApiDeployment{}", digest(&resources))
}

/// The end of the logical id of a function's version: a hash of the configuration that it
/// copies, which is empty when the template has no such function.
pub(crate) fn version_digest(template: &Value, function: &str) -> String {
    let properties = template["Resources"][function]["Properties"].as_object();
    rollout::version_digest(properties.unwrap_or(&Map::new()))
}

fn deployed(template: &Value) -> impl Iterator<Item = (&String, &Value)> {
    template["Resources"].as_object().into_iter().flatten().filter(|(_, resource)| {
        resource["Type"].as_str().is_some_and(|kind| DEPLOYED.contains(&kind))
    })
}
