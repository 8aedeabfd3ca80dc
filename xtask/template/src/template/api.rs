//! The REST API: resources, methods, models, the gateway's own answers, and their publication.

mod access;
mod domain;
mod firewall;
mod gateway_responses;
mod methods;
mod problem;
mod publication;
mod tree;

use std::collections::BTreeMap;

use stratosphere::services::aws::apigateway;
use users_contract::{OPERATIONS, schema};

use super::deployment::{deployed_resources, deployment_id};
use super::envelope::{Resource, Template, reference, tags, text};
use super::names::{API, REQUEST_VALIDATOR, in_stack};
use crate::stages::{Endpoint, Stage};

/// Adds the API with everything that belongs to it.
pub(super) fn add(template: &mut Template, stage: &Stage) {
    let local = gateway_responses::local(stage);
    let api = Resource::new(&rest_api(stage)).locally("GatewayResponses", local);
    template.add(API, api);
    let validator = apigateway::RequestValidator! {
        name: "body-and-parameters",
        rest_api_id: reference(API),
        validate_request_body: true,
        validate_request_parameters: true,
    };
    template.add(REQUEST_VALIDATOR, Resource::new(&validator));
    for (name, model) in models() {
        template.add(tree::model_id(name), Resource::new(&model));
    }
    for node in tree::nodes(OPERATIONS) {
        if let Some(parent) = &node.parent {
            let resource = apigateway::Resource! {
                parent_id: tree::resource(parent),
                path_part: text(node.part()),
                rest_api_id: reference(API),
            };
            template.add(tree::resource_id(&node.path), Resource::new(&resource));
        }
        methods::add(template, stage, &node);
    }
    gateway_responses::add(template, stage);

    let deployment = add_deployment(template);
    publication::add(template, stage, &deployment);
    domain::add(template, stage);
    firewall::add(template, stage);
}

fn rest_api(stage: &Stage) -> apigateway::RestApi_ {
    let mut endpoint = apigateway::restapi::EndpointConfiguration! {
        types: vec![text(stage.endpoint.as_str())],
    };
    if stage.endpoint == Endpoint::Private {
        endpoint.vpc_endpoint_ids = Some(stage.access.vpc_endpoints.iter().map(text).collect());
    }
    let mut api = apigateway::RestApi! {
        description: "User management",
        endpoint_configuration: endpoint,
        name: in_stack("api"),
        tags: tags(stage),
    };
    api.policy = access::policy(stage);
    // Otherwise callers could bypass the protection in front of the domain name.
    api.disable_execute_api_endpoint = stage.custom_domain.as_ref().map(|_| true.into());
    api
}

/// The models of request bodies, by the name of their schema.
fn models() -> BTreeMap<&'static str, apigateway::Model_> {
    OPERATIONS
        .iter()
        .filter_map(|operation| operation.request)
        .filter_map(|request| {
            let schema = schema::gateway_model(request.schema)?;
            let model = apigateway::Model! {
                // One model serves all content types of its operation; the method says which.
                content_type: "application/json",
                name: request.schema,
                rest_api_id: reference(API),
                schema: schema,
            };
            Some((request.schema, model))
        })
        .collect()
}

/// A deployment is a copy of the API at the time it is created, and is never updated. Its logical id
/// is therefore a hash of everything that it copies.
fn add_deployment(template: &mut Template) -> String {
    let document = template.to_value();
    let others = deployed_resources(&document).into_iter().filter(|id| *id != API);
    let deployment = apigateway::Deployment! { rest_api_id: reference(API) };
    template.add(deployment_id(&document), Resource::new(&deployment).depends_on(others))
}
