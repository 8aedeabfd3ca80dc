//! Failures of AWS are never shown, and temporary ones are 503.

use super::registered;
use crate::http::handler::{GetUser, ListUsers, RegisterUser};
use crate::testing::{Call, Fault, World};
use serde_json::json;

/// Everything that an answer may not contain: names of tables, items, services and values.
fn assert_says_nothing(text: &str) {
    for word in ["dynamodb", "table", "Exception", "ada@example.com", "pk", "arn:", "Item"] {
        assert!(!text.contains(word), "{word} in {text}");
    }
}

#[tokio::test]
async fn faults_of_the_service_are_internal_errors() {
    let world = World::new().await;
    let user = registered(&world, "ada@example.com").await;
    for name in ["AccessDeniedException", "ValidationException", "ResourceNotFoundException"] {
        world.faults.plan("GetItem", Fault::error(400, name));
        let answer = world.call::<GetUser>(&Call::new().user(&user)).await;
        assert_eq!((answer.status, answer.code().as_str()), (500, "internal-error"), "{name}");
        assert_says_nothing(&answer.text);
    }
}

#[tokio::test]
async fn temporary_failures_are_unavailable() {
    let world = World::new().await;
    let user = registered(&world, "ada@example.com").await;
    for (status, name) in [
        (400, "ThrottlingException"),
        (400, "ProvisionedThroughputExceededException"),
        (400, "RequestLimitExceeded"),
        (500, "InternalServerError"),
        (503, "ServiceUnavailable"),
    ] {
        for _ in 0..3 {
            world.faults.plan("GetItem", Fault::error(status, name));
        }
        let answer = world.call::<GetUser>(&Call::new().user(&user)).await;
        assert_eq!((answer.status, answer.code().as_str()), (503, "service-unavailable"), "{name}");
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_says_nothing(&answer.text);
    }
}

#[tokio::test]
async fn a_temporary_failure_is_not_seen_by_the_caller() {
    let world = World::new().await;
    let user = registered(&world, "ada@example.com").await;
    world.faults.plan("GetItem", Fault::error(400, "ThrottlingException"));
    world.faults.plan("GetItem", Fault::LoseAnswer);
    let answer = world.call::<GetUser>(&Call::new().user(&user)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[tokio::test]
async fn a_damaged_item_is_an_internal_error() {
    let world = World::new().await;
    let user = registered(&world, "ada@example.com").await;
    let update = json!({
        "TableName": "users",
        "Key": {"pk": {"S": format!("USER#{user}")}, "sk": {"S": "PROFILE"}},
        "UpdateExpression": "SET #status = :status",
        "ExpressionAttributeNames": {"#status": "status"},
        "ExpressionAttributeValues": {":status": {"S": "sleeping"}}
    });
    let update = serde_json::from_value(update).expect("an update");
    world.database.update_item(update).expect("the user is there");
    let answer = world.call::<GetUser>(&Call::new().user(&user)).await;
    assert_eq!((answer.status, answer.code().as_str()), (500, "internal-error"));
    assert_says_nothing(&answer.text);
}

#[tokio::test]
async fn unprocessed_keys_of_a_batch_are_requested_again() {
    let world = World::new().await;
    let body = json!({"email": "ada@example.com", "roles": ["admin"]});
    let user = world.call::<RegisterUser>(&Call::new().json(&body)).await.user_id();
    let unprocessed = json!({
        "Responses": {},
        "UnprocessedKeys": {"users": {
            "ConsistentRead": true,
            "Keys": [{"pk": {"S": format!("USER#{user}")}, "sk": {"S": "PROFILE"}}]
        }}
    });
    let call = Call::new().query("role", "admin");
    for _ in 0..2 {
        world.faults.plan("BatchGetItem", Fault::Answer(200, unprocessed.to_string()));
    }
    let answer = world.call::<ListUsers>(&call).await;
    assert_eq!(answer.json()["items"][0]["userId"], user.as_str());
    for _ in 0..5 {
        world.faults.plan("BatchGetItem", Fault::Answer(200, unprocessed.to_string()));
    }
    let answer = world.call::<ListUsers>(&call).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "service-unavailable"));
}
