//! Many writers at once, and the conflicts that DynamoDB raises and the engine of the tests does
//! not.

use super::{broken_invariants, registered};
use crate::http::handler::{GetUser, RegisterUser, UpdateUser};
use crate::testing::{Call, Fault, World};
use futures_util::future::join_all;
use serde_json::json;
use tokio::time::Instant;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_registrations_of_an_address_one_succeeds() {
    let world = World::new().await;
    let call = Call::new().json(&json!({"email": "ada@example.com"}));
    let answers = join_all((0..64).map(|_| world.call::<RegisterUser>(&call))).await;
    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    let mut expected = vec![409; 64];
    expected[0] = 201;
    assert_eq!(statuses, expected);
    assert_eq!(broken_invariants(&world), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_retries_with_a_key_one_takes_effect() {
    let world = World::new().await;
    let call = Call::new().json(&json!({"email": "ada@example.com"})).key("k");
    let answers = join_all((0..32).map(|_| world.call::<RegisterUser>(&call))).await;
    for answer in &answers {
        assert_eq!((answer.status, &answer.text), (201, &answers[0].text));
    }
    let replayed =
        answers.iter().filter(|it| it.header("idempotent-replayed") == Some("true")).count();
    assert_eq!(replayed, 31);
    assert_eq!(broken_invariants(&world), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_patches_none_is_lost() {
    let world = World::new().await;
    let user = registered(&world, "ada@example.com").await;
    let patches = (0..32).map(|index| {
        let body = json!({"attributes": {format!("a{index}"): "x"}});
        let call = Call::new().user(&user).json(&body);
        let world = &world;
        async move { world.call::<UpdateUser>(&call).await }
    });
    for answer in join_all(patches).await {
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    let read = world.call::<GetUser>(&Call::new().user(&user)).await.json();
    assert_eq!(read["attributes"].as_object().map(serde_json::Map::len), Some(32));
    assert_eq!(read["version"], 33);
    assert_eq!(broken_invariants(&world), Vec::<String>::new());
}

#[tokio::test]
async fn conflicts_are_retried_until_patience_ends() {
    let world = World::new().await;
    let user = registered(&world, "ada@example.com").await;
    let patch = Call::new().user(&user).json(&json!({"locale": "en"}));
    for _ in 0..3 {
        world.faults.plan("TransactWriteItems", Fault::conflict(&[true, false]));
    }
    let answer = world.call::<UpdateUser>(&patch).await;
    assert_eq!((answer.status, answer.json()["version"].as_u64()), (200, Some(2)));

    world.faults.plan("TransactWriteItems", Fault::conflict(&[true, false]));
    let patch = Call::new().user(&user).json(&json!({"locale": "fr"}));
    let answer = world.call_until::<UpdateUser>(&patch, Instant::now()).await;
    assert_eq!((answer.status, answer.code().as_str()), (409, "concurrent-modification"));
    assert_eq!(broken_invariants(&world), Vec::<String>::new());
}

#[tokio::test]
async fn a_concurrent_change_is_judged_by_the_precondition() {
    let world = World::new().await;
    let user = registered(&world, "ada@example.com").await;
    let patch = Call::new().user(&user).json(&json!({"locale": "en"})).header("If-Match", "\"1\"");
    let first = world.call::<UpdateUser>(&patch).await;
    assert_eq!(first.status, 200);
    let second = world.call::<UpdateUser>(&patch).await;
    assert_eq!((second.status, second.code().as_str()), (412, "version-mismatch"));
}
