//! The resource policy of the API: the other accounts that may call it, and the networks that calls
//! may come from. Without restrictions there is no policy, and the callers' IAM policies decide.

use serde_json::{Value, json};
use stratosphere::value::ToValue;

use crate::stages::{Endpoint, Stage};
use crate::template::envelope::substitute;
use crate::template::policy;

/// The policy, if the stage restricts anything.
pub(super) fn policy(stage: &Stage) -> Option<Value> {
    let access = &stage.access;
    if access.is_empty() {
        return None;
    }
    // A preflight is unsigned, and a resource policy denies everything it does not allow.
    let mut statements = vec![allow("Preflight", &json!("*"), "execute-api:/*/OPTIONS/*")];
    let mut principals: Vec<_> = access.accounts.iter().map(|account| root(account)).collect();
    if stage.endpoint == Endpoint::Private {
        // A private API has to name its own account too. A policy of the caller's is needed still.
        principals.insert(0, root("${AWS::AccountId}"));
    }
    if !principals.is_empty() {
        statements.push(allow("Accounts", &json!({"AWS": principals}), "execute-api:/*"));
    }
    statements.push(policy::tls_only("execute-api:Invoke", "execute-api:/*"));
    if !access.vpc_endpoints.is_empty() {
        let outside = json!({"StringNotEquals": {"aws:SourceVpce": access.vpc_endpoints}});
        statements.push(deny("VpcEndpoints", &outside));
    }
    if !access.cidrs.is_empty() {
        let key = match stage.endpoint {
            Endpoint::Regional => "aws:SourceIp",
            Endpoint::Private => "aws:VpcSourceIp",
        };
        statements.push(deny("Addresses", &json!({"NotIpAddress": {key: access.cidrs}})));
    }
    Some(policy::document(statements))
}

fn root(account: &str) -> Value {
    substitute(format!("arn:${{AWS::Partition}}:iam::{account}:root")).to_value()
}

fn allow(sid: &str, principal: &Value, resource: &str) -> Value {
    json!({
        "Sid": sid,
        "Effect": "Allow",
        "Principal": principal,
        "Action": "execute-api:Invoke",
        // API Gateway fills in the part before the slash.
        "Resource": resource,
    })
}

fn deny(sid: &str, condition: &Value) -> Value {
    json!({
        "Sid": sid,
        "Effect": "Deny",
        "Principal": "*",
        "Action": "execute-api:Invoke",
        "Resource": "execute-api:/*",
        "Condition": condition,
    })
}
