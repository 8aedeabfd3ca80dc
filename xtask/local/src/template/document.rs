//! A template with its references: `Ref`, `Fn::GetAtt` and `Fn::Sub` are resolved, any other
//! intrinsic function is an error.
//!
//! Physical names and ARNs are derived from logical ids, in the forms of AWS, so that a reference in
//! one resource finds the other.

use anyhow::{Context, bail};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The values of the pseudo parameters and of the template's own parameters.
#[derive(Clone, Debug)]
pub(crate) struct StackInputs {
    /// `AWS::Region`.
    pub(crate) region: String,
    /// `AWS::AccountId`, twelve digits.
    pub(crate) account: String,
    /// `AWS::StackName`.
    pub(crate) stack_name: String,
    /// Given parameters by name; the others have their defaults.
    pub(crate) parameters: BTreeMap<String, String>,
}

/// A parsed template.
#[derive(Debug)]
pub(super) struct Template {
    pub(super) inputs: StackInputs,
    pub(super) outputs: Map<String, Value>,
    pub(super) resources: BTreeMap<String, Resource>,
    parameters: Map<String, Value>,
}

/// A resource of a template.
#[derive(Debug)]
pub(super) struct Resource {
    /// The type, such as `AWS::DynamoDB::Table`.
    pub(super) kind: String,
    /// The properties, with unresolved references.
    pub(super) properties: Value,
    /// Settings for its local counterpart, which CloudFormation ignores.
    local: Value,
}

impl Template {
    /// Parses a document.
    pub(super) fn parse(document: Value, inputs: StackInputs) -> anyhow::Result<Self> {
        let Value::Object(mut document) = document else { bail!("it is not a JSON object") };
        let mut section = |name: &str| match document.remove(name) {
            None => Ok(Map::new()),
            Some(Value::Object(section)) => Ok(section),
            Some(_) => bail!("{name} is not an object"),
        };
        let parameters = section("Parameters")?;
        if let Some(name) = inputs.parameters.keys().find(|name| !parameters.contains_key(*name)) {
            bail!("it has no parameter {name}, for which a value was given");
        }
        let mut resources = BTreeMap::new();
        for (id, mut resource) in section("Resources")? {
            if !resource["Condition"].is_null() {
                bail!("the resource {id} has a Condition, which is not supported here");
            }
            let Some(kind) = resource["Type"].as_str().map(str::to_owned) else {
                bail!("the resource {id} has no Type");
            };
            let properties = resource["Properties"].take();
            let local = resource["Metadata"]["local"].take();
            resources.insert(id, Resource { kind, properties, local });
        }
        Ok(Self { inputs, outputs: section("Outputs")?, resources, parameters })
    }

    /// The resolved properties of a resource.
    pub(super) fn properties(&self, id: &str) -> anyhow::Result<Value> {
        let resource = self.resource(id)?;
        self.resolve(&resource.properties).with_context(|| format!("in {} {id}", resource.kind))
    }

    /// One resolved property of a resource; null when it is absent.
    pub(super) fn property(&self, id: &str, name: &str) -> anyhow::Result<Value> {
        let resource = self.resource(id)?;
        self.resolve(&resource.properties[name])
            .with_context(|| format!("in {name} of {} {id}", resource.kind))
    }

    /// One resolved setting of a resource's local counterpart; null when it is absent.
    pub(super) fn local(&self, id: &str, name: &str) -> anyhow::Result<Value> {
        let resource = self.resource(id)?;
        self.resolve(&resource.local[name])
            .with_context(|| format!("in the metadata of {} {id}", resource.kind))
    }

    /// The ids of all resources of one type.
    pub(super) fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a str> {
        let resources = self.resources.iter().filter(move |(_, resource)| resource.kind == kind);
        resources.map(|(id, _)| id.as_str())
    }

    fn resource(&self, id: &str) -> anyhow::Result<&Resource> {
        self.resources.get(id).with_context(|| format!("there is no resource {id}"))
    }

    /// Resolves every reference in `value`.
    pub(super) fn resolve(&self, value: &Value) -> anyhow::Result<Value> {
        match value {
            Value::Object(object) => {
                if object.len() == 1
                    && let Some((name, argument)) = object.iter().next()
                    && (name == "Ref" || name.starts_with("Fn::"))
                {
                    return self
                        .intrinsic(name, argument)
                        .with_context(|| format!("cannot resolve {name}"));
                }
                let resolved =
                    |(name, member): (&String, &Value)| Ok((name.clone(), self.resolve(member)?));
                object.iter().map(resolved).collect()
            }
            Value::Array(elements) => elements.iter().map(|it| self.resolve(it)).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(value.clone()),
        }
    }

    fn intrinsic(&self, name: &str, argument: &Value) -> anyhow::Result<Value> {
        match (name, argument) {
            ("Ref", Value::String(name)) => self.reference(name),
            ("Fn::GetAtt", Value::Array(parts)) => match parts.as_slice() {
                [Value::String(id), Value::String(attribute)] => {
                    self.attribute(id, attribute).map(Value::String)
                }
                _ => bail!("it takes a logical id and an attribute"),
            },
            ("Fn::Sub", Value::String(text)) => self.substitute(text),
            _ => bail!("this function or form is not supported here"),
        }
    }

    fn reference(&self, name: &str) -> anyhow::Result<Value> {
        let inputs = &self.inputs;
        Ok(match name {
            "AWS::Region" => json!(inputs.region),
            "AWS::AccountId" => json!(inputs.account),
            "AWS::StackName" => json!(inputs.stack_name),
            "AWS::Partition" => json!("aws"),
            "AWS::URLSuffix" => json!("amazonaws.com"),
            _ => match (inputs.parameters.get(name), self.parameters.get(name)) {
                (Some(given), _) => json!(given),
                (None, Some(parameter)) => {
                    parameter.get("Default").cloned().with_context(|| {
                        format!("the parameter {name} has no default and no value was given for it")
                    })?
                }
                (None, None) => json!(self.physical_id(name)?),
            },
        })
    }

    /// The physical id of a resource: its `Ref`.
    pub(super) fn physical_id(&self, id: &str) -> anyhow::Result<String> {
        let resource = self
            .resources
            .get(id)
            .with_context(|| format!("{id} is neither a parameter nor a resource"))?;
        Ok(match resource.kind.as_str() {
            "AWS::Lambda::Function" => self.named(id, "FunctionName")?,
            "AWS::Lambda::Alias" => {
                format!("{}:{}", self.function_arn(id)?, text_of(&self.property(id, "Name")?))
            }
            "AWS::Lambda::Version" => format!("{}:1", self.function_arn(id)?),
            "AWS::Events::EventBus" => self.named(id, "Name")?,
            "AWS::ApiGateway::Stage" => self.named(id, "StageName")?,
            "AWS::ApiGateway::RestApi" => api_id(id),
            "AWS::SQS::Queue" => format!(
                "https://sqs.{}.amazonaws.com/{}/{}",
                self.inputs.region,
                self.inputs.account,
                self.named(id, "QueueName")?
            ),
            "AWS::SNS::Topic" => self.arn("sns", id),
            "AWS::Logs::LogGroup" => self.named(id, "LogGroupName")?,
            // Tables too: a fixed name would collide with nothing here, and the logical id reads
            // better in a message.
            _ => id.to_owned(),
        })
    }

    /// An attribute of a resource: its `Fn::GetAtt`.
    pub(super) fn attribute(&self, id: &str, attribute: &str) -> anyhow::Result<String> {
        let resource = self.resource(id)?;
        let name = self.physical_id(id)?;
        Ok(match (resource.kind.as_str(), attribute) {
            ("AWS::DynamoDB::Table", "Arn") => self.arn("dynamodb", &format!("table/{name}")),
            ("AWS::DynamoDB::Table", "StreamArn") => {
                self.arn("dynamodb", &format!("table/{name}/stream/local"))
            }
            ("AWS::Lambda::Function", "Arn") => self.arn("lambda", &format!("function:{name}")),
            ("AWS::Lambda::Version", "Version") => "1".to_owned(),
            ("AWS::Events::EventBus", "Arn") => self.arn("events", &format!("event-bus/{name}")),
            ("AWS::SQS::Queue", "Arn") => self.arn("sqs", &self.named(id, "QueueName")?),
            ("AWS::SQS::Queue", "QueueName") => self.named(id, "QueueName")?,
            ("AWS::Logs::LogGroup", "Arn") => self.arn("logs", &format!("log-group:{name}:*")),
            ("AWS::IAM::Role", "Arn") => {
                format!("arn:aws:iam::{}:role/{name}", self.inputs.account)
            }
            ("AWS::ApiGateway::RestApi", "RootResourceId") => format!("{id}/"),
            ("AWS::DynamoDB::Table" | "AWS::Lambda::Function" | "AWS::ApiGateway::RestApi", _) => {
                bail!("{} {id} has no attribute {attribute} here", resource.kind)
            }
            // A resource without a local counterpart still needs a name where others refer to it.
            (_, _) => self.arn("local", &format!("{id}/{attribute}")),
        })
    }

    fn named(&self, id: &str, property: &str) -> anyhow::Result<String> {
        Ok(match self.property(id, property)? {
            Value::Null => id.to_owned(),
            name => text_of(&name),
        })
    }

    /// The ARN of the function of an alias or version.
    fn function_arn(&self, id: &str) -> anyhow::Result<String> {
        let name = text_of(&self.property(id, "FunctionName")?);
        Ok(self.arn("lambda", &format!("function:{name}")))
    }

    fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{resource}", self.inputs.region, self.inputs.account)
    }

    fn substitute(&self, text: &str) -> anyhow::Result<Value> {
        let mut result = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, variable)) = rest.split_once("${") {
            result.push_str(before);
            let (name, after) = variable
                .split_once('}')
                .with_context(|| format!("a ${{ without }} in {text:?}"))?;
            if let Some(literal) = name.strip_prefix('!') {
                result.push_str(&format!("${{{literal}}}"));
            } else if let Some((id, attribute)) = name.split_once('.') {
                result.push_str(&self.attribute(id, attribute)?);
            } else {
                result.push_str(&text_of(&self.reference(name)?));
            }
            rest = after;
        }
        result.push_str(rest);
        Ok(Value::String(result))
    }
}

/// The id of a REST API: ten lower-case characters, as on AWS.
fn api_id(id: &str) -> String {
    let letters = id.chars().filter(char::is_ascii_alphanumeric);
    let lower_case = letters.map(|letter| letter.to_ascii_lowercase());
    lower_case.chain(std::iter::repeat('0')).take(10).collect()
}

/// A scalar as text, as CloudFormation turns numbers and booleans into strings.
pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A whole number, also when it is written as text, as CloudFormation allows.
pub(super) fn whole_number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// A boolean, also when it is written as text, as CloudFormation allows.
pub(super) fn is_true(value: &Value) -> bool {
    value.as_bool() == Some(true) || value.as_str() == Some("true")
}

#[cfg(test)]
mod tests {
    use super::{StackInputs, Template};
    use rstest::rstest;
    use serde_json::{Value, json};

    fn template() -> Template {
        let document = json!({
            "Parameters": {
                "Stage": {"Type": "String", "Default": "dev"},
                "Bucket": {"Type": "String"}
            },
            "Resources": {
                "Table": {"Type": "AWS::DynamoDB::Table"},
                "Role": {"Type": "AWS::IAM::Role"},
                "Function": {
                    "Type": "AWS::Lambda::Function",
                    "Properties": {"FunctionName": {"Fn::Sub": "${AWS::StackName}-get"}}
                },
                "Version": {
                    "Type": "AWS::Lambda::Version",
                    "Properties": {
                        // No value is known for the parameter, and none is needed.
                        "Description": {"Ref": "Bucket"},
                        "FunctionName": {"Ref": "Function"}
                    }
                },
                "Alias": {
                    "Type": "AWS::Lambda::Alias",
                    "Properties": {
                        "FunctionName": {"Ref": "Function"},
                        "FunctionVersion": {"Fn::GetAtt": ["Version", "Version"]},
                        "Name": "live"
                    }
                }
            }
        });
        let inputs = StackInputs {
            region: "us-east-1".to_owned(),
            account: "000000000000".to_owned(),
            stack_name: "local".to_owned(),
            parameters: [].into(),
        };
        Template::parse(document, inputs).unwrap()
    }

    #[rstest]
    #[case::parameter(json!({"Ref": "Stage"}), json!("dev"))]
    #[case::pseudo_parameter(json!({"Ref": "AWS::AccountId"}), json!("000000000000"))]
    #[case::table(json!({"Ref": "Table"}), json!("Table"))]
    #[case::function_name(json!({"Ref": "Function"}), json!("local-get"))]
    #[case::table_arn(
        json!({"Fn::GetAtt": ["Table", "Arn"]}),
        json!("arn:aws:dynamodb:us-east-1:000000000000:table/Table")
    )]
    #[case::alias(
        json!({"Ref": "Alias"}),
        json!("arn:aws:lambda:us-east-1:000000000000:function:local-get:live")
    )]
    #[case::version(
        json!({"Ref": "Version"}),
        json!("arn:aws:lambda:us-east-1:000000000000:function:local-get:1")
    )]
    #[case::version_number(json!({"Fn::GetAtt": ["Version", "Version"]}), json!("1"))]
    #[case::role_arn(
        json!({"Fn::GetAtt": ["Role", "Arn"]}),
        json!("arn:aws:iam::000000000000:role/Role")
    )]
    #[case::substitution(
        json!({"Fn::Sub": "${Table.Arn}/index/* in ${AWS::Region} ${!Literal}"}),
        json!("arn:aws:dynamodb:us-east-1:000000000000:table/Table/index/* in us-east-1 ${Literal}")
    )]
    fn references_resolve(#[case] value: Value, #[case] expected: Value) {
        assert_eq!(template().resolve(&value).unwrap(), expected);
    }

    #[rstest]
    #[case::unknown_name(json!({"Ref": "Nobody"}), "Nobody is neither")]
    #[case::parameter_without_value(json!({"Ref": "Bucket"}), "Bucket has no default")]
    #[case::unknown_function(json!({"Fn::Cidr": []}), "cannot resolve Fn::Cidr")]
    #[case::unknown_attribute(json!({"Fn::GetAtt": ["Table", "Nope"]}), "no attribute Nope")]
    fn an_unresolved_reference_is_named(#[case] value: Value, #[case] words: &str) {
        let error = format!("{:#}", template().resolve(&value).unwrap_err());
        assert!(error.contains(words), "{error}");
    }
}
