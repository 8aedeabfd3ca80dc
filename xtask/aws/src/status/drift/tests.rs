//! Drift from recorded answers of CloudFormation.

use super::{Drift, detect, examine, show};
use crate::stack::StackClient;
use crate::status::findings::Findings;
use crate::testing::Aws;
use crate::testing::recorded::{self as aws, STACK_ID, named};
use serde_json::{Value, json};

const DETECTION: &str = "b78ac9b0-dec1-11e7-a451-503a3example";

fn state(detection: &str, more: &str) -> String {
    aws::answer(
        "DescribeStackDriftDetectionStatus",
        &format!(
            "<StackId>{STACK_ID}</StackId><StackDriftDetectionId>{DETECTION}</StackDriftDetectionId>\
             <DetectionStatus>{detection}</DetectionStatus>{more}\
             <Timestamp>2026-11-22T10:00:00.123Z</Timestamp>"
        ),
    )
}

fn page(members: &str, token: Option<&str>) -> String {
    let token = token.map(|token| format!("<NextToken>{token}</NextToken>")).unwrap_or_default();
    let result = format!("<StackResourceDrifts>{members}</StackResourceDrifts>{token}");
    aws::answer("DescribeStackResourceDrifts", &result)
}

fn modified(logical_id: &str, kind: &str, differences: &str) -> String {
    format!(
        "<member><StackId>{STACK_ID}</StackId><LogicalResourceId>{logical_id}</LogicalResourceId>\
         <PhysicalResourceId>physical-{logical_id}</PhysicalResourceId>\
         <ResourceType>{kind}</ResourceType>\
         <StackResourceDriftStatus>MODIFIED</StackResourceDriftStatus>\
         <ExpectedProperties>{{&quot;DelaySeconds&quot;:0}}</ExpectedProperties>\
         <ActualProperties>{{&quot;DelaySeconds&quot;:120}}</ActualProperties>\
         <PropertyDifferences>{differences}</PropertyDifferences>\
         <Timestamp>2026-11-22T10:00:01.123Z</Timestamp></member>"
    )
}

const DELAY: &str = "<member><PropertyPath>/DelaySeconds</PropertyPath>\
                     <ActualValue>120</ActualValue><ExpectedValue>0</ExpectedValue>\
                     <DifferenceType>NOT_EQUAL</DifferenceType></member>";
const REDRIVE: &str = "<member><PropertyPath>/RedrivePolicy</PropertyPath>\
                       <ActualValue>null</ActualValue>\
                       <ExpectedValue>{&quot;maxReceiveCount&quot;:10}</ExpectedValue>\
                       <DifferenceType>REMOVE</DifferenceType></member>";
const DELETED: &str = "<member><LogicalResourceId>AlarmTopic</LogicalResourceId>\
                       <PhysicalResourceId>arn:aws:sns:eu-west-1:123456789012:x\
                       </PhysicalResourceId><ResourceType>AWS::SNS::Topic</ResourceType>\
                       <StackResourceDriftStatus>DELETED</StackResourceDriftStatus>\
                       <PropertyDifferences/></member>";

/// A comparison of the stack.
fn comparing() -> Aws {
    let id = format!("<StackDriftDetectionId>{DETECTION}</StackDriftDetectionId>");
    Aws::default().expect("DetectStackDrift", named(), aws::answer("DetectStackDrift", &id))
}

/// A request for the state of the comparison.
fn asked(aws: Aws, answer: String) -> Aws {
    let input = json!({"StackDriftDetectionId": DETECTION});
    aws.expect("DescribeStackDriftDetectionStatus", input, answer)
}

fn drifts() -> Value {
    json!({
        "StackName": "users-dev",
        "StackResourceDriftStatusFilters.member.1": "MODIFIED",
        "StackResourceDriftStatusFilters.member.2": "DELETED",
    })
}

async fn detected(aws: &Aws) -> anyhow::Result<Drift> {
    detect(&StackClient::of(&aws.session())).await
}

fn plain(drift: &Drift) -> String {
    let mut text = String::new();
    show(&mut text, drift);
    anstream::adapter::strip_str(&text).to_string()
}

#[tokio::test(start_paused = true)]
async fn differences_of_all_pages_have_the_line_of_our_code() {
    let aws = asked(comparing(), state("DETECTION_IN_PROGRESS", ""));
    let aws =
        asked(aws, state("DETECTION_COMPLETE", "<StackDriftStatus>DRIFTED</StackDriftStatus>"));
    let mut second = drifts();
    second["NextToken"] = "t1".into();
    let queue = modified("AuditDeadLetters", "AWS::SQS::Queue", &format!("{DELAY}{REDRIVE}"));
    let aws = aws.expect("DescribeStackResourceDrifts", drifts(), page(&queue, Some("t1"))).expect(
        "DescribeStackResourceDrifts",
        second,
        page(DELETED, None),
    );
    let report = detected(&aws).await.unwrap();
    aws.finish();

    let printed = serde_json::to_value(&report).unwrap();
    let source = printed["drifted"][1]["source"].as_str().unwrap().to_owned();
    assert!(source.contains("events.rs:"), "{source}");
    assert_eq!(printed["drifted"][0]["status"], "DELETED");
    assert_eq!(
        printed["drifted"][1],
        json!({
            "logicalId": "AuditDeadLetters",
            "physicalId": "physical-AuditDeadLetters",
            "type": "AWS::SQS::Queue",
            "status": "MODIFIED",
            "source": source,
            "differences": [
                {"path": "/DelaySeconds", "kind": "NOT_EQUAL", "expected": "0", "actual": "120"},
                {"path": "/RedrivePolicy", "kind": "REMOVE", "expected": "{\"maxReceiveCount\":10}"},
            ],
        })
    );
    let text = plain(&report);
    for part in [
        "AlarmTopic  AWS::SNS::Topic  DELETED",
        &format!("AuditDeadLetters  AWS::SQS::Queue  MODIFIED\n  made in {source}"),
        "/DelaySeconds\n    template: 0\n    AWS:      120",
        "AWS:      (nothing)",
        "To keep the values in AWS",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stack_in_sync_has_no_differences() {
    let aws = asked(comparing(), state("DETECTION_COMPLETE", "")).expect(
        "DescribeStackResourceDrifts",
        drifts(),
        page("", None),
    );
    let report = detected(&aws).await.unwrap();
    assert_eq!(plain(&report), "\nNo compared resource differs from the template.");
    aws.finish();
}

#[tokio::test(start_paused = true)]
async fn an_incomplete_comparison_is_a_finding_besides_the_differences() {
    let reason = "<DetectionStatusReason>Failed to detect drift on resource [Api]\
                  </DetectionStatusReason>";
    let aws = asked(comparing(), state("DETECTION_FAILED", reason)).expect(
        "DescribeStackResourceDrifts",
        drifts(),
        page(&modified("AuditDeadLetters", "AWS::SQS::Queue", DELAY), None),
    );
    let mut findings = Findings::default();
    let drift = examine(&StackClient::of(&aws.session()), &mut findings).await.unwrap();
    let why = "Failed to detect drift on resource [Api]";
    assert_eq!((drift.drifted.len(), drift.incomplete.as_deref()), (1, Some(why)));
    assert!(findings.unknown[0].contains(why), "{findings:?}");
    aws.finish();
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_after_a_quarter_of_an_hour() {
    let mut aws = comparing();
    // One request every 2.5 seconds, and one at the end.
    for _ in 0..=360 {
        aws = asked(aws, state("DETECTION_IN_PROGRESS", ""));
    }
    let error = detected(&aws).await.unwrap_err().to_string();
    assert!(error.contains("has not compared users-dev in 15 min"), "{error}");
    aws.finish();
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_a_finding_with_the_text_of_aws() {
    let text = "User: u is not authorized to perform: cloudformation:DetectStackDrift";
    let refusal = aws::error("AccessDenied", text);
    let aws = Aws::default().answer("DetectStackDrift", named(), 403, refusal);
    let mut findings = Findings::default();
    assert!(examine(&StackClient::of(&aws.session()), &mut findings).await.is_none());
    let unknown = &findings.unknown[0];
    assert!(unknown.contains("compare the stack users-dev") && unknown.contains(text), "{unknown}");
    aws.finish();
}

#[test]
fn a_long_value_is_cut_in_text() {
    let value = "ä".repeat(super::VALUE + 1);
    let shown = super::shown(Some(&value));
    assert!(shown.starts_with(&"ä".repeat(super::VALUE)), "{shown}");
    assert!(shown.ends_with("(--output json has all of it)"), "{shown}");
    assert_eq!(super::shown(Some("short")), "short");
}
