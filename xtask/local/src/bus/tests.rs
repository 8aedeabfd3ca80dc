//! Tests of the event bus.

use super::{EventLog, WINDOW};
use crate::data::{DataDirectory, DataLocation};
use crate::faults::BusFault;
use crate::observe::Observed;
use crate::template::BusPlan;
use http::StatusCode;
use rstest::rstest;
use serde_json::{Value, json};
use std::io::Write;
use std::sync::Arc;

fn data() -> (tempfile::TempDir, DataDirectory) {
    let temporary = tempfile::tempdir().unwrap();
    let location = DataLocation::Directory(temporary.path().to_owned());
    let data = DataDirectory::open(&location).unwrap();
    (temporary, data)
}

fn log(data: &DataDirectory) -> EventLog {
    let bus = BusPlan {
        name: "local-audit".to_owned(),
        arn: "arn:aws:events:us-east-1:000000000000:event-bus/local-audit".to_owned(),
    };
    EventLog::open(vec![bus], data, &Arc::new(Observed::new())).unwrap()
}

fn entry(number: usize) -> Value {
    json!({
        "Source": "users.service",
        "DetailType": "UserRegistered",
        "Detail": json!({"number": number}).to_string(),
        "EventBusName": "local-audit"
    })
}

fn put(log: &EventLog, entries: &[Value], fault: BusFault) -> (StatusCode, Value) {
    log.put_events(json!({"Entries": entries}).to_string().as_bytes(), fault, |_| false)
}

#[test]
fn events_are_numbered_and_survive_a_restart_and_half_a_line() {
    let (_temporary, data) = data();
    let first = log(&data);
    let (status, answer) = put(&first, &[entry(1), entry(2)], BusFault::Ok);
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer["FailedEntryCount"], 0);
    drop(first);
    let mut file = std::fs::File::options().append(true).open(data.file("events.jsonl")).unwrap();
    file.write_all(b"{\"half\":").unwrap();
    let second = log(&data);
    put(&second, &[entry(3)], BusFault::Ok);
    let page = second.page(0, 100).unwrap();
    let numbers: Vec<_> =
        page.items.iter().map(|event| (&event["seq"], &event["detail"]["number"])).collect();
    assert_eq!(numbers, [(&json!(1), &json!(1)), (&json!(2), &json!(2)), (&json!(3), &json!(3))]);
    assert_eq!(page.next, 3);
    let rest = second.page(2, 1).unwrap();
    assert_eq!((rest.items.len(), rest.next), (1, 3));
    assert_eq!(second.page(3, 1).unwrap().next, 3);
}

#[test]
fn events_older_than_the_window_are_read_from_the_file() {
    let (_temporary, data) = data();
    let log = log(&data);
    let state = |number: usize| json!({"detail": {"number": number}});
    log.append((1..=WINDOW + 5).map(state).collect()).unwrap();
    let page = log.page(2, 2).unwrap();
    assert_eq!(page.items[0]["detail"]["number"], 3);
    assert_eq!(page.next, 4);
}

#[rstest]
#[case::no_source("Source", json!(""), "InvalidArgument")]
#[case::no_detail_type("DetailType", json!(null), "InvalidArgument")]
#[case::broken_detail("Detail", json!("{"), "MalformedDetail")]
#[case::detail_that_is_no_object("Detail", json!("[]"), "MalformedDetail")]
#[case::unknown_bus("EventBusName", json!("other"), "NotFound")]
fn an_entry_fails_by_itself(#[case] field: &str, #[case] value: Value, #[case] code: &str) {
    let (_temporary, data) = data();
    let log = log(&data);
    let mut broken = entry(1);
    broken[field] = value;
    let (status, answer) = put(&log, &[broken, entry(2)], BusFault::Ok);
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer["FailedEntryCount"], 1);
    assert_eq!(answer["Entries"][0]["ErrorCode"], code);
    assert!(answer["Entries"][1]["EventId"].is_string());
    assert_eq!(log.page(0, 10).unwrap().items.len(), 1);
}

#[rstest]
#[case::none(vec![])]
#[case::eleven((0..11).map(entry).collect())]
#[case::too_large(vec![json!({"Source": "s", "DetailType": "d", "Detail": "x".repeat(1024 * 1024)})])]
fn a_call_fails_as_a_whole(#[case] entries: Vec<Value>) {
    let (_temporary, data) = data();
    let (status, answer) = put(&log(&data), &entries, BusFault::Ok);
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(answer["__type"], "ValidationException");
}

#[rstest]
#[case::all(BusFault::RefuseAll, StatusCode::OK, 0)]
#[case::some(BusFault::RefuseSome, StatusCode::OK, 1)]
#[case::unavailable(BusFault::Unavailable, StatusCode::SERVICE_UNAVAILABLE, 0)]
fn faults_refuse(#[case] fault: BusFault, #[case] expected: StatusCode, #[case] kept: usize) {
    let (_temporary, data) = data();
    let log = log(&data);
    let (status, _) = put(&log, &[entry(1), entry(2), entry(3)], fault);
    assert_eq!(status, expected);
    assert_eq!(log.page(0, 10).unwrap().items.len(), kept);
}
