use super::{Arguments, back};
use crate::recorded::{self as aws, by_id, named};
use crate::testing::Aws;
use anyhow::Result;
use clap::Parser;
use serde_json::{Value, json};
use std::process::ExitCode;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    arguments: Arguments,
}

async fn run(aws: &Aws, line: &str) -> Result<ExitCode> {
    let words = ["rollback", "--stage", "dev"].into_iter().chain(line.split_whitespace());
    back(&aws.session(), &Line::parse_from(words).arguments).await
}

/// A stack in a state, and an operation that ends in another.
fn operation(status: &str, call: &str, input: Value, ended: &str) -> Aws {
    Aws::default()
        .expect("DescribeStacks", named(), aws::stack(status))
        .expect("DescribeStackEvents", by_id(), aws::events(&[]))
        .expect(call, input, aws::done(call))
        .expect("DescribeStacks", by_id(), aws::stack("UPDATE_ROLLBACK_IN_PROGRESS"))
        .expect("DescribeStackEvents", by_id(), aws::events(&[]))
        .expect("DescribeStacks", by_id(), aws::stack(ended))
        .expect("DescribeStackEvents", by_id(), aws::events(&[]))
}

#[tokio::test(start_paused = true)]
async fn a_running_update_is_cancelled() {
    let ended = "UPDATE_ROLLBACK_COMPLETE";
    let aws = operation("UPDATE_IN_PROGRESS", "CancelUpdateStack", named(), ended);
    assert_eq!(run(&aws, "--yes").await.unwrap(), ExitCode::SUCCESS);
    aws.finish();
}

#[tokio::test]
async fn a_running_update_is_not_cancelled_unless_somebody_agrees() {
    let aws = Aws::default().expect("DescribeStacks", named(), aws::stack("UPDATE_IN_PROGRESS"));
    let error = run(&aws, "").await.unwrap_err().to_string();
    assert!(error.contains("--yes"), "{error}");
    aws.finish();
}

#[tokio::test(start_paused = true)]
async fn a_stuck_rollback_is_finished() {
    let ended = "UPDATE_ROLLBACK_COMPLETE";
    let aws = operation("UPDATE_ROLLBACK_FAILED", "ContinueUpdateRollback", named(), ended);
    assert_eq!(run(&aws, "").await.unwrap(), ExitCode::SUCCESS);
    aws.finish();

    let input = json!({
        "StackName": "users-dev",
        "ResourcesToSkip.member.1": "Queue",
        "ResourcesToSkip.member.2": "Topic",
    });
    let aws = operation("UPDATE_ROLLBACK_FAILED", "ContinueUpdateRollback", input, ended);
    assert_eq!(run(&aws, "--skip Queue --skip Topic").await.unwrap(), ExitCode::SUCCESS);
    aws.finish();
}

#[tokio::test(start_paused = true)]
async fn a_rollback_that_is_stuck_again_says_how_to_leave_a_resource_out() {
    let failed = ("e1", "Queue", "AWS::SQS::Queue", "UPDATE_FAILED", "It is gone", "");
    let aws = Aws::default()
        .expect("DescribeStacks", named(), aws::stack("UPDATE_ROLLBACK_FAILED"))
        .expect("DescribeStackEvents", by_id(), aws::events(&[]))
        .expect("ContinueUpdateRollback", named(), aws::done("ContinueUpdateRollback"))
        .expect("DescribeStacks", by_id(), aws::stack("UPDATE_ROLLBACK_FAILED"))
        .expect("DescribeStackEvents", by_id(), aws::events(&[failed]));
    let error = format!("{:#}", run(&aws, "").await.unwrap_err());
    assert!(error.contains("--skip LOGICAL_ID") && error.contains("It is gone"), "{error}");
    aws.finish();
}

#[tokio::test(start_paused = true)]
async fn an_update_that_was_left_where_it_stopped_is_rolled_back() {
    let ended = "UPDATE_ROLLBACK_COMPLETE";
    let aws = operation("UPDATE_FAILED", "RollbackStack", named(), ended);
    assert_eq!(run(&aws, "").await.unwrap(), ExitCode::SUCCESS);
    aws.finish();
}

#[tokio::test]
async fn where_there_is_nothing_to_go_back_to_that_is_said() {
    for (status, words) in [
        ("ROLLBACK_COMPLETE", "nothing before it"),
        ("REVIEW_IN_PROGRESS", "nothing before it"),
        ("UPDATE_ROLLBACK_IN_PROGRESS", "wait for its end"),
        ("DELETE_FAILED", "cargo xtask destroy"),
    ] {
        let aws = Aws::default().expect("DescribeStacks", named(), aws::stack(status));
        let error = run(&aws, "--yes").await.unwrap_err().to_string();
        assert!(error.contains(status) && error.contains(words), "{status}: {error}");
        aws.finish();
    }
    let aws = Aws::default().answer("DescribeStacks", named(), 400, aws::no_stack());
    assert!(run(&aws, "").await.unwrap_err().to_string().contains("no stack users-dev"));
}
