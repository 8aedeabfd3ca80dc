use super::{Bucket, STACK, ensure, hex_digest};
use crate::bundles::Archive;
use crate::testing::Aws;
use crate::testing::recorded::{self as aws, CHANGE_SET_ID, by_id};
use base64::Engine;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

fn named() -> Value {
    json!({"StackName": STACK})
}

fn ready() -> String {
    aws::stack_with("CREATE_COMPLETE", false, &[("ArtifactBucketName", "archives-1x")])
}

/// The steps that make the bucket.
fn made(aws: Aws, kind: &str) -> Aws {
    let template = users_template::render_artifacts_template();
    let token = format!("users-{}", &hex_digest(&template)[..16]);
    let wanted = json!({
        "StackName": STACK,
        "ChangeSetName": token,
        "ChangeSetType": kind,
        "TemplateBody": template,
        "Tags.member.1.Key": "service",
        "Tags.member.1.Value": "users",
        "Capabilities.member.1": "CAPABILITY_IAM",
    });
    let change_set = json!({"StackName": STACK, "ChangeSetName": CHANGE_SET_ID});
    let execution = json!({
        "StackName": STACK, "ChangeSetName": CHANGE_SET_ID, "ClientRequestToken": token,
    });
    let change = ("Add", "Artifacts", "AWS::S3::Bucket", "");
    aws.expect("CreateChangeSet", wanted, aws::change_set_created())
        .expect("DescribeChangeSet", change_set, aws::change_set("CREATE_COMPLETE", "", &[change]))
        .expect("DescribeStackEvents", by_id(), aws::events(&[]))
        .expect("ExecuteChangeSet", execution, aws::done("ExecuteChangeSet"))
        .expect("DescribeStacks", by_id(), ready())
        .expect("DescribeStackEvents", by_id(), aws::events(&[]))
        .expect("DescribeStacks", named(), ready())
}

#[tokio::test(start_paused = true)]
async fn a_missing_bucket_is_created() {
    let aws =
        made(Aws::default().answer("DescribeStacks", named(), 400, aws::no_stack()), "CREATE");
    let bucket = ensure(&aws.session()).await.unwrap();
    assert_eq!(bucket.name, "archives-1x");
    assert_eq!(bucket.url("k.json"), "https://archives-1x.s3.eu-west-1.amazonaws.com/k.json");
    aws.finish();
}

#[tokio::test]
async fn a_current_bucket_is_not_changed() {
    let template = serde_json::from_str(&users_template::render_artifacts_template()).unwrap();
    let aws = Aws::default()
        .expect("DescribeStacks", named(), ready())
        .expect("GetTemplate", named(), aws::template(&template))
        .expect("DescribeStacks", named(), ready());
    assert_eq!(ensure(&aws.session()).await.unwrap().name, "archives-1x");
    aws.finish();
}

#[tokio::test(start_paused = true)]
async fn a_bucket_of_an_earlier_version_is_updated() {
    let aws = Aws::default().expect("DescribeStacks", named(), ready()).expect(
        "GetTemplate",
        named(),
        aws::template(&json!({"Resources": {}})),
    );
    let aws = made(aws, "UPDATE");
    ensure(&aws.session()).await.unwrap();
    aws.finish();
}

#[tokio::test]
async fn a_bucket_with_an_operation_in_progress_is_not_touched() {
    let status = aws::stack_with("UPDATE_IN_PROGRESS", false, &[]);
    let aws = Aws::default().expect("DescribeStacks", named(), status);
    let error = ensure(&aws.session()).await.unwrap_err().to_string();
    assert!(error.contains("try again"), "{error}");
    aws.finish();
}

/// An archive of these bytes, on disk and by the name that its digest gives it.
fn archive(directory: &tempfile::TempDir, bytes: &[u8], sha256: &str) -> Archive {
    let path = directory.path().join("f.zip");
    std::fs::write(&path, bytes).unwrap();
    let key = "functions/f/1.zip".to_owned();
    Archive { function: "f".to_owned(), path, key, sha256: sha256.to_owned() }
}

fn digest_of(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(Sha256::digest(bytes))
}

#[tokio::test]
async fn only_missing_archives_are_uploaded() {
    let directory = tempfile::tempdir().unwrap();
    let archives = [archive(&directory, b"zip", &digest_of(b"zip"))];
    for (status, uploaded) in [(404, 1), (200, 0)] {
        let aws = Aws::default().answer("HEAD /functions/f/1.zip", Value::Null, status, "");
        let aws = if uploaded == 1 { aws.expect_put("/functions/f/1.zip") } else { aws };
        let bucket = Bucket::for_tests(&aws.session(), "archives");
        assert_eq!(bucket.upload(&archives).await.unwrap(), uploaded);
        aws.finish();
    }
}

#[tokio::test]
async fn an_archive_that_differs_from_its_digest_is_not_uploaded() {
    let directory = tempfile::tempdir().unwrap();
    let archives = [archive(&directory, b"other", &digest_of(b"zip"))];
    let aws = Aws::default().answer("HEAD /functions/f/1.zip", Value::Null, 404, "");
    let bucket = Bucket::for_tests(&aws.session(), "archives");
    let error = bucket.upload(&archives).await.unwrap_err().to_string();
    assert!(error.contains("build the archives again"), "{error}");
    aws.finish();
}
