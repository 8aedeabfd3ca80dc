//! What a deployment asks of CloudFormation, in every state that a stack can be in.

use super::{Approval, Prepared, apply, finish};
use crate::Refused;
use crate::artifacts::Bucket;
use crate::change_set::{Source, Wanted};
use crate::history::Record;
use crate::plan::Plan;
use crate::recorded::{self as aws, CHANGE_SET_ID, by_id, named, the_change_set};
use crate::testing::Aws;
use crate::ui::Output;
use anyhow::Result;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const YES: Approval = Approval {
    yes: true,
    allow_iam: false,
    allow_replacement: false,
    data_rewritten: false,
    wait: false,
};

/// Something to deploy, with the token `users-d1`.
fn prepared() -> Prepared {
    prepared_with(json!({"Resources": {}}))
}

fn prepared_with(template: Value) -> Prepared {
    let parameters = BTreeMap::from([("ArtifactBucket".to_owned(), "archives".to_owned())]);
    Prepared {
        template,
        record: Record { template: "templates/t.json".to_owned(), parameters: parameters.clone() },
        wanted: Wanted {
            source: Source::Url("https://archives/templates/t.json".to_owned()),
            parameters,
            tags: BTreeMap::from([("stage".to_owned(), "dev".to_owned())]),
            token: "users-d1".to_owned(),
        },
    }
}

/// The key of its record.
fn remembered() -> String {
    let digest = prepared().record.digest();
    format!("deployments/users-dev/20260103T030405.000Z-{digest}.json")
}

/// What a change set is asked for with.
fn wanted(kind: &str) -> Value {
    json!({
        "StackName": "users-dev",
        "ChangeSetName": "users-d1",
        "ChangeSetType": kind,
        "TemplateURL": "https://archives/templates/t.json",
        "Parameters.member.1.ParameterKey": "ArtifactBucket",
        "Parameters.member.1.ParameterValue": "archives",
        "Tags.member.1.Key": "stage",
        "Tags.member.1.Value": "dev",
        "Capabilities.member.1": "CAPABILITY_IAM",
    })
}

fn execution() -> Value {
    json!({
        "StackName": "users-dev",
        "ChangeSetName": CHANGE_SET_ID,
        "ClientRequestToken": "users-d1",
    })
}

async fn run(aws: &Aws, prepared: &Prepared, approval: Approval) -> Result<Option<Plan>> {
    let session = aws.session();
    let bucket = Bucket::for_tests(&session, "archives");
    apply(&session, &bucket, prepared, approval).await
}

#[track_caller]
fn refusal(result: Result<Option<Plan>>) -> String {
    let error = result.unwrap_err();
    assert!(error.downcast_ref::<Refused>().is_some(), "{error:#}");
    format!("{error:#}")
}

/// The steps from a change set with one change to a deployed stack.
fn through(aws: Aws, kind: &str, ended: &str) -> Aws {
    let complete = aws::change_set(
        "CREATE_COMPLETE",
        "",
        &[("Modify", "UsersListQueryFunction", "AWS::Lambda::Function", "False")],
    );
    aws.expect("CreateChangeSet", wanted(kind), aws::change_set_created())
        .expect("DescribeChangeSet", the_change_set(), aws::change_set("CREATE_PENDING", "", &[]))
        .expect("DescribeChangeSet", the_change_set(), complete)
        .expect(
            "DescribeStackEvents",
            by_id(),
            aws::events(&[("e0", "users-dev", "AWS::CloudFormation::Stack", ended, "", "old")]),
        )
        .expect("ExecuteChangeSet", execution(), aws::done("ExecuteChangeSet"))
        .expect("DescribeStacks", by_id(), aws::stack("UPDATE_IN_PROGRESS"))
        .expect(
            "DescribeStackEvents",
            by_id(),
            aws::events(&[
                (
                    "e1",
                    "UsersListQueryFunction",
                    "AWS::Lambda::Function",
                    "UPDATE_IN_PROGRESS",
                    "",
                    "users-d1",
                ),
                ("e0", "users-dev", "AWS::CloudFormation::Stack", ended, "", "old"),
            ]),
        )
        .expect("DescribeStacks", by_id(), aws::stack(ended))
        .expect(
            "DescribeStackEvents",
            by_id(),
            aws::events(&[
                (
                    "e2",
                    "UsersListQueryFunction",
                    "AWS::Lambda::Function",
                    "UPDATE_COMPLETE",
                    "",
                    "users-d1",
                ),
                (
                    "e1",
                    "UsersListQueryFunction",
                    "AWS::Lambda::Function",
                    "UPDATE_IN_PROGRESS",
                    "",
                    "users-d1",
                ),
                ("e0", "users-dev", "AWS::CloudFormation::Stack", ended, "", "old"),
            ]),
        )
        .expect_list("deployments/users-dev/", &[])
        .expect_put("/deployments/users-dev/")
}

/// A sound stack, and what became of a change set for it.
fn proposed(change_set: String) -> Aws {
    Aws::default()
        .expect("DescribeStacks", named(), aws::stack("UPDATE_COMPLETE"))
        .expect("GetTemplate", named(), empty_template())
        .expect("CreateChangeSet", wanted("UPDATE"), aws::change_set_created())
        .expect("DescribeChangeSet", the_change_set(), change_set)
}

fn empty_template() -> String {
    aws::template(&json!({"Resources": {}}))
}

#[tokio::test(start_paused = true)]
async fn a_stack_that_does_not_exist_is_created() {
    let aws = Aws::default().answer("DescribeStacks", named(), 400, aws::no_stack());
    let aws = through(aws, "CREATE", "CREATE_COMPLETE");
    let plan = run(&aws, &prepared(), YES).await.unwrap().unwrap();
    assert_eq!(plan.changes.len(), 1);
    aws.finish();
}

#[tokio::test(start_paused = true)]
async fn the_shell_of_a_change_set_that_was_never_executed_is_created() {
    let aws = Aws::default().expect("DescribeStacks", named(), aws::stack("REVIEW_IN_PROGRESS"));
    let aws = through(aws, "CREATE", "CREATE_COMPLETE");
    run(&aws, &prepared(), YES).await.unwrap();
    aws.finish();
}

#[tokio::test(start_paused = true)]
async fn a_sound_stack_is_updated() {
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
async fn a_change_set_that_cannot_be_made_says_why() {
    let aws = proposed(aws::change_set("FAILED", "Unresolved resource dependencies [Nobody]", &[]))
        .expect("DeleteChangeSet", the_change_set(), aws::done("DeleteChangeSet"));
    let error = run(&aws, &prepared(), YES).await.unwrap_err().to_string();
    assert!(error.contains("Unresolved resource dependencies [Nobody]"), "{error}");
    aws.finish();
}

#[tokio::test(start_paused = true)]
async fn a_change_set_of_an_earlier_run_gives_way() {
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
async fn what_a_failed_creation_left_is_deleted_and_created_anew() {
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
async fn a_failed_creation_is_not_deleted_unless_somebody_agrees() {
    let aws = Aws::default().expect("DescribeStacks", named(), aws::stack("ROLLBACK_COMPLETE"));
    let error = refusal(run(&aws, &prepared(), Approval::default()).await);
    assert!(error.contains("--yes"), "{error}");
    aws.finish();
}

#[tokio::test]
async fn states_that_need_a_decision_are_refused_with_the_way_out() {
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

#[tokio::test]
async fn somebody_elses_operation_is_left_alone() {
    for status in [
        "CREATE_IN_PROGRESS",
        "UPDATE_IN_PROGRESS",
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        "UPDATE_ROLLBACK_IN_PROGRESS",
        "ROLLBACK_IN_PROGRESS",
        "DELETE_IN_PROGRESS",
    ] {
        let stack = ("e5", "users-dev", "AWS::CloudFormation::Stack", status, "", "somebody");
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
async fn with_wait_the_end_of_somebody_elses_operation_is_waited_for() {
    let other = ("e5", "users-dev", "AWS::CloudFormation::Stack", "UPDATE_IN_PROGRESS", "", "else");
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
async fn a_run_that_lost_its_connection_is_taken_up_again() {
    let begun =
        ("e1", "users-dev", "AWS::CloudFormation::Stack", "UPDATE_IN_PROGRESS", "", "users-d1");
    let ended =
        ("e2", "users-dev", "AWS::CloudFormation::Stack", "UPDATE_COMPLETE", "", "users-d1");
    let old = ("e0", "users-dev", "AWS::CloudFormation::Stack", "CREATE_COMPLETE", "", "users-d0");
    let aws = Aws::default()
        .expect("DescribeStacks", named(), aws::stack("UPDATE_IN_PROGRESS"))
        .expect("DescribeStackEvents", by_id(), aws::events(&[begun, old]))
        .expect("DescribeStacks", by_id(), aws::stack("UPDATE_IN_PROGRESS"))
        .expect("DescribeStackEvents", by_id(), aws::events(&[begun, old]))
        .expect("DescribeStacks", by_id(), aws::stack("UPDATE_COMPLETE"))
        .expect("DescribeStackEvents", by_id(), aws::events(&[ended, begun, old]))
        // And there is nothing left to do.
        .expect("DescribeStacks", named(), aws::stack("UPDATE_COMPLETE"))
        .expect("GetTemplate", named(), empty_template())
        .expect("CreateChangeSet", wanted("UPDATE"), aws::change_set_created())
        .expect(
            "DescribeChangeSet",
            the_change_set(),
            aws::change_set("FAILED", "No updates are to be performed.", &[]),
        )
        .expect("DeleteChangeSet", the_change_set(), aws::done("DeleteChangeSet"))
        // The run that lost its connection could not leave a record.
        .expect_list("deployments/users-dev/", &[])
        .expect_put("/deployments/users-dev/");
    assert!(run(&aws, &prepared(), YES).await.unwrap().is_none());
    aws.finish();
}

#[tokio::test(start_paused = true)]
async fn what_holds_state_is_not_replaced_or_removed_without_its_own_flag() {
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

/// Expects that a template is not deployed in place of another without a flag, and with it is.
async fn wants_flag(before: &Value, after: Value, flag: &str, agreed: Approval) -> Plan {
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
async fn policies_are_not_widened_without_their_own_flag() {
    let agreed = Approval { allow_iam: true, ..YES };
    let (before, after) = (role("dynamodb:GetItem"), role("dynamodb:*"));
    let plan = wants_flag(&before, after, "--allow-iam", agreed).await;
    assert_eq!(plan.broadened, ["Role now allows dynamodb:* on *"]);
}

#[tokio::test(start_paused = true)]
async fn users_are_not_hidden_without_their_own_flag() {
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
    let plan = wants_flag(&spread("4"), spread("2"), "--data-rewritten", agreed).await;
    assert_eq!(plan.hidden.len(), 1);
    assert!(plan.text().contains("in 2 partitions, but users were written to 4"));
}

#[tokio::test(start_paused = true)]
async fn a_stack_that_changed_meanwhile_is_looked_at_anew() {
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
async fn a_failure_is_told_by_its_first_real_cause_and_the_place_in_our_code() {
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
                (
                    "e4",
                    "users-dev",
                    "AWS::CloudFormation::Stack",
                    "UPDATE_ROLLBACK_COMPLETE",
                    "",
                    "users-d1",
                ),
                (
                    "e3",
                    "users-dev",
                    "AWS::CloudFormation::Stack",
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
async fn what_aws_refuses_is_explained() {
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
async fn throttling_is_waited_out_and_told_when_it_does_not_end() {
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
async fn a_connection_that_breaks_in_the_middle_is_told_with_how_to_go_on() {
    let change = ("Modify", "A", "AWS::Lambda::Function", "False");
    let aws = proposed(aws::change_set("CREATE_COMPLETE", "", &[change]))
        .expect("DescribeStackEvents", by_id(), aws::events(&[]))
        .expect("ExecuteChangeSet", execution(), aws::done("ExecuteChangeSet"));
    // The first try and the two that the SDK makes after it.
    let aws = (0..3).fold(aws, |aws, _| aws.lose("DescribeStacks", by_id()));
    let error = run(&aws, &prepared(), YES).await.unwrap_err().to_string();
    assert!(error.contains("could not be reached"), "{error}");
    assert!(error.contains("goes on without this program"), "{error}");
    assert!(error.contains("run the same command again"), "{error}");
    aws.finish();
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_breaks_once_is_not_noticed() {
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

#[tokio::test]
async fn the_stack_is_protected_as_the_stage_wants_it() {
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
