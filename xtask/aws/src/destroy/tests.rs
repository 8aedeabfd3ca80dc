use super::destroy;
use crate::refused::Refused;
use crate::session::Session;
use crate::testing::Aws;
use crate::testing::recorded::{self as aws, STACK_ID, by_id, named};
use anyhow::Result;
use clap::Parser;
use serde_json::{Value, json};
use std::process::ExitCode;
use xtask_cli::aws::Destroy;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    arguments: Destroy,
}

async fn run(session: &Session, line: &str) -> Result<ExitCode> {
    let words = ["destroy", "--stage", "dev"].into_iter().chain(line.split_whitespace());
    destroy(session, &Line::parse_from(words).arguments).await
}

fn unprotected(aws: &Aws) -> Session {
    let mut session = aws.session();
    session.stage.protected = false;
    session
}

#[track_caller]
fn refusal(result: Result<ExitCode>) -> String {
    let error = result.unwrap_err();
    assert!(error.downcast_ref::<Refused>().is_some(), "{error:#}");
    format!("{error:#}")
}

fn template() -> Value {
    json!({"Resources": {
        "UsersTable": {"Type": "AWS::DynamoDB::Table", "DeletionPolicy": "Retain"},
        "Queue": {"Type": "AWS::SQS::Queue", "DeletionPolicy": "Delete"},
    }})
}

/// A stack with a table that is kept and a queue that is not.
fn found(status: &str) -> Aws {
    Aws::default()
        .expect("DescribeStacks", named(), aws::stack(status))
        .expect(
            "ListStackResources",
            named(),
            aws::resources(&[
                ("UsersTable", "users-dev-UsersTable-1X", "AWS::DynamoDB::Table"),
                ("Queue", "https://sqs/queue", "AWS::SQS::Queue"),
            ]),
        )
        .expect("GetTemplate", named(), aws::template(&template()))
}

#[tokio::test]
async fn destroying_an_absent_stack_succeeds() {
    let aws = Aws::default().answer("DescribeStacks", named(), 400, aws::no_stack());
    assert_eq!(run(&unprotected(&aws), "").await.unwrap(), ExitCode::SUCCESS);
    aws.finish();
}

#[tokio::test]
async fn a_protected_stage_is_refused() {
    let aws = Aws::default().expect("DescribeStacks", named(), aws::stack("UPDATE_COMPLETE"));
    let error = refusal(run(&aws.session(), "--confirm users-dev").await);
    assert!(error.contains("protected = false"), "{error}");
    aws.finish();

    let protected = aws::stack_with("UPDATE_COMPLETE", true, &[]);
    let aws = Aws::default().expect("DescribeStacks", named(), protected);
    let error = refusal(run(&unprotected(&aws), "--confirm users-dev").await);
    assert!(error.contains("protected = false"), "{error}");
    aws.finish();
}

#[tokio::test]
async fn a_stack_with_an_operation_in_progress_is_refused() {
    let aws = Aws::default().expect("DescribeStacks", named(), aws::stack("UPDATE_IN_PROGRESS"));
    let error = refusal(run(&unprotected(&aws), "--confirm users-dev").await);
    assert!(error.contains("UPDATE_IN_PROGRESS"), "{error}");
    aws.finish();
}

#[tokio::test]
async fn nothing_is_deleted_without_the_name_typed_out() {
    for (line, words) in [("", "--confirm users-dev"), ("--confirm users-prod", "users-dev")] {
        let aws = found("UPDATE_COMPLETE");
        let error = refusal(run(&unprotected(&aws), line).await);
        assert!(error.contains(words), "{error}");
        aws.finish();
    }
}

#[tokio::test(start_paused = true)]
async fn a_deletion_is_followed_to_its_end() {
    for status in ["UPDATE_COMPLETE", "ROLLBACK_COMPLETE", "DELETE_FAILED", "REVIEW_IN_PROGRESS"] {
        let deleted = ("e1", "Queue", "AWS::SQS::Queue", "DELETE_COMPLETE", "", "");
        let aws = found(status)
            .expect("DescribeStacks", by_id(), aws::stack(status))
            .expect("DescribeStackEvents", by_id(), aws::events(&[]))
            .expect("DeleteStack", by_id(), aws::done("DeleteStack"))
            .expect("DescribeStacks", by_id(), aws::stack("DELETE_IN_PROGRESS"))
            .expect("DescribeStackEvents", by_id(), aws::events(&[]))
            .expect("DescribeStacks", by_id(), aws::stack("DELETE_COMPLETE"))
            .expect("DescribeStackEvents", by_id(), aws::events(&[deleted]));
        let status = run(&unprotected(&aws), "--confirm users-dev").await.unwrap();
        assert_eq!(status, ExitCode::SUCCESS);
        aws.finish();
    }
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_cannot_be_deleted_is_named() {
    let failed = (
        "e1",
        "Queue",
        "AWS::SQS::Queue",
        "DELETE_FAILED",
        "User is not authorized to perform: sqs:DeleteQueue",
        "",
    );
    let aws = found("UPDATE_COMPLETE")
        .expect("DescribeStacks", by_id(), aws::stack("UPDATE_COMPLETE"))
        .expect("DescribeStackEvents", by_id(), aws::events(&[]))
        .expect("DeleteStack", json!({"StackName": STACK_ID}), aws::done("DeleteStack"))
        .expect("DescribeStacks", by_id(), aws::stack("DELETE_FAILED"))
        .expect("DescribeStackEvents", by_id(), aws::events(&[failed]));
    let result = run(&unprotected(&aws), "--confirm users-dev").await;
    let error = result.unwrap_err().to_string();
    let error = anstream::adapter::strip_str(&error).to_string();
    assert!(error.contains("DELETE_FAILED") && error.contains("sqs:DeleteQueue"), "{error}");
    assert!(error.contains("lack that permission"), "{error}");
    aws.finish();
}
