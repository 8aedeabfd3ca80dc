//! The template as a whole: its parameters, and the limits of CloudFormation and the services.

use super::rule::{Rule, high, low};
use super::subject::{Place, Subject, exists};
use serde_json::Value;

/// Bytes of a template that is uploaded; counted in powers of ten to be on the safe side.
const TEMPLATE_BYTES: usize = 1_000_000;
/// Characters of a logical id or the name of a parameter or output.
const NAME_CHARACTERS: usize = 255;
/// Bytes of the template's description.
const DESCRIPTION_BYTES: usize = 1_024;
/// Members of the sections of a template.
const COUNTS: &[(&str, usize)] =
    &[("Mappings", 200), ("Outputs", 200), ("Parameters", 200), ("Resources", 500)];
/// Characters of a stage's name; the stack is `users-<stage>`.
const STAGE_CHARACTERS: usize = 20;

/// Characters of physical names, by type and property.
const PHYSICAL_NAMES: &[(&str, &str, usize)] = &[
    ("AWS::CloudWatch::Alarm", "AlarmName", 255),
    ("AWS::CloudWatch::CompositeAlarm", "AlarmName", 255),
    ("AWS::CloudWatch::Dashboard", "DashboardName", 255),
    ("AWS::CodeDeploy::Application", "ApplicationName", 100),
    ("AWS::CodeDeploy::DeploymentGroup", "DeploymentGroupName", 100),
    ("AWS::Events::Archive", "ArchiveName", 48),
    ("AWS::Events::EventBus", "Name", 256),
    ("AWS::Events::Rule", "Name", 64),
    ("AWS::IAM::ManagedPolicy", "ManagedPolicyName", 128),
    ("AWS::IAM::Role", "RoleName", 64),
    ("AWS::Lambda::Function", "FunctionName", 64),
    ("AWS::Logs::LogGroup", "LogGroupName", 512),
    ("AWS::SNS::Topic", "TopicName", 256),
    ("AWS::SQS::Queue", "QueueName", 80),
    ("AWS::WAFv2::WebACL", "Name", 128),
];

pub(super) fn rules() -> Vec<Rule> {
    vec![
        low("parameter-described")
            .expects("a parameter has a description and validates its value")
            .remedy("set Description, AllowedPattern and ConstraintDescription")
            .check(parameter_described),
        high("template-counts")
            .expects("no section of a template has more members than CloudFormation accepts")
            .remedy("split the stack")
            .check(template_counts),
        high("template-logical-names")
            .expects("CloudFormation accepts all logical ids and names of parameters and outputs")
            .remedy("rename it")
            .check(template_logical_names),
        high("template-physical-names")
            .expects("names of resources are no longer than their services accept")
            .remedy("shorten the name, or that of the stage")
            .check(template_physical_names),
        high("template-size")
            .expects("a template is no larger than CloudFormation accepts")
            .remedy("split the stack")
            .check(template_size),
    ]
}

fn parameter_described(it: &Subject<'_>) -> Vec<Place> {
    let mut places = Vec::new();
    let parameters = it.template["Parameters"].as_object().into_iter().flatten();
    for (name, parameter) in parameters.filter(|(_, parameter)| parameter["Type"] == "String") {
        let has = |attribute: &str| exists(&parameter[attribute]);
        for (attribute, is_missing) in [
            ("Description", !has("Description")),
            ("AllowedPattern", !has("AllowedPattern") && !has("AllowedValues")),
            ("ConstraintDescription", has("AllowedPattern") && !has("ConstraintDescription")),
        ] {
            if is_missing {
                let path = format!("Parameters/{name}/{attribute}");
                places.push(Place::of_template(&path, "is missing"));
            }
        }
    }
    places
}

/// The size of the text and of its description.
fn template_size(it: &Subject<'_>) -> Vec<Place> {
    let description = it.template["Description"].as_str().unwrap_or_default();
    [("", it.text, TEMPLATE_BYTES), ("Description", description, DESCRIPTION_BYTES)]
        .into_iter()
        .filter(|(_, text, most)| text.len() > *most)
        .map(|(path, text, most)| {
            Place::of_template(path, format!("has {} bytes of {most}", text.len()))
        })
        .collect()
}

fn template_counts(it: &Subject<'_>) -> Vec<Place> {
    COUNTS
        .iter()
        .map(|(section, most)| {
            (section, it.template[section].as_object().map_or(0, serde_json::Map::len), most)
        })
        .filter(|(_, count, most)| count > most)
        .map(|(section, count, most)| {
            Place::of_template(section, format!("has {count} members of {most}"))
        })
        .collect()
}

fn template_logical_names(it: &Subject<'_>) -> Vec<Place> {
    let mut places = Vec::new();
    for (section, _) in COUNTS {
        for (name, _) in it.template[section].as_object().into_iter().flatten() {
            let alphanumeric = name.bytes().all(|byte| byte.is_ascii_alphanumeric());
            if name.is_empty() || name.len() > NAME_CHARACTERS || !alphanumeric {
                let detail = format!("is not 1 to {NAME_CHARACTERS} ASCII letters and digits");
                places.push(match *section {
                    "Resources" => it.resource(name).place("", detail),
                    _ => Place::of_template(&format!("{section}/{name}"), detail),
                });
            }
        }
    }
    places
}

/// The names that resources will have in AWS.
fn template_physical_names(it: &Subject<'_>) -> Vec<Place> {
    let stage = it.stage.map_or(STAGE_CHARACTERS, |stage| stage.name.len());
    let stack = format!("users-{}", "x".repeat(stage));
    let mut places = Vec::new();
    for (kind, property, most) in PHYSICAL_NAMES {
        for resource in it.all(kind) {
            let Some(name) = physical(resource.property(property), &stack) else { continue };
            let length = name.chars().count();
            if length > *most {
                let detail = format!("has {length} characters of {most} in the stack");
                places.push(resource.place(&format!("Properties/{property}"), detail));
            }
        }
    }
    places
}

/// A name with pseudo parameters filled in, each as long as it can be.
fn physical(value: &Value, stack: &str) -> Option<String> {
    let pattern = value.as_str().or_else(|| value["Fn::Sub"].as_str())?;
    Some(
        pattern
            .replace("${AWS::StackName}", stack)
            .replace("${AWS::Region}", "ap-southeast-1")
            .replace("${AWS::AccountId}", "123456789012"),
    )
}
