//! The deployed stack: what CloudFormation says of it.

use crate::aws::{Answer, Aws, elements, unescape};
use anyhow::{Context, Result};
use std::collections::BTreeMap;

const VERSION: &str = "2010-05-15";

/// The ids that CloudFormation gave to the resources of a stack, by logical id.
///
/// # Errors
/// When CloudFormation does not list them.
pub async fn physical_ids(aws: &Aws, stack: &str) -> Result<BTreeMap<String, String>> {
    let mut ids = BTreeMap::new();
    let mut token: Option<String> = None;
    loop {
        let mut parameters = vec![("StackName", stack)];
        if let Some(token) = &token {
            parameters.push(("NextToken", token));
        }
        let page = call(aws, "ListStackResources", &parameters)
            .await?
            .success("CloudFormation does not list the resources of the stack")?;
        for member in elements(page.text(), "member") {
            let one = |name| elements(member, name).first().map(|text| unescape(text));
            if let (Some(logical), Some(physical)) =
                (one("LogicalResourceId"), one("PhysicalResourceId"))
            {
                ids.insert(logical, physical);
            }
        }
        token = page.elements("NextToken").into_iter().next().filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(ids);
        }
    }
}

/// The status of a stack; `None` when there is none of this name.
///
/// # Errors
/// When CloudFormation does not answer.
pub async fn status(aws: &Aws, stack: &str) -> Result<Option<String>> {
    let described = call(aws, "DescribeStacks", &[("StackName", stack)]).await?;
    let status = described.elements("StackStatus").into_iter().next();
    Ok(status.filter(|status| described.is_success() && status != "DELETE_COMPLETE"))
}

/// Why a resource failed the last time it did, in CloudFormation's words.
///
/// # Errors
/// When CloudFormation does not answer.
pub async fn failure(aws: &Aws, stack: &str, logical_id: &str) -> Result<Option<String>> {
    let events = call(aws, "DescribeStackEvents", &[("StackName", stack)]).await?;
    // The newest come first.
    Ok(elements(events.text(), "member").into_iter().find_map(|event| {
        let one = |name| elements(event, name).first().map(|text| unescape(text));
        let is_it = one("LogicalResourceId").as_deref() == Some(logical_id)
            && one("ResourceStatus").is_some_and(|status| status.ends_with("_FAILED"));
        one("ResourceStatusReason").filter(|_| is_it)
    }))
}

/// The outputs of a stack.
///
/// # Errors
/// When CloudFormation does not tell them.
pub async fn outputs(aws: &Aws, stack: &str) -> Result<BTreeMap<String, String>> {
    let described = call(aws, "DescribeStacks", &[("StackName", stack)])
        .await?
        .success("CloudFormation does not describe the stack")?;
    let keys = described.elements("OutputKey");
    let values = described.elements("OutputValue");
    Ok(keys.into_iter().zip(values).collect())
}

/// One output of a stack.
///
/// # Errors
/// When the stack has none of this name.
pub fn output<'a>(outputs: &'a BTreeMap<String, String>, name: &str) -> Result<&'a str> {
    outputs.get(name).map(String::as_str).with_context(|| format!("the stack has no output {name}"))
}

async fn call(aws: &Aws, action: &str, parameters: &[(&str, &str)]) -> Result<Answer> {
    aws.query("cloudformation", VERSION, action, parameters).await
}
