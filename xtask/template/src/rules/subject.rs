//! A template as the rules see it: resources by type, properties by path.

use crate::stages::Stage;
use serde_json::Value;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// The template under test.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject<'a> {
    pub(super) template: &'a Value,
    /// The template as it is sent.
    pub(super) text: &'a str,
    /// The stage that it is for.
    pub(super) stage: Option<&'a Stage>,
}

/// One resource of the template.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resource<'a> {
    pub(super) id: &'a str,
    value: &'a Value,
}

/// A place that breaks a rule.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) resource: Option<String>,
    pub(super) path: String,
    pub(super) detail: String,
}

impl<'a> Subject<'a> {
    /// All resources of a type.
    pub(super) fn all(&self, kind: &'static str) -> impl Iterator<Item = Resource<'a>> + use<'a> {
        self.template["Resources"]
            .as_object()
            .into_iter()
            .flatten()
            .filter(move |(_, value)| value["Type"] == kind)
            .map(|(id, value)| Resource { id, value })
    }

    /// The resource with this logical id. One that is missing has no properties.
    pub(super) fn resource<'b>(&self, id: &'b str) -> Resource<'b>
    where
        'a: 'b,
    {
        Resource { id, value: &self.template["Resources"][id] }
    }

    /// Whether a value refers to a resource of this type.
    pub(super) fn refers_to(&self, value: &Value, kind: &str) -> bool {
        references(value).into_iter().any(|id| self.resource(id).attribute("Type") == kind)
    }
}

impl<'a> Resource<'a> {
    /// A property; `null` when it is missing.
    pub(super) fn property(&self, name: &str) -> &'a Value {
        &self.value["Properties"][name]
    }

    /// An attribute next to `Properties`, such as `DependsOn`.
    pub(super) fn attribute(&self, name: &str) -> &'a Value {
        &self.value[name]
    }

    /// A fault of this resource.
    pub(super) fn place(&self, path: &str, detail: impl Into<String>) -> Place {
        Place { resource: Some(self.id.to_owned()), ..Place::of_template(path, detail) }
    }
}

impl Place {
    /// A fault of the template as a whole.
    pub(super) fn of_template(path: &str, detail: impl Into<String>) -> Self {
        Self { resource: None, path: path.to_owned(), detail: detail.into() }
    }
}

/// The properties at a path that do not satisfy a condition. `*` in the path stands for every item
/// of a list, or for the one value in its place. The condition gets `null` for a missing property.
pub(super) fn violations<'a>(
    resources: impl Iterator<Item = Resource<'a>>,
    path: &str,
    holds: impl Fn(&Value) -> bool,
) -> Vec<Place> {
    let mut places = Vec::new();
    for resource in resources {
        visit(resource.attribute("Properties"), path, "Properties".to_owned(), &mut |at, value| {
            if !holds(value) {
                places.push(resource.place(&at, shown(value)));
            }
        });
    }
    places
}

fn visit(value: &Value, path: &str, at: String, found: &mut impl FnMut(String, &Value)) {
    let (step, rest) = path.split_once('/').unwrap_or((path, ""));
    match (step, value) {
        ("", _) => found(at, value),
        ("*", Value::Array(items)) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                visit(item, rest, format!("{at}/{index}"), found);
            }
        }
        ("*", _) => visit(value, rest, at, found),
        (name, _) => visit(&value[name], rest, format!("{at}/{name}"), found),
    }
}

/// A value that breaks a rule, in at most 80 characters.
pub(super) fn shown(value: &Value) -> String {
    const MOST: usize = 80;
    let text = value.to_string();
    match text.char_indices().nth(MOST) {
        _ if value.is_null() => "is missing".to_owned(),
        Some((end, _)) => format!("is {}…", &text[..end]),
        None => format!("is {text}"),
    }
}

pub(super) fn exists(value: &Value) -> bool {
    !value.is_null()
}

/// Whether a value is an integer in a range.
pub(super) fn is_in(value: &Value, range: &RangeInclusive<i64>) -> bool {
    value.as_i64().is_some_and(|number| range.contains(&number))
}

/// The items of a list, or the one value in its place.
pub(super) fn items(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        one => std::slice::from_ref(one),
    }
}

/// Whether there is an item, and every item satisfies a condition.
pub(super) fn every(value: &Value, holds: impl Fn(&Value) -> bool) -> bool {
    !items(value).is_empty() && items(value).iter().all(holds)
}

/// The logical ids that a value refers to by `Ref`, `Fn::GetAtt` or `Fn::Sub`.
pub(super) fn references(value: &Value) -> BTreeSet<&str> {
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
                    ("Fn::GetAtt", Value::String(path)) => found.extend(path.split('.').next()),
                    ("Fn::GetAtt", Value::Array(parts)) => {
                        found.extend(parts.first().and_then(Value::as_str));
                    }
                    ("Fn::Sub", value) => {
                        if let Some((pattern, values)) = items(value).split_first() {
                            found.extend(variables(pattern));
                            values.iter().for_each(|it| collect(it, found));
                        }
                    }
                    _ => collect(member, found),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The logical ids in the pattern of `Fn::Sub`; `${!…}` is a literal.
fn variables(pattern: &Value) -> impl Iterator<Item = &str> {
    pattern
        .as_str()
        .unwrap_or_default()
        .split("${")
        .skip(1)
        .filter(|rest| !rest.starts_with('!'))
        .filter_map(|rest| rest.split(['}', '.']).next())
}

#[cfg(test)]
mod tests {
    use super::{Resource, references, violations};
    use serde_json::json;

    #[test]
    fn references_of_every_kind_are_found() {
        let value = json!([
            {"Ref": "A"},
            {"x": {"Fn::GetAtt": ["B", "Arn"]}},
            {"Fn::GetAtt": "C.Arn"},
            {"Fn::Sub": "a-${D}-${E.Arn}-${!F}"},
            {"Fn::Sub": ["${G}", {"H": {"Ref": "I"}}]},
            {"Fn::Sub": []},
            "${J}",
        ]);
        let found: Vec<_> = references(&value).into_iter().collect();
        assert_eq!(found, ["A", "B", "C", "D", "E", "G", "I"]);
    }

    #[test]
    fn a_star_visits_every_item_and_a_missing_value_is_null() {
        let value = json!({"Properties": {
            "Many": [{"Name": "a"}, {"Name": "b"}, {}],
            "One": {"Name": "b"},
            "Empty": [],
        }});
        let found = |path: &str| -> Vec<_> {
            let resource = Resource { id: "A", value: &value };
            violations([resource].into_iter(), path, |it| it == "a")
                .into_iter()
                .map(|place| format!("{} {}", place.path, place.detail))
                .collect()
        };
        let many = ["Properties/Many/1/Name is \"b\"", "Properties/Many/2/Name is missing"];
        assert_eq!(found("Many/*/Name"), many);
        assert_eq!(found("One/*/Name"), ["Properties/One/Name is \"b\""]);
        assert_eq!(found("Empty/*"), ["Properties/Empty is []"]);
        assert_eq!(found("Empty/*/Name"), ["Properties/Empty/Name is missing"]);
        assert_eq!(found("None/*/Name"), ["Properties/None/Name is missing"]);
    }
}
