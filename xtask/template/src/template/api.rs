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

use self::tree::Node;
use super::envelope::{Resource, Template, attribute, digest, reference, text};
use super::names::{API, REQUEST_VALIDATOR, in_stack, pascal_case};
use super::tags;
use crate::stages::{Endpoint, Stage};

/// Adds the API with everything that belongs to it.
pub(super) fn add(template: &mut Template, stage: &Stage) {
    let local = gateway_responses::local(stage);
    let api = Resource::new(&rest_api(stage)).locally("GatewayResponses", local);
    let mut published = vec![template.add(API, api)];
    let validator = apigateway::RequestValidator! {
        name: "body-and-parameters",
        rest_api_id: reference(API),
        validate_request_body: true,
        validate_request_parameters: true,
    };
    published.push(template.add(REQUEST_VALIDATOR, Resource::new(&validator)));
    for (name, model) in models() {
        published.push(template.add(model_id(name), Resource::new(&model)));
    }
    for node in tree::nodes(OPERATIONS) {
        if let Some(parent) = &node.parent {
            let resource = apigateway::Resource! {
                parent_id: parent_reference(parent),
                path_part: text(node.part()),
                rest_api_id: reference(API),
            };
            published.push(template.add(resource_id(&node.path), Resource::new(&resource)));
        }
        published.extend(methods::add(template, stage, &node));
    }
    published.extend(gateway_responses::add(template, stage));

    let deployment = add_deployment(template, &published);
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
    // Otherwise callers could go around what stands before the domain name.
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

fn model_id(schema: &str) -> String {
    format!("{schema}Model")
}

fn resource_id(path: &str) -> String {
    format!("{}Resource", stem(path))
}

/// What the logical ids of a path begin with.
fn stem(path: &str) -> String {
    if path == tree::ROOT {
        return "Root".to_owned();
    }
    pascal_case(&path.replace(tree::GREEDY, "unknown"))
}

fn parent_reference(path: &str) -> stratosphere::value::ExpString {
    if path == tree::ROOT {
        attribute(API, "RootResourceId")
    } else {
        reference(&resource_id(path))
    }
}

/// The resource that the methods of a node belong to.
fn node_reference(node: &Node) -> stratosphere::value::ExpString {
    parent_reference(&node.path)
}

/// A deployment is a copy of the API at the time it is made, and never updated. Its logical id is
/// therefore a hash of everything that it copies: another API is another deployment, the same API
/// the same one.
fn add_deployment(template: &mut Template, published: &[String]) -> String {
    let resources: BTreeMap<_, _> = template
        .resources()
        .filter(|(id, _)| published.contains(id))
        .map(|(id, resource)| (id.clone(), resource.to_value()))
        .collect();
    let deployment = apigateway::Deployment! { rest_api_id: reference(API) };
    let others = published.iter().filter(|id| id.as_str() != API);
    template.add(
        format!("ApiDeployment{}", digest(&resources)),
        Resource::new(&deployment).depends_on(others.cloned()),
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::add;
    use crate::stages::Stage;
    use crate::template::envelope::{Template, digest};

    /// Everything that the template has of the API, but for the deployment and its stage.
    fn published() -> BTreeMap<String, Value> {
        let mut template = Template::new(String::new());
        add(&mut template, &Stage::default());
        template
            .resources()
            .map(|(id, resource)| (id.clone(), resource.to_value()))
            .filter(|(_, resource)| {
                !matches!(
                    resource["Type"].as_str(),
                    Some(
                        "AWS::ApiGateway::Deployment"
                            | "AWS::ApiGateway::Stage"
                            | "AWS::Logs::LogGroup"
                    )
                )
            })
            .collect()
    }

    #[test]
    fn the_digest_is_that_of_everything_published() {
        let mut template = Template::new(String::new());
        add(&mut template, &Stage::default());
        let expected = format!("ApiDeployment{}", digest(&published()));
        assert!(template.resources().any(|(id, _)| *id == expected), "{expected}");
    }

    #[test]
    fn any_change_of_any_part_changes_the_digest() {
        let resources = published();
        let before = digest(&resources);
        for id in resources.keys() {
            let mut without = resources.clone();
            let mut part = without.remove(id).unwrap();
            assert_ne!(digest(&without), before, "without {id}");
            part["Properties"]["RestApiId"] = json!("other");
            without.insert(id.clone(), part);
            assert_ne!(digest(&without), before, "with another {id}");
        }
    }
}
