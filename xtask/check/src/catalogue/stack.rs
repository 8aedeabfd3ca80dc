//! The stack: its alarms, parameters and limits, and what it leaves out.

use super::Evaluation::{Code, Guard};
use super::Severity::{High, Low, Medium};
use super::{Rule, SUPPRESSION_SOUND, rule};
use crate::rules::{alarms, limits};

pub(super) static RULES: &[Rule] = &[
    rule(
        "alarm-api-errors",
        High,
        Code(alarms::apis),
        "an alarm watches the API's server errors",
        "add an alarm on 5XXError",
    ),
    rule(
        "alarm-dead-letters",
        High,
        Code(alarms::queues),
        "an alarm watches for dead letters",
        "add an alarm on ApproximateNumberOfMessagesVisible",
    ),
    rule("alarm-described", Low, Guard, "an alarm says what it means", "set AlarmDescription"),
    rule(
        "alarm-function-failures",
        High,
        Code(alarms::functions),
        "alarms watch errors and throttles of every function",
        "add alarms on Errors and Throttles",
    ),
    rule(
        "alarm-missing-data",
        Low,
        Guard,
        "no traffic is no alarm",
        "set TreatMissingData to notBreaching",
    ),
    rule(
        "alarm-notifies",
        Medium,
        Guard,
        "an alarm tells somebody",
        "name a topic in AlarmActions",
    ),
    rule(
        "alarm-service-health",
        High,
        Code(alarms::service),
        "one alarm says whether the service is healthy",
        "add a composite alarm",
    ),
    rule(
        "alarm-stream-lag",
        High,
        Code(alarms::streams),
        "an alarm watches how far the relay is behind",
        "add an alarm on IteratorAge",
    ),
    rule(
        "alarm-table-failures",
        High,
        Code(alarms::tables),
        "an alarm watches every table for failures of DynamoDB itself",
        "add an alarm on SystemErrors",
    ),
    rule(
        "parameter-described",
        Low,
        Guard,
        "a parameter says what it is, and refuses what it cannot be",
        "set Description, AllowedPattern and ConstraintDescription",
    ),
    SUPPRESSION_SOUND,
    rule(
        "template-counts",
        High,
        Code(limits::counts),
        "the sections of a template have no more members than CloudFormation takes",
        "split the stack",
    ),
    rule(
        "template-logical-names",
        High,
        Code(limits::logical_names),
        "logical ids and names of parameters and outputs are ones that CloudFormation takes",
        "rename it",
    ),
    rule(
        "template-physical-names",
        High,
        Code(limits::physical_names),
        "names of resources are no longer than their services take",
        "shorten the name, or that of the stage",
    ),
    rule(
        "template-size",
        High,
        Code(limits::size),
        "a template is no larger than CloudFormation takes",
        "split the stack",
    ),
];
