//! Roles and policies.

use super::support::{add, at, set, with};
use super::{Mutation, row};
use serde_json::json;

const ROLE: &str = "UsersRegisterCreateRole";

const STATEMENT: &str =
    "/Resources/UsersRegisterCreateRole/Properties/Policies/0/PolicyDocument/Statement/0";

pub(super) fn mutations() -> Vec<Mutation> {
    let policy = "/Resources/GetUserCallerPolicy/Properties/PolicyDocument/Statement/0";
    let open = json!({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"});
    let public = open.clone();
    let open_aws =
        json!({"Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": "*", "Resource": "*"});
    let dead = "/Resources/AuditDeadLettersPolicy/Properties/PolicyDocument/Statement/1";
    let topic = "/Resources/AlarmTopicPolicy/Properties/PolicyDocument/Statement/2";
    vec![
        row(
            "role-actions-named",
            ROLE,
            "a wildcard action",
            set(format!("{STATEMENT}/Action"), json!("logs:*")),
        ),
        row(
            "role-actions-named",
            ROLE,
            "everything but",
            with(|template| {
                let statement = at(template, STATEMENT).as_object_mut().unwrap();
                statement.remove("Action");
                statement.insert("NotAction".to_owned(), json!("iam:PassRole"));
            }),
        ),
        row(
            "role-resources-named",
            ROLE,
            "a wildcard resource",
            set(format!("{STATEMENT}/Resource"), json!("*")),
        ),
        row(
            "role-resources-named",
            ROLE,
            "a wildcard among resources",
            set(format!("{STATEMENT}/Resource"), json!([{"Ref": "UsersTable"}, "*"])),
        ),
        row(
            "role-own-policy",
            ROLE,
            "a managed policy",
            set(
                format!("/Resources/{ROLE}/Properties/ManagedPolicyArns"),
                json!(["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"]),
            ),
        ),
        row(
            "role-trusts-service",
            ROLE,
            "a role for anybody",
            set(
                format!(
                    "/Resources/{ROLE}/Properties/AssumeRolePolicyDocument/Statement/0/Principal"
                ),
                json!({"AWS": "*"}),
            ),
        ),
        row(
            "policy-actions-named",
            "GetUserCallerPolicy",
            "a policy that allows all actions",
            set(format!("{policy}/Action"), json!("*")),
        ),
        row(
            "policy-actions-named",
            "GetUserCallerPolicy",
            "a policy for all resources",
            set(format!("{policy}/Resource"), json!("*")),
        ),
        row(
            "queue-policy-private",
            "AuditDeadLettersPolicy",
            "a public queue",
            add(dead, open.clone()),
        ),
        row(
            "queue-policy-private",
            "AuditDeadLettersPolicy",
            "a queue for every account",
            add(dead, open_aws.clone()),
        ),
        row("topic-policy-private", "AlarmTopicPolicy", "a public topic", add(topic, open.clone())),
        row(
            "bus-policy-private",
            "AuditBusPolicy",
            "a public bus",
            set("/Resources/AuditBusPolicy/Properties/Statement", open),
        ),
        row(
            "bus-policy-private",
            "AuditBusPolicy",
            "a bus for every account",
            set("/Resources/AuditBusPolicy/Properties/Statement", open_aws),
        ),
        row(
            "bus-policy-private",
            "AuditBus",
            "a public bus, by its own policy",
            add("/Resources/AuditBus/Properties/Policy/Statement/1", public.clone()),
        ),
        row(
            "key-policy-private",
            "AlarmTopicKey",
            "a public key",
            add("/Resources/AlarmTopicKey/Properties/KeyPolicy/Statement/2", public),
        ),
    ]
}
