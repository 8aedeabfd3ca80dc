//! Reads a CloudFormation template and turns it into a typed plan of what to run.

mod api;
mod intrinsics;
mod plan;
mod resources;

pub(crate) use api::{
    ApiPlan, AuthorizationType, GatewayResponsePlan, Integration, MethodPlan, MethodSetting,
    MockIntegration, MockResponse, Passthrough, ResourcePlan,
};
pub use plan::LeftOut;
pub(crate) use plan::{BusPlan, FunctionPlan, MappingPlan, Plan, TablePlan};

use anyhow::{Context, bail};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;

/// What the pseudo parameters stand for, and the values of the template's own parameters.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    /// `AWS::Region`.
    pub(crate) region: String,
    /// `AWS::AccountId`, twelve digits.
    pub(crate) account: String,
    /// `AWS::StackName`.
    pub(crate) stack_name: String,
    /// Parameters that were given, by name; the others have their defaults.
    pub(crate) parameters: BTreeMap<String, String>,
}

/// A template as it was read.
#[derive(Debug)]
pub(crate) struct Template {
    pub(crate) surroundings: Surroundings,
    pub(crate) parameters: Map<String, Value>,
    pub(crate) conditions: Map<String, Value>,
    pub(crate) mappings: Map<String, Value>,
    pub(crate) outputs: Map<String, Value>,
    pub(crate) resources: BTreeMap<String, Resource>,
}

/// A resource as it was read.
#[derive(Debug)]
pub(crate) struct Resource {
    /// `AWS::DynamoDB::Table` and the like.
    pub(crate) kind: String,
    /// Its properties, intrinsic functions not yet resolved.
    pub(crate) properties: Value,
    /// What it says to its local counterpart, which CloudFormation passes over.
    pub(crate) local: Value,
}

/// Reads the template at `path` and plans it.
pub(crate) fn load(path: &Path, surroundings: Surroundings) -> anyhow::Result<Plan> {
    let text = std::fs::read(path)
        .with_context(|| format!("cannot read the template {}", path.display()))?;
    let document: Value = serde_json::from_slice(&text)
        .with_context(|| format!("the template {} is not JSON", path.display()))?;
    Template::parse(document, surroundings)
        .and_then(|template| Plan::of(&template))
        .with_context(|| format!("cannot run the template {}", path.display()))
}

impl Template {
    /// Takes a document apart; resources whose condition is false are left away.
    pub(crate) fn parse(document: Value, surroundings: Surroundings) -> anyhow::Result<Self> {
        let Value::Object(mut document) = document else { bail!("it is not a JSON object") };
        let mut section = |name: &str| match document.remove(name) {
            None => Ok(Map::new()),
            Some(Value::Object(section)) => Ok(section),
            Some(_) => bail!("{name} is not an object"),
        };
        let mut template = Self {
            surroundings,
            parameters: section("Parameters")?,
            conditions: section("Conditions")?,
            mappings: section("Mappings")?,
            outputs: section("Outputs")?,
            resources: BTreeMap::new(),
        };
        for name in template.surroundings.parameters.keys() {
            if !template.parameters.contains_key(name) {
                bail!("it has no parameter {name}, for which a value was given");
            }
        }
        for (id, mut resource) in section("Resources")? {
            if let Some(condition) = resource.get("Condition").and_then(Value::as_str)
                && !template.condition(condition)?
            {
                continue;
            }
            let Some(kind) = resource["Type"].as_str().map(str::to_owned) else {
                bail!("the resource {id} has no Type");
            };
            let properties = match resource["Properties"].take() {
                Value::Null => Value::Object(Map::new()),
                properties => properties,
            };
            let local = resource["Metadata"]["local"].take();
            template.resources.insert(id, Resource { kind, properties, local });
        }
        Ok(template)
    }

    /// The properties of a resource, intrinsic functions resolved.
    pub(crate) fn properties(&self, id: &str) -> anyhow::Result<Value> {
        let resource = self.resource(id)?;
        self.resolve(&resource.properties).with_context(|| format!("in {} {id}", resource.kind))
    }

    /// One property of a resource, resolved; null when it is absent.
    pub(crate) fn property(&self, id: &str, name: &str) -> anyhow::Result<Value> {
        let resource = self.resource(id)?;
        self.resolve(&resource.properties[name])
            .with_context(|| format!("in {name} of {} {id}", resource.kind))
    }

    /// What a resource says under a name to its local counterpart, resolved; null when nothing.
    pub(crate) fn local(&self, id: &str, name: &str) -> anyhow::Result<Value> {
        let resource = self.resource(id)?;
        self.resolve(&resource.local[name])
            .with_context(|| format!("in the metadata of {} {id}", resource.kind))
    }

    /// The ids of all resources of one type.
    pub(crate) fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a str> {
        self.resources
            .iter()
            .filter(move |(_, resource)| resource.kind == kind)
            .map(|(id, _)| id.as_str())
    }

    fn resource(&self, id: &str) -> anyhow::Result<&Resource> {
        self.resources.get(id).with_context(|| format!("there is no resource {id}"))
    }
}
