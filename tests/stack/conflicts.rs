//! A database whose transactions collide.

use futures_util::future::join_all;
use serde_json::json;
use users_contract::ErrorCode;
use users_tests::control::Control;
use users_tests::{Api, id_of, sample, version_of};

#[tokio::test]
async fn a_conflict_now_and_then_goes_unnoticed() {
    let control = Control::take_turn().await;
    let api = Api::connect();
    control.set_faults(&json!({"dynamodb": {"transactionConflictEvery": 2}})).await;
    for keyed in [false, true] {
        let key = |request: users_tests::Request| {
            if keyed { request.key(&sample::key()) } else { request }
        };
        let body = sample::with(&sample::registration(), &json!({"roles": ["old"]}));
        let user = key(api.register(&body)).send().await.expect_status(201).user();
        let id = id_of(&user);
        for (version, request) in (2..).zip([
            api.update(id, &json!({"displayName": "Ada", "email": sample::email()})),
            api.assign_role(id, "new"),
            api.remove_role(id, "old"),
            api.set_status(id, "disabled"),
            api.set_status(id, "deleted"),
        ]) {
            let changed = key(request).send().await.expect_status(200).user();
            assert_eq!(version_of(&changed), version);
        }
        assert_eq!(api.history(id).await.len(), 6);
    }
    control.finish().await;
}

#[tokio::test]
async fn conflicts_without_end_are_an_error_that_a_retry_mends() {
    let control = Control::take_turn().await;
    let api = Api::connect();
    let user = api.new_user_with(&json!({"roles": ["old"]})).await;
    let id = id_of(&user);
    let requests = [
        api.update(id, &json!({"displayName": "Ada"})),
        api.assign_role(id, "new"),
        api.remove_role(id, "old"),
        api.set_status(id, "disabled"),
    ];
    for (version, request) in (2..).zip(requests) {
        let request = request.key(&sample::key());
        control.set_faults(&json!({"dynamodb": {"transactionConflictEvery": 1}})).await;
        let answer = request.send().await;
        let code = answer.json()["code"].clone();
        let fitting = [
            ErrorCode::ConcurrentModification,
            ErrorCode::RequestInProgress,
            ErrorCode::ServiceUnavailable,
        ];
        assert!(fitting.iter().any(|fit| code == fit.as_str()), "{}", answer.describe());
        assert_eq!(api.history(id).await.len() as u64, version - 1);
        control.clear_faults().await;
        let changed = request.send().await.expect_status(200);
        assert!(!changed.is_replayed(), "{}", changed.describe());
        assert_eq!(version_of(&changed.user()), version);
    }
    control.finish().await;
}

#[tokio::test]
async fn many_writers_among_conflicts_lose_nothing() {
    let control = Control::take_turn().await;
    let api = Api::connect();
    let user = api.new_user().await;
    let id = id_of(&user);
    control.set_faults(&json!({"dynamodb": {"transactionConflictEvery": 3}})).await;
    let answers = join_all((0..12).map(|index| {
        let patch = json!({"attributes": {format!("k{index}"): "v"}});
        api.update(id, &patch).key(&sample::key()).send_retrying()
    }))
    .await;
    for answer in answers {
        let _ = answer.expect_status(200);
    }
    let now = api.profile(id).send().await.user();
    assert_eq!(now["attributes"].as_object().unwrap().len(), 12);
    assert_eq!((version_of(&now), api.history(id).await.len()), (13, 13));
    control.finish().await;
}

#[tokio::test]
async fn a_slow_database_is_slow_and_nothing_else() {
    let control = Control::take_turn().await;
    let api = Api::connect();
    control.set_faults(&json!({"dynamodb": {"delayMs": 400, "replyDelayMs": 400}})).await;
    let request = api.register(&sample::registration()).key(&sample::key());
    let registered = request.send().await.expect_status(201);
    assert_eq!(version_of(&registered.user()), 1);
    let id = id_of(&registered.user()).to_owned();
    let changed = api.assign_role(&id, "admin").send().await.expect_status(200);
    assert_eq!(version_of(&changed.user()), 2);
    assert_eq!(api.history(&id).await.len(), 2);
    control.finish().await;
}
