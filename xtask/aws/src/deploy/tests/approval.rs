//! Decisions that a deployment must not take by itself.

use super::support::{YES, prepared, prepared_with, proposed, refusal, run, through, wanted};
use crate::plan::Plan;
use crate::testing::Aws;
use crate::testing::recorded::{self as aws, by_id, named, the_change_set};
use serde_json::{Value, json};
use xtask_cli::aws::Approval;

#[tokio::test]
async fn the_remains_of_a_failed_creation_are_not_deleted_without_approval() {
    let aws = Aws::default().expect("DescribeStacks", named(), aws::stack("ROLLBACK_COMPLETE"));
    let error = refusal(run(&aws, &prepared(), Approval::default()).await);
    assert!(error.contains("--yes"), "{error}");
    aws.finish();
}

#[tokio::test]
async fn an_operation_of_somebody_else_is_refused() {
    for status in [
        "CREATE_IN_PROGRESS",
        "UPDATE_IN_PROGRESS",
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        "UPDATE_ROLLBACK_IN_PROGRESS",
        "ROLLBACK_IN_PROGRESS",
        "DELETE_IN_PROGRESS",
    ] {
        let stack = ("e5", "users-dev", aws::STACK, status, "", "somebody");
        let aws = Aws::default().expect("DescribeStacks", named(), aws::stack(status)).expect(
            "DescribeStackEvents",
            by_id(),
            aws::events(&[stack]),
        );
        let error = refusal(run(&aws, &prepared(), YES).await);
        assert!(error.contains(status) && error.contains("--wait"), "{error}");
        assert!(error.contains("since 2026-01-03T03:04:05"), "{error}");
        aws.finish();
    }
}

#[tokio::test(start_paused = true)]
async fn state_is_not_replaced_or_removed_without_the_flag() {
    for change in [
        ("Modify", "UsersTable", "AWS::DynamoDB::Table", "True"),
        ("Modify", "UsersTable", "AWS::DynamoDB::Table", "Conditional"),
        ("Remove", "UsersTable", "AWS::DynamoDB::Table", ""),
    ] {
        let aws = proposed(aws::change_set("CREATE_COMPLETE", "", &[change])).expect(
            "DeleteChangeSet",
            the_change_set(),
            aws::done("DeleteChangeSet"),
        );
        let error = refusal(run(&aws, &prepared(), YES).await);
        assert!(error.contains("UsersTable") && error.contains("--allow-replacement"), "{error}");
        aws.finish();
    }
}

fn role(action: &str) -> Value {
    json!({"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": {"Policies": [
        {"PolicyDocument": {"Statement": {"Effect": "Allow", "Action": action, "Resource": "*"}}},
    ]}}}})
}

/// Checks that a new template is deployed with a flag only.
async fn needs_flag(before: &Value, after: Value, flag: &str, agreed: Approval) -> Plan {
    let found = |aws: Aws| {
        aws.expect("DescribeStacks", named(), aws::stack("UPDATE_COMPLETE")).expect(
            "GetTemplate",
            named(),
            aws::template(before),
        )
    };
    let change = ("Modify", "Any", "AWS::IAM::Role", "False");
    let aws = found(Aws::default())
        .expect("CreateChangeSet", wanted("UPDATE"), aws::change_set_created())
        .expect(
            "DescribeChangeSet",
            the_change_set(),
            aws::change_set("CREATE_COMPLETE", "", &[change]),
        )
        .expect("DeleteChangeSet", the_change_set(), aws::done("DeleteChangeSet"));
    let after = prepared_with(after);
    let error = refusal(run(&aws, &after, YES).await);
    assert!(error.contains(flag), "{error}");
    aws.finish();

    let aws = through(found(Aws::default()), "UPDATE", "UPDATE_COMPLETE");
    let plan = run(&aws, &after, agreed).await.unwrap().unwrap();
    assert!(plan.needs_flag());
    aws.finish();
    plan
}

#[tokio::test(start_paused = true)]
async fn policies_are_not_widened_without_the_flag() {
    let agreed = Approval { allow_iam: true, ..YES };
    let (before, after) = (role("dynamodb:GetItem"), role("dynamodb:*"));
    let plan = needs_flag(&before, after, "--allow-iam", agreed).await;
    assert_eq!(plan.broadened, ["Role now allows dynamodb:* on *"]);
}

#[tokio::test(start_paused = true)]
async fn users_are_not_hidden_without_the_flag() {
    let spread = |shards: &str| {
        json!({"Resources": {
            "UsersTable": {
                "Type": "AWS::DynamoDB::Table",
                "Properties": {"GlobalSecondaryIndexes": [
                    {"IndexName": "directory"}, {"IndexName": "status"}
                ]}
            },
            "List": {
                "Type": "AWS::Lambda::Function",
                "Properties": {"Environment": {"Variables": {"DIRECTORY_SHARDS": shards}}}
            }
        }})
    };
    let agreed = Approval { data_rewritten: true, ..YES };
    let plan = needs_flag(&spread("4"), spread("2"), "--data-rewritten", agreed).await;
    assert_eq!(plan.hidden.len(), 1);
    assert!(plan.text().contains("query 2 partitions, but users were written to 4"));
}
