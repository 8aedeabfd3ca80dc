//! The outputs of the stack, and the arrangement of its parameters in the AWS console.
//!
//! Nothing is exported: CloudFormation refuses to change an exported value while another stack
//! imports it. Other stacks can take the values of outputs as parameters.

use serde_json::json;
use stratosphere::value::ExpString;

use super::envelope::{Output, Template, attribute, reference, substitute, text};
use super::names::{
    ALARM_TOPIC, API, API_DOMAIN, API_STAGE, ARTIFACT_BUCKET, AUDIT_BUS, AUDIT_DEAD_LETTERS,
    FunctionIds, IDEMPOTENCY_TABLE, USERS_TABLE,
};
use crate::functions::functions;
use crate::stages::Stage;

/// Adds outputs and the groups of parameters.
pub(super) fn add(template: &mut Template, stage: &Stage) {
    let url = match &stage.custom_domain {
        Some(domain) => text(format!("https://{}", domain.domain)),
        None => substitute(format!(
            "https://${{{API}}}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}/${{{API_STAGE}}}"
        )),
    };
    add_output(template, "ApiUrl", "Base URL of the API", url);
    add_output(template, "ApiId", "Id of the API, as in policies of callers", reference(API));
    if stage.custom_domain.is_some() {
        let target = attribute(API_DOMAIN, "RegionalDomainName");
        add_output(template, "ApiDomainTarget", "What the domain name must point at", target);
    }
    add_output(template, "UsersTableName", "Name of the users table", reference(USERS_TABLE));
    let idempotency = reference(IDEMPOTENCY_TABLE);
    add_output(template, "IdempotencyTableName", "Name of the idempotency table", idempotency);
    add_output(template, "AuditBusName", "Name of the audit bus", reference(AUDIT_BUS));
    add_output(template, "AuditBusArn", "ARN of the audit bus", attribute(AUDIT_BUS, "Arn"));
    let queue = reference(AUDIT_DEAD_LETTERS);
    add_output(template, "AuditDeadLettersUrl", "URL of the queue of undelivered events", queue);
    if stage.alarms.enabled {
        let topic = reference(ALARM_TOPIC);
        add_output(template, "AlarmTopicArn", "ARN of the topic that tells of alarms", topic);
    }
    for function in functions() {
        let ids = FunctionIds::of(function);
        let description = format!("ARN of the live version of {function}");
        add_output(template, &format!("{}Arn", ids.function), &description, reference(&ids.alias));
    }
    add_groups(template);
}

fn add_output(template: &mut Template, id: &str, description: &str, value: ExpString) {
    template.outputs.insert(id.to_owned(), Output { description: description.to_owned(), value });
}

fn add_groups(template: &mut Template) {
    let keys: Vec<_> =
        template.parameters.keys().filter(|name| *name != ARTIFACT_BUCKET).cloned().collect();
    let groups = json!({
        "ParameterGroups": [
            {"Label": {"default": "Where the archives are"}, "Parameters": [ARTIFACT_BUCKET]},
            {"Label": {"default": "The archive of each function"}, "Parameters": keys},
        ],
    });
    template.metadata.insert("AWS::CloudFormation::Interface".to_owned(), groups);
}
