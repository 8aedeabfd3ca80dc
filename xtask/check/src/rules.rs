//! The rules that compare resources with each other or with `stages.toml`.

pub(crate) mod alarms;
pub(crate) mod deployment;
pub(crate) mod functions;
pub(crate) mod limits;
pub(crate) mod storage;

use crate::Subject;
use crate::catalogue::{self, Evaluation};
use crate::finding::Finding;
use serde_json::Value;
use std::collections::BTreeSet;
use users_template::Stage;

/// What a rule looks at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    pub(crate) template: &'a Value,
    pub(crate) text: &'a str,
    pub(crate) stage: Option<&'a Stage>,
}

/// A place that breaks a rule.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) resource: Option<String>,
    pub(crate) path: String,
    pub(crate) detail: String,
}

/// What breaks a rule that is written in Rust.
pub(crate) fn findings(template: &Value, subject: &Subject<'_>) -> Vec<Finding> {
    let context = Context { template, text: subject.text, stage: subject.stage };
    let mut findings = Vec::new();
    for rule in catalogue::rules() {
        let Evaluation::Code(check) = rule.evaluation else { continue };
        findings.extend(check(&context).into_iter().map(|place| Finding {
            resource: place.resource,
            ..Finding::of_template(rule, place.path, place.detail)
        }));
    }
    findings
}

impl<'a> Context<'a> {
    /// All resources, by logical id.
    pub(crate) fn resources(&self) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a> {
        let resources = self.template["Resources"].as_object();
        resources.into_iter().flatten().map(|(id, resource)| (id.as_str(), resource))
    }

    /// The properties of all resources of a type, by logical id.
    pub(crate) fn of_type(
        &self,
        kind: &'static str,
    ) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a> {
        self.resources()
            .filter(move |(_, resource)| resource["Type"] == kind)
            .map(|(id, resource)| (id, &resource["Properties"]))
    }

    /// Whether a resource with this logical id has this type.
    pub(crate) fn is(&self, id: &str, kind: &str) -> bool {
        self.template["Resources"][id]["Type"] == kind
    }
}

impl Place {
    pub(crate) fn new(resource: &str, path: &str, detail: impl Into<String>) -> Self {
        Self { resource: Some(resource.to_owned()), ..Self::of_template(path, detail) }
    }

    pub(crate) fn of_template(path: &str, detail: impl Into<String>) -> Self {
        Self { resource: None, path: path.to_owned(), detail: detail.into() }
    }
}

/// The logical ids that a value refers to by `Ref`, `Fn::GetAtt` or `Fn::Sub`.
pub(crate) fn references(value: &Value) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    collect(value, &mut found);
    found
}

fn collect<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(members) => {
            for (name, member) in members {
                match (name.as_str(), member) {
                    ("Ref", Value::String(id)) => {
                        found.insert(id);
                    }
                    ("Fn::GetAtt", Value::String(path)) => {
                        found.extend(path.split('.').next());
                    }
                    ("Fn::GetAtt", Value::Array(parts)) => {
                        found.extend(parts.first().and_then(Value::as_str));
                    }
                    ("Fn::Sub", Value::String(pattern)) => found.extend(variables(pattern)),
                    ("Fn::Sub", Value::Array(parts)) => {
                        found.extend(
                            parts.first().and_then(Value::as_str).into_iter().flat_map(variables),
                        );
                        parts.iter().skip(1).for_each(|part| collect(part, found));
                    }
                    _ => collect(member, found),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The logical ids in the pattern of `Fn::Sub`; `${!…}` is a literal.
fn variables(pattern: &str) -> impl Iterator<Item = &str> {
    pattern
        .split("${")
        .skip(1)
        .filter(|rest| !rest.starts_with('!'))
        .filter_map(|rest| rest.split(['}', '.']).next())
}

#[cfg(test)]
mod tests {
    use super::references;
    use serde_json::json;

    #[test]
    fn references_of_every_kind_are_found() {
        let value = json!([
            {"Ref": "A"},
            {"x": {"Fn::GetAtt": ["B", "Arn"]}},
            {"Fn::GetAtt": "C.Arn"},
            {"Fn::Sub": "a-${D}-${E.Arn}-${!F}"},
            {"Fn::Sub": ["${G}", {"H": {"Ref": "I"}}]},
            "${J}",
        ]);
        let found: Vec<_> = references(&value).into_iter().collect();
        assert_eq!(found, ["A", "B", "C", "D", "E", "G", "I"]);
    }
}
