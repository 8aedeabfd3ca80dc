use super::back;
use crate::history::Record;
use crate::testing::Aws;
use crate::testing::recorded::{self as aws, by_id, named};
use anyhow::Result;
use clap::Parser;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::ExitCode;
use xtask_cli::aws::Rollback;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    arguments: Rollback,
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
    let aws = operation("UPDATE_IN_PROGRESS", "CancelUpdateStack", named(), ended)
        // Whose update it is.
        .expect("DescribeStackEvents", by_id(), aws::events(&[]));
    assert_eq!(run(&aws, "--yes").await.unwrap(), ExitCode::SUCCESS);
    aws.finish();
}

#[tokio::test]
async fn a_running_update_is_not_cancelled_without_approval() {
    let aws = Aws::default()
        .expect("DescribeStacks", named(), aws::stack("UPDATE_IN_PROGRESS"))
        .expect("DescribeStackEvents", by_id(), aws::events(&[]));
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
async fn a_rollback_that_is_stuck_again_names_the_option_to_skip_a_resource() {
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
async fn a_failed_update_without_rollback_is_rolled_back() {
    let ended = "UPDATE_ROLLBACK_COMPLETE";
    let aws = operation("UPDATE_FAILED", "RollbackStack", named(), ended);
    assert_eq!(run(&aws, "").await.unwrap(), ExitCode::SUCCESS);
    aws.finish();
}

#[tokio::test]
async fn states_without_a_version_before_are_refused() {
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

#[tokio::test(start_paused = true)]
async fn an_interrupted_rollback_is_followed_and_not_cancelled() {
    let kind = "AWS::CloudFormation::Stack";
    let begun = ("e1", "users-dev", kind, "UPDATE_IN_PROGRESS", "", "users-back-d1");
    let ended = ("e2", "users-dev", kind, "UPDATE_COMPLETE", "", "users-back-d1");
    let aws = Aws::default()
        .expect("DescribeStacks", named(), aws::stack("UPDATE_IN_PROGRESS"))
        .expect("DescribeStackEvents", by_id(), aws::events(&[begun]))
        .expect("DescribeStacks", by_id(), aws::stack("UPDATE_COMPLETE"))
        .expect("DescribeStackEvents", by_id(), aws::events(&[ended, begun]))
        .expect("DescribeStacks", named(), aws::stack_with("UPDATE_COMPLETE", true, &[]));
    let status = run(&aws, "--yes --no-smoke-test --output json").await.unwrap();
    assert_eq!(status, ExitCode::SUCCESS);
    aws.finish();
}

/// What a deployment with this archive made of the stack, and its key in the bucket.
fn deployment(hour: u32, archive: &str) -> (Record, String) {
    let parameters = BTreeMap::from([("Key".to_owned(), archive.to_owned())]);
    let record = Record::new("users-dev", TEMPLATE, parameters);
    let key = format!("deployments/users-dev/20260103T{hour:02}0000.000Z-{}.json", record.digest());
    (record, key)
}

const TEMPLATE: &str = r#"{"Resources":{}}"#;

/// A sound stack with this archive, and what was deployed.
fn deployed(archive: &str, keys: &[&str]) -> Aws {
    let bucket = aws::stack_with("CREATE_COMPLETE", false, &[("ArtifactBucketName", "archives")]);
    Aws::default()
        .expect(
            "DescribeStacks",
            named(),
            aws::stack_of("UPDATE_COMPLETE", true, &[], &[("Key", archive)]),
        )
        .expect("DescribeStacks", json!({"StackName": "users-artifacts"}), bucket)
        .expect_list("deployments/users-dev/", keys)
        .expect("GetTemplate", named(), aws::template(&json!({"Resources": {}})))
}

#[tokio::test(start_paused = true)]
async fn the_latest_deployment_that_differs_from_the_present_one_is_deployed_again() {
    let ((first, first_key), (_, second_key)) =
        (deployment(1, "one.zip"), deployment(2, "two.zip"));
    // The third run was interrupted and left no record.
    for (archive, wanted, key) in
        [("two.zip", &first, &first_key), ("three.zip", &deployment(2, "two.zip").0, &second_key)]
    {
        let aws = deployed(archive, &[&first_key, &second_key])
            .expect(
                &format!("GET /{key}?x-id=GetObject"),
                Value::Null,
                serde_json::to_string(wanted).unwrap(),
            )
            .expect(&format!("GET /{}?x-id=GetObject", wanted.template), Value::Null, TEMPLATE)
            .expect("DescribeStacks", named(), aws::stack("UPDATE_COMPLETE"))
            .expect("GetTemplate", named(), aws::template(&json!({"Resources": {}})))
            .answer(
                "CreateChangeSet",
                json!({
                    "StackName": "users-dev",
                    "ChangeSetName": format!("users-back-{}", wanted.digest()),
                    "ChangeSetType": "UPDATE",
                    "TemplateURL": format!(
                        "https://archives.s3.eu-west-1.amazonaws.com/{}", wanted.template
                    ),
                    "Parameters.member.1.ParameterKey": "Key",
                    "Parameters.member.1.ParameterValue": wanted.parameters["Key"],
                    "Tags.member.1.Key": "service",
                    "Tags.member.1.Value": "users",
                    "Tags.member.2.Key": "stage",
                    "Tags.member.2.Value": "dev",
                    "Capabilities.member.1": "CAPABILITY_IAM",
                }),
                403,
                aws::error("AccessDenied", "that far and no further"),
            );
        let error = run(&aws, "--yes").await.unwrap_err().to_string();
        assert!(error.contains("that far and no further"), "{error}");
        aws.finish();
    }
}

#[tokio::test]
async fn a_single_deployment_has_no_version_before() {
    let (_, key) = deployment(1, "one.zip");
    let aws = deployed("one.zip", &[&key]);
    let error = run(&aws, "--yes").await.unwrap_err().to_string();
    assert!(error.contains("nothing else was deployed before"), "{error}");
    aws.finish();
}
