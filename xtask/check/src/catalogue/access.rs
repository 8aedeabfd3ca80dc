//! Roles, permissions and the policies of resources.

use super::Evaluation::Guard;
use super::Severity::{High, Medium};
use super::{Rule, rule};

pub(super) static RULES: &[Rule] = &[
    rule(
        "bus-policy-private",
        High,
        Guard,
        "nobody outside may put events on a bus without a condition",
        "name principals in the bus policy, or add a condition",
    ),
    rule(
        "key-policy-private",
        High,
        Guard,
        "nobody outside may use a key without a condition",
        "name principals in KeyPolicy, or add a condition",
    ),
    rule(
        "permission-principal",
        High,
        Guard,
        "only a service of AWS may be permitted to run a function, and only that",
        "set Principal to the service and Action to lambda:InvokeFunction",
    ),
    rule(
        "permission-scoped",
        High,
        Guard,
        "a permission holds for one source: one API, stage and path",
        "set SourceArn",
    ),
    rule(
        "policy-actions-named",
        High,
        Guard,
        "a policy names actions and resources one by one",
        "replace `*` by what is needed",
    ),
    rule(
        "queue-policy-private",
        High,
        Guard,
        "nobody outside may use a queue without a condition",
        "name principals in the queue policy, or add a condition",
    ),
    rule(
        "role-actions-named",
        High,
        Guard,
        "a role names the actions it allows one by one",
        "replace `*` by what the function calls",
    ),
    rule(
        "role-own-policy",
        Medium,
        Guard,
        "a role has its own policy, not one that AWS manages and may widen",
        "write the statements into Policies",
    ),
    rule(
        "role-resources-named",
        High,
        Guard,
        "a role names the resources it allows; only traces have none",
        "replace `*` by the ARN of what the function uses",
    ),
    rule(
        "role-trusts-service",
        High,
        Guard,
        "only services of AWS may take a role",
        "name the service in AssumeRolePolicyDocument",
    ),
    rule(
        "topic-policy-private",
        High,
        Guard,
        "nobody outside may use a topic without a condition",
        "name principals in the topic policy, or add a condition",
    ),
];
