//! Answers of CloudFormation in the form in which AWS gives them, for tests.

use serde_json::{Value, json};

pub(crate) const STACK_ID: &str =
    "arn:aws:cloudformation:eu-west-1:123456789012:stack/users-dev/5f0a1e10-0000-11f0-9d5e-0a1b2c";
pub(crate) const CHANGE_SET_ID: &str =
    "arn:aws:cloudformation:eu-west-1:123456789012:changeSet/users-d1/8c2b3d4e-0000-11f0-9d5e-0a1b";

fn answer(operation: &str, result: &str) -> String {
    format!(
        "<{operation}Response xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">\
         <{operation}Result>{result}</{operation}Result>\
         <ResponseMetadata><RequestId>0b1c2d3e</RequestId></ResponseMetadata></{operation}Response>"
    )
}

/// An answer that says no.
pub(crate) fn error(code: &str, message: &str) -> String {
    format!(
        "<ErrorResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><Error>\
         <Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
         <RequestId>0b1c2d3e</RequestId></ErrorResponse>"
    )
}

/// What there is to know of the stack `users-dev`.
pub(crate) fn stack(status: &str) -> String {
    stack_with(status, false, &[("ApiUrl", "https://abc.execute-api.eu-west-1.amazonaws.com/prod")])
}

pub(crate) fn stack_with(status: &str, protected: bool, outputs: &[(&str, &str)]) -> String {
    stack_of(status, protected, outputs, &[])
}

/// The same with parameters.
pub(crate) fn stack_of(
    status: &str,
    protected: bool,
    outputs: &[(&str, &str)],
    parameters: &[(&str, &str)],
) -> String {
    let parameters: String = parameters
        .iter()
        .map(|(key, value)| {
            format!(
                "<member><ParameterKey>{key}</ParameterKey>\
                 <ParameterValue>{value}</ParameterValue></member>"
            )
        })
        .collect();
    let outputs: String = outputs
        .iter()
        .map(|(key, value)| {
            format!(
                "<member><OutputKey>{key}</OutputKey><OutputValue>{value}</OutputValue></member>"
            )
        })
        .collect();
    answer(
        "DescribeStacks",
        &format!(
            "<Stacks><member><StackId>{STACK_ID}</StackId><StackName>users-dev</StackName>\
             <CreationTime>2026-01-02T03:04:05.000Z</CreationTime>\
             <LastUpdatedTime>2026-01-03T03:04:05.000Z</LastUpdatedTime>\
             <StackStatus>{status}</StackStatus>\
             <EnableTerminationProtection>{protected}</EnableTerminationProtection>\
             <Parameters>{parameters}</Parameters><Outputs>{outputs}</Outputs></member></Stacks>"
        ),
    )
}

/// The answer when there is no such stack; its status is 400.
pub(crate) fn no_stack() -> String {
    error("ValidationError", "Stack with id users-dev does not exist")
}

pub(crate) fn change_set_created() -> String {
    answer("CreateChangeSet", &format!("<Id>{CHANGE_SET_ID}</Id><StackId>{STACK_ID}</StackId>"))
}

/// A change set; each change is (action, logical id, type, replacement or nothing).
pub(crate) fn change_set(
    status: &str,
    reason: &str,
    changes: &[(&str, &str, &str, &str)],
) -> String {
    let changes: String = changes
        .iter()
        .map(|(action, id, kind, replacement)| {
            let replacement = match *replacement {
                "" => String::new(),
                value => format!("<Replacement>{value}</Replacement>"),
            };
            format!(
                "<member><Type>Resource</Type><ResourceChange><Action>{action}</Action>\
                 <LogicalResourceId>{id}</LogicalResourceId><ResourceType>{kind}</ResourceType>\
                 {replacement}</ResourceChange></member>"
            )
        })
        .collect();
    answer(
        "DescribeChangeSet",
        &format!(
            "<ChangeSetId>{CHANGE_SET_ID}</ChangeSetId><StackId>{STACK_ID}</StackId>\
             <Status>{status}</Status><StatusReason>{reason}</StatusReason>\
             <Changes>{changes}</Changes>"
        ),
    )
}

/// Events, the latest first: (id, logical id, type, status, reason, token).
pub(crate) fn events(events: &[(&str, &str, &str, &str, &str, &str)]) -> String {
    let events: String = events
        .iter()
        .map(|(id, logical_id, kind, status, reason, token)| {
            let physical = if *kind == "AWS::CloudFormation::Stack" { STACK_ID } else { "thing-1" };
            format!(
                "<member><StackId>{STACK_ID}</StackId><EventId>{id}</EventId>\
                 <StackName>users-dev</StackName><LogicalResourceId>{logical_id}</LogicalResourceId>\
                 <PhysicalResourceId>{physical}</PhysicalResourceId>\
                 <ResourceType>{kind}</ResourceType><Timestamp>2026-01-03T03:04:05.000Z</Timestamp>\
                 <ResourceStatus>{status}</ResourceStatus>\
                 <ResourceStatusReason>{reason}</ResourceStatusReason>\
                 <ClientRequestToken>{token}</ClientRequestToken></member>"
            )
        })
        .collect();
    answer("DescribeStackEvents", &format!("<StackEvents>{events}</StackEvents>"))
}

/// A template as CloudFormation gives it back.
pub(crate) fn template(template: &Value) -> String {
    let text = template.to_string().replace('&', "&amp;").replace('<', "&lt;");
    answer("GetTemplate", &format!("<TemplateBody>{text}</TemplateBody>"))
}

/// Resources: (logical id, physical id, type).
pub(crate) fn resources(resources: &[(&str, &str, &str)]) -> String {
    let resources: String = resources
        .iter()
        .map(|(id, physical, kind)| {
            format!(
                "<member><LogicalResourceId>{id}</LogicalResourceId>\
                 <PhysicalResourceId>{physical}</PhysicalResourceId>\
                 <ResourceType>{kind}</ResourceType>\
                 <LastUpdatedTimestamp>2026-01-03T03:04:05.000Z</LastUpdatedTimestamp>\
                 <ResourceStatus>CREATE_COMPLETE</ResourceStatus></member>"
            )
        })
        .collect();
    answer(
        "ListStackResources",
        &format!("<StackResourceSummaries>{resources}</StackResourceSummaries>"),
    )
}

/// The answer of an operation that has nothing to say.
pub(crate) fn done(operation: &str) -> String {
    answer(operation, "")
}

/// The inputs that name the stack, by its name or id.
pub(crate) fn named() -> Value {
    json!({"StackName": "users-dev"})
}

pub(crate) fn by_id() -> Value {
    json!({"StackName": STACK_ID})
}

/// The input that names the change set.
pub(crate) fn the_change_set() -> Value {
    json!({"StackName": "users-dev", "ChangeSetName": CHANGE_SET_ID})
}
