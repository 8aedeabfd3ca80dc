//! IAM policies: documents and the usual statements.

use serde_json::{Value, json};

/// A policy document.
pub(super) fn document(statements: impl Into<Value>) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements.into()})
}

/// A statement that allows actions on a resource, or on each of a list.
pub(super) fn allow(sid: &str, actions: &[&str], resource: impl Into<Value>) -> Value {
    json!({"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource.into()})
}

/// A statement of a resource's policy that allows actions to an AWS service.
pub(super) fn allow_service(
    sid: &str,
    service: impl Into<Value>,
    actions: impl Into<Value>,
) -> Value {
    json!({
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": service.into()},
        "Action": actions.into(),
        // In the policy of a resource this is the resource itself.
        "Resource": "*",
    })
}

/// A statement that denies an action without TLS.
pub(super) fn tls_only(action: &str, resource: impl Into<Value>) -> Value {
    json!({
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": resource.into(),
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    })
}

/// The document of a role that an AWS service assumes.
pub(super) fn assumed_by(service: &str) -> Value {
    document(json!([{
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
    }]))
}
