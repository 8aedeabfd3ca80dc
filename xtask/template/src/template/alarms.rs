//! The alarms, each with a section in docs/runbook.md, and the topic that they notify.
//!
//! An alarm goes off when two of three periods pass its threshold. A period without data counts as
//! good, since most metrics exist only when something happens.

mod build;

use serde_json::json;
use stratosphere::services::aws::{cloudwatch, sns};
use stratosphere::value::ToValue;
use users_contract::metric::{self, Outcome};
use users_contract::{Operation, OperationName, RELAY};

use self::build::{Alarm, MINUTE, Measure};
use super::envelope::{Resource, Template, reference, substitute, tags, text};
use super::metrics::{Metric, table_calls};
use super::names::{
    ALARM_TOPIC, DIRECTORY_INDEX, FunctionIds, STATUS_INDEX, UNHEALTHY_ALARM, USERS_TABLE, in_stack,
};
use super::{keys, policy};
use crate::functions::functions;
use crate::stages::Stage;

const FIVE_MINUTES: i32 = 5 * MINUTE;

/// The fewest calls in a period for the share of 4xx to say something: one caller's mistake is no
/// alarm.
const ENOUGH_CALLS: u32 = 20;

/// The alarms that make the service unhealthy, by logical id: callers notice their causes.
const NOTICED: &[&str] = &[
    "ApiServerErrorsAlarm",
    "ApiLatencyAlarm",
    "AuditDelayAlarm",
    "AuditDeadLettersAlarm",
    "UsersTableSystemErrorsAlarm",
    "IdempotencyTableSystemErrorsAlarm",
];

/// Adds the topic and all alarms but those of canaries.
pub(super) fn add(template: &mut Template, stage: &Stage) {
    if !stage.alarms.enabled {
        return;
    }
    add_topic(template, stage);
    let mut alarms = api(stage);
    for function in functions() {
        alarms.extend(of_function(stage, function));
    }
    alarms.extend(events(stage));
    alarms.extend(tables(stage));
    if stage.metrics {
        alarms.extend(own(stage));
    }
    for alarm in alarms {
        alarm.add(template, stage);
    }
    add_unhealthy(template, stage);
}

/// The logical id of the alarm that stops the rollout of a function.
pub(super) fn canary_id(ids: &FunctionIds) -> String {
    format!("{}CanaryErrorsAlarm", ids.stem)
}

/// Adds the alarm that stops the rollout of a version: one failure of it is enough, at once, since
/// the version before it is known to work.
pub(super) fn add_canary(
    template: &mut Template,
    stage: &Stage,
    name: &str,
    ids: &FunctionIds,
    version: &str,
) -> String {
    let id = canary_id(ids);
    let alarm = Alarm {
        id: id.clone(),
        name: format!("{name}-canary-errors"),
        says: "The version that is being rolled out failed; the rollout goes back.".to_owned(),
        runbook: "canary-errors",
        measure: Measure::One(Metric::version(ids, version, "Errors", "Sum")),
        threshold: 0,
        period: MINUTE,
        of_periods: (1, 1),
    };
    alarm.add(template, stage);
    id
}

fn add_topic(template: &mut Template, stage: &Stage) {
    let mut topic = sns::Topic! {
        display_name: "User management",
        kms_master_key_id: keys::topic_key(stage),
        tags: tags(stage),
    };
    topic.subscription =
        stage.alarms.email.as_ref().map(|email| {
            vec![sns::topic::Subscription! { endpoint: text(email), protocol: "email" }]
        });
    template.add(ALARM_TOPIC, Resource::new(&topic));
    let mut publish = policy::allow_service("Alarms", "cloudwatch.amazonaws.com", "sns:Publish");
    publish["Resource"] = reference(ALARM_TOPIC).to_value();
    publish["Condition"] =
        json!({"StringEquals": {"aws:SourceAccount": reference("AWS::AccountId").to_value()}});
    let tls_only = policy::tls_only("sns:Publish", reference(ALARM_TOPIC).to_value());
    let policy = sns::TopicPolicy! {
        policy_document: policy::document(vec![publish, tls_only]),
        topics: vec![reference(ALARM_TOPIC)],
    };
    template.add("AlarmTopicPolicy", Resource::new(&policy));
}

fn api(stage: &Stage) -> Vec<Alarm> {
    let limits = &stage.alarms;
    let share = |errors: &'static str, least: u32| {
        Measure::share(Metric::api(errors, "Sum"), Metric::api("Count", "Sum"), least)
    };
    let client_errors = limits.client_error_percent;
    vec![
        Alarm::new(
            "api-server-errors",
            format!("More than {} % of calls got a 5xx.", limits.server_error_percent),
            share("5XXError", 1),
            limits.server_error_percent,
            FIVE_MINUTES,
        ),
        Alarm::new(
            "api-client-errors",
            format!("More than {client_errors} % of at least {ENOUGH_CALLS} calls got a 4xx."),
            share("4XXError", ENOUGH_CALLS),
            client_errors,
            FIVE_MINUTES,
        ),
        Alarm::new(
            "api-latency",
            format!("One call of 100 took longer than {} ms.", limits.latency_p99_ms),
            Measure::One(Metric::api("Latency", "p99")),
            limits.latency_p99_ms,
            FIVE_MINUTES,
        ),
    ]
}

fn of_function(stage: &Stage, function: &'static str) -> Vec<Alarm> {
    let ids = FunctionIds::of(function);
    let limits = &stage.alarms;
    let metric = |name, statistic| Metric::function(&ids, name, statistic);
    let duration_ms = u32::from(stage.timeout_seconds)
        * 10 // 1000 ms of a second, over 100 percent
        * u32::from(limits.function_duration_percent);
    let concurrency = stage
        .reserved_concurrency
        .get(function)
        .map_or(u32::from(limits.concurrency), |reserved| u32::from(*reserved) * 4 / 5);
    let alarm = |kind: &'static str, says: String, measure, threshold: u32, period| Alarm {
        id: format!("{}{}Alarm", ids.stem, super::names::pascal_case(kind)),
        name: format!("{function}-{kind}"),
        runbook: match kind {
            "errors" => "function-errors",
            "throttles" => "function-throttles",
            "duration" => "function-duration",
            _ => "function-concurrency",
        },
        ..Alarm::new("", says, measure, threshold, period)
    };
    vec![
        alarm(
            "errors",
            format!("More than {} % of invocations failed.", limits.function_error_percent),
            Measure::share(metric("Errors", "Sum"), metric("Invocations", "Sum"), 1),
            limits.function_error_percent.into(),
            FIVE_MINUTES,
        ),
        alarm(
            "throttles",
            "Invocations were refused for want of concurrency.".to_owned(),
            Measure::One(metric("Throttles", "Sum")),
            0,
            MINUTE,
        ),
        alarm(
            "duration",
            format!(
                "One invocation of 100 took more than {} % of the timeout.",
                limits.function_duration_percent
            ),
            Measure::One(metric("Duration", "p99")),
            duration_ms,
            FIVE_MINUTES,
        ),
        alarm(
            "concurrency",
            format!("More than {concurrency} instances ran at once."),
            Measure::One(metric("ConcurrentExecutions", "Maximum")),
            concurrency,
            MINUTE,
        ),
    ]
}

fn events(stage: &Stage) -> Vec<Alarm> {
    let relay = FunctionIds::of(RELAY.function);
    let limits = &stage.alarms;
    vec![
        Alarm::new(
            "audit-delay",
            format!(
                "Audit entries wait longer than {} s for their event.",
                limits.event_delay_seconds
            ),
            Measure::One(Metric::function(&relay, "IteratorAge", "Maximum")),
            u32::from(limits.event_delay_seconds) * 1000,
            MINUTE,
        ),
        Alarm::new(
            "audit-dead-letters",
            "Events were given up and lie in the queue of dead letters.".to_owned(),
            Measure::One(Metric::dead_letters("ApproximateNumberOfMessagesVisible", "Maximum")),
            0_u16,
            MINUTE,
        ),
        Alarm::new(
            "audit-refused-events",
            "EventBridge refused events, of this or another bus of the account.".to_owned(),
            Measure::One(Metric::put_events("PutEventsFailedEntriesCount", "Sum")),
            0_u16,
            MINUTE,
        ),
        Alarm::new(
            "account-concurrency",
            format!(
                "Functions of the account took more than {} of its concurrency.",
                limits.concurrency
            ),
            Measure::One(Metric::account("ClaimedAccountConcurrency", "Maximum")),
            limits.concurrency,
            MINUTE,
        ),
    ]
}

fn tables(stage: &Stage) -> Vec<Alarm> {
    let mut alarms = Vec::new();
    for (table, calls) in table_calls() {
        let alarm = |kind: &str, runbook, says: &str, measure, threshold: u16, period| Alarm {
            id: format!("{table}{}Alarm", super::names::pascal_case(kind)),
            name: format!("{}-{kind}", if table == USERS_TABLE { "users" } else { "idempotency" }),
            runbook,
            ..Alarm::new("", says, measure, threshold, period)
        };
        let mut throttles: Vec<_> = ["ReadThrottleEvents", "WriteThrottleEvents"]
            .map(|name| Metric::table(table, name, "Sum"))
            .into();
        if table == USERS_TABLE {
            // If an index cannot keep up with writes, DynamoDB throttles the table's.
            for name in ["ReadThrottleEvents", "WriteThrottleEvents"] {
                let of = |index| Metric::index(index, name, "Sum");
                throttles.extend([DIRECTORY_INDEX, STATUS_INDEX].map(of));
            }
        }
        alarms.extend([
            alarm(
                "system-errors",
                "table-system-errors",
                "DynamoDB itself failed.",
                Measure::total(
                    calls
                        .iter()
                        .map(|call| Metric::table_call(table, call, "SystemErrors", "Sum"))
                        .collect(),
                ),
                0,
                MINUTE,
            ),
            alarm(
                "throttles",
                "table-throttles",
                "DynamoDB refused calls that came too fast.",
                Measure::total(throttles),
                0,
                MINUTE,
            ),
            alarm(
                "conflicts",
                "table-conflicts",
                "Many transactions met others on the same items.",
                Measure::One(Metric::table(table, "TransactionConflict", "Sum")),
                stage.alarms.transaction_conflicts,
                FIVE_MINUTES,
            ),
        ]);
    }
    alarms
}

/// Alarms on the functions' own metrics.
fn own(stage: &Stage) -> Vec<Alarm> {
    let limits = &stage.alarms;
    let count = |name, metric, threshold: u16, says: &str| {
        Alarm::new(
            name,
            says.replace("{}", &threshold.to_string()),
            Measure::One(Metric::of_stack(metric, "Sum")),
            threshold,
            FIVE_MINUTES,
        )
    };
    let mut alarms = vec![
        count(
            "events-failed",
            &metric::EVENTS_FAILED,
            limits.failed_events,
            "More than {} audit entries could not be put on the bus and are tried again.",
        ),
        count(
            "idempotent-replays",
            &metric::IDEMPOTENT_REPLAYS,
            limits.idempotent_replays,
            "More than {} writes were answered with what an earlier one was answered.",
        ),
        count(
            "version-conflicts",
            &metric::VERSION_CONFLICTS,
            limits.version_conflicts,
            "More than {} writes found their user at another version.",
        ),
        count(
            "aws-retries",
            &metric::AWS_RETRIES,
            limits.aws_retries,
            "More than {} requests to AWS had to be sent again.",
        ),
    ];
    // The two operations that read more the more there is.
    for name in [OperationName::ListUsers, OperationName::QueryAudit] {
        let operation = Operation::of(name);
        let units = Metric::of_outcome(&metric::READ_UNITS, operation.id, Outcome::Success, "p99");
        alarms.push(Alarm {
            id: format!("{}ReadUnitsAlarm", FunctionIds::of(operation.function).stem),
            name: format!("{}-read-units", operation.function),
            runbook: "page-read-units",
            ..Alarm::new(
                "",
                format!("One page of 100 took more than {} read units.", limits.page_read_units),
                Measure::One(units),
                limits.page_read_units,
                FIVE_MINUTES,
            )
        });
    }
    alarms
}

fn add_unhealthy(template: &mut Template, stage: &Stage) {
    let rule: Vec<_> = NOTICED.iter().map(|id| format!("ALARM(\"${{{id}}}\")")).collect();
    let alarm = cloudwatch::CompositeAlarm! {
        alarm_actions: vec![reference(ALARM_TOPIC)],
        alarm_description: text(build::description(
            "service-unhealthy",
            "Callers or subscribers notice that something is wrong.",
            "service-unhealthy",
        )),
        alarm_name: in_stack("service-unhealthy"),
        alarm_rule: substitute(rule.join(" OR ")),
        ok_actions: vec![reference(ALARM_TOPIC)],
        tags: tags(stage),
    };
    template.add(UNHEALTHY_ALARM, Resource::new(&alarm));
}
