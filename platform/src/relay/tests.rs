//! The relay against a scripted bus that takes, refuses and fails.

mod poison;

use super::{DeadLetters, Relay};
use crate::config::RelayConfig;
use crate::http::handler::{RegisterUser, UpdateUser};
use crate::testing::{Call, CollectedTelemetry, Counter, START_MILLIS, TestClock, World, scripted};
use aws_credential_types::Credentials;
use aws_lambda_events::event::dynamodb::Event;
use aws_sdk_eventbridge::config::retry::RetryConfig;
use aws_sdk_eventbridge::config::{BehaviorVersion, Region, SharedHttpClient};
use lambda_http::lambda_runtime::Context;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// Calls to `PutEvents`: the details that the bus accepted of each.
type Calls = Arc<Mutex<Vec<Vec<Value>>>>;

/// A relay whose bus decides for each detail whether to refuse it for now.
fn relay(refuse: impl Fn(&Value) -> bool + Send + Sync + 'static) -> (Relay, Calls) {
    let (bus, calls) = bus(move |detail| refuse(detail).then_some("ThrottlingException"));
    (relay_over(bus, &CollectedTelemetry::default()), calls)
}

/// A bus that refuses each detail with the code given for it, if any, and records the rest.
fn bus(
    refuse: impl Fn(&Value) -> Option<&'static str> + Send + Sync + 'static,
) -> (SharedHttpClient, Calls) {
    let calls = Calls::default();
    let seen = Arc::clone(&calls);
    let http_client = scripted(move |body| {
        let request: Value = serde_json::from_str(body).expect("a JSON request");
        let entries = request["Entries"].as_array().expect("entries");
        let mut details: Vec<Value> = entries
            .iter()
            .map(|entry| {
                assert_eq!(entry["Source"], "users.service");
                assert_eq!(entry["EventBusName"], "audit");
                serde_json::from_str(entry["Detail"].as_str().expect("a detail")).expect("JSON")
            })
            .collect();
        let answers: Vec<_> = details
            .iter()
            .map(|detail| match refuse(detail) {
                Some(code) => json!({"ErrorCode": code, "ErrorMessage": "mark-bus"}),
                None => json!({"EventId": "1"}),
            })
            .collect();
        let failed = answers.iter().filter(|answer| answer.get("ErrorCode").is_some()).count();
        let mut taken = answers.iter().map(|answer| answer.get("EventId").is_some());
        details.retain(|_| taken.next().unwrap_or_default());
        seen.lock().expect("no panic").push(details);
        (200, json!({"FailedEntryCount": failed, "Entries": answers}).to_string())
    });
    (http_client, calls)
}

/// A relay over a scripted bus, five seconds after the start of the world. Its queue takes letters.
pub(crate) fn relay_over(bus: SharedHttpClient, telemetry: &CollectedTelemetry) -> Relay {
    relay_with(bus, scripted(|_| (200, json!({"MessageId": "1"}).to_string())), telemetry)
}

/// A relay over a scripted bus and a scripted queue.
pub(crate) fn relay_with(
    bus: SharedHttpClient,
    queue: SharedHttpClient,
    telemetry: &CollectedTelemetry,
) -> Relay {
    let queue = aws_sdk_sqs::Client::from_conf(
        aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .interceptor(crate::telemetry::Recorder)
            .http_client(queue)
            .build(),
    );
    relay_of(bus, DeadLetters::over("https://letters".to_owned(), queue), telemetry)
}

fn relay_of(
    bus: SharedHttpClient,
    dead_letters: DeadLetters,
    telemetry: &CollectedTelemetry,
) -> Relay {
    let config = RelayConfig {
        event_bus_name: "audit".to_owned(),
        dead_letters_url: "https://letters".to_owned(),
    };
    let clock = Arc::new(TestClock::at(START_MILLIS + 5_000));
    Relay::new(
        client(bus),
        config,
        dead_letters,
        telemetry.telemetry(),
        clock,
        Arc::new(Counter::default()),
    )
}

fn client(http_client: SharedHttpClient) -> aws_sdk_eventbridge::Client {
    aws_sdk_eventbridge::Client::from_conf(
        aws_sdk_eventbridge::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .interceptor(crate::telemetry::Recorder)
            .http_client(http_client)
            .build(),
    )
}

/// A stream event with the audit entries of two users with `changes` versions each, in turn.
async fn stream(changes: usize) -> Event {
    let world = World::new().await;
    let mut users = Vec::new();
    for name in ["ada", "bob"] {
        let body = json!({"email": format!("{name}@example.com")});
        users.push(world.call::<RegisterUser>(&Call::new().json(&body)).await.user_id());
    }
    for change in 1..changes {
        for user in &users {
            world.clock.turn(1);
            let body = json!({"attributes": {"change": change.to_string()}});
            let answer = world.call::<UpdateUser>(&Call::new().user(user).json(&body)).await;
            assert_eq!(answer.status, 200);
        }
    }
    stream_of(&world)
}

/// A stream event with all audit entries of a world, by version and then by user.
pub(crate) fn stream_of(world: &World) -> Event {
    let mut images: Vec<_> = world
        .items("users")
        .into_iter()
        .filter(|item| item["sk"]["S"].as_str().is_some_and(|sk| sk.starts_with("AUDIT#")))
        .collect();
    images.sort_by_key(|item| {
        (item["version"]["N"].as_str().map(str::to_owned), item["userId"]["S"].to_string())
    });
    let records: Vec<_> = images
        .into_iter()
        .enumerate()
        .map(|(index, image)| {
            json!({
                "eventID": index.to_string(),
                "eventName": "INSERT",
                "eventVersion": "1.1",
                "eventSource": "aws:dynamodb",
                "awsRegion": "eu-west-1",
                "eventSourceARN": "arn:aws:dynamodb:eu-west-1:123456789012:table/users/stream/1",
                "dynamodb": {
                    "ApproximateCreationDateTime": 1_795_341_600.0,
                    "Keys": {"pk": image["pk"], "sk": image["sk"]},
                    "NewImage": image,
                    "SequenceNumber": format!("{index:021}"),
                    "SizeBytes": 100,
                    "StreamViewType": "NEW_IMAGE"
                }
            })
        })
        .collect();
    serde_json::from_value(json!({"Records": records})).expect("an event of the stream")
}

#[tokio::test]
async fn everything_is_published_in_order_and_no_call_has_a_user_twice() {
    let (relay, calls) = relay(|_| false);
    let response = relay.publish(stream(4).await, &Context::default()).await;
    assert!(response.batch_item_failures.is_empty());
    let calls = calls.lock().expect("no panic");
    let sizes: Vec<_> = calls.iter().map(Vec::len).collect();
    assert_eq!(sizes, [2, 2, 2, 2]);
    for call in calls.iter() {
        assert_ne!(call[0]["userId"], call[1]["userId"]);
    }
    let versions: Vec<_> = calls.iter().map(|call| call[0]["version"].as_u64()).collect();
    assert_eq!(versions, [Some(1), Some(2), Some(3), Some(4)]);
    assert_eq!(calls[0][0]["schemaVersion"], 1);
    assert_eq!(calls[0][0]["action"], "user.registered");
}

const HEADER: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";

#[tokio::test]
async fn the_relay_goes_on_with_the_trace_of_each_change() {
    let world = World::new().await;
    let traced = Call::new().json(&json!({"email": "ada@example.com"})).trace(HEADER);
    world.call::<RegisterUser>(&traced.header("X-Correlation-Id", "order-4711")).await;
    let [request] = &world.telemetry.documents()[..] else { panic!("one document for one call") };
    assert_eq!(request["parent_id"], "53995c3f42cd8ad8");
    // One entry without a sampled trace, and one written before entries had traces.
    for email in ["bob@example.com", "eve@example.com"] {
        let call = Call::new().json(&json!({"email": email}));
        world.call::<RegisterUser>(&call.trace("Root=1-a-b;Sampled=0")).await;
    }

    let sent = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&sent);
    let http_client = scripted(move |body| {
        let request: Value = serde_json::from_str(body).expect("a JSON request");
        let entries = request["Entries"].as_array().expect("entries").clone();
        let answers: Vec<_> = entries.iter().map(|_| json!({"EventId": "1"})).collect();
        seen.lock().expect("no panic").extend(entries);
        (200, json!({"FailedEntryCount": 0, "Entries": answers}).to_string())
    });
    let telemetry = CollectedTelemetry::default();
    relay_over(http_client, &telemetry).publish(stream_of(&world), &Context::default()).await;

    // Lambda did not trace the invocation of the relay, so the segment is the only document.
    let [segment] = &telemetry.documents()[..] else { panic!("one document for one trace") };
    assert_eq!(segment["trace_id"], request["trace_id"]);
    assert_eq!(segment["parent_id"], request["id"], "below the request that made the change");
    assert_eq!(segment["name"], "users-audit-publish");
    assert_eq!(
        segment["annotations"],
        json!({"operation": "publishAudit", "outcome": "success", "correlation_id": "order-4711"})
    );
    assert_eq!(segment["subsegments"][0]["aws"]["operation"], "PutEvents");

    let sent = sent.lock().expect("no panic");
    let headers: Vec<_> = sent.iter().map(|entry| entry["TraceHeader"].as_str()).collect();
    let expected = format!(
        "Root=1-5759e988-bd862e3fe1be46a994272793;Parent={};Sampled=1",
        segment["id"].as_str().expect("an id")
    );
    assert_eq!(headers.iter().flatten().collect::<Vec<_>>(), [&expected]);
    assert_eq!(headers.len(), 3);
    for entry in sent.iter() {
        assert!(!entry["Detail"].to_string().contains("traceHeader"), "{entry}");
    }
}

#[tokio::test]
async fn an_entry_that_was_refused_is_a_fault_in_its_trace() {
    let world = World::new().await;
    let traced = Call::new().json(&json!({"email": "ada@example.com"})).trace(HEADER);
    world.call::<RegisterUser>(&traced).await;
    let refusal = json!({"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure"}]});
    let telemetry = CollectedTelemetry::default();
    let relay = relay_over(scripted(move |_| (200, refusal.to_string())), &telemetry);
    let response = relay.publish(stream_of(&world), &Context::default()).await;
    assert_eq!(response.batch_item_failures.len(), 1);
    let [segment] = &telemetry.documents()[..] else { panic!("one document for one trace") };
    assert_eq!(
        (&segment["fault"], &segment["annotations"]["outcome"]),
        (&json!(true), &json!("failed"))
    );
}

#[tokio::test]
async fn a_refused_entry_stops_the_batch_at_its_record() {
    let event = stream(4).await;
    let pk = format!("{:?}", event.records[3].change.keys.inner().get("pk"));
    let is_fourth = move |detail: &Value| {
        detail["version"] == 2 && detail["userId"].as_str().is_some_and(|id| pk.contains(id))
    };
    let (relay, calls) = relay(is_fourth);
    let response = relay.publish(event, &Context::default()).await;
    let failed: Vec<_> =
        response.batch_item_failures.iter().map(|item| item.item_identifier.clone()).collect();
    assert_eq!(failed, [Some(format!("{:021}", 3))]);
    assert_eq!(calls.lock().expect("no panic").len(), 2, "nothing is sent after a failure");
}

#[tokio::test]
async fn a_failing_call_reports_its_first_record() {
    let unavailable = scripted(|_| (503, json!({"__type": "ServiceUnavailable"}).to_string()));
    let relay = relay_over(unavailable, &CollectedTelemetry::default());
    let response = relay.publish(stream(2).await, &Context::default()).await;
    let failed: Vec<_> =
        response.batch_item_failures.iter().map(|item| item.item_identifier.clone()).collect();
    assert_eq!(failed, [Some(format!("{:021}", 0))]);
}

#[tokio::test]
async fn an_answer_with_missing_entries_counts_as_a_failure() {
    let answer = json!({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}).to_string();
    let relay =
        relay_over(scripted(move |_| (200, answer.clone())), &CollectedTelemetry::default());
    let response = relay.publish(stream(1).await, &Context::default()).await;
    let failed: Vec<_> =
        response.batch_item_failures.iter().map(|item| item.item_identifier.clone()).collect();
    assert_eq!(failed, [Some(format!("{:021}", 1))]);
}
