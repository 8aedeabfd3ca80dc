//! Intrinsic functions and conditions: what `Ref`, `Fn::GetAtt`, `Fn::Sub` and the like stand for.
//!
//! Physical names and ARNs are made up from logical ids, in the forms that AWS gives them, so that
//! a reference in one resource finds the other.

use super::Template;
use anyhow::{Context, bail};
use serde_json::{Map, Value, json};

impl Template {
    /// Resolves every intrinsic function in `value`.
    pub(crate) fn resolve(&self, value: &Value) -> anyhow::Result<Value> {
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
                let mut resolved = Map::new();
                for (name, member) in object {
                    if !is_no_value(member) {
                        resolved.insert(name.clone(), self.resolve(member)?);
                    }
                }
                Ok(Value::Object(resolved))
            }
            Value::Array(elements) => elements
                .iter()
                .filter(|element| !is_no_value(element))
                .map(|element| self.resolve(element))
                .collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(value.clone()),
        }
    }

    /// Whether a condition of the template holds.
    pub(crate) fn condition(&self, name: &str) -> anyhow::Result<bool> {
        let condition =
            self.conditions.get(name).with_context(|| format!("there is no condition {name}"))?;
        self.holds(condition).with_context(|| format!("in the condition {name}"))
    }

    fn holds(&self, condition: &Value) -> anyhow::Result<bool> {
        let (name, argument) = condition
            .as_object()
            .filter(|object| object.len() == 1)
            .and_then(|object| object.iter().next())
            .context("a condition is an object with one member")?;
        let parts = || argument.as_array().with_context(|| format!("{name} takes a list"));
        match name.as_str() {
            "Condition" => self.condition(argument.as_str().context("Condition takes a name")?),
            "Fn::Equals" => match parts()?.as_slice() {
                [left, right] => Ok(self.resolve(left)? == self.resolve(right)?),
                _ => bail!("Fn::Equals takes two values"),
            },
            "Fn::Not" => match parts()?.as_slice() {
                [inner] => Ok(!self.holds(inner)?),
                _ => bail!("Fn::Not takes one condition"),
            },
            "Fn::And" => parts()?.iter().try_fold(true, |all, part| Ok(self.holds(part)? && all)),
            "Fn::Or" => parts()?.iter().try_fold(false, |any, part| Ok(self.holds(part)? || any)),
            _ => bail!("{name} is not a condition that is understood here"),
        }
    }

    fn intrinsic(&self, name: &str, argument: &Value) -> anyhow::Result<Value> {
        match name {
            "Ref" => self.reference(argument.as_str().context("it takes a name")?),
            "Fn::GetAtt" => match argument {
                Value::String(path) => {
                    let (id, attribute) = path.split_once('.').context("it takes Id.Attribute")?;
                    self.attribute(id, attribute).map(Value::String)
                }
                Value::Array(parts) => match parts.as_slice() {
                    [Value::String(id), Value::String(attribute)] => {
                        self.attribute(id, attribute).map(Value::String)
                    }
                    _ => bail!("it takes a logical id and an attribute"),
                },
                _ => bail!("it takes a logical id and an attribute"),
            },
            "Fn::Sub" => match argument {
                Value::String(text) => self.substitute(text, &Map::new()),
                Value::Array(parts) => match parts.as_slice() {
                    [Value::String(text), Value::Object(names)] => self.substitute(text, names),
                    _ => bail!("it takes a text and an object of names"),
                },
                _ => bail!("it takes a text"),
            },
            "Fn::Join" => {
                let parts = argument.as_array().map(Vec::as_slice);
                let Some([Value::String(separator), list]) = parts else {
                    bail!("it takes a separator and a list");
                };
                let list = self.resolve(list)?;
                let parts: Vec<String> =
                    list.as_array().context("it joins a list")?.iter().map(text_of).collect();
                Ok(json!(parts.join(separator)))
            }
            "Fn::If" => match argument.as_array().map(Vec::as_slice) {
                Some([Value::String(condition), yes, no]) => {
                    self.resolve(if self.condition(condition)? { yes } else { no })
                }
                _ => bail!("it takes a condition and two values"),
            },
            "Fn::FindInMap" => {
                let keys = self.resolve(argument)?;
                let mut found = &Value::Object(self.mappings.clone());
                for key in keys.as_array().context("it takes a list of keys")? {
                    found = &found[key.as_str().context("it takes a list of keys")?];
                }
                if found.is_null() {
                    bail!("there is nothing at {keys}");
                }
                Ok(found.clone())
            }
            _ => bail!("this intrinsic function is not understood here"),
        }
    }

    fn reference(&self, name: &str) -> anyhow::Result<Value> {
        if let Some(pseudo) = self.pseudo_parameter(name) {
            return Ok(pseudo);
        }
        if let Some(parameter) = self.parameters.get(name) {
            if let Some(given) = self.surroundings.parameters.get(name) {
                return Ok(json!(given));
            }
            return parameter.get("Default").cloned().with_context(|| {
                format!("the parameter {name} has no default and no value was given for it")
            });
        }
        self.physical_id(name).map(Value::String)
    }

    fn pseudo_parameter(&self, name: &str) -> Option<Value> {
        let surroundings = &self.surroundings;
        Some(match name {
            "AWS::Region" => json!(surroundings.region),
            "AWS::AccountId" => json!(surroundings.account),
            "AWS::StackName" => json!(surroundings.stack_name),
            "AWS::StackId" => json!(format!(
                "arn:aws:cloudformation:{}:{}:stack/{}/local",
                surroundings.region, surroundings.account, surroundings.stack_name
            )),
            "AWS::Partition" => json!("aws"),
            "AWS::URLSuffix" => json!("amazonaws.com"),
            "AWS::NoValue" => Value::Null,
            _ => return None,
        })
    }

    /// What `Ref` gives for a resource: its physical id.
    pub(crate) fn physical_id(&self, id: &str) -> anyhow::Result<String> {
        let resource = self
            .resources
            .get(id)
            .with_context(|| format!("{id} is neither a parameter nor a resource"))?;
        let surroundings = &self.surroundings;
        Ok(match resource.kind.as_str() {
            "AWS::Lambda::Function" => self.named(id, "FunctionName")?,
            "AWS::Lambda::Alias" => format!(
                "{}:{}",
                self.function_arn(&text_of(&self.property(id, "FunctionName")?)),
                text_of(&self.property(id, "Name")?)
            ),
            "AWS::Lambda::Version" => {
                format!("{}:1", self.function_arn(&text_of(&self.property(id, "FunctionName")?)))
            }
            "AWS::Events::EventBus" => self.named(id, "Name")?,
            "AWS::ApiGateway::Stage" => self.named(id, "StageName")?,
            "AWS::ApiGateway::RestApi" => api_id(id),
            "AWS::SQS::Queue" => format!(
                "https://sqs.{}.amazonaws.com/{}/{}",
                surroundings.region,
                surroundings.account,
                self.named(id, "QueueName")?
            ),
            "AWS::SNS::Topic" => self.arn("sns", id),
            "AWS::Logs::LogGroup" => self.named(id, "LogGroupName")?,
            // Tables too: a fixed name would collide with nothing here, and the logical id reads
            // better in a message than a made-up one.
            _ => id.to_owned(),
        })
    }

    /// What `Fn::GetAtt` gives.
    pub(crate) fn attribute(&self, id: &str, attribute: &str) -> anyhow::Result<String> {
        let resource =
            self.resources.get(id).with_context(|| format!("there is no resource {id}"))?;
        let name = self.physical_id(id)?;
        Ok(match (resource.kind.as_str(), attribute) {
            ("AWS::DynamoDB::Table", "Arn") => self.arn("dynamodb", &format!("table/{name}")),
            ("AWS::DynamoDB::Table", "StreamArn") => {
                self.arn("dynamodb", &format!("table/{name}/stream/local"))
            }
            ("AWS::Lambda::Function", "Arn") => self.function_arn(&name),
            ("AWS::Lambda::Alias", "AliasArn") | ("AWS::Lambda::Version", "FunctionArn") => name,
            ("AWS::Lambda::Version", "Version") => "1".to_owned(),
            ("AWS::Events::EventBus", "Arn") => self.arn("events", &format!("event-bus/{name}")),
            ("AWS::Events::EventBus", "Name") => name,
            ("AWS::SQS::Queue", "Arn") => self.arn("sqs", &self.named(id, "QueueName")?),
            ("AWS::SQS::Queue", "QueueName") => self.named(id, "QueueName")?,
            ("AWS::SQS::Queue", "QueueUrl") | ("AWS::SNS::Topic", "TopicArn") => name,
            ("AWS::Logs::LogGroup", "Arn") => self.arn("logs", &format!("log-group:{name}:*")),
            ("AWS::IAM::Role", "Arn") => {
                format!("arn:aws:iam::{}:role/{name}", self.surroundings.account)
            }
            ("AWS::ApiGateway::RestApi", "RootResourceId") => root_resource_id(id),
            ("AWS::ApiGateway::RestApi", "RestApiId") => name,
            ("AWS::DynamoDB::Table" | "AWS::Lambda::Function" | "AWS::ApiGateway::RestApi", _) => {
                bail!("{} {id} has no attribute {attribute} here", resource.kind)
            }
            // Whatever has no local counterpart still needs a name where others point at it.
            (_, _) => self.arn("local", &format!("{id}/{attribute}")),
        })
    }

    fn named(&self, id: &str, property: &str) -> anyhow::Result<String> {
        Ok(match self.property(id, property)? {
            Value::Null => id.to_owned(),
            name => text_of(&name),
        })
    }

    /// The ARN of a function given by name or by ARN.
    fn function_arn(&self, function: &str) -> String {
        if function.starts_with("arn:") {
            function.to_owned()
        } else {
            self.arn("lambda", &format!("function:{function}"))
        }
    }

    fn arn(&self, service: &str, resource: &str) -> String {
        format!(
            "arn:aws:{service}:{}:{}:{resource}",
            self.surroundings.region, self.surroundings.account
        )
    }

    fn substitute(&self, text: &str, names: &Map<String, Value>) -> anyhow::Result<Value> {
        let mut result = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            let (before, variable) = rest.split_at(start);
            result.push_str(before);
            let end =
                variable.find('}').with_context(|| format!("a ${{ without }} in {text:?}"))?;
            let name = &variable[2..end];
            if let Some(literal) = name.strip_prefix('!') {
                result.push_str("${");
                result.push_str(literal);
                result.push('}');
            } else if let Some(value) = names.get(name) {
                result.push_str(&text_of(&self.resolve(value)?));
            } else if let Some((id, attribute)) = name.split_once('.') {
                result.push_str(&self.attribute(id, attribute)?);
            } else {
                result.push_str(&text_of(&self.reference(name)?));
            }
            rest = &variable[end + 1..];
        }
        result.push_str(rest);
        Ok(Value::String(result))
    }
}

/// The id that a REST API gets here: ten lower-case characters, as on AWS.
fn api_id(id: &str) -> String {
    let mut name: String = id
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|character| character.to_ascii_lowercase())
        .take(10)
        .collect();
    while name.len() < 10 {
        name.push('0');
    }
    name
}

/// The id of the resource `/` of a REST API.
pub(crate) fn root_resource_id(api: &str) -> String {
    format!("{api}/")
}

/// A scalar as text, as CloudFormation turns numbers and booleans into strings.
pub(crate) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn is_no_value(value: &Value) -> bool {
    value.get("Ref").and_then(Value::as_str) == Some("AWS::NoValue")
}

#[cfg(test)]
mod tests {
    use crate::template::{Surroundings, Template};
    use rstest::rstest;
    use serde_json::{Value, json};

    fn template() -> Template {
        let document = json!({
            "Parameters": {
                "Stage": {"Type": "String", "Default": "dev"},
                "Bucket": {"Type": "String"}
            },
            "Conditions": {
                "IsDev": {"Fn::Equals": [{"Ref": "Stage"}, "dev"]},
                "IsProd": {"Fn::Not": [{"Condition": "IsDev"}]}
            },
            "Resources": {
                "Table": {"Type": "AWS::DynamoDB::Table"},
                "Role": {"Type": "AWS::IAM::Role"},
                "Gone": {"Type": "AWS::DynamoDB::Table", "Condition": "IsProd"},
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
        let surroundings = Surroundings {
            region: "us-east-1".to_owned(),
            account: "000000000000".to_owned(),
            stack_name: "local".to_owned(),
            parameters: [].into(),
        };
        Template::parse(document, surroundings).unwrap()
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
    #[case::dotted_attribute(
        json!({"Fn::GetAtt": "Function.Arn"}),
        json!("arn:aws:lambda:us-east-1:000000000000:function:local-get")
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
    #[case::substitution_with_names(
        json!({"Fn::Sub": ["${a}-${Stage}", {"a": {"Ref": "Table"}}]}),
        json!("Table-dev")
    )]
    #[case::join(json!({"Fn::Join": ["/", ["a", {"Ref": "Stage"}, 1]]}), json!("a/dev/1"))]
    #[case::choice(json!({"Fn::If": ["IsProd", 1, {"Ref": "Stage"}]}), json!("dev"))]
    #[case::no_value(
        json!({"a": [{"Ref": "AWS::NoValue"}, 1], "b": {"Ref": "AWS::NoValue"}}),
        json!({"a": [1]})
    )]
    fn intrinsic_functions_resolve(#[case] value: Value, #[case] expected: Value) {
        assert_eq!(template().resolve(&value).unwrap(), expected);
    }

    #[rstest]
    #[case::unknown_name(json!({"Ref": "Nobody"}), "Nobody is neither")]
    #[case::parameter_without_value(json!({"Ref": "Bucket"}), "Bucket has no default")]
    #[case::conditional_resource(json!({"Ref": "Gone"}), "Gone is neither")]
    #[case::unknown_function(json!({"Fn::Cidr": []}), "cannot resolve Fn::Cidr")]
    #[case::unknown_attribute(json!({"Fn::GetAtt": ["Table", "Nope"]}), "no attribute Nope")]
    fn what_does_not_resolve_is_named(#[case] value: Value, #[case] words: &str) {
        let error = format!("{:#}", template().resolve(&value).unwrap_err());
        assert!(error.contains(words), "{error}");
    }
}
