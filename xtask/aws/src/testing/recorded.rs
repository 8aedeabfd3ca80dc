//! Answers of CloudFormation and STS in the form of AWS.

use serde_json::{Value, json};

/// The Region and the account of all answers.
pub(crate) const REGION: &str = "eu-west-1";
pub(crate) const ACCOUNT: &str = "123456789012";

pub(crate) const STACK_ID: &str =
    "arn:aws:cloudformation:eu-west-1:123456789012:stack/users-dev/5f0a1e10-0000-11f0-9d5e-0a1b2c";
pub(crate) const CHANGE_SET_ID: &str =
    "arn:aws:cloudformation:eu-west-1:123456789012:changeSet/users-d1/8c2b3d4e-0000-11f0-9d5e-0a1b";

/// The result of an operation.
pub(crate) fn answer(operation: &str, result: &str) -> String {
    format!(
        "<{operation}Response xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">\
         <{operation}Result>{result}</{operation}Result>\
         <ResponseMetadata><RequestId>0b1c2d3e</RequestId></ResponseMetadata></{operation}Response>"
    )
}

/// An error of CloudFormation or STS.
pub(crate) fn error(code: &str, message: &str) -> String {
    format!(
        "<ErrorResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><Error>\
         <Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
         <RequestId>0b1c2d3e</RequestId></ErrorResponse>"
    )
}

/// The stack `users-dev` in a state.
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
    let protected =
        format!("<EnableTerminationProtection>{protected}</EnableTerminationProtection>");
    let more =
        format!("{protected}<Parameters>{parameters}</Parameters><Outputs>{outputs}</Outputs>");
    stack_members(status, &more)
}

/// The same with these members.
pub(crate) fn stack_members(status: &str, more: &str) -> String {
    answer(
        "DescribeStacks",
        &format!(
            "<Stacks><member><StackId>{STACK_ID}</StackId><StackName>users-dev</StackName>\
             <CreationTime>2026-01-02T03:04:05.000Z</CreationTime>\
             <LastUpdatedTime>2026-01-03T03:04:05.000Z</LastUpdatedTime>\
             <StackStatus>{status}</StackStatus>{more}</member></Stacks>"
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

/// The type of a stack's own events.
pub(crate) const STACK: &str = "AWS::CloudFormation::Stack";

/// An event: (id, logical id, type, status, reason, token).
pub(crate) type Event<'a> = (&'a str, &'a str, &'a str, &'a str, &'a str, &'a str);

/// Events, the latest first, a second apart.
pub(crate) fn events(events: &[Event<'_>]) -> String {
    let events: String = events
        .iter()
        .enumerate()
        .map(|(index, (id, logical_id, kind, status, reason, token))| {
            let physical = if *kind == STACK { STACK_ID } else { "thing-1" };
            let second = 50 - index;
            format!(
                "<member><StackId>{STACK_ID}</StackId><EventId>{id}</EventId>\
                 <StackName>users-dev</StackName><LogicalResourceId>{logical_id}</LogicalResourceId>\
                 <PhysicalResourceId>{physical}</PhysicalResourceId>\
                 <ResourceType>{kind}</ResourceType>\
                 <Timestamp>2026-01-03T03:04:{second:02}.123Z</Timestamp>\
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
    resources_page(resources, "")
}

/// A page of resources; `more` has the token of the next one.
pub(crate) fn resources_page(resources: &[(&str, &str, &str)], more: &str) -> String {
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
        &format!("<StackResourceSummaries>{resources}</StackResourceSummaries>{more}"),
    )
}

/// An empty result of an operation.
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

/// The identity of the caller.
pub(crate) fn identity(arn: &str) -> String {
    format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
         <GetCallerIdentityResult><Arn>{arn}</Arn><UserId>AIDAEXAMPLE</UserId>\
         <Account>{ACCOUNT}</Account></GetCallerIdentityResult><ResponseMetadata>\
         <RequestId>r</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
    )
}
