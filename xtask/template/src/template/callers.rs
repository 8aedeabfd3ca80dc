//! The policies that callers need, one per operation: in a file, and with `caller_policies` as
//! managed policies of the stack.

use serde_json::{Map, Value, json};
use stratosphere::services::aws::iam;
use stratosphere::value::ToValue;
use users_contract::{OPERATIONS, Operation};

use super::envelope::{Output, Resource, Template, reference, substitute, text};
use super::names::{API, pascal_case};
use super::policy;
use crate::stages::Stage;

/// Adds the managed policies, where the stage wants them.
pub(super) fn add(template: &mut Template, stage: &Stage) {
    if !stage.caller_policies {
        return;
    }
    for operation in OPERATIONS {
        let method = method_arn(
            operation,
            "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}",
            &format!("${{{API}}}"),
            &stage.api_stage,
        );
        let policy = iam::ManagedPolicy! {
            description: text(format!("May call: {}", operation.summary)),
            policy_document: document(substitute(method).to_value()),
        };
        let id = format!("{}CallerPolicy", pascal_case(operation.id));
        template.add(&id, Resource::new(&policy));
        let description = format!("ARN of the policy that allows to call {}", operation.id);
        template.outputs.insert(format!("{id}Arn"), Output { description, value: reference(&id) });
    }
}

/// The policies by operation, with upper-case words for the values of each stack.
pub(crate) fn render_policies() -> String {
    let policies: Map<String, Value> = OPERATIONS
        .iter()
        .map(|operation| {
            let arn =
                method_arn(operation, "arn:aws:execute-api:REGION:ACCOUNT", "API_ID", "STAGE");
            (operation.id.to_owned(), document(json!(arn)))
        })
        .collect();
    crate::render::document(&Value::Object(policies), &[])
}

fn document(method: Value) -> Value {
    policy::document(vec![policy::allow("CallUsersApi", &["execute-api:Invoke"], method)])
}

/// The ARN of an operation's method, with `*` for the variables of its path.
pub(super) fn method_arn(operation: &Operation, account: &str, api: &str, stage: &str) -> String {
    let path: Vec<_> = operation
        .path
        .split('/')
        .map(|segment| if segment.starts_with('{') { "*" } else { segment })
        .collect();
    format!("{account}:{api}/{stage}/{}{}", operation.method.as_str(), path.join("/"))
}
