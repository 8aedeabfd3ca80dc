//! Failures of a deployment.

use super::support::{YES, execution, prepared, proposed, run, through};
use crate::testing::Aws;
use crate::testing::recorded::{self as aws, by_id, named, the_change_set};

#[tokio::test(start_paused = true)]
async fn the_reason_of_a_failed_change_set_is_reported() {
    let aws = proposed(aws::change_set("FAILED", "Unresolved resource dependencies [Nobody]", &[]))
        .expect("DeleteChangeSet", the_change_set(), aws::done("DeleteChangeSet"));
    let error = run(&aws, &prepared(), YES).await.unwrap_err().to_string();
    assert!(error.contains("Unresolved resource dependencies [Nobody]"), "{error}");
    aws.finish();
}

#[tokio::test(start_paused = true)]
async fn an_outdated_change_set_is_not_executed() {
    let change = ("Modify", "A", "AWS::Lambda::Function", "False");
    let aws = proposed(aws::change_set("CREATE_COMPLETE", "", &[change]))
        .expect("DescribeStackEvents", by_id(), aws::events(&[]))
        .answer(
            "ExecuteChangeSet",
            execution(),
            400,
            aws::error("InvalidChangeSetStatus", "ChangeSet is in OBSOLETE state"),
        );
    let error = run(&aws, &prepared(), YES).await.unwrap_err().to_string();
    assert!(error.contains("OBSOLETE") && error.contains("run the command again"), "{error}");
    aws.finish();
}

#[tokio::test(start_paused = true)]
async fn a_failure_names_its_root_cause_and_the_line_of_our_code() {
    let lambda = "AWS::Lambda::Function";
    let change = ("Modify", "UsersListQueryFunction", lambda, "False");
    let aws = proposed(aws::change_set("CREATE_COMPLETE", "", &[change]))
        .expect("DescribeStackEvents", by_id(), aws::events(&[]))
        .expect("ExecuteChangeSet", execution(), aws::done("ExecuteChangeSet"))
        .expect("DescribeStacks", by_id(), aws::stack("UPDATE_ROLLBACK_COMPLETE"))
        .expect(
            "DescribeStackEvents",
            by_id(),
            aws::events(&[
                ("e4", "users-dev", aws::STACK, "UPDATE_ROLLBACK_COMPLETE", "", "users-d1"),
                (
                    "e3",
                    "users-dev",
                    aws::STACK,
                    "UPDATE_ROLLBACK_IN_PROGRESS",
                    "The following resource(s) failed to update: [UsersListQueryFunction].",
                    "users-d1",
                ),
                (
                    "e2",
                    "UsersProfileGetFunction",
                    lambda,
                    "UPDATE_FAILED",
                    "Resource update cancelled",
                    "users-d1",
                ),
                (
                    "e1",
                    "UsersListQueryFunction",
                    lambda,
                    "UPDATE_FAILED",
                    "Specified ReservedConcurrentExecutions decreases account&apos;s \
              UnreservedConcurrentExecution below its minimum value of [10].",
                    "users-d1",
                ),
            ]),
        );
    let error = run(&aws, &prepared(), YES).await.unwrap_err().to_string();
    let error = anstream::adapter::strip_str(&error).to_string();
    assert!(error.contains("UPDATE_ROLLBACK_COMPLETE"), "{error}");
    assert!(error.contains("cause: UsersListQueryFunction (AWS::Lambda::Function): Specified"));
    assert!(error.contains("made in xtask/template/src/template/functions.rs:"), "{error}");
    assert!(error.contains("reserved_concurrency"), "{error}");
    assert!(!error.contains("cancelled"), "{error}");
    aws.finish();
}

#[tokio::test(start_paused = true)]
async fn refusals_of_aws_are_explained() {
    for (code, status, words) in [
        ("ExpiredToken", 403, "have expired"),
        ("RequestExpired", 400, "clock"),
        ("InvalidClientTokenId", 403, "does not accept the credentials"),
        ("AccessDenied", 403, "lack a permission"),
    ] {
        let message = "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: x:Y";
        let aws =
            Aws::default().answer("DescribeStacks", named(), status, aws::error(code, message));
        let error = run(&aws, &prepared(), YES).await.unwrap_err().to_string();
        assert!(error.contains(words) && error.contains(message), "{code}: {error}");
        assert!(error.contains("look at the stack users-dev"), "{error}");
        aws.finish();
    }
}

#[tokio::test(start_paused = true)]
async fn throttling_is_retried_and_reported_when_it_persists() {
    let throttled = || aws::error("Throttling", "Rate exceeded");
    let aws = Aws::default()
        .answer("DescribeStacks", named(), 400, throttled())
        .answer("DescribeStacks", named(), 400, throttled())
        .expect("DescribeStacks", named(), aws::stack("UPDATE_ROLLBACK_FAILED"));
    let error = run(&aws, &prepared(), YES).await.unwrap_err().to_string();
    assert!(error.contains("UPDATE_ROLLBACK_FAILED"), "{error}");
    aws.finish();

    let aws = (0..3)
        .fold(Aws::default(), |aws, _| aws.answer("DescribeStacks", named(), 400, throttled()));
    let error = run(&aws, &prepared(), YES).await.unwrap_err().to_string();
    assert!(error.contains("slow down") && error.contains("run the command again"), "{error}");
    aws.finish();
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_is_reported_with_how_to_continue() {
    let change = ("Modify", "A", "AWS::Lambda::Function", "False");
    let aws = proposed(aws::change_set("CREATE_COMPLETE", "", &[change]))
        .expect("DescribeStackEvents", by_id(), aws::events(&[]))
        .expect("ExecuteChangeSet", execution(), aws::done("ExecuteChangeSet"));
    // The first attempt and the two retries of the SDK.
    let aws = (0..3).fold(aws, |aws, _| aws.lose("DescribeStacks", by_id()));
    let error = run(&aws, &prepared(), YES).await.unwrap_err().to_string();
    assert!(error.contains("could not be reached"), "{error}");
    assert!(error.contains("continues without this program"), "{error}");
    assert!(error.contains("run the same command again"), "{error}");
    aws.finish();
}

#[tokio::test(start_paused = true)]
async fn a_connection_lost_once_is_retried() {
    let aws = Aws::default().lose("DescribeStacks", named()).answer(
        "DescribeStacks",
        named(),
        400,
        aws::no_stack(),
    );
    let aws = through(aws, "CREATE", "CREATE_COMPLETE");
    assert!(run(&aws, &prepared(), YES).await.unwrap().is_some());
    aws.finish();
}
