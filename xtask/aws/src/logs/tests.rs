//! Reading with recorded answers of CloudWatch Logs.

use super::read::{Reader, Window};
use super::select::{self, Selection};
use super::{client, follow, show};
use crate::testing::Aws;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::ops::ControlFlow;

const START: i64 = 1_795_341_600_000;

fn at(millisecond: i64) -> Timestamp {
    Timestamp::from_millisecond(START + millisecond).unwrap()
}

/// Two functions and the API.
fn reader(aws: &Aws) -> Reader {
    let functions = ["users-profile-get", "users-list-query"];
    let mut groups = select::function_groups("users-dev", &functions);
    groups.extend(select::api_groups("users-dev", "prod", Some("abc123")));
    Reader::new(client(&aws.session()), groups)
}

const GET: &str = "/aws/lambda/users-dev-users-profile-get";
const LIST: &str = "/aws/lambda/users-dev-users-list-query";
const ACCESS: &str = "/aws/apigateway/users-dev-access";
const EXECUTION: &str = "API-Gateway-Execution-Logs_abc123/prod";

fn request(group: &str, start: i64, end: Option<i64>, pattern: Option<&str>) -> Value {
    let mut input = json!({"logGroupName": group, "startTime": START + start});
    if let Some(end) = end {
        input["endTime"] = (START + end).into();
    }
    if let Some(pattern) = pattern {
        input["filterPattern"] = pattern.into();
    }
    input
}

fn with_token(mut input: Value, token: &str) -> Value {
    input["nextToken"] = token.into();
    input
}

/// A page of events: time, id and message of each.
fn page(events: &[(i64, &str, &str)], token: Option<&str>) -> Value {
    let events: Vec<_> = events
        .iter()
        .map(|(time, id, message)| {
            json!({
                "eventId": id,
                "ingestionTime": START + time + 800,
                "logStreamName": "2026/11/22/[7]0123456789abcdef0123456789abcdef",
                "message": message,
                "timestamp": START + time,
            })
        })
        .collect();
    let mut page = json!({"events": events, "searchedLogStreams": []});
    if let Some(token) = token {
        page["nextToken"] = token.into();
    }
    page
}

fn nothing() -> Value {
    page(&[], None)
}

fn error(kind: &str, message: &str) -> Value {
    json!({"__type": kind, "message": message})
}

/// The events of ten seconds, as `label id`, in the order of printing.
async fn found(reader: &mut Reader, selection: &Selection) -> anyhow::Result<Vec<String>> {
    let window = Window { start: at(0), end: Some(at(10_000)) };
    let mut found = Vec::new();
    show(reader, selection, window, &mut |event| {
        found.push(format!("{} {}", event.group.label, event.id()));
        Ok(ControlFlow::Continue(()))
    })
    .await?;
    Ok(found)
}

#[tokio::test]
async fn all_groups_are_read_page_by_page_and_merged_by_time() {
    let all = |group| request(group, 0, Some(10_000), None);
    let aws = Aws::default()
        .expect("FilterLogEvents", all(GET), page(&[(10, "a", "x"), (30, "c", "x")], Some("t1")))
        .expect("FilterLogEvents", with_token(all(GET), "t1"), page(&[], Some("t2")))
        .expect("FilterLogEvents", with_token(all(GET), "t2"), page(&[(50, "e", "x")], None))
        .expect("FilterLogEvents", all(LIST), page(&[(20, "b", "x"), (60, "f", "x")], None))
        .expect("FilterLogEvents", all(ACCESS), page(&[(40, "d", "x")], None))
        .expect("FilterLogEvents", all(EXECUTION), nothing());
    let mut reader = reader(&aws);
    assert_eq!(
        found(&mut reader, &Selection::All).await.unwrap(),
        [
            "users-profile-get a",
            "users-list-query b",
            "users-profile-get c",
            "api d",
            "users-profile-get e",
            "users-list-query f"
        ]
    );
    assert!(!reader.all_missing());
    aws.finish();
}

#[tokio::test]
async fn absent_groups_are_skipped() {
    let missing = error("ResourceNotFoundException", "The specified log group does not exist.");
    let all = |group| request(group, 0, Some(10_000), Some("x"));
    let aws = Aws::default()
        .answer("FilterLogEvents", all(GET), 400, missing.clone())
        .expect("FilterLogEvents", all(LIST), page(&[(20, "b", "x")], None))
        .answer("FilterLogEvents", all(ACCESS), 400, missing.clone())
        .answer("FilterLogEvents", all(EXECUTION), 400, missing);
    let mut reader = reader(&aws);
    let selection = Selection::Filter("x".to_owned());
    assert_eq!(found(&mut reader, &selection).await.unwrap(), ["users-list-query b"]);
    assert!(!reader.all_missing());
    aws.finish();
}

#[tokio::test]
async fn a_stage_without_any_group_is_recognised() {
    let missing = error("ResourceNotFoundException", "The specified log group does not exist.");
    let aws = [GET, LIST, ACCESS, EXECUTION].into_iter().fold(Aws::default(), |aws, group| {
        let input = request(group, 0, Some(10_000), None);
        aws.answer("FilterLogEvents", input, 400, missing.clone())
    });
    let mut reader = reader(&aws);
    assert!(found(&mut reader, &Selection::All).await.unwrap().is_empty());
    assert!(reader.all_missing());
    aws.finish();
}

#[tokio::test(start_paused = true)]
async fn throttled_searches_are_repeated() {
    let throttled = error("ThrottlingException", "Rate exceeded");
    let all = |group| request(group, 0, Some(10_000), None);
    let mut aws = Aws::default()
        .expect("FilterLogEvents", all(LIST), nothing())
        .expect("FilterLogEvents", all(ACCESS), nothing())
        .expect("FilterLogEvents", all(EXECUTION), nothing());
    for _ in 0..4 {
        aws = aws.answer("FilterLogEvents", all(GET), 400, throttled.clone());
    }
    let aws = aws.expect("FilterLogEvents", all(GET), page(&[(1, "a", "x")], None));
    let found = found(&mut reader(&aws), &Selection::All).await.unwrap();
    assert_eq!(found, ["users-profile-get a"]);
    aws.finish();
}

#[tokio::test]
async fn a_missing_permission_is_reported_with_the_group() {
    let words = "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: \
                 logs:FilterLogEvents";
    let all = |group| request(group, 0, Some(10_000), None);
    let aws = Aws::default()
        .answer("FilterLogEvents", all(GET), 400, error("AccessDeniedException", words))
        .expect("FilterLogEvents", all(LIST), nothing())
        .expect("FilterLogEvents", all(ACCESS), nothing())
        .expect("FilterLogEvents", all(EXECUTION), nothing());
    let error = found(&mut reader(&aws), &Selection::All).await.unwrap_err().to_string();
    assert!(error.contains(&format!("read the log group {GET}")), "{error}");
    assert!(error.contains("permission") && error.contains(words), "{error}");
}

#[tokio::test]
async fn a_call_is_traced_through_function_lambda_and_api() {
    let function = "6b1a3c5e-0000-4000-8000-000000000001";
    let api = "9f8e7d6c-0000-4000-8000-000000000002";
    let find = |group, pattern: &str| request(group, 0, Some(10_000), Some(pattern));
    let line = format!(r#"{{"correlation_id":"checkout-42","function_request_id":"{function}"}}"#);
    let report = format!(r#"{{"record":{{"requestId":"{function}"}},"type":"platform.report"}}"#);
    let access = format!(r#"{{"integrationRequestId":"{function}","requestId":"{api}"}}"#);
    let correlation = r#"{ ($.correlation_id = "checkout-42") }"#;
    let by_function = format!(
        r#"{{ ($.function_request_id = "{function}") || ($.record.requestId = "{function}") }}"#
    );
    let aws = Aws::default()
        // The id that was given, which could be one of the gateway's.
        .expect("FilterLogEvents", find(GET, correlation), page(&[(20, "b", &line)], None))
        .expect("FilterLogEvents", find(LIST, correlation), nothing())
        .expect("FilterLogEvents", find(ACCESS, r#"{ ($.requestId = "checkout-42") }"#), nothing())
        .expect("FilterLogEvents", find(EXECUTION, r#""checkout-42""#), nothing())
        // Lambda's id, which was in the function's line.
        .expect(
            "FilterLogEvents",
            find(GET, &by_function),
            page(&[(20, "b", &line), (21, "c", &report)], None),
        )
        .expect("FilterLogEvents", find(LIST, &by_function), nothing())
        .expect(
            "FilterLogEvents",
            find(ACCESS, &format!(r#"{{ ($.integrationRequestId = "{function}") }}"#)),
            page(&[(10, "a", &access)], None),
        )
        // The gateway's id, which was in the access log line.
        .expect(
            "FilterLogEvents",
            find(ACCESS, &format!(r#"{{ ($.requestId = "{api}") }}"#)),
            page(&[(10, "a", &access)], None),
        )
        .expect("FilterLogEvents", find(EXECUTION, &format!(r#""{api}""#)), nothing());
    let selection = Selection::Correlation("checkout-42".to_owned());
    let found = found(&mut reader(&aws), &selection).await.unwrap();
    assert_eq!(found, ["api a", "users-profile-get b", "users-profile-get c"]);
    aws.finish();
}

/// Follows one function from one minute ago; ends after a number of events.
async fn followed(aws: &Aws, events: usize) -> anyhow::Result<Vec<String>> {
    let groups = select::function_groups("users-dev", &["users-profile-get"]);
    let mut reader = Reader::new(client(&aws.session()), groups);
    let began = tokio::time::Instant::now();
    let clock = move || at(60_000) + began.elapsed();
    let mut found = Vec::new();
    follow::run(&mut reader, &Selection::All, at(0), &clock, &mut |event| {
        found.push(event.id().to_owned());
        let enough = found.len() == events;
        Ok(if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })
    .await?;
    Ok(found)
}

#[tokio::test(start_paused = true)]
async fn following_searches_the_last_seconds_again_and_shows_each_event_once() {
    let from = |start| request(GET, start, None, None);
    let aws = Aws::default()
        .expect("FilterLogEvents", from(0), page(&[(50_000, "b", "x"), (59_000, "d", "x")], None))
        // One came late, and one is new.
        .expect(
            "FilterLogEvents",
            from(29_000),
            page(&[(50_000, "b", "x"), (55_000, "c", "x"), (59_000, "d", "x")], None),
        )
        .expect(
            "FilterLogEvents",
            from(29_000),
            page(&[(59_000, "d", "x"), (61_000, "e", "x")], None),
        )
        // One that is older than what was asked for.
        .expect(
            "FilterLogEvents",
            from(31_000),
            page(&[(30_999, "a", "x"), (61_500, "f", "x")], None),
        );
    let began = tokio::time::Instant::now();
    assert_eq!(followed(&aws, 5).await.unwrap(), ["b", "d", "c", "e", "f"]);
    assert_eq!(began.elapsed().as_secs(), 6, "two seconds between two looks");
    aws.finish();
}

#[tokio::test(start_paused = true)]
async fn following_continues_after_a_transient_failure() {
    let from = |start| request(GET, start, None, None);
    let mut aws = Aws::default().expect("FilterLogEvents", from(0), nothing());
    for _ in 0..super::ATTEMPTS {
        let unavailable = error("ServiceUnavailableException", "try again");
        aws = aws.answer("FilterLogEvents", from(0), 503, unavailable);
    }
    let aws = aws.expect("FilterLogEvents", from(0), page(&[(1, "a", "x")], None));
    assert_eq!(followed(&aws, 1).await.unwrap(), ["a"]);
    aws.finish();
}

#[tokio::test(start_paused = true)]
async fn following_ends_when_credentials_expire() {
    let from = |start| request(GET, start, None, None);
    let expired = error("ExpiredTokenException", "The security token is expired");
    let aws = Aws::default().expect("FilterLogEvents", from(0), nothing()).answer(
        "FilterLogEvents",
        from(0),
        400,
        expired,
    );
    let error = followed(&aws, 1).await.unwrap_err().to_string();
    assert!(error.contains("have expired"), "{error}");
    aws.finish();
}
