//! Entries that can never be delivered: they go to the dead letters, and block no other entry.

mod fates;

use super::{Calls, bus, relay_of, relay_with, stream};
use crate::relay::{DeadLetters, Relay, RelayResponse};
use crate::testing::{CollectedTelemetry, scripted};
use aws_lambda_events::event::dynamodb::Event;
use aws_sdk_eventbridge::config::SharedHttpClient;
use lambda_http::lambda_runtime::Context;
use serde_dynamo::AttributeValue;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use users_contract::RELAY;

type Image = HashMap<String, AttributeValue>;
type Letters = Arc<Mutex<Vec<Value>>>;

/// A queue that keeps its messages.
fn queue() -> (SharedHttpClient, Letters) {
    let letters = Letters::default();
    let seen = Arc::clone(&letters);
    let http_client = scripted(move |body| {
        let request: Value = serde_json::from_str(body).expect("a JSON request");
        assert_eq!(request["QueueUrl"], "https://letters");
        let body = request["MessageBody"].as_str().expect("a body");
        assert!(body.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{body}");
        seen.lock().expect("no panic").push(serde_json::from_str(body).expect("JSON"));
        (200, json!({"MessageId": "1"}).to_string())
    });
    (http_client, letters)
}

fn taking(refuse: impl Fn(&Value) -> Option<&'static str> + Send + Sync + 'static) -> Harness {
    let (bus, calls) = bus(refuse);
    Harness::over(bus, calls)
}

struct Harness {
    relay: Relay,
    calls: Calls,
    letters: Letters,
}

impl Harness {
    fn over(bus: SharedHttpClient, calls: Calls) -> Self {
        let (queue, letters) = queue();
        Self { relay: relay_with(bus, queue, &CollectedTelemetry::default()), calls, letters }
    }

    async fn publish(&self, event: Event) -> RelayResponse {
        self.relay.publish(event, &Context::default()).await
    }

    fn letters(&self) -> Vec<Value> {
        self.letters.lock().expect("no panic").clone()
    }
}

/// Versions by user, in the order in which the bus got them.
fn versions(calls: &Calls) -> BTreeMap<String, Vec<u64>> {
    let mut versions = BTreeMap::<_, Vec<_>>::new();
    for detail in calls.lock().expect("no panic").iter().flatten() {
        let user = detail["userId"].as_str().expect("a user").to_owned();
        versions.entry(user).or_default().push(detail["version"].as_u64().expect("a version"));
    }
    versions
}

fn failed(response: &RelayResponse) -> Option<usize> {
    let item = response.batch_item_failures.first()?;
    item.item_identifier.as_ref()?.parse().ok()
}

fn user_of(event: &Event, record: usize) -> String {
    match event.records[record].change.keys.get("pk") {
        Some(AttributeValue::S(pk)) => pk["USER#".len()..].to_owned(),
        other => panic!("no key: {other:?}"),
    }
}

fn change(event: &mut Event, record: usize, change: impl Fn(&mut Image)) {
    let record = &mut event.records[record].change;
    let mut image = std::mem::take(&mut record.new_image).into_inner();
    change(&mut image);
    record.new_image = image.into();
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

/// A text of which each character takes six in JSON.
fn huge() -> AttributeValue {
    text(&"\u{1}".repeat(180_000))
}

/// The third record, the second version of the first user, is poison; everything else arrives.
fn expect_only_the_third_given_up(harness: &Harness, event: &Event, reason: &str) {
    let (ada, bob) = (user_of(event, 2), user_of(event, 1));
    let expected = BTreeMap::from([(ada.clone(), vec![1, 3]), (bob, vec![1, 2, 3])]);
    assert_eq!(versions(&harness.calls), expected, "{reason}");
    let [letter] = &harness.letters()[..] else { panic!("one letter: {reason}") };
    assert_eq!(letter["userId"], ada, "{reason}");
    assert_eq!(letter["key"]["pk"], format!("USER#{ada}"));
    let event_id = letter["eventId"].as_str().expect("an event id");
    assert_eq!(letter["key"]["sk"], format!("AUDIT#{event_id}"));
    assert_eq!(letter["sequenceNumber"], format!("{:021}", 2));
    assert_eq!(letter["time"], "2026-11-22T10:00:00.000Z");
    assert_eq!(letter["reason"], reason);
}

#[tokio::test]
async fn an_image_that_cannot_be_read_is_given_up_and_the_others_arrive() {
    let sound = stream(3).await;
    let gone = |name: &'static str| move |image: &mut Image| drop(image.remove(name));
    let now = |name: &'static str, value: AttributeValue| {
        move |image: &mut Image| drop(image.insert(name.to_owned(), value.clone()))
    };
    type Damage = Box<dyn Fn(&mut Image)>;
    let damages: Vec<(&str, Damage)> = vec![
        ("missing field `eventId`", Box::new(Image::clear)),
        ("missing field `action`", Box::new(gone("action"))),
        ("missing field `actor`", Box::new(gone("actor"))),
        ("attribute action cannot be read", Box::new(now("action", text("user.renamed")))),
        ("attribute at cannot be read", Box::new(now("at", text("yesterday, mark-mail")))),
        ("attribute userId cannot be read", Box::new(now("userId", text("mark-mail@x.io")))),
        ("attribute correlationId cannot be read", Box::new(now("correlationId", text("a b")))),
        ("wrong type", Box::new(now("changes", AttributeValue::N("7".to_owned())))),
        ("wrong type", Box::new(now("at", AttributeValue::Ss(vec!["mark-mail".to_owned()])))),
        ("wrong type", Box::new(now("actor", AttributeValue::Bool(true)))),
    ];
    for (what, damage) in damages {
        let harness = taking(|_| None);
        let mut event = sound.clone();
        change(&mut event, 2, damage);
        let response = harness.publish(event.clone()).await;
        assert_eq!(failed(&response), None, "{what}");
        let reason = format!("the audit entry cannot be read: {what}");
        expect_only_the_third_given_up(&harness, &event, &reason);
    }
}

#[tokio::test]
async fn a_letter_has_the_version_if_it_can_be_read() {
    let sound = stream(2).await;
    for (version, expected) in [
        (Some(AttributeValue::N("2".to_owned())), json!(2)),
        (Some(AttributeValue::N("2.5".to_owned())), Value::Null),
        (Some(AttributeValue::N("-1".to_owned())), Value::Null),
        (Some(text("2")), Value::Null),
        (None, Value::Null),
    ] {
        let harness = taking(|_| None);
        let mut event = sound.clone();
        change(&mut event, 2, |image| {
            image.remove("action");
            image.remove("version");
            image.extend(version.clone().map(|version| ("version".to_owned(), version)));
        });
        harness.publish(event).await;
        assert_eq!(harness.letters()[0]["version"], expected, "{version:?}");
    }
}

#[tokio::test]
async fn unexpected_keys_are_in_the_letter_and_stop_nothing() {
    let sound = stream(2).await;
    for pk in ["", "USER#", "USER#\u{ffff}\u{e9}\u{7f}\u{1}", "EMAIL#x", "USER#\u{1d11e}\"\\"] {
        let harness = taking(|_| None);
        let mut event = sound.clone();
        let record = &mut event.records[2].change;
        record.keys = HashMap::from([("pk".to_owned(), text(pk))]).into();
        record.new_image = Image::new().into();
        assert_eq!(failed(&harness.publish(event).await), None);
        let [letter] = &harness.letters()[..] else { panic!("one letter: {pk:?}") };
        assert_eq!(letter["key"], json!({"pk": pk}));
        assert_eq!((&letter["userId"], &letter["eventId"]), (&Value::Null, &Value::Null));
    }
}

#[tokio::test]
async fn an_entry_over_the_limit_is_given_up_without_a_call() {
    let harness = taking(|_| None);
    let mut event = stream(3).await;
    change(&mut event, 2, |image| drop(image.insert("reason".to_owned(), huge())));
    let response = harness.publish(event.clone()).await;
    assert_eq!(failed(&response), None);
    let reason = "the event is larger than EventBridge takes";
    expect_only_the_third_given_up(&harness, &event, reason);
}

#[tokio::test]
async fn an_old_entry_with_a_long_user_agent_is_delivered_with_a_short_one() {
    let sound = stream(1).await;
    for (agent, expected) in [
        ("curl/8.0".to_owned(), 8),
        (String::new(), 0),
        ("x".repeat(300_000), 512),
        ("\u{1}".repeat(180_000), 512),
        ("\u{20ac}".repeat(100_000), 512),
    ] {
        let harness = taking(|_| None);
        let mut event = sound.clone();
        change(&mut event, 0, |image| {
            let Some(AttributeValue::M(actor)) = image.get_mut("actor") else { panic!("an actor") };
            actor.insert("userAgent".to_owned(), text(&agent));
        });
        assert_eq!(failed(&harness.publish(event).await), None);
        let calls = harness.calls.lock().expect("no panic");
        let sent = calls[0][0]["actor"]["userAgent"].as_str().expect("an agent");
        assert_eq!(sent.chars().count(), expected);
        assert!(harness.letters().is_empty());
    }
}

/// The second version of the user.
fn is_second_of(user: &str) -> impl Fn(&Value) -> bool + Send + Sync + use<> {
    let user = user.to_owned();
    move |detail| detail["userId"] == user && detail["version"] == 2
}

#[tokio::test]
async fn entries_that_the_bus_refuses_for_their_content_are_given_up() {
    let event = stream(3).await;
    for code in ["InvalidArgument", "MalformedDetail", "RedactionFailure"] {
        let is_poison = is_second_of(&user_of(&event, 2));
        let harness = taking(move |detail| is_poison(detail).then_some(code));
        let response = harness.publish(event.clone()).await;
        assert_eq!(failed(&response), None, "{code}");
        assert_eq!(harness.letters().len(), 1, "{code}");
        let reason = format!("EventBridge refuses the event: {code}");
        assert_eq!(harness.letters()[0]["reason"], reason);
        assert_eq!(harness.letters()[0]["version"], 2);
    }
}

#[tokio::test]
async fn temporary_and_fixable_failures_are_retried_and_never_given_up() {
    let event = stream(3).await;
    for code in [
        "AccessDeniedException",
        "InternalFailure",
        "InvalidAccountIdException",
        "NotAuthorizedForDetailTypeException",
        "NotAuthorizedForSourceException",
        "ThrottlingException",
        "SomethingNew",
    ] {
        let is_poison = is_second_of(&user_of(&event, 2));
        let harness = taking(move |detail| is_poison(detail).then_some(code));
        let response = harness.publish(event.clone()).await;
        assert_eq!(failed(&response), Some(2), "{code}");
        assert!(harness.letters().is_empty(), "{code}");
    }
}

/// A bus that refuses a whole call by a code when it has such a detail.
fn refusing_calls(
    status: u16,
    code: &'static str,
    is_poison: impl Fn(&Value) -> bool + Send + Sync + 'static,
) -> (SharedHttpClient, Calls) {
    let calls = Calls::default();
    let seen = Arc::clone(&calls);
    let http_client = scripted(move |body| {
        let request: Value = serde_json::from_str(body).expect("a JSON request");
        let entries = request["Entries"].as_array().expect("entries");
        let details: Vec<Value> = entries
            .iter()
            .map(|entry| {
                serde_json::from_str(entry["Detail"].as_str().expect("text")).expect("JSON")
            })
            .collect();
        if details.iter().any(&is_poison) {
            return (status, json!({"__type": code, "message": "mark-bus"}).to_string());
        }
        let answers: Vec<_> = details.iter().map(|_| json!({"EventId": "1"})).collect();
        seen.lock().expect("no panic").push(details);
        (200, json!({"FailedEntryCount": 0, "Entries": answers}).to_string())
    });
    (http_client, calls)
}

#[tokio::test]
async fn an_entry_that_invalidates_its_call_is_found_and_given_up() {
    let event = stream(3).await;
    for (status, code) in [
        (400, "ValidationException"),
        (400, "ValidationError"),
        (400, "SerializationException"),
        (413, "RequestEntityTooLarge"),
    ] {
        let (bus, calls) = refusing_calls(status, code, is_second_of(&user_of(&event, 2)));
        let harness = Harness::over(bus, calls);
        let response = harness.publish(event.clone()).await;
        assert_eq!(failed(&response), None, "{code}");
        let reason = format!("EventBridge refuses the event: {code}");
        expect_only_the_third_given_up(&harness, &event, &reason);
    }
}

#[tokio::test]
async fn a_temporarily_failing_call_gives_nothing_up() {
    let event = stream(3).await;
    for (status, code) in [
        (400, "AccessDeniedException"),
        (400, "ThrottlingException"),
        (404, "ResourceNotFoundException"),
        (500, "InternalException"),
        (503, "ServiceUnavailable"),
    ] {
        let (bus, calls) = refusing_calls(status, code, is_second_of(&user_of(&event, 2)));
        let harness = Harness::over(bus, calls);
        // The call has the entry of the other user, too.
        assert_eq!(failed(&harness.publish(event.clone()).await), Some(2), "{code}");
        assert!(harness.letters().is_empty(), "{code}");
    }
}

#[tokio::test]
async fn a_letter_that_cannot_be_written_fails_its_record() {
    let mut event = stream(3).await;
    change(&mut event, 2, Image::clear);
    for (status, code) in [
        (400, "RequestThrottled"),
        (400, "KmsAccessDenied"),
        (400, "QueueDoesNotExist"),
        (403, "AccessDenied"),
        (500, "InternalError"),
    ] {
        let (bus, calls) = bus(|_| None);
        let queue = scripted(move |_| (status, json!({"__type": code}).to_string()));
        let relay = relay_with(bus, queue, &CollectedTelemetry::default());
        let response = relay.publish(event.clone(), &Context::default()).await;
        assert_eq!(failed(&response), Some(2), "{code}");
        let sent: usize = calls.lock().expect("no panic").iter().map(Vec::len).sum();
        assert_eq!(sent, 2, "what comes before it is sent, and nothing behind it: {code}");
    }
}

#[tokio::test]
async fn the_client_of_the_queue_is_not_made_without_letters() {
    let (bus, calls) = bus(|_| None);
    let unused = DeadLetters::without_client("https://letters".to_owned());
    let relay = relay_of(bus, unused, &CollectedTelemetry::default());
    let response = relay.publish(stream(3).await, &Context::default()).await;
    assert_eq!(failed(&response), None);
    assert_eq!(calls.lock().expect("no panic").len(), 3);
}

#[tokio::test]
async fn a_redelivered_record_is_named_and_gets_no_second_letter() {
    let harness = taking(|detail| (detail["version"] == 3).then_some("MalformedDetail"));
    let mut event = stream(3).await;
    change(&mut event, 0, Image::clear);
    for record in &mut event.records {
        record.event_source = Some(RELAY.redelivery_source.to_owned());
    }
    let response = harness.publish(event).await;
    let answer = serde_json::to_value(&response).expect("a response is JSON");
    let refused = "EventBridge refuses the event: MalformedDetail";
    let number = |index: usize| format!("{index:021}");
    assert_eq!(
        answer,
        json!({"batchItemFailures": [], "undeliverable": [
            {
                "itemIdentifier": number(0),
                "reason": "the audit entry cannot be read: missing field `eventId`"
            },
            {"itemIdentifier": number(4), "reason": refused},
            {"itemIdentifier": number(5), "reason": refused},
        ]})
    );
    assert!(harness.letters().is_empty());
}
