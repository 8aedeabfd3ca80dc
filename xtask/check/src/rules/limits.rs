//! What CloudFormation and the services accept at most.

use super::{Context, Place};
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

/// The size of the text and of its description.
pub(crate) fn size(context: &Context<'_>) -> Vec<Place> {
    let mut places = Vec::new();
    let bytes = context.text.len();
    if bytes > TEMPLATE_BYTES {
        places.push(Place::of_template("", format!("has {bytes} bytes of {TEMPLATE_BYTES}")));
    }
    let bytes = context.template["Description"].as_str().unwrap_or_default().len();
    if bytes > DESCRIPTION_BYTES {
        let detail = format!("has {bytes} bytes of {DESCRIPTION_BYTES}");
        places.push(Place::of_template("Description", detail));
    }
    places
}

/// The members of each section.
pub(crate) fn counts(context: &Context<'_>) -> Vec<Place> {
    COUNTS
        .iter()
        .map(|(section, most)| {
            (section, context.template[section].as_object().map_or(0, serde_json::Map::len), most)
        })
        .filter(|(_, count, most)| count > most)
        .map(|(section, count, most)| {
            Place::of_template(section, format!("has {count} members of {most}"))
        })
        .collect()
}

/// Logical ids, and the names of parameters and outputs.
pub(crate) fn logical_names(context: &Context<'_>) -> Vec<Place> {
    let mut places = Vec::new();
    for (section, _) in COUNTS {
        for (name, _) in context.template[section].as_object().into_iter().flatten() {
            let alphanumeric = name.bytes().all(|byte| byte.is_ascii_alphanumeric());
            if name.is_empty() || name.len() > NAME_CHARACTERS || !alphanumeric {
                let path = format!("{section}/{name}");
                let detail = format!("is not 1 to {NAME_CHARACTERS} ASCII letters and digits");
                places.push(if *section == "Resources" {
                    Place::new(name, "", detail)
                } else {
                    Place::of_template(&path, detail)
                });
            }
        }
    }
    places
}

/// The names that resources will have in AWS.
pub(crate) fn physical_names(context: &Context<'_>) -> Vec<Place> {
    let stage = context.stage.map_or(STAGE_CHARACTERS, |stage| stage.name.len());
    let stack = format!("users-{}", "x".repeat(stage));
    let mut places = Vec::new();
    for (kind, property, most) in PHYSICAL_NAMES {
        for (id, properties) in context.of_type(kind) {
            let Some(name) = physical(&properties[property], &stack) else { continue };
            let length = name.chars().count();
            if length > *most {
                let detail = format!("has {length} characters of {most} in the stack");
                places.push(Place::new(id, &format!("Properties/{property}"), detail));
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
