//! What every function has for itself.

use super::{Context, Place, references};
use std::collections::BTreeMap;

const FUNCTION: &str = "AWS::Lambda::Function";

/// Words in names of variables that hold secrets.
const SECRETS: &[&str] = &[
    "ACCESS_KEY",
    "API_KEY",
    "APIKEY",
    "CREDENTIAL",
    "PASSPHRASE",
    "PASSWD",
    "PASSWORD",
    "PRIVATE_KEY",
    "SECRET",
    "TOKEN",
];

/// A role belongs to one function of this template.
pub(crate) fn own_role(context: &Context<'_>) -> Vec<Place> {
    own(context, "AWS::IAM::Role", "Properties/Role", "role")
}

/// A log group belongs to one function of this template, so that its retention is ours to set.
pub(crate) fn own_logs(context: &Context<'_>) -> Vec<Place> {
    own(context, "AWS::Logs::LogGroup", "Properties/LoggingConfig/LogGroup", "log group")
}

fn own(context: &Context<'_>, kind: &str, path: &str, what: &str) -> Vec<Place> {
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    let mut places = Vec::new();
    for (id, function) in context.resources().filter(|(_, it)| it["Type"] == FUNCTION) {
        let value = function.pointer(&format!("/{path}")).unwrap_or(&serde_json::Value::Null);
        match references(value).into_iter().find(|target| context.is(target, kind)) {
            None => places.push(Place::new(id, path, format!("is no {what} of this template"))),
            Some(target) => {
                if let Some(owner) = owners.insert(target, id) {
                    let detail = format!("{target} is the {what} of {owner} too");
                    places.push(Place::new(id, path, detail));
                }
            }
        }
    }
    places
}

/// Whoever calls a function calls an alias of it.
pub(crate) fn called_live(context: &Context<'_>) -> Vec<Place> {
    ["AWS::Lambda::EventSourceMapping", "AWS::Lambda::Permission"]
        .into_iter()
        .flat_map(|kind| context.of_type(kind))
        .filter(|(_, properties)| {
            let named = references(&properties["FunctionName"]);
            !named.iter().any(|id| context.is(id, "AWS::Lambda::Alias"))
        })
        .map(|(id, _)| Place::new(id, "Properties/FunctionName", "names no alias"))
        .collect()
}

/// The logical id of a version ends in the hash of what it publishes.
pub(crate) fn version_current(context: &Context<'_>) -> Vec<Place> {
    let mut places = Vec::new();
    for (id, properties) in context.of_type("AWS::Lambda::Version") {
        for function in references(&properties["FunctionName"]) {
            let digest = users_template::version_digest(context.template, function);
            if !id.ends_with(&digest) {
                let detail = format!("what {function} publishes has the hash {digest}");
                places.push(Place::new(id, "", detail));
            }
        }
    }
    places
}

/// Variables are readable by whoever may read the configuration, so no secret is in them.
pub(crate) fn no_secrets(context: &Context<'_>) -> Vec<Place> {
    let mut places = Vec::new();
    for (id, properties) in context.of_type(FUNCTION) {
        for name in properties["Environment"]["Variables"].as_object().into_iter().flatten() {
            let upper = name.0.to_ascii_uppercase();
            if SECRETS.iter().any(|secret| upper.contains(secret)) {
                let path = format!("Properties/Environment/Variables/{}", name.0);
                places.push(Place::new(id, &path, "has the name of a secret"));
            }
        }
    }
    places
}
