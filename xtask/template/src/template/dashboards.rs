//! Two dashboards: one of the service as callers see it, one of its resources.

use serde_json::{Value, json};
use stratosphere::services::aws::cloudwatch;
use users_contract::metric::{self, Outcome};
use users_contract::{OPERATIONS, RELAY};

use super::envelope::{Resource, Template, substitute};
use super::metrics::{Metric, table_calls};
use super::names::{DIRECTORY_INDEX, FunctionIds, STATUS_INDEX, in_stack};
use crate::functions::functions;
use crate::stages::Stage;

/// Columns of a dashboard.
const WIDTH: u16 = 24;

/// Rows of a widget.
const HEIGHT: u16 = 6;

/// Adds both dashboards. Alarms must be in the template already.
pub(super) fn add(template: &mut Template, stage: &Stage) {
    let alarms: Vec<_> = template
        .resources()
        .filter(|(_, resource)| resource.is_a("AWS::CloudWatch::Alarm"))
        .map(|(id, _)| format!("${{{id}.Arn}}"))
        .collect();
    let mut service = service(&alarms);
    let mut resources = resources();
    if stage.metrics {
        service.extend(happened());
        resources.extend(operations());
    }
    add_dashboard(template, "ServiceDashboard", "service", service);
    add_dashboard(template, "ResourcesDashboard", "resources", resources);
}

fn add_dashboard(template: &mut Template, id: &str, name: &str, widgets: Vec<Value>) {
    let body = crate::render::compact(&json!({"widgets": arrange(widgets)}));
    let dashboard = cloudwatch::Dashboard! {
        dashboard_body: substitute(body),
        dashboard_name: in_stack(name),
    };
    template.add(id, Resource::new(&dashboard));
}

/// The service as callers and subscribers see it.
fn service(alarms: &[String]) -> Vec<Value> {
    let relay = FunctionIds::of(RELAY.function);
    let alarms = (!alarms.is_empty()).then(|| {
        json!({
            "type": "alarm",
            "width": WIDTH,
            "properties": {"title": "Alarms", "alarms": alarms},
        })
    });
    let graphs = [
        graph("Calls", &[("calls", Metric::api("Count", "Sum"))]),
        graph(
            "Failed calls",
            &[("4xx", Metric::api("4XXError", "Sum")), ("5xx", Metric::api("5XXError", "Sum"))],
        ),
        graph(
            "Share of failed calls (0 to 1)",
            &[
                ("4xx", Metric::api("4XXError", "Average")),
                ("5xx", Metric::api("5XXError", "Average")),
            ],
        ),
        graph(
            "Time to answer (ms)",
            &[
                ("p50", Metric::api("Latency", "p50")),
                ("p90", Metric::api("Latency", "p90")),
                ("p99", Metric::api("Latency", "p99")),
            ],
        ),
        graph(
            "Age of the oldest event not yet sent (ms)",
            &[("age", Metric::function(&relay, "IteratorAge", "Maximum"))],
        ),
        graph(
            "Events",
            &[
                ("matched by rules", Metric::bus("MatchedEvents", "Sum")),
                (
                    "dead letters",
                    Metric::dead_letters("ApproximateNumberOfMessagesVisible", "Maximum"),
                ),
            ],
        ),
    ];
    alarms.into_iter().chain(graphs).collect()
}

/// Each function, table and queue.
fn resources() -> Vec<Value> {
    let functions: Vec<_> = functions().map(|name| (name, FunctionIds::of(name))).collect();
    let mut widgets: Vec<_> = [
        ("Invocations", "Invocations", "Sum"),
        ("Failed invocations", "Errors", "Sum"),
        ("Refused invocations", "Throttles", "Sum"),
        ("Duration, p50 (ms)", "Duration", "p50"),
        ("Duration, p99 (ms)", "Duration", "p99"),
        ("Instances at once", "ConcurrentExecutions", "Maximum"),
    ]
    .into_iter()
    .map(|(title, metric, statistic)| {
        let lines: Vec<_> = functions
            .iter()
            .map(|(name, ids)| (*name, Metric::function(ids, metric, statistic)))
            .collect();
        graph(title, &lines)
    })
    .collect();
    let gateway = [
        ("integration p99", Metric::api("IntegrationLatency", "p99")),
        ("whole p99", Metric::api("Latency", "p99")),
    ];
    widgets.push(graph("Time within the gateway (ms)", &gateway));
    for (table, calls) in table_calls() {
        let by_call = |metric, statistic| {
            calls
                .iter()
                .map(|call| (*call, Metric::table_call(table, call, metric, statistic)))
                .collect::<Vec<_>>()
        };
        let of_table = |names: &[(&'static str, &'static str)]| {
            names
                .iter()
                .map(|(label, name)| (*label, Metric::table(table, name, "Sum")))
                .collect::<Vec<_>>()
        };
        widgets.extend([
            graph(
                &format!("{table}: used capacity (units)"),
                &of_table(&[
                    ("read", "ConsumedReadCapacityUnits"),
                    ("write", "ConsumedWriteCapacityUnits"),
                ]),
            ),
            graph(
                &format!("{table}: time of calls, p99 (ms)"),
                &by_call("SuccessfulRequestLatency", "p99"),
            ),
            graph(&format!("{table}: failures of DynamoDB"), &by_call("SystemErrors", "Sum")),
            graph(
                &format!("{table}: refused and conflicting"),
                &of_table(&[
                    ("reads refused", "ReadThrottleEvents"),
                    ("writes refused", "WriteThrottleEvents"),
                    ("conflicts", "TransactionConflict"),
                    ("conditions not met", "ConditionalCheckFailedRequests"),
                ]),
            ),
        ]);
    }
    for index in [DIRECTORY_INDEX, STATUS_INDEX] {
        let metrics = [
            ("reads refused", Metric::index(index, "ReadThrottleEvents", "Sum")),
            ("writes refused", Metric::index(index, "WriteThrottleEvents", "Sum")),
            ("used read units", Metric::index(index, "ConsumedReadCapacityUnits", "Sum")),
        ];
        widgets.push(graph(&format!("Index {index}"), &metrics));
    }
    let put_events = [
        ("refused entries", Metric::put_events("PutEventsFailedEntriesCount", "Sum")),
        ("entries", Metric::put_events("PutEventsEntriesCount", "Sum")),
    ];
    widgets.push(graph("PutEvents of the account", &put_events));
    widgets
}

/// The metrics of the whole stack.
fn happened() -> Vec<Value> {
    let sums = |title: &str, metrics: &[(&str, metric::Metric)]| {
        let lines: Vec<_> = metrics
            .iter()
            .map(|(label, metric)| (*label, Metric::of_stack(metric, "Sum")))
            .collect();
        graph(title, &lines)
    };
    vec![
        sums(
            "Users",
            &[
                ("registered", metric::USERS_REGISTERED),
                ("enabled", metric::USERS_ENABLED),
                ("disabled", metric::USERS_DISABLED),
                ("deleted", metric::USERS_DELETED),
            ],
        ),
        sums("Roles", &[("assigned", metric::ROLES_ASSIGNED), ("removed", metric::ROLES_REMOVED)]),
        sums(
            "Events of the relay",
            &[
                ("published", metric::EVENTS_PUBLISHED),
                ("to try again", metric::EVENTS_FAILED),
                ("given up", metric::EVENTS_GIVEN_UP),
            ],
        ),
        graph(
            "From change to event (ms)",
            &[
                ("p50", Metric::of_stack(&metric::EVENT_LAG, "p50")),
                ("p99", Metric::of_stack(&metric::EVENT_LAG, "p99")),
            ],
        ),
        sums(
            "Writes that met others",
            &[
                ("another version", metric::VERSION_CONFLICTS),
                ("another transaction", metric::TRANSACTION_CONFLICTS),
                ("replays", metric::IDEMPOTENT_REPLAYS),
            ],
        ),
        sums(
            "Starts and retries",
            &[("cold starts", metric::COLD_STARTS), ("AWS retries", metric::AWS_RETRIES)],
        ),
    ]
}

/// The metrics of each operation.
fn operations() -> Vec<Value> {
    let ids = || OPERATIONS.iter().map(|operation| operation.id);
    let by_operation = |title: &str, metric: &metric::Metric, outcome, statistic, relay: bool| {
        let lines: Vec<_> = ids()
            .chain(relay.then_some(RELAY.id))
            .map(|id| (id, Metric::of_outcome(metric, id, outcome, statistic)))
            .collect();
        graph(title, &lines)
    };
    vec![
        by_operation("Successful calls", &metric::CALLS, Outcome::Success, "Sum", true),
        by_operation("Refused calls", &metric::CALLS, Outcome::Refused, "Sum", false),
        by_operation("Failed calls", &metric::CALLS, Outcome::Failed, "Sum", true),
        by_operation("Latency, p99 (ms)", &metric::LATENCY, Outcome::Success, "p99", true),
        by_operation("Read units", &metric::READ_UNITS, Outcome::Success, "Sum", false),
        by_operation("Write units", &metric::WRITE_UNITS, Outcome::Success, "Sum", false),
    ]
}

fn graph(title: &str, lines: &[(&str, Metric)]) -> Value {
    let metrics: Vec<_> = lines
        .iter()
        .map(|(label, metric)| {
            let mut line = vec![json!(metric.namespace), json!(metric.name)];
            for (name, value) in &metric.dimensions {
                line.extend([json!(name), json!(value)]);
            }
            line.push(json!({"label": label, "stat": metric.statistic}));
            Value::Array(line)
        })
        .collect();
    json!({
        "type": "metric",
        "width": WIDTH / 3,
        "properties": {
            "title": title,
            "metrics": metrics,
            "period": 60,
            "region": "${AWS::Region}",
            "view": "timeSeries",
        },
    })
}

/// Gives widgets their places, row by row.
fn arrange(widgets: Vec<Value>) -> Vec<Value> {
    let (mut x, mut y) = (0, 0);
    widgets
        .into_iter()
        .map(|mut widget| {
            let width = widget["width"].as_u64().unwrap_or_default();
            if x + width > u64::from(WIDTH) {
                x = 0;
                y += u64::from(HEIGHT);
            }
            widget["x"] = json!(x);
            widget["y"] = json!(y);
            widget["height"] = json!(HEIGHT);
            x += width;
            widget
        })
        .collect()
}
