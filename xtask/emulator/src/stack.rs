//! The deployed stack, as CloudFormation describes it.

use crate::aws::{Answer, Aws, elements, unescape};
use anyhow::{Context, Result};
use std::collections::BTreeMap;

const VERSION: &str = "2010-05-15";

/// The status of a stack; `None` when there is no stack of this name.
pub(crate) async fn status(aws: &Aws, stack: &str) -> Result<Option<String>> {
    let described = call(aws, "DescribeStacks", stack).await?;
    let status = described.elements("StackStatus").into_iter().next();
    Ok(status.filter(|status| described.is_success() && status != "DELETE_COMPLETE"))
}

/// The reason of the last failure of a resource, as CloudFormation gives it.
pub(crate) async fn failure(aws: &Aws, stack: &str, logical_id: &str) -> Result<Option<String>> {
    let events = call(aws, "DescribeStackEvents", stack).await?;
    // The newest come first.
    Ok(elements(events.text(), "member").into_iter().find_map(|event| {
        let one = |name| elements(event, name).first().map(|text| unescape(text));
        let is_it = one("LogicalResourceId").as_deref() == Some(logical_id)
            && one("ResourceStatus").is_some_and(|status| status.ends_with("_FAILED"));
        one("ResourceStatusReason").filter(|_| is_it)
    }))
}

/// The outputs of a stack.
#[derive(Debug)]
pub(crate) struct Outputs(BTreeMap<String, String>);

impl Outputs {
    pub(crate) async fn of(aws: &Aws, stack: &str) -> Result<Self> {
        let described = call(aws, "DescribeStacks", stack)
            .await?
            .success("CloudFormation does not describe the stack")?;
        let keys = described.elements("OutputKey");
        Ok(Self(keys.into_iter().zip(described.elements("OutputValue")).collect()))
    }

    pub(crate) fn get(&self, name: &str) -> Result<&str> {
        let value = self.0.get(name).map(String::as_str);
        value.with_context(|| format!("the stack has no output {name}"))
    }
}

async fn call(aws: &Aws, action: &str, stack: &str) -> Result<Answer> {
    aws.query("cloudformation", VERSION, action, &[("StackName", stack)]).await
}
