//! Alarms, parameters and limits.

use super::support::{add, at, remove, set, unwatched, with};
use super::{Mutation, row};
use serde_json::json;

const ALARM: &str = "UsersTableSystemErrorsAlarm";

pub(super) fn mutations() -> Vec<Mutation> {
    let parameter = "/Parameters/ArtifactBucket";
    let alarm = format!("/Resources/{ALARM}/Properties");
    let long = "x".repeat(60);
    vec![
        row(
            "parameter-described",
            "",
            "a parameter that takes anything",
            remove(format!("{parameter}/AllowedPattern")),
        ),
        row(
            "parameter-described",
            "",
            "a parameter that explains nothing",
            remove(format!("{parameter}/Description")),
        ),
        row("alarm-api-errors", "Api", "no alarm on failing calls", unwatched("5XXError")),
        row(
            "alarm-dead-letters",
            "AuditDeadLetters",
            "no alarm on dead letters",
            unwatched("ApproximateNumberOfMessagesVisible"),
        ),
        row(
            "alarm-function-failures",
            "UsersListQueryFunction",
            "no alarm on errors",
            unwatched("Errors"),
        ),
        row(
            "alarm-function-failures",
            "UsersListQueryFunction",
            "no alarm on throttles",
            unwatched("Throttles"),
        ),
        row(
            "alarm-stream-lag",
            "AuditStream",
            "no alarm on the relay's lag",
            unwatched("IteratorAge"),
        ),
        row(
            "alarm-described",
            ALARM,
            "an alarm that does not explain itself",
            remove(format!("{alarm}/AlarmDescription")),
        ),
        row(
            "alarm-missing-data",
            ALARM,
            "an alarm about silence",
            remove(format!("{alarm}/TreatMissingData")),
        ),
        row(
            "alarm-notifies",
            ALARM,
            "an alarm that nobody hears",
            set(format!("{alarm}/AlarmActions"), json!([])),
        ),
        row(
            "suppression-sound",
            "UsersTable",
            "a suppression without a reason",
            set(
                "/Resources/UsersTable/Metadata",
                json!({"users": {"suppress": [{"rule": "table-unnamed"}]}}),
            ),
        ),
        row(
            "template-counts",
            "",
            "too many outputs",
            with(|template| {
                for number in 0..201 {
                    *at(template, &format!("/Outputs/Number{number}")) = json!({"Value": "x"});
                }
            }),
        ),
        row(
            "template-logical-names",
            "Dead-Letters",
            "a logical id with a hyphen",
            add(
                "/Resources/Dead-Letters",
                json!({"Type": "AWS::CloudFormation::WaitConditionHandle"}),
            ),
        ),
        row(
            "template-physical-names",
            "UsersProfileGetFunction",
            "a name that Lambda refuses",
            set(
                "/Resources/UsersProfileGetFunction/Properties/FunctionName",
                json!({"Fn::Sub": format!("${{AWS::StackName}}-{long}")}),
            ),
        ),
        row(
            "template-size",
            "",
            "a template that is too large",
            set("/Metadata", json!({"notes": "x".repeat(1_000_000)})),
        ),
        row(
            "alarm-service-health",
            "",
            "no alarm on the whole",
            remove("/Resources/ServiceUnhealthyAlarm"),
        ),
        row(
            "alarm-table-failures",
            "IdempotencyTable",
            "no alarm on failures of DynamoDB",
            unwatched("SystemErrors"),
        ),
    ]
}
