//! Against recorded answers of STS and CloudFormation.

use super::{State, clock_check, examine, source};
use crate::testing::{ACCOUNT, Aws, REGION, stack, stack_error};
use aws_config::{BehaviorVersion, SdkConfig};
use jiff::Timestamp;
use serde_json::json;
use users_template::Stage;

const ARN: &str = "arn:aws:sts::123456789012:assumed-role/deploy/ada";

fn identity() -> String {
    format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
         <GetCallerIdentityResult><Arn>{ARN}</Arn><UserId>AROAEXAMPLE:ada</UserId>\
         <Account>{ACCOUNT}</Account></GetCallerIdentityResult><ResponseMetadata>\
         <RequestId>r</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
    )
}

fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

/// Names and states of the checks, and all details and fixes.
async fn checks(config: &SdkConfig, stage: Option<&Stage>) -> (Vec<(&'static str, State)>, String) {
    let checks = examine(config, stage, &|_| None, &Timestamp::now).await;
    let text = serde_json::to_string(&checks).unwrap();
    (checks.into_iter().map(|check| (check.name, check.state)).collect(), text)
}

fn dev(account: Option<&str>) -> Stage {
    Stage { name: "dev".to_owned(), account: account.map(str::to_owned), ..Stage::default() }
}

#[tokio::test]
async fn an_account_that_can_be_deployed_to_is_all_right() {
    let aws = Aws::default()
        .expect("GetCallerIdentity", json!({}), identity())
        .expect(
            "DescribeStacks",
            json!({"StackName": "users-artifacts"}),
            stack("CREATE_COMPLETE", ""),
        )
        .expect("DescribeStacks", json!({"StackName": "users-dev"}), stack("UPDATE_COMPLETE", ""));
    let (found, text) = checks(&aws.config(), Some(&dev(Some(ACCOUNT)))).await;
    assert_eq!(
        found,
        [
            ("AWS credentials", State::Ok),
            ("AWS Region", State::Ok),
            ("clock", State::Ok),
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
async fn an_account_that_has_nothing_yet_is_all_right_too() {
    let aws = Aws::default().expect("GetCallerIdentity", json!({}), identity()).answer(
        "DescribeStacks",
        json!({"StackName": "users-artifacts"}),
        400,
        stack_error("ValidationError", "Stack with id users-artifacts does not exist"),
    );
    let (found, text) = checks(&aws.config(), None).await;
    assert_eq!(found.last(), Some(&("bucket of archives", State::Ok)), "{text}");
    assert!(text.contains("the first `cargo xtask deploy` makes it"), "{text}");
    aws.finish();
}

#[tokio::test]
async fn another_account_than_the_stages_is_in_the_way() {
    let missing = stack_error("ValidationError", "Stack with id x does not exist");
    let aws = Aws::default()
        .expect("GetCallerIdentity", json!({}), identity())
        .answer("DescribeStacks", json!({"StackName": "users-artifacts"}), 400, &missing)
        .answer("DescribeStacks", json!({"StackName": "users-dev"}), 400, &missing);
    let (found, text) = checks(&aws.config(), Some(&dev(Some("999999999999")))).await;
    assert_eq!(found[3], ("AWS account", State::Missing), "{text}");
    assert!(text.contains("keeps stage `dev` in 999999999999"), "{text}");
    aws.finish();
}

#[tokio::test]
async fn a_stage_that_is_pinned_nowhere_is_worth_a_word() {
    let missing = stack_error("ValidationError", "Stack with id x does not exist");
    let aws = Aws::default()
        .expect("GetCallerIdentity", json!({}), identity())
        .answer("DescribeStacks", json!({"StackName": "users-artifacts"}), 400, &missing)
        .answer("DescribeStacks", json!({"StackName": "users-dev"}), 400, &missing);
    let (found, text) = checks(&aws.config(), Some(&dev(None))).await;
    assert_eq!(found[3], ("AWS account", State::Warning), "{text}");
    assert!(text.contains(r#"account = \"123456789012\" below [dev]"#), "{text}");
}

#[tokio::test]
async fn without_credentials_or_region_nothing_is_asked() {
    let config = SdkConfig::builder().behavior_version(BehaviorVersion::v2026_01_12()).build();
    let (found, text) = checks(&config, None).await;
    assert_eq!(found, [("AWS credentials", State::Missing), ("AWS Region", State::Missing)]);
    assert!(text.contains("aws sso login") && text.contains("export AWS_REGION"), "{text}");
}

#[tokio::test]
async fn expired_credentials_are_in_the_way() {
    let expired =
        stack_error("ExpiredToken", "The security token included in the request is expired");
    let aws = Aws::default().answer("GetCallerIdentity", json!({}), 403, expired);
    let (found, text) = checks(&aws.config(), None).await;
    // The answer has a date all the same.
    assert_eq!(found[2..], [("clock", State::Ok), ("AWS account", State::Missing)], "{text}");
    assert!(text.contains("have expired"), "{text}");
    aws.finish();
}

#[tokio::test]
async fn a_missing_permission_is_in_the_way() {
    let words = "User: u is not authorized to perform: cloudformation:DescribeStacks";
    let aws = Aws::default().expect("GetCallerIdentity", json!({}), identity()).answer(
        "DescribeStacks",
        json!({"StackName": "users-artifacts"}),
        403,
        stack_error("AccessDenied", words),
    );
    let (found, text) = checks(&aws.config(), Some(&dev(None))).await;
    assert_eq!(found.last(), Some(&("CloudFormation", State::Missing)), "{text}");
    assert!(text.contains(words), "{text}");
    aws.finish();
}

#[tokio::test]
async fn a_stack_that_is_stuck_is_told_with_the_way_out() {
    let aws = Aws::default()
        .expect("GetCallerIdentity", json!({}), identity())
        .expect(
            "DescribeStacks",
            json!({"StackName": "users-artifacts"}),
            stack("CREATE_COMPLETE", ""),
        )
        .expect(
            "DescribeStacks",
            json!({"StackName": "users-dev"}),
            stack("UPDATE_ROLLBACK_FAILED", ""),
        );
    let (found, text) = checks(&aws.config(), Some(&dev(Some(ACCOUNT)))).await;
    assert_eq!(found.last(), Some(&("stack", State::Missing)), "{text}");
    assert!(text.contains("cargo xtask rollback"), "{text}");
}

#[test]
fn a_clock_may_be_a_minute_off() {
    let at = |seconds: i64| clock_check(now().as_second() + seconds, now()).unwrap();
    for (seconds, state) in [
        (0, State::Ok),
        (60, State::Ok),
        (-61, State::Warning),
        (61, State::Warning),
        (-300, State::Missing),
        (300, State::Missing),
    ] {
        assert_eq!(at(seconds).state, state, "{seconds}");
    }
    assert!(at(120).detail.starts_with("120 s slow"), "{:?}", at(120));
    assert!(at(-120).detail.starts_with("120 s fast"), "{:?}", at(-120));
    assert!(at(120).fix.is_some());
}

#[test]
fn where_credentials_come_from_is_told() {
    let of = |set: &'static [&'static str]| {
        source(&move |name| set.contains(&name).then(|| "value".to_owned()))
    };
    assert!(of(&["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]).contains("environment"));
    assert!(of(&["AWS_ACCESS_KEY_ID", "AWS_PROFILE"]).contains("profile `value`"));
    assert!(of(&[]).contains("default profile"));
    // Never the key itself.
    assert!(!of(&["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]).contains("value"));
}
