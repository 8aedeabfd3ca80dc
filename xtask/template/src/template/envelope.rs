//! The document around the resources. `stratosphere` has the types of the properties, which go into
//! [`Resource::new`]; this module adds the attributes that its own envelope lacks (`DependsOn`,
//! `DeletionPolicy`, `UpdateReplacePolicy`, `Metadata`).

use std::collections::{BTreeMap, BTreeSet};
use std::panic::Location;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use stratosphere::Tag_;
use stratosphere::template::ToResource;
use stratosphere::value::{ExpString, ToValue};

use crate::stages::Stage;

/// The sections of a template in the order that readers expect.
const SECTIONS: &[&str] =
    &["AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Resources", "Outputs"];

/// A template in the making. Ordered maps, so that the same calls in any order give the same bytes.
#[derive(Debug, Default)]
pub(crate) struct Template {
    description: String,
    /// Notes for tools, by the tool's name.
    pub(crate) metadata: Map<String, Value>,
    pub(crate) parameters: BTreeMap<String, Parameter>,
    resources: BTreeMap<String, Resource>,
    /// Where in this crate each resource was added. Not part of the document, which would then
    /// change with every line of source.
    places: BTreeMap<String, &'static Location<'static>>,
    pub(crate) outputs: BTreeMap<String, Output>,
}

/// A text parameter of the stack.
#[derive(Clone, Debug)]
pub(crate) struct Parameter {
    pub(crate) description: String,
    /// A regular expression that the whole value must match.
    pub(crate) allowed_pattern: &'static str,
    /// The error text when the value does not match.
    pub(crate) constraint: &'static str,
}

/// An output of the stack.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    pub(crate) description: String,
    pub(crate) value: ExpString,
}

/// One resource with its attributes.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    type_name: String,
    properties: Map<String, Value>,
    depends_on: BTreeSet<String>,
    /// Notes for tools: the checks that they leave out here, with reasons.
    metadata: Map<String, Value>,
    update_policy: Option<Value>,
    /// `DeletionPolicy` and `UpdateReplacePolicy`, where the template sets them.
    deletion_policy: Option<&'static str>,
}

impl Template {
    /// A template without anything in it.
    pub(crate) fn new(description: String) -> Self {
        Self { description, ..Self::default() }
    }

    /// Adds a resource and hands back its logical id, to refer to it by.
    #[track_caller]
    pub(crate) fn add(&mut self, id: impl Into<String>, resource: Resource) -> String {
        let id = id.into();
        let previous = self.resources.insert(id.clone(), resource);
        debug_assert!(previous.is_none(), "two resources have the logical id {id}");
        self.places.insert(id.clone(), Location::caller());
        id
    }

    /// Where each resource was added, by logical id.
    pub(crate) fn places(&self) -> &BTreeMap<String, &'static Location<'static>> {
        &self.places
    }

    /// The resources so far, by logical id.
    pub(crate) fn resources(&self) -> impl Iterator<Item = (&String, &Resource)> {
        self.resources.iter()
    }

    /// The finished document.
    pub(crate) fn to_value(&self) -> Value {
        let mut document = Map::new();
        document.insert("AWSTemplateFormatVersion".to_owned(), json!("2010-09-09"));
        document.insert("Description".to_owned(), json!(self.description));
        if !self.metadata.is_empty() {
            document.insert("Metadata".to_owned(), json!(self.metadata));
        }
        document.insert("Parameters".to_owned(), object(&self.parameters, Parameter::to_value));
        document.insert("Resources".to_owned(), object(&self.resources, Resource::to_value));
        document.insert("Outputs".to_owned(), object(&self.outputs, Output::to_value));
        Value::Object(document)
    }

    /// The finished document as text, the same bytes for the same template.
    pub(crate) fn render(&self) -> String {
        crate::render::document(&self.to_value(), SECTIONS)
    }
}

impl Parameter {
    fn to_value(&self) -> Value {
        json!({
            "Type": "String",
            "Description": self.description,
            "AllowedPattern": self.allowed_pattern,
            "ConstraintDescription": self.constraint,
        })
    }
}

impl Output {
    fn to_value(&self) -> Value {
        json!({"Description": self.description, "Value": self.value.to_value()})
    }
}

impl Resource {
    /// A resource from its typed properties.
    pub(crate) fn new<R: ToResource>(resource: &R) -> Self {
        Self {
            type_name: R::RESOURCE_TYPE_NAME.to_string(),
            properties: resource.to_resource_properties(),
            depends_on: BTreeSet::new(),
            metadata: Map::new(),
            update_policy: None,
            deletion_policy: None,
        }
    }

    /// Creates this resource after others that its properties do not refer to.
    pub(crate) fn depends_on<I: Into<String>>(mut self, ids: impl IntoIterator<Item = I>) -> Self {
        self.depends_on.extend(ids.into_iter().map(Into::into));
        self
    }

    /// Keeps the physical resource when it leaves the template, is replaced, or its stack is
    /// deleted.
    pub(crate) fn retained(mut self) -> Self {
        self.deletion_policy = Some("Retain");
        self
    }

    /// Allows the resource to be deleted with the stack although it holds data.
    pub(crate) fn expendable(mut self) -> Self {
        self.deletion_policy = Some("Delete");
        self
    }

    /// Sets the `UpdatePolicy`.
    pub(crate) fn update_policy(mut self, policy: Value) -> Self {
        self.update_policy = Some(policy);
        self
    }

    /// Skips checks of checkov, as (id, reason).
    pub(crate) fn skip(mut self, checks: &[(&str, &str)]) -> Self {
        if !checks.is_empty() {
            let skips: Vec<_> =
                checks.iter().map(|(id, reason)| json!({"id": id, "comment": reason})).collect();
            self.metadata.insert("checkov".to_owned(), json!({"skip": skips}));
        }
        self
    }

    /// Suppresses rules of `cargo xtask check`, as (id, reason).
    pub(crate) fn suppress(mut self, rules: &[(&str, &str)]) -> Self {
        let suppressed: Vec<_> =
            rules.iter().map(|(rule, reason)| json!({"rule": rule, "reason": reason})).collect();
        self.metadata.insert("users".to_owned(), json!({"suppress": suppressed}));
        self
    }

    /// Adds a setting for the local stack, for behaviour that AWS has built in.
    pub(crate) fn locally(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.metadata
            .insert("local".to_owned(), Map::from_iter([(name.to_owned(), value.into())]).into());
        self
    }

    /// Whether it has this type.
    pub(crate) fn is_a(&self, type_name: &str) -> bool {
        self.type_name == type_name
    }

    /// Its properties as they stand in the document.
    pub(crate) fn properties(&self) -> &Map<String, Value> {
        &self.properties
    }

    /// The resource as it stands in the document.
    pub(crate) fn to_value(&self) -> Value {
        let mut resource = Map::new();
        resource.insert("Type".to_owned(), json!(self.type_name));
        if !self.depends_on.is_empty() {
            resource.insert("DependsOn".to_owned(), json!(self.depends_on));
        }
        if let Some(policy) = self.deletion_policy {
            resource.insert("DeletionPolicy".to_owned(), json!(policy));
            resource.insert("UpdateReplacePolicy".to_owned(), json!(policy));
        }
        if let Some(policy) = &self.update_policy {
            resource.insert("UpdatePolicy".to_owned(), policy.clone());
        }
        if !self.metadata.is_empty() {
            resource.insert("Metadata".to_owned(), json!(self.metadata));
        }
        resource.insert("Properties".to_owned(), json!(self.properties));
        Value::Object(resource)
    }
}

fn object<T>(entries: &BTreeMap<String, T>, to_value: impl Fn(&T) -> Value) -> Value {
    Value::Object(entries.iter().map(|(key, entry)| (key.clone(), to_value(entry))).collect())
}

/// Twelve hexadecimal digits of a hash of named values, to name a resource after its content.
pub(crate) fn digest(parts: &BTreeMap<String, Value>) -> String {
    let mut hash = Sha256::new();
    for (name, value) in parts {
        // Each part ends in a line feed, which neither has within, so that no two lists of parts
        // read the same.
        hash.update(format!("{name}\n{}\n", crate::render::compact(value)));
    }
    hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// Text as it stands.
pub(crate) fn text(value: impl Into<String>) -> ExpString {
    ExpString::Literal(value.into())
}

/// The tags of everything that takes tags.
pub(crate) fn tags(stage: &Stage) -> Vec<Tag_> {
    [("service", "users"), ("stage", stage.name.as_str())]
        .map(|(key, value)| stratosphere::Tag! { key: text(key), value: text(value) })
        .into()
}

/// `Ref`: the name or id of a resource, or the value of a parameter.
pub(crate) fn reference(id: &str) -> ExpString {
    ExpString::Ref(id.into())
}

/// `Fn::GetAtt`: an attribute of a resource.
pub(crate) fn attribute(id: &str, name: &str) -> ExpString {
    stratosphere::value::get_att(id, name)
}

/// `Fn::Sub`: text with `${…}` filled in by CloudFormation.
pub(crate) fn substitute(pattern: impl Into<String>) -> ExpString {
    ExpString::Sub { pattern: pattern.into() }
}

/// A map of text, as properties such as headers and environment variables want it.
pub(crate) fn text_map<K: Into<String>>(
    entries: impl IntoIterator<Item = (K, ExpString)>,
) -> BTreeMap<String, ExpString> {
    entries.into_iter().map(|(key, value)| (key.into(), value)).collect()
}
