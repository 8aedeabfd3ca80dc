//! The plan: the resources to run, typed.

use super::api::ApiPlan;
use super::document::{Template, is_true, text_of, whole_number};
use super::resources::{PROPERTIES_LEFT_OUT, Treatment, treatment};
use anyhow::{Context, bail};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// Everything to run.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) region: String,
    pub(crate) account: String,
    pub(crate) tables: Vec<TablePlan>,
    pub(crate) functions: Vec<FunctionPlan>,
    pub(crate) buses: Vec<BusPlan>,
    /// ARNs of the SQS queues by their URLs. They take dead letters.
    pub(crate) queues: BTreeMap<String, String>,
    pub(crate) mappings: Vec<MappingPlan>,
    pub(crate) api: ApiPlan,
    /// The template's outputs, by name.
    pub(crate) outputs: BTreeMap<String, String>,
    pub(crate) left_out: Vec<LeftOut>,
}

/// A resource type of the template, or a property of one, that has no local counterpart.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LeftOut {
    /// The resource type, or `<property> of <resource type>`.
    pub kind: String,
    /// The number in the template.
    pub count: usize,
    /// The reason.
    pub reason: String,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} x{} ({})", self.kind, self.count, self.reason)
    }
}

/// A DynamoDB table.
#[derive(Debug)]
pub(crate) struct TablePlan {
    pub(crate) logical_id: String,
    pub(crate) name: String,
    /// The properties, resolved.
    pub(crate) properties: Value,
    pub(crate) stream_arn: String,
    pub(crate) stream_view_type: Option<String>,
    pub(crate) ttl_attribute: Option<String>,
}

/// A Lambda function.
#[derive(Debug)]
pub(crate) struct FunctionPlan {
    /// Its name as AWS would know it.
    pub(crate) name: String,
    pub(crate) arn: String,
    /// The name of its binary, also used in messages.
    pub(crate) binary: String,
    pub(crate) handler: String,
    pub(crate) memory_mb: u64,
    pub(crate) timeout_seconds: u64,
    pub(crate) reserved_concurrency: Option<usize>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) log_group: String,
}

/// An EventBridge bus.
#[derive(Debug)]
pub(crate) struct BusPlan {
    pub(crate) name: String,
    pub(crate) arn: String,
}

/// An event source mapping on a table's stream.
#[derive(Debug)]
pub(crate) struct MappingPlan {
    pub(crate) logical_id: String,
    /// Name of the table whose stream is read.
    pub(crate) table: String,
    pub(crate) stream_arn: String,
    /// The function's ARN.
    pub(crate) function_arn: String,
    /// The filter patterns. A record must match one of them; without patterns, every record passes.
    pub(crate) filters: Vec<Value>,
    pub(crate) batch_size: usize,
    pub(crate) from_latest: bool,
    pub(crate) bisect: bool,
    /// Retries after the first attempt; `None` is without limit.
    pub(crate) retries: Option<u32>,
    /// Seconds; `None` is without limit.
    pub(crate) record_age_seconds: Option<i64>,
    pub(crate) reports_item_failures: bool,
    /// ARN of the destination of records that are given up.
    pub(crate) on_failure: Option<String>,
}

impl Plan {
    /// Plans a template.
    pub(super) fn of(template: &Template) -> anyhow::Result<Self> {
        let left_out = left_out(template)?;
        let tables = template
            .of_kind("AWS::DynamoDB::Table")
            .map(|id| table(template, id))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let functions = template
            .of_kind("AWS::Lambda::Function")
            .map(|id| function(template, id))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let buses = template
            .of_kind("AWS::Events::EventBus")
            .map(|id| {
                Ok(BusPlan { name: template.physical_id(id)?, arn: template.attribute(id, "Arn")? })
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        let queues = template
            .of_kind("AWS::SQS::Queue")
            .map(|id| Ok((template.physical_id(id)?, template.attribute(id, "Arn")?)))
            .collect::<anyhow::Result<_>>()?;
        let mappings = template
            .of_kind("AWS::Lambda::EventSourceMapping")
            .map(|id| mapping(template, id, &tables, &functions))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let api = ApiPlan::of(template)?;
        let output = |(name, output): (&String, &Value)| {
            let value = template
                .resolve(&output["Value"])
                .with_context(|| format!("in the output {name}"))?;
            Ok((name.clone(), text_of(&value)))
        };
        Ok(Self {
            region: template.inputs.region.clone(),
            account: template.inputs.account.clone(),
            tables,
            functions,
            buses,
            queues,
            mappings,
            api,
            outputs: template.outputs.iter().map(output).collect::<anyhow::Result<_>>()?,
            left_out,
        })
    }
}

fn left_out(template: &Template) -> anyhow::Result<Vec<LeftOut>> {
    let mut counts = BTreeMap::<String, (usize, &'static str)>::new();
    let mut count = |kind: String, reason| counts.entry(kind).or_insert((0, reason)).0 += 1;
    for (id, resource) in &template.resources {
        for (kind, property, reason) in PROPERTIES_LEFT_OUT {
            if resource.kind == *kind && !resource.properties[*property].is_null() {
                count(format!("{property} of {kind}"), *reason);
            }
        }
        match treatment(&resource.kind) {
            Treatment::Run => {}
            Treatment::LeaveOut(reason) => count(resource.kind.clone(), reason),
            Treatment::Unknown => bail!(
                "the resource {id} has the type {}, which has no local counterpart and is not \
                 known to be safe to leave out; add it to the list of resource types of local-stack",
                resource.kind
            ),
        }
    }
    Ok(counts
        .into_iter()
        .map(|(kind, (count, reason))| LeftOut { kind, count, reason: reason.to_owned() })
        .collect())
}

fn table(template: &Template, id: &str) -> anyhow::Result<TablePlan> {
    let properties = template.properties(id)?;
    let ttl = &properties["TimeToLiveSpecification"];
    let ttl_attribute = is_true(&ttl["Enabled"])
        .then(|| ttl["AttributeName"].as_str().map(str::to_owned))
        .flatten();
    Ok(TablePlan {
        logical_id: id.to_owned(),
        name: template.physical_id(id)?,
        stream_arn: template.attribute(id, "StreamArn")?,
        stream_view_type: properties["StreamSpecification"]["StreamViewType"]
            .as_str()
            .map(str::to_owned),
        ttl_attribute,
        properties,
    })
}

fn function(template: &Template, id: &str) -> anyhow::Result<FunctionPlan> {
    let name = template.physical_id(id)?;
    // Not all properties: `Code` names artefacts that do not exist here.
    let variables = &template.property(id, "Environment")?["Variables"];
    let environment = variables
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), text_of(value)))
        .collect();
    let number = |property: &str| -> anyhow::Result<Option<u64>> {
        let value = template.property(id, property)?;
        if value.is_null() {
            return Ok(None);
        }
        whole_number(&value)
            .map(Some)
            .with_context(|| format!("{property} of {id} is not a whole number"))
    };
    let log_group = match &template.property(id, "LoggingConfig")?["LogGroup"] {
        Value::Null => format!("/aws/lambda/{name}"),
        group => text_of(group),
    };
    let handler = match template.property(id, "Handler")? {
        Value::Null => "bootstrap".to_owned(),
        handler => text_of(&handler),
    };
    let prefix = format!("{}-", template.inputs.stack_name);
    Ok(FunctionPlan {
        arn: template.attribute(id, "Arn")?,
        binary: match name.strip_prefix(&prefix) {
            Some(binary) => binary.to_owned(),
            None if name == id => kebab_case(id.strip_suffix("Function").unwrap_or(id)),
            None => name.clone(),
        },
        handler,
        memory_mb: number("MemorySize")?.unwrap_or(128),
        timeout_seconds: number("Timeout")?.unwrap_or(3),
        reserved_concurrency: number("ReservedConcurrentExecutions")?
            .map(|number| usize::try_from(number).unwrap_or(usize::MAX)),
        environment,
        log_group,
        name,
    })
}

fn mapping(
    template: &Template,
    id: &str,
    tables: &[TablePlan],
    functions: &[FunctionPlan],
) -> anyhow::Result<MappingPlan> {
    let properties = template.properties(id)?;
    let source = text_of(&properties["EventSourceArn"]);
    let table = tables.iter().find(|table| table.stream_arn == source).with_context(|| {
        format!("{id} reads {source}, but only streams of the template's tables can be read")
    })?;
    if table.stream_view_type.is_none() {
        bail!("{id} reads the stream of {}, which has none", table.logical_id);
    }
    let target = text_of(&properties["FunctionName"]);
    let function = functions
        .iter()
        .find(|function| function.is(&target))
        .with_context(|| format!("{id} invokes {target}, which is no function of the template"))?;
    let filters = properties["FilterCriteria"]["Filters"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|filter| {
            let pattern = filter["Pattern"].as_str().unwrap_or_default();
            serde_json::from_str(pattern)
                .with_context(|| format!("a filter pattern of {id} is not JSON: {pattern}"))
        })
        .collect::<anyhow::Result<_>>()?;
    Ok(MappingPlan {
        logical_id: id.to_owned(),
        table: table.name.clone(),
        stream_arn: table.stream_arn.clone(),
        function_arn: function.arn.clone(),
        filters,
        batch_size: whole_number(&properties["BatchSize"])
            .and_then(|size| usize::try_from(size).ok())
            .unwrap_or(100)
            .max(1),
        from_latest: properties["StartingPosition"] == "LATEST",
        bisect: is_true(&properties["BisectBatchOnFunctionError"]),
        // -1, the default, is without limit.
        retries: whole_number(&properties["MaximumRetryAttempts"])
            .and_then(|retries| u32::try_from(retries).ok()),
        record_age_seconds: whole_number(&properties["MaximumRecordAgeInSeconds"])
            .and_then(|seconds| i64::try_from(seconds).ok()),
        reports_item_failures: properties["FunctionResponseTypes"]
            .as_array()
            .is_some_and(|types| types.iter().any(|kind| kind == "ReportBatchItemFailures")),
        on_failure: properties["DestinationConfig"]["OnFailure"]["Destination"]
            .as_str()
            .map(str::to_owned),
    })
}

impl FunctionPlan {
    /// Whether `reference`, a name or an ARN, perhaps with an alias or version, is this function.
    pub(crate) fn is(&self, reference: &str) -> bool {
        [&self.arn, &self.name].into_iter().any(|own| {
            reference
                .strip_prefix(own.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
        })
    }
}

fn kebab_case(pascal_case: &str) -> String {
    let mut name = String::new();
    for character in pascal_case.chars() {
        if character.is_ascii_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(character.to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::{LeftOut, Plan, kebab_case};
    use crate::template::Integration;
    use crate::template::document::{StackInputs, Template};
    use serde_json::{Value, json};

    fn template(document: Value) -> Template {
        let inputs = StackInputs {
            region: "us-east-1".to_owned(),
            account: "000000000000".to_owned(),
            stack_name: "local".to_owned(),
            parameters: [].into(),
        };
        Template::parse(document, inputs).unwrap()
    }

    fn committed() -> Value {
        serde_json::from_str(include_str!("../../../../templates/users-prod.template.json"))
            .unwrap()
    }

    #[test]
    fn an_unknown_resource_type_is_an_error_that_names_it() {
        let template = template(json!({"Resources": {"Model": {"Type": "AWS::SageMaker::Model"}}}));
        let error = Plan::of(&template).unwrap_err().to_string();
        assert!(error.contains("Model has the type AWS::SageMaker::Model"), "{error}");
    }

    #[test]
    fn an_alias_leads_to_its_function() {
        let plan = Plan::of(&template(committed())).unwrap();
        for method in &plan.api.methods {
            let Integration::Proxy { function_arn, .. } = &method.integration else { continue };
            assert!(function_arn.ends_with(":live"), "{function_arn}");
            let found = plan.functions.iter().filter(|function| function.is(function_arn));
            assert_eq!(found.count(), 1, "{function_arn}");
        }
        assert_eq!(plan.mappings.len(), 1);
        assert!(!plan.mappings[0].function_arn.ends_with(":live"), "{:?}", plan.mappings[0]);
    }

    #[test]
    fn left_out_resources_are_listed_with_a_reason() {
        let mut document = committed();
        document["Resources"]["Api"]["Properties"]["Policy"] = json!({"Statement": []});
        document["Resources"]["Rollout"] = json!({"Type": "AWS::CodeDeploy::Application"});
        let plan = Plan::of(&template(document)).unwrap();
        for (kind, count, reason) in [
            ("Policy of AWS::ApiGateway::RestApi", 1, "resource policies are not evaluated"),
            ("AWS::CodeDeploy::Application", 1, "an alias always points at the current binaries"),
            ("AWS::CloudWatch::Dashboard", 2, "metrics are not collected"),
            ("AWS::CloudWatch::CompositeAlarm", 1, "metrics are not collected"),
        ] {
            let found = plan.left_out.iter().any(|left_out: &LeftOut| {
                left_out.kind == kind
                    && left_out.count == count
                    && left_out.reason.starts_with(reason)
            });
            assert!(found, "{kind}: {:?}", plan.left_out);
        }
    }

    #[test]
    fn a_logical_id_gives_the_name_of_a_binary() {
        assert_eq!(kebab_case("UsersProfileGet"), "users-profile-get");
    }
}
