//! Roles, permissions and the policies of resources.

use super::rule::{Rule, high, medium};
use super::subject::{every, exists, items, violations};
use serde_json::Value;

const PERMISSION: &str = "AWS::Lambda::Permission";
const ROLE: &str = "AWS::IAM::Role";

/// The path of the statements in a role's own policies.
const ROLE_STATEMENTS: &str = "Policies/*/PolicyDocument/Statement/*";

pub(super) fn rules() -> Vec<Rule> {
    vec![
        high("bus-policy-private")
            .expects("no outsider may put events on a bus without a condition")
            .remedy("name principals in the bus policy, or add a condition")
            // A bus has its policy as a property, or as resources of their own.
            .property("AWS::Events::EventBusPolicy", "Statement/*", is_private)
            .check(|it| {
                let buses = it.all("AWS::Events::EventBus");
                let with_policy = buses.filter(|bus| exists(bus.property("Policy")));
                violations(with_policy, "Policy/Statement/*", is_private)
            }),
        high("key-policy-private")
            .expects("no outsider may use a key without a condition")
            .remedy("name principals in KeyPolicy, or add a condition")
            .property("AWS::KMS::Key", "KeyPolicy/Statement/*", is_private),
        high("permission-principal")
            .expects("only an AWS service may be permitted to call a function, and to do only that")
            .remedy("set Principal to the service and Action to lambda:InvokeFunction")
            .property(PERMISSION, "Principal", is_service)
            .property(PERMISSION, "Action", |action| action == "lambda:InvokeFunction"),
        high("permission-scoped")
            .expects("a permission holds for one source: one API, stage and path")
            .remedy("set SourceArn to it")
            .property(PERMISSION, "SourceArn", |arn| {
                let every_stage = arn["Fn::Sub"].to_string().contains("${Api}/*");
                exists(arn) && arn != "*" && !every_stage
            }),
        high("policy-actions-named")
            .expects("a policy names its actions and resources one by one")
            .remedy("replace `*` with the actions and ARNs that are needed")
            .property("AWS::IAM::Policy", "PolicyDocument/Statement/*", is_bounded)
            .property("AWS::IAM::ManagedPolicy", "PolicyDocument/Statement/*", is_bounded),
        high("queue-policy-private")
            .expects("no outsider may use a queue without a condition")
            .remedy("name principals in the queue policy, or add a condition")
            .property("AWS::SQS::QueuePolicy", "PolicyDocument/Statement/*", is_private),
        high("role-actions-named")
            .expects("a role names the actions it allows one by one")
            .remedy("replace `*` with the actions that the function calls")
            .property(ROLE, ROLE_STATEMENTS, |statement| {
                !allows(statement) || names_actions(statement)
            }),
        medium("role-own-policy")
            .expects("a role has its own policy, not one that AWS manages and may widen")
            .remedy("write the statements into Policies")
            .property(ROLE, "ManagedPolicyArns", |arns| !exists(arns) || items(arns).is_empty()),
        high("role-resources-named")
            .expects(
                "a role names the resources it allows, except for X-Ray, which has none to name",
            )
            .remedy("replace `*` with the ARN of the resource that the function uses")
            .property(ROLE, ROLE_STATEMENTS, |statement| {
                !allows(statement) || only_traces(statement) || names_resources(statement)
            }),
        high("role-trusts-service")
            .expects("only AWS services may assume a role")
            .remedy("name the service in AssumeRolePolicyDocument")
            .property(ROLE, "AssumeRolePolicyDocument/Statement/*/Principal", |trusted| {
                every(&trusted["Service"], is_service)
                    && !exists(&trusted["AWS"])
                    && !exists(&trusted["Federated"])
            }),
        high("topic-policy-private")
            .expects("no outsider may use a topic without a condition")
            .remedy("name principals in the topic policy, or add a condition")
            .property("AWS::SNS::TopicPolicy", "PolicyDocument/Statement/*", is_private),
    ]
}

/// Whether a statement admits only principals that it names, or sets a condition.
fn is_private(statement: &Value) -> bool {
    let principal = &statement["Principal"];
    let everybody = items(&principal["AWS"]).iter().any(|account| account == "*");
    statement["Effect"] == "Deny"
        || exists(&statement["Condition"])
        || principal.is_object() && !everybody
}

fn allows(statement: &Value) -> bool {
    statement["Effect"] == "Allow"
}

/// Whether a statement allows only actions and resources that it names.
fn is_bounded(statement: &Value) -> bool {
    !allows(statement) || names_actions(statement) && names_resources(statement)
}

fn names_actions(statement: &Value) -> bool {
    every(&statement["Action"], |action| action.as_str().is_some_and(|it| !it.contains('*')))
}

fn names_resources(statement: &Value) -> bool {
    every(&statement["Resource"], |resource| exists(resource) && resource != "*")
}

/// Whether a statement is about X-Ray only, whose actions have no resources to name.
fn only_traces(statement: &Value) -> bool {
    every(&statement["Action"], |action| {
        action == "xray:PutTelemetryRecords" || action == "xray:PutTraceSegments"
    })
}

/// Whether a principal is an AWS service, such as `lambda.amazonaws.com`.
fn is_service(principal: &Value) -> bool {
    let name = principal.as_str().and_then(|name| name.strip_suffix(".amazonaws.com"));
    let known = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-');
    name.is_some_and(|name| !name.is_empty() && name.bytes().all(known))
}

#[cfg(test)]
mod tests {
    use super::{is_private, is_service, names_actions, names_resources};
    use serde_json::json;

    #[test]
    fn statements_are_private_by_principal_or_condition() {
        let named = json!({"AWS": ["arn:aws:iam::123456789012:root", {"Ref": "Owner"}]});
        for (statement, expected) in [
            (json!({"Effect": "Allow", "Principal": named}), true),
            (json!({"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}}), true),
            (json!({"Effect": "Allow", "Principal": "*", "Condition": {}}), true),
            (json!({"Effect": "Deny", "Principal": "*"}), true),
            (json!({"Effect": "Allow", "Principal": "*"}), false),
            (json!({"Effect": "Allow", "Principal": {"AWS": "*"}}), false),
            (json!({"Effect": "Allow", "Principal": {"AWS": [{"Ref": "Owner"}, "*"]}}), false),
            (json!({"Effect": "Allow", "NotPrincipal": named}), false),
            (json!(null), false),
        ] {
            assert_eq!(is_private(&statement), expected, "{statement}");
        }
    }

    #[test]
    fn names_are_whole_and_not_patterns() {
        for (value, actions, resources, service) in [
            (json!("dynamodb:GetItem"), true, true, false),
            (json!("lambda.amazonaws.com"), true, true, true),
            (json!(".amazonaws.com.evil.io"), true, true, false),
            (json!("Lambda.amazonaws.com"), true, true, false),
            (json!("dynamodb:*"), false, true, false),
            (json!("*"), false, false, false),
            (json!("*.amazonaws.com"), false, true, false),
            (json!(["dynamodb:GetItem", "*"]), false, false, false),
            (json!([{"Ref": "UsersTable"}]), false, true, false),
            (json!([]), false, false, false),
            (json!(null), false, false, false),
        ] {
            let statement = json!({"Action": value, "Resource": value});
            assert_eq!(names_actions(&statement), actions, "{value}");
            assert_eq!(names_resources(&statement), resources, "{value}");
            assert_eq!(is_service(&value), service, "{value}");
        }
    }
}
