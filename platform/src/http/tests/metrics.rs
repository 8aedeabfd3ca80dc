//! Every defined metric is emitted as defined, and no other.

use super::log_lines::throttled;
use super::registered;
use crate::http::handler::{
    AssignRole, GetUser, ListUsers, QueryAudit, RegisterUser, RemoveRole, SetStatus, UpdateUser,
};
use crate::relay::tests::{relay_over, stream_of};
use crate::testing::{Call, Fault, START_MILLIS, World, scripted};
use lambda_http::lambda_runtime::Context;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use users_contract::metric::{self, METRICS, Metric, NAMESPACE};
use users_contract::{OPERATIONS, RELAY};

/// A value of a metric in a line.
#[derive(Debug)]
struct Datum {
    name: String,
    unit: String,
    /// By the name of the dimension.
    dimensions: Vec<(String, String)>,
    value: f64,
}

impl Datum {
    fn keys(&self) -> Vec<&str> {
        self.dimensions.iter().map(|(key, _)| key.as_str()).collect()
    }

    fn dimension(&self, key: &str) -> Option<&str> {
        self.dimensions.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }
}

/// The metrics that CloudWatch would find in a line.
fn data(line: &Value) -> Vec<Datum> {
    let mut data = Vec::new();
    for directive in line["_aws"]["CloudWatchMetrics"].as_array().expect("directives") {
        assert_eq!(directive["Namespace"], NAMESPACE);
        for set in directive["Dimensions"].as_array().expect("sets of dimensions") {
            let dimensions: Vec<_> = set
                .as_array()
                .expect("a set")
                .iter()
                .map(|key| key.as_str().expect("a key"))
                .map(|key| (key.to_owned(), line[key].as_str().expect("a value").to_owned()))
                .collect();
            for metric in directive["Metrics"].as_array().expect("metrics") {
                let name = metric["Name"].as_str().expect("a name");
                data.push(Datum {
                    name: name.to_owned(),
                    unit: metric["Unit"].as_str().expect("a unit").to_owned(),
                    dimensions: dimensions.clone(),
                    value: line[name].as_f64().expect("a number"),
                });
            }
        }
    }
    data
}

/// The sum of the values of a metric.
fn sum(data: &[Datum], metric: &Metric) -> f64 {
    data.iter().filter(|datum| datum.name == metric.name).map(|datum| datum.value).sum()
}

/// Causes every event that is measured.
async fn everything(world: &World) {
    let body = json!({"email": "ada@example.com", "roles": ["admin", "editor"]});
    let register = Call::new().json(&body).key("k1");
    let user_id = world.call::<RegisterUser>(&register).await.user_id();
    let replayed = world.call::<RegisterUser>(&register).await;
    assert_eq!(replayed.header("idempotent-replayed"), Some("true"));
    let user = || Call::new().user(&user_id);

    world.faults.plan("GetItem", throttled());
    assert_eq!(world.call::<GetUser>(&user()).await.status, 200);
    let patch = user().json(&json!({"locale": "en-GB"}));
    let outdated = patch.clone().header("If-Match", "\"7\"");
    assert_eq!(world.call::<UpdateUser>(&outdated).await.status, 412);
    world.faults.plan("TransactWriteItems", Fault::conflict(&[true]));
    assert_eq!(world.call::<UpdateUser>(&patch).await.status, 200);
    for status in ["disabled", "active"] {
        let call = user().json(&json!({"status": status}));
        assert_eq!(world.call::<SetStatus>(&call).await.status, 200);
    }
    let assign = user().json(&json!({"role": "viewer"}));
    assert_eq!(world.call::<AssignRole>(&assign).await.status, 200);
    // An assignment without a change does not count.
    assert_eq!(world.call::<AssignRole>(&assign).await.status, 200);
    assert_eq!(world.call::<RemoveRole>(&user().role("admin")).await.status, 200);
    assert_eq!(world.call::<ListUsers>(&Call::new()).await.status, 200);
    assert_eq!(world.call::<QueryAudit>(&user()).await.status, 200);
    let delete = user().json(&json!({"status": "deleted"}));
    assert_eq!(world.call::<SetStatus>(&delete).await.status, 200);
    for _ in 0..3 {
        world.faults.plan("GetItem", throttled());
    }
    assert_eq!(world.call::<GetUser>(&user()).await.status, 503);
    registered(world, "bob@example.com").await;
}

#[tokio::test]
async fn all_defined_metrics_are_emitted_and_no_others() {
    let world = World::new().await;
    everything(&world).await;
    // Of eight records, the bus takes one of the two of the first call and never takes the other;
    // it refuses the next for now.
    let calls = AtomicUsize::new(0);
    let relay = relay_over(
        scripted(move |_| {
            let is_first = calls.fetch_add(1, Ordering::SeqCst) == 0;
            let entries = match is_first {
                true => [json!({"EventId": "1"}), json!({"ErrorCode": "MalformedDetail"})],
                false => [json!({"ErrorCode": "Busy"}), json!({"ErrorCode": "Busy"})],
            };
            (200, json!({"FailedEntryCount": 0, "Entries": entries}).to_string())
        }),
        &world.telemetry,
    );
    relay.publish(stream_of(&world), &Context::default()).await;

    let lines = world.telemetry.metrics();
    let data: Vec<_> = lines.iter().flat_map(data).collect();
    let emitted: BTreeSet<_> =
        data.iter().map(|datum| (datum.name.as_str(), datum.unit.as_str(), datum.keys())).collect();
    let defined: BTreeSet<_> = METRICS
        .iter()
        .map(|metric| (metric.name, metric.unit.as_str(), metric.dimensions.to_vec()))
        .collect();
    assert_eq!(emitted, defined);

    let operations: BTreeSet<_> =
        data.iter().filter_map(|datum| datum.dimension(metric::OPERATION)).collect();
    let expected: BTreeSet<_> =
        OPERATIONS.iter().map(|operation| operation.id).chain([RELAY.id]).collect();
    assert_eq!(operations, expected);
    let outcomes: BTreeSet<_> =
        data.iter().filter_map(|datum| datum.dimension(metric::OUTCOME)).collect();
    assert_eq!(outcomes, ["failed", "refused", "success"].into());
    assert!(data.iter().all(|datum| datum.dimension(metric::STACK) == Some("users-test")));

    for (metric, expected) in [
        (metric::IDEMPOTENT_REPLAYS, 1.0),
        (metric::VERSION_CONFLICTS, 1.0),
        (metric::TRANSACTION_CONFLICTS, 1.0),
        // One that helped, and two of the call that failed in the end.
        (metric::AWS_RETRIES, 3.0),
        (metric::USERS_REGISTERED, 2.0),
        (metric::USERS_DISABLED, 1.0),
        (metric::USERS_ENABLED, 1.0),
        (metric::USERS_DELETED, 1.0),
        (metric::ROLES_ASSIGNED, 3.0),
        (metric::ROLES_REMOVED, 1.0),
        (metric::EVENTS_PUBLISHED, 1.0),
        (metric::EVENTS_GIVEN_UP, 1.0),
        (metric::EVENTS_FAILED, 6.0),
        // The world's clock stood still, and the relay's is five seconds ahead.
        (metric::EVENT_LAG, 5_000.0),
    ] {
        assert_eq!(sum(&data, &metric), expected, "{}", metric.name);
    }
}

#[tokio::test]
async fn an_invocation_is_one_call_with_its_latency_and_units() {
    let world = World::new().await;
    let user_id = registered(&world, "ada@example.com").await;
    world.telemetry.metrics();
    world.call::<GetUser>(&Call::new().user(&user_id)).await;
    let [line] = &world.telemetry.metrics()[..] else {
        panic!("one line, for nothing else happened")
    };
    assert_eq!(line["_aws"]["Timestamp"], START_MILLIS);
    let data = data(line);
    let names: BTreeSet<_> = data.iter().map(|datum| datum.name.as_str()).collect();
    assert_eq!(names, ["Calls", "Latency", "ReadUnits"].into());
    assert_eq!(sum(&data, &metric::CALLS), 1.0);
    assert!(sum(&data, &metric::LATENCY) > 0.0);
    for datum in &data {
        assert_eq!(datum.dimension(metric::OPERATION), Some("getUser"));
        assert_eq!(datum.dimension(metric::OUTCOME), Some("success"));
    }
}
