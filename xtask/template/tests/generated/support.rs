//! The templates under test, and ways to look into them.

use serde_json::{Map, Value};
use users_template::{Stage, stages, template};

/// A stage with default settings.
pub(crate) fn stage() -> Stage {
    Stage { name: "test".to_owned(), ..Stage::default() }
}

/// The template of that stage.
pub(crate) fn test_template() -> Value {
    template(&stage())
}

/// The stages of the repository.
pub(crate) fn repository_stages() -> std::collections::BTreeMap<String, Stage> {
    stages(include_str!("../../../../stages.toml")).unwrap()
}

/// Stages that use every option between them.
pub(crate) fn option_stages() -> std::collections::BTreeMap<String, Stage> {
    stages(include_str!("../options.toml")).unwrap()
}

/// The resources of a template.
pub(crate) fn resources(template: &Value) -> &Map<String, Value> {
    template["Resources"].as_object().unwrap()
}

/// The resources of one type, as (logical id, properties).
pub(crate) fn of_type<'a>(template: &'a Value, name: &str) -> Vec<(&'a str, &'a Value)> {
    resources(template)
        .iter()
        .filter(|(_, resource)| resource["Type"] == name)
        .map(|(id, resource)| (id.as_str(), &resource["Properties"]))
        .collect()
}

/// The one resource of a type whose properties fit.
#[track_caller]
pub(crate) fn only<'a>(
    template: &'a Value,
    type_name: &str,
    fits: impl Fn(&Value) -> bool,
) -> (&'a str, &'a Value) {
    let found: Vec<_> =
        of_type(template, type_name).into_iter().filter(|(_, value)| fits(value)).collect();
    assert_eq!(found.len(), 1, "{type_name}: {found:?}");
    found[0]
}

/// The whole path of an API resource, from the reference that a method has to it.
pub(crate) fn path_of(template: &Value, resource: &Value) -> String {
    let Some(id) = resource["Ref"].as_str() else {
        assert_eq!(resource["Fn::GetAtt"], serde_json::json!(["Api", "RootResourceId"]));
        return "/".to_owned();
    };
    let properties = &resources(template)[id]["Properties"];
    let parent = path_of(template, &properties["ParentId"]);
    format!("{}/{}", parent.trim_end_matches('/'), properties["PathPart"].as_str().unwrap())
}

/// The method of a path, as (logical id, properties).
#[track_caller]
pub(crate) fn method<'a>(template: &'a Value, path: &str, name: &str) -> (&'a str, &'a Value) {
    only(template, "AWS::ApiGateway::Method", |properties| {
        properties["HttpMethod"] == name && path_of(template, &properties["ResourceId"]) == path
    })
}

/// Calls `visit` for a value and everything below it.
pub(crate) fn walk(value: &Value, visit: &mut impl FnMut(&Value)) {
    visit(value);
    match value {
        Value::Array(items) => items.iter().for_each(|item| walk(item, visit)),
        Value::Object(members) => members.values().for_each(|member| walk(member, visit)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
