use super::Session;
use crate::testing::Aws;
use crate::testing::recorded::{self, ACCOUNT, identity};
use serde_json::json;
use users_template::Stage;

const ARN: &str = "arn:aws:iam::123456789012:user/ada";

fn stage(account: Option<&str>, region: Option<&str>) -> Stage {
    Stage {
        name: "prod".to_owned(),
        account: account.map(str::to_owned),
        region: region.map(str::to_owned),
        ..Stage::default()
    }
}

#[tokio::test]
async fn the_account_is_that_of_the_credentials() {
    for pinned in [None, Some(ACCOUNT)] {
        let aws = Aws::default().expect("GetCallerIdentity", json!({}), identity(ARN));
        let session = Session::of(stage(pinned, None), aws.config()).await.unwrap();
        assert_eq!((session.account.as_str(), session.stack.as_str()), (ACCOUNT, "users-prod"));
        aws.finish();
    }
}

#[tokio::test]
async fn another_account_than_the_pinned_one_is_refused() {
    let aws = Aws::default().expect("GetCallerIdentity", json!({}), identity(ARN));
    let result = Session::of(stage(Some("999999999999"), None), aws.config()).await;
    let error = result.unwrap_err().to_string();
    assert!(error.contains("account 999999999999") && error.contains(ACCOUNT), "{error}");
    aws.finish();
}

#[tokio::test]
async fn another_region_than_the_pinned_one_is_refused_without_a_call() {
    let aws = Aws::default();
    let result = Session::of(stage(None, Some("us-east-1")), aws.config()).await;
    let error = result.unwrap_err().to_string();
    assert!(error.contains("to us-east-1, not to eu-west-1"), "{error}");
    aws.finish();
}

#[tokio::test]
async fn expired_credentials_are_reported() {
    let expired = recorded::error("ExpiredToken", "The security token is expired");
    let aws = Aws::default().answer("GetCallerIdentity", json!({}), 403, expired);
    let error = Session::of(stage(None, None), aws.config()).await.unwrap_err().to_string();
    assert!(error.contains("have expired") && error.contains("aws sso login"), "{error}");
    aws.finish();
}
