//! Tests of the event bus.

use super::EventBus;
use crate::data::{DataDirectory, DataLocation};
use crate::endpoint::AwsService;
use crate::faults::{BusFault, FaultSettings, Faults};
use crate::observe::Observed;
use crate::template::BusPlan;
use http::StatusCode;
use http_body_util::BodyExt;
use rstest::rstest;
use serde_json::{Value, json};
use std::sync::Arc;

fn data() -> (tempfile::TempDir, DataDirectory) {
    let temporary = tempfile::tempdir().unwrap();
    let location = DataLocation::Directory(temporary.path().to_owned());
    let data = DataDirectory::open(&location).unwrap();
    (temporary, data)
}

fn bus(data: &DataDirectory, fault: BusFault) -> Arc<EventBus> {
    let plan = BusPlan {
        name: "local-audit".to_owned(),
        arn: "arn:aws:events:us-east-1:000000000000:event-bus/local-audit".to_owned(),
    };
    let faults = Faults::default();
    faults.set(FaultSettings { bus: fault, ..FaultSettings::default() });
    let observed = Arc::new(Observed::new());
    Arc::new(EventBus::open(vec![plan], data, &observed, &Arc::new(faults)).unwrap())
}

fn entry(number: usize) -> Value {
    json!({
        "Source": "users.service",
        "DetailType": "UserRegistered",
        "Detail": json!({"number": number}).to_string(),
        "EventBusName": "local-audit"
    })
}

async fn put(bus: &Arc<EventBus>, entries: &[Value]) -> (StatusCode, Value) {
    let request = json!({"Entries": entries}).to_string();
    let answer = Arc::clone(bus).apply("PutEvents".to_owned(), request.into(), None).await;
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn events_are_numbered_and_survive_a_restart() {
    let (_temporary, data) = data();
    let first = bus(&data, BusFault::Ok);
    let (status, answer) = put(&first, &[entry(1), entry(2)]).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer["FailedEntryCount"], 0);
    drop(first);
    let second = bus(&data, BusFault::Ok);
    put(&second, &[entry(3)]).await;
    let page = second.page(0, 100).unwrap();
    let numbers: Vec<_> =
        page.items.iter().map(|event| (&event["seq"], &event["detail"]["number"])).collect();
    assert_eq!(numbers, [(&json!(1), &json!(1)), (&json!(2), &json!(2)), (&json!(3), &json!(3))]);
    assert_eq!(page.next, 3);
    let rest = second.page(2, 1).unwrap();
    assert_eq!((rest.items.len(), rest.next), (1, 3));
    assert_eq!(second.page(3, 1).unwrap().next, 3);
    let latest = second.latest(2).unwrap();
    assert_eq!((latest.items[0]["seq"].clone(), latest.next), (json!(2), 3));
}

#[rstest]
#[case::no_source("Source", json!(""), "InvalidArgument")]
#[case::no_detail_type("DetailType", json!(null), "InvalidArgument")]
#[case::broken_detail("Detail", json!("{"), "MalformedDetail")]
#[case::detail_that_is_no_object("Detail", json!("[]"), "MalformedDetail")]
#[case::unknown_bus("EventBusName", json!("other"), "NotFound")]
#[tokio::test]
async fn an_entry_fails_by_itself(#[case] field: &str, #[case] value: Value, #[case] code: &str) {
    let (_temporary, data) = data();
    let bus = bus(&data, BusFault::Ok);
    let mut broken = entry(1);
    broken[field] = value;
    let (status, answer) = put(&bus, &[broken, entry(2)]).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer["FailedEntryCount"], 1);
    assert_eq!(answer["Entries"][0]["ErrorCode"], code);
    assert!(answer["Entries"][1]["EventId"].is_string());
    assert_eq!(bus.page(0, 10).unwrap().items.len(), 1);
}

#[rstest]
#[case::none(vec![])]
#[case::eleven((0..11).map(entry).collect())]
#[case::too_large(vec![json!({"Source": "s", "DetailType": "d", "Detail": "x".repeat(1024 * 1024)})])]
#[tokio::test]
async fn a_call_fails_as_a_whole(#[case] entries: Vec<Value>) {
    let (_temporary, data) = data();
    let (status, answer) = put(&bus(&data, BusFault::Ok), &entries).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(answer["__type"], "ValidationException");
}

#[rstest]
#[case::all(BusFault::RefuseAll, StatusCode::OK, 0)]
#[case::some(BusFault::RefuseSome, StatusCode::OK, 1)]
#[case::unavailable(BusFault::Unavailable, StatusCode::SERVICE_UNAVAILABLE, 0)]
#[tokio::test]
async fn faults_refuse(#[case] fault: BusFault, #[case] expected: StatusCode, #[case] kept: usize) {
    let (_temporary, data) = data();
    let bus = bus(&data, fault);
    let (status, _) = put(&bus, &[entry(1), entry(2), entry(3)]).await;
    assert_eq!(status, expected);
    assert_eq!(bus.page(0, 10).unwrap().items.len(), kept);
}

#[tokio::test]
async fn events_are_found_by_a_member_of_their_detail() {
    let (_temporary, data) = data();
    let bus = bus(&data, BusFault::Ok);
    for id in ["a", "b", "a", "a"] {
        let mut entry = entry(1);
        entry["Detail"] = json!(json!({"correlationId": id}).to_string());
        put(&bus, &[entry]).await;
    }
    let found = bus.find(2, "correlationId", "a").unwrap();
    let numbers: Vec<_> = found.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [3, 4], "the newest two");
}
