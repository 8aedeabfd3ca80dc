//! The API as a whole. A deployment is a copy of it at the time it is made; these rules see to it
//! that the copy is whole and current.

use super::{Context, Place, references};

const DEPLOYMENT: &str = "AWS::ApiGateway::Deployment";

/// What the gateway answers with when it has no answer for a more particular type.
const DEFAULT_REFUSALS: &[&str] = &["DEFAULT_4XX", "DEFAULT_5XX"];

/// An API has its own default refusals.
pub(crate) fn refusals(context: &Context<'_>) -> Vec<Place> {
    let has = |api: &str, kind: &str| {
        context.of_type("AWS::ApiGateway::GatewayResponse").any(|(_, properties)| {
            properties["ResponseType"] == kind && references(&properties["RestApiId"]).contains(api)
        })
    };
    let mut places = Vec::new();
    for (api, _) in context.of_type("AWS::ApiGateway::RestApi") {
        for kind in DEFAULT_REFUSALS.iter().filter(|kind| !has(api, kind)) {
            places.push(Place::new(api, "", format!("has no gateway response {kind}")));
        }
    }
    places
}

/// The logical id of a deployment is a hash of what it copies.
pub(crate) fn current(context: &Context<'_>) -> Vec<Place> {
    let expected = users_template::deployment_id(context.template);
    context
        .of_type(DEPLOYMENT)
        .filter(|(id, _)| *id != expected)
        .map(|(id, _)| Place::new(id, "", format!("what it publishes has the id {expected}")))
        .collect()
}

/// A deployment is made after everything that it copies.
pub(crate) fn complete(context: &Context<'_>) -> Vec<Place> {
    let mut places = Vec::new();
    for (id, resource) in context.resources().filter(|(_, it)| it["Type"] == DEPLOYMENT) {
        let named = match &resource["DependsOn"] {
            serde_json::Value::String(one) => vec![one.as_str()],
            many => many.as_array().into_iter().flatten().filter_map(|it| it.as_str()).collect(),
        };
        let referenced = references(&resource["Properties"]);
        for part in users_template::deployed_resources(context.template) {
            if !named.contains(&part) && !referenced.contains(part) {
                places.push(Place::new(id, "DependsOn", format!("does not name {part}")));
            }
        }
    }
    places
}

/// A stage shows a deployment of this template.
pub(crate) fn staged(context: &Context<'_>) -> Vec<Place> {
    context
        .of_type("AWS::ApiGateway::Stage")
        .filter(|(_, properties)| {
            !references(&properties["DeploymentId"]).iter().any(|id| context.is(id, DEPLOYMENT))
        })
        .map(|(id, _)| Place::new(id, "Properties/DeploymentId", "names no deployment"))
        .collect()
}
