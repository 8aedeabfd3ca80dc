//! The plan of the REST API: resources, methods, integrations, models and gateway responses.

use super::document::{Template, is_true, text_of, whole_number};
use anyhow::{Context, bail};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A REST API and its stage.
#[derive(Debug)]
pub(crate) struct ApiPlan {
    pub(crate) id: String,
    /// The name that its metrics have.
    pub(crate) name: String,
    pub(crate) stage: String,
    /// The tree's nodes by id; the root is among them.
    pub(crate) resources: BTreeMap<String, ResourcePlan>,
    pub(crate) methods: Vec<MethodPlan>,
    /// By response type, `MISSING_AUTHENTICATION_TOKEN` and so on.
    pub(crate) gateway_responses: BTreeMap<String, ResponsePlan>,
    pub(crate) settings: Vec<MethodSetting>,
}

/// A node of the tree of paths.
#[derive(Debug)]
pub(crate) struct ResourcePlan {
    /// The parent; `None` for the root.
    pub(crate) parent: Option<String>,
    /// The segment: text, `{name}` or `{name+}`; empty for the root.
    pub(crate) path_part: String,
}

/// A method of a node.
#[derive(Debug)]
pub(crate) struct MethodPlan {
    pub(crate) logical_id: String,
    pub(crate) resource: String,
    /// `GET` and so on, or `ANY`.
    pub(crate) http_method: String,
    pub(crate) authorization: AuthorizationType,
    /// JSON Schemas that bodies are validated against, by media type.
    pub(crate) models: BTreeMap<String, Value>,
    /// Locations of validated parameters, such as `method.request.path.userId`.
    pub(crate) required_parameters: Vec<String>,
    pub(crate) integration: Integration,
}

/// Who may call a method.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum AuthorizationType {
    /// Any caller.
    None,
    /// Callers that sign the request.
    Iam,
}

/// The integration of a method.
#[derive(Debug)]
pub(crate) enum Integration {
    /// A function, by its ARN.
    Proxy {
        /// The function's ARN, perhaps with an alias.
        function_arn: String,
        /// The integration timeout.
        timeout_ms: u64,
    },
    /// The gateway itself.
    Mock(MockPlan),
}

/// A mock integration: the request template chooses nothing, since there is one response.
#[derive(Debug)]
pub(crate) struct MockPlan {
    /// The media types of request bodies that it accepts; `$default` is any.
    pub(crate) media_types: BTreeSet<String>,
    pub(crate) response: ResponsePlan,
}

/// A response of the gateway's own.
#[derive(Debug)]
pub(crate) struct ResponsePlan {
    /// The status; `None` for the default of the case.
    pub(crate) status: Option<u16>,
    /// Sources by header name.
    pub(crate) headers: Vec<(String, String)>,
    /// The content type and the template of the body.
    pub(crate) body: Option<(String, String)>,
}

/// Limits of the methods that a pattern of path and method covers.
#[derive(Debug)]
pub(crate) struct MethodSetting {
    /// A path with `/` written as `~1` or not, or `/*`.
    pub(crate) resource_path: String,
    /// A method, or `*`.
    pub(crate) http_method: String,
    /// Requests per second.
    pub(crate) rate: f64,
    /// Requests at once.
    pub(crate) burst: f64,
}

impl ApiPlan {
    /// Plans the template's one REST API.
    pub(super) fn of(template: &Template) -> anyhow::Result<Self> {
        let mut apis = template.of_kind("AWS::ApiGateway::RestApi");
        let api = apis.next().context("the template has no AWS::ApiGateway::RestApi")?;
        if apis.next().is_some() {
            bail!("the template has more than one AWS::ApiGateway::RestApi; one is served here");
        }
        for property in ["Body", "BodyS3Location"] {
            if !template.property(api, property)?.is_null() {
                bail!("{property} of {api} is not understood here; write resources and methods");
            }
        }
        let mut stages = template.of_kind("AWS::ApiGateway::Stage");
        let stage = stages.next().context("the template has no AWS::ApiGateway::Stage")?;
        if stages.next().is_some() {
            bail!("the template has more than one AWS::ApiGateway::Stage; one is served here");
        }
        let root = template.attribute(api, "RootResourceId")?;
        let mut resources = BTreeMap::new();
        resources.insert(root, ResourcePlan { parent: None, path_part: String::new() });
        for id in template.of_kind("AWS::ApiGateway::Resource") {
            resources.insert(
                id.to_owned(),
                ResourcePlan {
                    parent: Some(text_of(&template.property(id, "ParentId")?)),
                    path_part: text_of(&template.property(id, "PathPart")?),
                },
            );
        }
        Ok(Self {
            name: match template.property(api, "Name")? {
                Value::Null => api.to_owned(),
                name => text_of(&name),
            },
            id: template.physical_id(api)?,
            stage: template.physical_id(stage)?,
            resources,
            methods: template
                .of_kind("AWS::ApiGateway::Method")
                .map(|id| method(template, id))
                .collect::<anyhow::Result<_>>()?,
            gateway_responses: gateway_responses(template, api)?,
            settings: settings(template, stage)?,
        })
    }
}

fn settings(template: &Template, stage: &str) -> anyhow::Result<Vec<MethodSetting>> {
    let settings = template.property(stage, "MethodSettings")?;
    Ok(settings
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|setting| {
            Some(MethodSetting {
                resource_path: text_of(&setting["ResourcePath"]).replace("~1", "/"),
                http_method: text_of(&setting["HttpMethod"]),
                rate: number(&setting["ThrottlingRateLimit"])?,
                burst: number(&setting["ThrottlingBurstLimit"])?,
            })
        })
        .collect())
}

fn method(template: &Template, id: &str) -> anyhow::Result<MethodPlan> {
    let properties = template.properties(id)?;
    let authorization = match properties["AuthorizationType"].as_str() {
        None | Some("NONE") => AuthorizationType::None,
        Some("AWS_IAM") => AuthorizationType::Iam,
        Some(other) => bail!("AuthorizationType {other} of {id} has no local counterpart"),
    };
    let validator = match &properties["RequestValidatorId"] {
        Value::Null => Value::Null,
        validator => template.properties(&text_of(validator))?,
    };
    let validated = |setting: &str, name: &str| {
        properties[name].as_object().filter(|_| is_true(&validator[setting])).into_iter().flatten()
    };
    let mut models = BTreeMap::new();
    for (media_type, model) in validated("ValidateRequestBody", "RequestModels") {
        let schema = template
            .property(&text_of(model), "Schema")
            .with_context(|| format!("in the models of {id}"))?;
        // A schema may be written as text.
        let schema = match &schema {
            Value::String(text) => serde_json::from_str(text)
                .with_context(|| format!("the model {} is not JSON", text_of(model)))?,
            _ => schema,
        };
        models.insert(media_type.to_ascii_lowercase(), schema);
    }
    let required_parameters = validated("ValidateRequestParameters", "RequestParameters")
        .filter(|(_, required)| is_true(required))
        .map(|(location, _)| location.clone())
        .collect();
    Ok(MethodPlan {
        resource: text_of(&properties["ResourceId"]),
        http_method: text_of(&properties["HttpMethod"]),
        authorization,
        models,
        required_parameters,
        integration: integration(&properties["Integration"])
            .with_context(|| format!("in the integration of {id}"))?,
        logical_id: id.to_owned(),
    })
}

fn integration(properties: &Value) -> anyhow::Result<Integration> {
    match properties["Type"].as_str() {
        Some("AWS_PROXY") => {
            let uri = text_of(&properties["Uri"]);
            let function_arn = uri
                .split_once("/functions/")
                .and_then(|(_, rest)| rest.strip_suffix("/invocations"))
                .with_context(|| format!("the Uri {uri} is not that of a Lambda function"))?;
            Ok(Integration::Proxy {
                function_arn: function_arn.to_owned(),
                timeout_ms: whole_number(&properties["TimeoutInMillis"]).unwrap_or(29_000),
            })
        }
        Some("MOCK") => Ok(Integration::Mock(mock(properties)?)),
        other => bail!("the type {} has no local counterpart", other.unwrap_or("(none)")),
    }
}

/// Accepts the mocks of the generated template: one response, and no body that is passed through.
fn mock(properties: &Value) -> anyhow::Result<MockPlan> {
    if properties["PassthroughBehavior"] != "NEVER" {
        bail!("a mock must have the PassthroughBehavior NEVER here");
    }
    let responses = properties["IntegrationResponses"].as_array().map(Vec::as_slice);
    let Some([response]) = responses else { bail!("a mock must have one response here") };
    let plan = response_plan(response, "method.response.header.")?;
    let status = plan.status.context("StatusCode is missing")?;
    let mut media_types = BTreeSet::new();
    for (media_type, text) in properties["RequestTemplates"].as_object().into_iter().flatten() {
        let chosen = serde_json::from_str::<Value>(&text_of(text)).unwrap_or_default();
        if chosen["statusCode"] != status || !response["SelectionPattern"].is_null() {
            bail!(
                "the request template for {media_type} must be {{\"statusCode\": {status}}} here"
            );
        }
        media_types.insert(media_type.to_ascii_lowercase());
    }
    Ok(MockPlan { media_types, response: plan })
}

/// Gateway responses of the template, and those of its metadata for the local stack alone.
fn gateway_responses(
    template: &Template,
    api: &str,
) -> anyhow::Result<BTreeMap<String, ResponsePlan>> {
    let mut all = Vec::new();
    for id in template.of_kind("AWS::ApiGateway::GatewayResponse") {
        all.push(template.properties(id)?);
    }
    all.extend(template.local(api, "GatewayResponses")?.as_array().into_iter().flatten().cloned());
    let response = |properties: &Value| {
        let kind = text_of(&properties["ResponseType"]);
        let plan = response_plan(properties, "gatewayresponse.header.")
            .with_context(|| format!("in the gateway response {kind}"))?;
        Ok((kind, plan))
    };
    all.iter().map(response).collect()
}

fn response_plan(properties: &Value, prefix: &str) -> anyhow::Result<ResponsePlan> {
    let templates = properties["ResponseTemplates"].as_object();
    // Of several, AWS chooses by the caller's Accept header; JSON is the first choice here.
    let body = templates
        .and_then(|all| all.get_key_value("application/json").or_else(|| all.iter().next()));
    Ok(ResponsePlan {
        status: status(&properties["StatusCode"])?,
        headers: headers(&properties["ResponseParameters"], prefix)?,
        body: body.map(|(content_type, text)| (content_type.clone(), text_of(text))),
    })
}

fn status(value: &Value) -> anyhow::Result<Option<u16>> {
    if value.is_null() {
        return Ok(None);
    }
    whole_number(value)
        .and_then(|number| u16::try_from(number).ok())
        .filter(|status| (100..600).contains(status))
        .map(Some)
        .with_context(|| format!("StatusCode {value} is not an HTTP status"))
}

fn headers(parameters: &Value, prefix: &str) -> anyhow::Result<Vec<(String, String)>> {
    parameters
        .as_object()
        .into_iter()
        .flatten()
        .map(|(target, source)| {
            let name = target
                .strip_prefix(prefix)
                .with_context(|| format!("{target} is not a header ({prefix}...)"))?;
            Ok((name.to_owned(), text_of(source)))
        })
        .collect()
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}
