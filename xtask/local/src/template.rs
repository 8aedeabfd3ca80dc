//! Reads a CloudFormation template and turns it into a typed plan of the resources to run.

mod api;
mod document;
mod plan;
mod resources;

pub(crate) use api::{
    ApiPlan, AuthorizationType, Integration, MethodPlan, MethodSetting, MockPlan, ResourcePlan,
    ResponsePlan,
};
pub(crate) use document::StackInputs;
pub use plan::LeftOut;
pub(crate) use plan::{BusPlan, FunctionPlan, MappingPlan, Plan, TablePlan};

use self::document::Template;
use anyhow::Context;
use serde_json::Value;
use std::path::Path;

/// Reads the template at `path` and plans it.
pub(crate) fn load(path: &Path, inputs: StackInputs) -> anyhow::Result<Plan> {
    let text = std::fs::read(path)
        .with_context(|| format!("cannot read the template {}", path.display()))?;
    let document: Value = serde_json::from_slice(&text)
        .with_context(|| format!("the template {} is not JSON", path.display()))?;
    Template::parse(document, inputs)
        .and_then(|template| Plan::of(&template))
        .with_context(|| format!("cannot run the template {}", path.display()))
}
