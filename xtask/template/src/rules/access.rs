//! Roles, permissions and the policies of resources.

use super::Rule;
use super::Severity::{High, Medium};
use super::subject::{Place, Subject, every, exists, items, violations};
use serde_json::Value;

const PERMISSION: &str = "AWS::Lambda::Permission";
const ROLE: &str = "AWS::IAM::Role";

/// The path of the statements in a role's own policies.
const ROLE_STATEMENTS: &str = "Policies/*/PolicyDocument/Statement/*";

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "bus-policy-private",
        severity: High,
        expected: "no outsider may put events on a bus without a condition",
        remedy: "name principals in the bus policy, or add a condition",
        check: bus_policy_private,
    },
    Rule {
        id: "key-policy-private",
        severity: High,
        expected: "no outsider may use a key without a condition",
        remedy: "name principals in KeyPolicy, or add a condition",
        check: |it| violations(it.all("AWS::KMS::Key"), "KeyPolicy/Statement/*", is_private),
    },
    Rule {
        id: "permission-principal",
        severity: High,
        expected: "only an AWS service may be permitted to call a function, and to do only that",
        remedy: "set Principal to the service and Action to lambda:InvokeFunction",
        check: |it| {
            let action = |value: &Value| value == "lambda:InvokeFunction";
            [
                violations(it.all(PERMISSION), "Principal", is_service),
                violations(it.all(PERMISSION), "Action", action),
            ]
            .concat()
        },
    },
    Rule {
        id: "permission-scoped",
        severity: High,
        expected: "a permission holds for one source: one API, stage and path",
        remedy: "set SourceArn to it",
        check: |it| {
            violations(it.all(PERMISSION), "SourceArn", |arn| {
                let every_stage = arn["Fn::Sub"].to_string().contains("${Api}/*");
                exists(arn) && arn != "*" && !every_stage
            })
        },
    },
    Rule {
        id: "policy-actions-named",
        severity: High,
        expected: "a policy names its actions and resources one by one",
        remedy: "replace `*` by what is needed",
        check: |it| {
            let policies = it.all("AWS::IAM::Policy").chain(it.all("AWS::IAM::ManagedPolicy"));
            violations(policies, "PolicyDocument/Statement/*", |statement| {
                !allows(statement) || names_actions(statement) && names_resources(statement)
            })
        },
    },
    Rule {
        id: "queue-policy-private",
        severity: High,
        expected: "no outsider may use a queue without a condition",
        remedy: "name principals in the queue policy, or add a condition",
        check: |it| {
            let policies = it.all("AWS::SQS::QueuePolicy");
            violations(policies, "PolicyDocument/Statement/*", is_private)
        },
    },
    Rule {
        id: "role-actions-named",
        severity: High,
        expected: "a role names the actions it allows one by one",
        remedy: "replace `*` by what the function calls",
        check: |it| {
            violations(it.all(ROLE), ROLE_STATEMENTS, |statement| {
                !allows(statement) || names_actions(statement)
            })
        },
    },
    Rule {
        id: "role-own-policy",
        severity: Medium,
        expected: "a role has its own policy, not one that AWS manages and may widen",
        remedy: "write the statements into Policies",
        check: |it| {
            violations(it.all(ROLE), "ManagedPolicyArns", |arns| {
                !exists(arns) || items(arns).is_empty()
            })
        },
    },
    Rule {
        id: "role-resources-named",
        severity: High,
        expected: "a role names the resources it allows; only traces have none to name",
        remedy: "replace `*` by the ARN of what the function uses",
        check: |it| {
            violations(it.all(ROLE), ROLE_STATEMENTS, |statement| {
                !allows(statement) || only_traces(statement) || names_resources(statement)
            })
        },
    },
    Rule {
        id: "role-trusts-service",
        severity: High,
        expected: "only AWS services may assume a role",
        remedy: "name the service in AssumeRolePolicyDocument",
        check: |it| {
            violations(it.all(ROLE), "AssumeRolePolicyDocument/Statement/*/Principal", |trusted| {
                every(&trusted["Service"], is_service)
                    && !exists(&trusted["AWS"])
                    && !exists(&trusted["Federated"])
            })
        },
    },
    Rule {
        id: "topic-policy-private",
        severity: High,
        expected: "no outsider may use a topic without a condition",
        remedy: "name principals in the topic policy, or add a condition",
        check: |it| {
            let policies = it.all("AWS::SNS::TopicPolicy");
            violations(policies, "PolicyDocument/Statement/*", is_private)
        },
    },
];

/// A bus has its policy as a property, or as resources of their own.
fn bus_policy_private(it: &Subject<'_>) -> Vec<Place> {
    let buses = it.all("AWS::Events::EventBus").filter(|bus| exists(bus.property("Policy")));
    [
        violations(it.all("AWS::Events::EventBusPolicy"), "Statement/*", is_private),
        violations(buses, "Policy/Statement/*", is_private),
    ]
    .concat()
}

/// Whether a statement lets nobody in but principals that it names, or on a condition.
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
