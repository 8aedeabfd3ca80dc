//! A deployment with the token `users-d1`, and its requests.

use crate::artifacts::Bucket;
use crate::change_set::{Source, Wanted};
use crate::deploy::{Prepared, apply};
use crate::history::Record;
use crate::plan::Plan;
use crate::refused::Refused;
use crate::testing::Aws;
use crate::testing::recorded::{self as aws, CHANGE_SET_ID, Event, by_id, named, the_change_set};
use anyhow::Result;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use xtask_cli::aws::Approval;

/// The type of functions.
pub(super) const LAMBDA: &str = "AWS::Lambda::Function";

pub(super) const YES: Approval = Approval {
    yes: true,
    allow_iam: false,
    allow_replacement: false,
    data_rewritten: false,
    wait: false,
};

/// A deployment without resources.
pub(super) fn prepared() -> Prepared {
    prepared_with(json!({"Resources": {}}))
}

pub(super) fn prepared_with(template: Value) -> Prepared {
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

/// The key of its record in the bucket.
pub(super) fn remembered() -> String {
    let digest = prepared().record.digest();
    format!("deployments/users-dev/20260103T030405.000Z-{digest}.json")
}

/// The request for its change set.
pub(super) fn wanted(kind: &str) -> Value {
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

/// The request to execute it.
pub(super) fn execution() -> Value {
    json!({
        "StackName": "users-dev",
        "ChangeSetName": CHANGE_SET_ID,
        "ClientRequestToken": "users-d1",
    })
}

pub(super) async fn run(
    aws: &Aws,
    prepared: &Prepared,
    approval: Approval,
) -> Result<Option<Plan>> {
    let session = aws.session();
    let bucket = Bucket::for_tests(&session, "archives");
    apply(&session, &bucket, prepared, approval).await
}

#[track_caller]
pub(super) fn refusal(result: Result<Option<Plan>>) -> String {
    let error = result.unwrap_err();
    assert!(error.downcast_ref::<Refused>().is_some(), "{error:#}");
    format!("{error:#}")
}

/// An event of the function that is changed.
fn function_event(id: &'static str, status: &'static str) -> Event<'static> {
    (id, "UsersListQueryFunction", LAMBDA, status, "", "users-d1")
}

/// The requests from a change set with one change to a deployed stack.
pub(super) fn through(aws: Aws, kind: &str, ended: &str) -> Aws {
    let complete = aws::change_set(
        "CREATE_COMPLETE",
        "",
        &[("Modify", "UsersListQueryFunction", LAMBDA, "False")],
    );
    let old = ("e0", "users-dev", aws::STACK, ended, "", "old");
    let begun = function_event("e1", "UPDATE_IN_PROGRESS");
    let done = function_event("e2", "UPDATE_COMPLETE");
    aws.expect("CreateChangeSet", wanted(kind), aws::change_set_created())
        .expect("DescribeChangeSet", the_change_set(), aws::change_set("CREATE_PENDING", "", &[]))
        .expect("DescribeChangeSet", the_change_set(), complete)
        .expect("DescribeStackEvents", by_id(), aws::events(&[old]))
        .expect("ExecuteChangeSet", execution(), aws::done("ExecuteChangeSet"))
        .expect("DescribeStacks", by_id(), aws::stack("UPDATE_IN_PROGRESS"))
        .expect("DescribeStackEvents", by_id(), aws::events(&[begun, old]))
        .expect("DescribeStacks", by_id(), aws::stack(ended))
        .expect("DescribeStackEvents", by_id(), aws::events(&[done, begun, old]))
        .expect_list("deployments/users-dev/", &[])
        .expect_put("/deployments/users-dev/")
}

/// A complete stack, and a proposed change set.
pub(super) fn proposed(change_set: String) -> Aws {
    Aws::default()
        .expect("DescribeStacks", named(), aws::stack("UPDATE_COMPLETE"))
        .expect("GetTemplate", named(), empty_template())
        .expect("CreateChangeSet", wanted("UPDATE"), aws::change_set_created())
        .expect("DescribeChangeSet", the_change_set(), change_set)
}

pub(super) fn empty_template() -> String {
    aws::template(&json!({"Resources": {}}))
}
