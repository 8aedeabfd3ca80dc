//! Against recorded answers of STS and CloudFormation.

use super::{examine, source};
use crate::testing::Aws;
use crate::testing::recorded::{ACCOUNT, REGION, error, identity, stack};
use aws_config::{BehaviorVersion, SdkConfig};
use serde_json::json;
use users_template::Stage;
use xtask_cli::doctor::{Check, State};

const ARN: &str = "arn:aws:sts::123456789012:assumed-role/deploy/ada";

async fn checks(config: &SdkConfig, stage: Option<&Stage>) -> Vec<Check> {
    examine(config, stage, &|_| None).await
}

/// Names and states of the checks, and all details and fixes.
fn summary(checks: &[Check]) -> (Vec<(&str, State)>, String) {
    let text = serde_json::to_string(checks).unwrap();
    (checks.iter().map(|check| (check.name.as_str(), check.state)).collect(), text)
}

fn dev(account: Option<&str>) -> Stage {
    Stage { name: "dev".to_owned(), account: account.map(str::to_owned), ..Stage::default() }
}

#[tokio::test]
async fn an_account_that_can_be_deployed_to_passes() {
    let aws = Aws::default()
        .expect("GetCallerIdentity", json!({}), identity(ARN))
        .expect("DescribeStacks", json!({"StackName": "users-artifacts"}), stack("CREATE_COMPLETE"))
        .expect("DescribeStacks", json!({"StackName": "users-dev"}), stack("UPDATE_COMPLETE"));
    let checks = checks(&aws.config(), Some(&dev(Some(ACCOUNT)))).await;
    let (found, text) = summary(&checks);
    assert_eq!(
        found,
        [
            ("AWS credentials", State::Ok),
            ("AWS Region", State::Ok),
            ("AWS account", State::Ok),
            ("bucket of archives", State::Ok),
            ("stack", State::Ok),
        ],
        "{text}"
    );
    assert!(text.contains(REGION) && text.contains(ARN), "{text}");
    aws.finish();
}

#[tokio::test]
async fn an_empty_account_passes() {
    let aws = Aws::default().expect("GetCallerIdentity", json!({}), identity(ARN)).answer(
        "DescribeStacks",
        json!({"StackName": "users-artifacts"}),
        400,
        error("ValidationError", "Stack with id users-artifacts does not exist"),
    );
    let checks = checks(&aws.config(), None).await;
    let (found, text) = summary(&checks);
    assert_eq!(found.last(), Some(&("bucket of archives", State::Ok)), "{text}");
    assert!(text.contains("the first `cargo xtask deploy` creates it"), "{text}");
    aws.finish();
}

#[tokio::test]
async fn another_account_than_the_pinned_one_is_a_problem() {
    let missing = error("ValidationError", "Stack with id x does not exist");
    let aws = Aws::default()
        .expect("GetCallerIdentity", json!({}), identity(ARN))
        .answer("DescribeStacks", json!({"StackName": "users-artifacts"}), 400, &missing)
        .answer("DescribeStacks", json!({"StackName": "users-dev"}), 400, &missing);
    let checks = checks(&aws.config(), Some(&dev(Some("999999999999")))).await;
    let (found, text) = summary(&checks);
    assert_eq!(found[2], ("AWS account", State::Missing), "{text}");
    assert!(text.contains("pins stage `dev` to 999999999999"), "{text}");
    aws.finish();
}

#[tokio::test]
async fn a_stage_without_a_pinned_account_is_a_warning() {
    let missing = error("ValidationError", "Stack with id x does not exist");
    let aws = Aws::default()
        .expect("GetCallerIdentity", json!({}), identity(ARN))
        .answer("DescribeStacks", json!({"StackName": "users-artifacts"}), 400, &missing)
        .answer("DescribeStacks", json!({"StackName": "users-dev"}), 400, &missing);
    let checks = checks(&aws.config(), Some(&dev(None))).await;
    let (found, text) = summary(&checks);
    assert_eq!(found[2], ("AWS account", State::Warning), "{text}");
    assert!(text.contains(r#"account = \"123456789012\" below [dev]"#), "{text}");
}

#[tokio::test]
async fn without_credentials_or_region_nothing_is_asked() {
    let config = SdkConfig::builder().behavior_version(BehaviorVersion::v2026_01_12()).build();
    let checks = checks(&config, None).await;
    let (found, text) = summary(&checks);
    assert_eq!(found, [("AWS credentials", State::Missing), ("AWS Region", State::Missing)]);
    assert!(text.contains("aws sso login") && text.contains("export AWS_REGION"), "{text}");
}

#[tokio::test]
async fn expired_credentials_are_a_problem() {
    let expired = error("ExpiredToken", "The security token included in the request is expired");
    let aws = Aws::default().answer("GetCallerIdentity", json!({}), 403, expired);
    let checks = checks(&aws.config(), None).await;
    let (found, text) = summary(&checks);
    assert_eq!(found[2..], [("AWS account", State::Missing)], "{text}");
    assert!(text.contains("have expired"), "{text}");
    aws.finish();
}

#[tokio::test]
async fn a_missing_permission_is_a_problem() {
    let words = "User: u is not authorized to perform: cloudformation:DescribeStacks";
    let aws = Aws::default().expect("GetCallerIdentity", json!({}), identity(ARN)).answer(
        "DescribeStacks",
        json!({"StackName": "users-artifacts"}),
        403,
        error("AccessDenied", words),
    );
    let checks = checks(&aws.config(), Some(&dev(None))).await;
    let (found, text) = summary(&checks);
    assert_eq!(found.last(), Some(&("CloudFormation", State::Missing)), "{text}");
    assert!(text.contains(words), "{text}");
    aws.finish();
}

#[tokio::test]
async fn a_stuck_stack_is_reported_with_the_remedy() {
    let aws = Aws::default()
        .expect("GetCallerIdentity", json!({}), identity(ARN))
        .expect("DescribeStacks", json!({"StackName": "users-artifacts"}), stack("CREATE_COMPLETE"))
        .expect(
            "DescribeStacks",
            json!({"StackName": "users-dev"}),
            stack("UPDATE_ROLLBACK_FAILED"),
        );
    let checks = checks(&aws.config(), Some(&dev(Some(ACCOUNT)))).await;
    let (found, text) = summary(&checks);
    assert_eq!(found.last(), Some(&("stack", State::Missing)), "{text}");
    assert!(text.contains("cargo xtask rollback"), "{text}");
}

#[test]
fn the_source_of_credentials_is_reported() {
    let of = |set: &'static [&'static str]| {
        source(&move |name| set.contains(&name).then(|| "value".to_owned()))
    };
    assert!(of(&["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]).contains("environment"));
    assert!(of(&["AWS_ACCESS_KEY_ID", "AWS_PROFILE"]).contains("profile `value`"));
    assert!(of(&[]).contains("default profile"));
    // Never the key itself.
    assert!(!of(&["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]).contains("value"));
}
