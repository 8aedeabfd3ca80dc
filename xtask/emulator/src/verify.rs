//! Whether every resource of the template really exists.
//!
//! Emulators report `CREATE_COMPLETE` for types that they skip and drop properties that they do not
//! know, so each resource is asked for at its own service (`table`), and what the template says
//! of it is compared with what is there (`compare`).

mod compare;
mod table;

use crate::aws::{Answer, Aws};
use crate::stack;
use anyhow::{Context, Result};
use http::Method;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Something that CloudFormation says it made, and that is not there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Missing {
    /// The logical id of the resource.
    pub resource: String,
    /// Its type.
    pub kind: String,
    /// The property that was dropped, as a JSON Pointer; `None` when all of the resource is missing.
    pub property: Option<String>,
    /// What was found instead.
    pub found: String,
}

impl fmt::Display for Missing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { resource, kind, property, found } = self;
        match property {
            Some(property) => {
                write!(formatter, "{resource} ({kind}) lost its property {property}: {found}")
            }
            None => write!(formatter, "{resource} ({kind}) is not there: {found}"),
        }
    }
}

/// What was looked at.
#[derive(Clone, Debug)]
pub struct Verified {
    /// How many resources the template has.
    pub resources: usize,
    /// Their types.
    pub kinds: BTreeSet<String>,
    /// What is not as the template says.
    pub missing: Vec<Missing>,
}

/// What is known of the stack besides one resource.
#[derive(Clone, Debug, Default)]
struct Known {
    /// CloudFormation's ids by logical id.
    physical: BTreeMap<String, String>,
    /// The id of the resource `/` of each REST API, by logical id of the API.
    roots: BTreeMap<String, String>,
}

/// One resource.
struct Subject<'a> {
    properties: &'a Value,
    physical: &'a str,
    known: &'a Known,
}

impl Known {
    /// The value that an expression of the template has, as far as it can be told from here.
    fn resolve(&self, expression: &Value) -> Option<String> {
        if let Some(text) = expression.as_str() {
            return Some(text.to_owned());
        }
        if let Some(logical) = expression.get("Ref").and_then(Value::as_str) {
            return self.physical.get(logical).cloned();
        }
        let attribute = expression.get("Fn::GetAtt")?.as_array()?;
        let logical = attribute.first()?.as_str()?;
        match attribute.get(1)?.as_str()? {
            "RootResourceId" => self.roots.get(logical).cloned(),
            "Version" => Some(last(self.physical.get(logical)?).to_owned()),
            _ => None,
        }
    }
}

/// The last part of an ARN or a path.
fn last(id: &str) -> &str {
    id.rsplit([':', '/']).next().unwrap_or(id)
}

/// The types that [`verify`] can look for.
#[must_use]
pub fn known_kinds() -> BTreeSet<&'static str> {
    table::ROWS.iter().map(|row| row.kind).collect()
}

/// Looks for every resource of a template.
///
/// # Errors
/// When the emulator does not answer, or a type of the template is not in the table.
pub async fn verify(aws: &Aws, stack: &str, template: &Value) -> Result<Verified> {
    let mut known = Known { physical: stack::physical_ids(aws, stack).await?, ..Known::default() };
    let resources = template["Resources"].as_object().context("the template has no resources")?;
    let mut verified =
        Verified { resources: resources.len(), kinds: BTreeSet::new(), missing: Vec::new() };
    for (id, resource) in resources {
        let is_api = resource["Type"] == "AWS::ApiGateway::RestApi";
        if let Some(api) = known.physical.get(id).filter(|_| is_api) {
            let path = format!("/restapis/{api}");
            let api = aws.rest("apigateway", Method::GET, &path, None).await?.value();
            if let Some(root) = api["rootResourceId"].as_str() {
                known.roots.insert(id.clone(), root.to_owned());
            }
        }
    }
    for (id, resource) in resources {
        let kind = resource["Type"].as_str().unwrap_or_default();
        verified.kinds.insert(kind.to_owned());
        let missing = |property, found| Missing {
            resource: id.clone(),
            kind: kind.to_owned(),
            property,
            found,
        };
        let Some(physical) = known.physical.get(id) else {
            let found = "CloudFormation does not list it among the stack's resources".to_owned();
            verified.missing.push(missing(None, found));
            continue;
        };
        let subject = Subject { properties: &resource["Properties"], physical, known: &known };
        for row in table::rows(kind)? {
            let Some(question) = (row.ask)(&subject) else {
                let found = format!("its id {physical} or what it refers to cannot be used");
                verified.missing.push(missing(None, found));
                break;
            };
            let answer = question.send(aws).await?;
            if is_refused_by_its_policy(kind, &answer) {
                continue;
            }
            if !answer.is_success() {
                verified.missing.push(missing(None, answer.describe()));
                break;
            }
            for (property, found) in row.differences(&subject, &answer) {
                let property = Some(property).filter(|property| !property.is_empty());
                verified.missing.push(missing(property, found));
            }
        }
    }
    Ok(verified)
}

/// The policy of a queue refuses whoever comes without TLS, as we do at an emulator. So queue and
/// policy are there, and more cannot be seen.
fn is_refused_by_its_policy(kind: &str, answer: &Answer) -> bool {
    kind.starts_with("AWS::SQS::") && !answer.is_success() && answer.text().contains("AccessDenied")
}

/// The logical ids of those resources of a template that are still there, by the ids that they had.
///
/// # Errors
/// When the emulator does not answer, or a type of the template is not in the table.
pub async fn left(
    aws: &Aws,
    template: &Value,
    physical: &BTreeMap<String, String>,
) -> Result<Vec<String>> {
    let known = Known { physical: physical.clone(), ..Known::default() };
    let resources = template["Resources"].as_object().context("the template has no resources")?;
    let mut left = Vec::new();
    for (id, resource) in resources {
        let Some(physical) = known.physical.get(id) else { continue };
        let subject = Subject { properties: &resource["Properties"], physical, known: &known };
        let kind = resource["Type"].as_str().unwrap_or_default();
        let Some(row) = table::rows(kind)?.next() else { continue };
        let Some(question) = (row.ask)(&subject) else { continue };
        let answer = question.send(aws).await?;
        if answer.is_success() && row.is_named(&subject, &answer) {
            left.push(id.clone());
        }
    }
    Ok(left)
}

#[cfg(test)]
mod tests;
