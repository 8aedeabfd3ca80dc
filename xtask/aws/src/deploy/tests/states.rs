//! The requests of a deployment in each state of the stack.

use super::support::{YES, empty_template, prepared, proposed, remembered, run, through, wanted};
use crate::deploy::finish;
use crate::testing::Aws;
use crate::testing::recorded::{self as aws, by_id, named, the_change_set};
use serde_json::json;
use xtask_cli::Output;
use xtask_cli::aws::Approval;

#[tokio::test(start_paused = true)]
async fn an_absent_stack_is_created() {
    let aws = Aws::default().answer("DescribeStacks", named(), 400, aws::no_stack());
    let aws = through(aws, "CREATE", "CREATE_COMPLETE");
    let plan = run(&aws, &prepared(), YES).await.unwrap().unwrap();
    assert_eq!(plan.changes.len(), 1);
    aws.finish();
}

#[tokio::test(start_paused = true)]
async fn an_empty_stack_of_a_change_set_that_was_never_executed_is_created() {
    let aws = Aws::default().expect("DescribeStacks", named(), aws::stack("REVIEW_IN_PROGRESS"));
    let aws = through(aws, "CREATE", "CREATE_COMPLETE");
    run(&aws, &prepared(), YES).await.unwrap();
    aws.finish();
}

#[tokio::test(start_paused = true)]
async fn a_complete_stack_is_updated() {
    for status in ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"] {
        let aws = Aws::default().expect("DescribeStacks", named(), aws::stack(status)).expect(
            "GetTemplate",
            named(),
            empty_template(),
        );
        let aws = through(aws, "UPDATE", "UPDATE_COMPLETE");
        assert!(run(&aws, &prepared(), YES).await.unwrap().is_some(), "{status}");
        aws.finish();
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_to_change_is_a_success_and_leaves_no_change_set_behind() {
    for reason in [
        "The submitted information didn&apos;t contain changes. Submit different information to \
         create a change set.",
        "No updates are to be performed.",
    ] {
        let aws = proposed(aws::change_set("FAILED", reason, &[]))
            .expect("DeleteChangeSet", the_change_set(), aws::done("DeleteChangeSet"))
            .expect_list("deployments/users-dev/", &[&remembered()]);
        assert!(run(&aws, &prepared(), YES).await.unwrap().is_none());
        aws.finish();
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_set_of_an_earlier_run_is_replaced() {
    let by_name = json!({"StackName": "users-dev", "ChangeSetName": "users-d1"});
    let aws = Aws::default()
        .expect("DescribeStacks", named(), aws::stack("UPDATE_COMPLETE"))
        .expect("GetTemplate", named(), empty_template())
        .answer(
            "CreateChangeSet",
            wanted("UPDATE"),
            400,
            aws::error("AlreadyExistsException", "ChangeSet users-d1 already exists"),
        )
        .expect("DeleteChangeSet", by_name, aws::done("DeleteChangeSet"));
    let aws = through(aws, "UPDATE", "UPDATE_COMPLETE");
    run(&aws, &prepared(), YES).await.unwrap();
    aws.finish();
}

#[tokio::test(start_paused = true)]
async fn the_remains_of_a_failed_creation_are_deleted_before_a_new_one() {
    for status in ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"] {
        let aws = Aws::default()
            .expect("DescribeStacks", named(), aws::stack(status))
            .expect("DescribeStacks", by_id(), aws::stack(status))
            .expect("DescribeStackEvents", by_id(), aws::events(&[]))
            .expect("DeleteStack", by_id(), aws::done("DeleteStack"))
            .expect("DescribeStacks", by_id(), aws::stack("DELETE_IN_PROGRESS"))
            .expect("DescribeStackEvents", by_id(), aws::events(&[]))
            .expect("DescribeStacks", by_id(), aws::stack("DELETE_COMPLETE"))
            .expect("DescribeStackEvents", by_id(), aws::events(&[]))
            .answer("DescribeStacks", named(), 400, aws::no_stack());
        let aws = through(aws, "CREATE", "CREATE_COMPLETE");
        run(&aws, &prepared(), YES).await.unwrap();
        aws.finish();
    }
}

#[tokio::test]
async fn states_that_need_a_decision_are_refused_with_advice() {
    for (status, way_out) in [
        ("UPDATE_ROLLBACK_FAILED", "cargo xtask rollback"),
        ("UPDATE_FAILED", "cargo xtask rollback"),
        ("DELETE_FAILED", "cargo xtask destroy"),
        ("IMPORT_ROLLBACK_FAILED", "console"),
    ] {
        let aws = Aws::default().expect("DescribeStacks", named(), aws::stack(status));
        let error = run(&aws, &prepared(), YES).await.unwrap_err().to_string();
        assert!(error.contains(status) && error.contains(way_out), "{status}: {error}");
        aws.finish();
    }
}

#[tokio::test(start_paused = true)]
async fn with_wait_the_end_of_another_operation_is_awaited() {
    let other = ("e5", "users-dev", aws::STACK, "UPDATE_IN_PROGRESS", "", "else");
    let aws = Aws::default()
        .expect("DescribeStacks", named(), aws::stack("UPDATE_IN_PROGRESS"))
        .expect("DescribeStackEvents", by_id(), aws::events(&[other]))
        .expect("DescribeStacks", by_id(), aws::stack("UPDATE_ROLLBACK_COMPLETE"))
        .expect("DescribeStackEvents", by_id(), aws::events(&[other]))
        .expect("DescribeStacks", named(), aws::stack("UPDATE_ROLLBACK_COMPLETE"))
        .expect("GetTemplate", named(), empty_template());
    let aws = through(aws, "UPDATE", "UPDATE_COMPLETE");
    run(&aws, &prepared(), Approval { wait: true, ..YES }).await.unwrap();
    aws.finish();
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_run_is_continued() {
    let begun = ("e1", "users-dev", aws::STACK, "UPDATE_IN_PROGRESS", "", "users-d1");
    let ended = ("e2", "users-dev", aws::STACK, "UPDATE_COMPLETE", "", "users-d1");
    let old = ("e0", "users-dev", aws::STACK, "CREATE_COMPLETE", "", "users-d0");
    let aws = Aws::default()
        .expect("DescribeStacks", named(), aws::stack("UPDATE_IN_PROGRESS"))
        .expect("DescribeStackEvents", by_id(), aws::events(&[begun, old]))
        .expect("DescribeStacks", by_id(), aws::stack("UPDATE_IN_PROGRESS"))
        .expect("DescribeStackEvents", by_id(), aws::events(&[begun, old]))
        .expect("DescribeStacks", by_id(), aws::stack("UPDATE_COMPLETE"))
        .expect("DescribeStackEvents", by_id(), aws::events(&[ended, begun, old]))
        // Nothing is left to change.
        .expect("DescribeStacks", named(), aws::stack("UPDATE_COMPLETE"))
        .expect("GetTemplate", named(), empty_template())
        .expect("CreateChangeSet", wanted("UPDATE"), aws::change_set_created())
        .expect(
            "DescribeChangeSet",
            the_change_set(),
            aws::change_set("FAILED", "No updates are to be performed.", &[]),
        )
        .expect("DeleteChangeSet", the_change_set(), aws::done("DeleteChangeSet"))
        // The interrupted run left no record.
        .expect_list("deployments/users-dev/", &[])
        .expect_put("/deployments/users-dev/");
    assert!(run(&aws, &prepared(), YES).await.unwrap().is_none());
    aws.finish();
}

#[tokio::test]
async fn the_protection_of_the_stack_is_that_of_the_stage() {
    for (is, wanted) in [(false, true), (true, false), (true, true), (false, false)] {
        let aws = Aws::default().expect(
            "DescribeStacks",
            named(),
            aws::stack_with("UPDATE_COMPLETE", is, &[("ApiId", "abc")]),
        );
        let call = "UpdateTerminationProtection";
        let input =
            json!({"StackName": "users-dev", "EnableTerminationProtection": wanted.to_string()});
        let aws = if is == wanted { aws } else { aws.expect(call, input, aws::done(call)) };
        let mut session = aws.session();
        session.stage.protected = wanted;
        finish(&session, None, false, Output::Json).await.unwrap();
        aws.finish();
    }
}
