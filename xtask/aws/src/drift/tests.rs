//! Against recorded answers of CloudFormation.

use super::{Report, detect, text};
use crate::stack::StackClient;
use crate::testing::{Aws, STACK_ID, stack_error};
use serde_json::{Value, json};

const DETECTION: &str = "b78ac9b0-dec1-11e7-a451-503a3example";

fn begun() -> String {
    format!(
        "<DetectStackDriftResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">\
         <DetectStackDriftResult><StackDriftDetectionId>{DETECTION}</StackDriftDetectionId>\
         </DetectStackDriftResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>\
         </DetectStackDriftResponse>"
    )
}

fn state(detection: &str, more: &str) -> String {
    format!(
        "<DescribeStackDriftDetectionStatusResponse \
         xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">\
         <DescribeStackDriftDetectionStatusResult><StackId>{STACK_ID}</StackId>\
         <StackDriftDetectionId>{DETECTION}</StackDriftDetectionId>\
         <DetectionStatus>{detection}</DetectionStatus>{more}\
         <Timestamp>2026-11-22T10:00:00.123Z</Timestamp>\
         </DescribeStackDriftDetectionStatusResult><ResponseMetadata><RequestId>r</RequestId>\
         </ResponseMetadata></DescribeStackDriftDetectionStatusResponse>"
    )
}

fn page(members: &str, token: Option<&str>) -> String {
    let token = token.map(|token| format!("<NextToken>{token}</NextToken>")).unwrap_or_default();
    format!(
        "<DescribeStackResourceDriftsResponse \
         xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">\
         <DescribeStackResourceDriftsResult><StackResourceDrifts>{members}</StackResourceDrifts>\
         {token}</DescribeStackResourceDriftsResult><ResponseMetadata><RequestId>r</RequestId>\
         </ResponseMetadata></DescribeStackResourceDriftsResponse>"
    )
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

/// A stack that has begun to be compared.
fn comparing() -> Aws {
    Aws::default().expect("DetectStackDrift", json!({"StackName": "users-dev"}), begun())
}

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

async fn detected(aws: &Aws) -> anyhow::Result<Report> {
    detect(&StackClient::of(&aws.session())).await
}

fn plain(report: &Report) -> String {
    anstream::adapter::strip_str(&text(report)).to_string()
}

#[tokio::test(start_paused = true)]
async fn differences_of_all_pages_are_told_with_the_place_in_our_code() {
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
        "2 resources differ  from the template of users-dev",
        "AlarmTopic  AWS::SNS::Topic  DELETED",
        &format!("AuditDeadLetters  AWS::SQS::Queue  MODIFIED\n  made in {source}"),
        "/DelaySeconds\n    template: 0\n    AWS:      120",
        "AWS:      (nothing)",
        "To keep what AWS has",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stack_in_sync_has_nothing_to_tell() {
    let aws = asked(comparing(), state("DETECTION_COMPLETE", "")).expect(
        "DescribeStackResourceDrifts",
        drifts(),
        page("", None),
    );
    let report = detected(&aws).await.unwrap();
    assert_eq!(plain(&report), "no difference  users-dev is as its template has it");
    aws.finish();
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_compared_is_said_beside_what_could() {
    let reason = "<DetectionStatusReason>Failed to detect drift on resource [Api]\
                  </DetectionStatusReason>";
    let aws = asked(comparing(), state("DETECTION_FAILED", reason)).expect(
        "DescribeStackResourceDrifts",
        drifts(),
        page(&modified("AuditDeadLetters", "AWS::SQS::Queue", DELAY), None),
    );
    let report = detected(&aws).await.unwrap();
    let why = "Failed to detect drift on resource [Api]";
    assert_eq!(report.incomplete.as_deref(), Some(why));
    let text = plain(&report);
    assert!(text.contains("1 resource differs") && text.contains(why), "{text}");
}

#[tokio::test(start_paused = true)]
async fn pauses_grow_and_end() {
    let mut aws = comparing();
    // 2.5 s, 5 s, then 10 s each, until a quarter of an hour is over.
    for _ in 0..93 {
        aws = asked(aws, state("DETECTION_IN_PROGRESS", ""));
    }
    let began = tokio::time::Instant::now();
    let error = detected(&aws).await.unwrap_err().to_string();
    assert!(error.contains("has not compared users-dev in 15 min"), "{error}");
    let seconds = began.elapsed().as_secs();
    assert!((900..=910).contains(&seconds), "{seconds}");
    let left = began.elapsed();
    aws.finish();
    assert_eq!(left.as_millis(), 907_500);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_told_in_the_words_of_aws() {
    let words = "User: u is not authorized to perform: cloudformation:DetectStackDrift";
    let refusal = stack_error("AccessDenied", words);
    let aws =
        Aws::default().answer("DetectStackDrift", json!({"StackName": "users-dev"}), 403, refusal);
    let error = detected(&aws).await.unwrap_err().to_string();
    assert!(error.contains("compare the stack users-dev") && error.contains(words), "{error}");
    aws.finish();
}

#[test]
fn a_long_value_is_cut_for_people() {
    let value = "ä".repeat(super::VALUE + 1);
    let shown = super::shown(Some(&value));
    assert!(shown.starts_with(&"ä".repeat(super::VALUE)), "{shown}");
    assert!(shown.ends_with("(--output json has all of it)"), "{shown}");
    assert_eq!(super::shown(Some("short")), "short");
}
