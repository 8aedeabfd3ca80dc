//! Many callers at once.

use futures_util::future::join_all;
use serde_json::json;
use std::collections::BTreeSet;
use users_tests::{Api, id_of, sample, version_of};

#[tokio::test]
async fn of_64_registrations_of_one_address_exactly_one_succeeds() {
    let api = Api::connect();
    let email = sample::email();
    // A key of its own makes each of them safe to send again when the API is too busy.
    let answers = join_all((0..64).map(|index| {
        let spelling = if index % 2 == 0 { email.clone() } else { email.to_uppercase() };
        api.register(&json!({"email": spelling})).key(&sample::key()).send_retrying()
    }))
    .await;
    let winners: Vec<_> = answers.iter().filter(|answer| answer.status() == 201).collect();
    assert_eq!(winners.len(), 1, "{:?}", answers.iter().map(|a| a.status()).collect::<Vec<_>>());
    for loser in answers.iter().filter(|answer| answer.status() != 201) {
        assert_eq!(loser.status(), 409, "{}", loser.describe());
    }
    let found = api.get("/users").query("email", &email).send().await.items();
    assert_eq!(found, [winners[0].user()]);
}

#[tokio::test]
async fn of_32_registrations_under_one_key_all_are_the_same_one() {
    let api = Api::connect();
    let request = api.register(&sample::registration()).key(&sample::key());
    let answers = join_all((0..32).map(|_| request.send_retrying())).await;
    for answer in &answers {
        answer.expect_same_success(&answers[0]);
    }
    assert!(answers.iter().filter(|answer| !answer.is_replayed()).count() <= 1);
    assert_eq!(api.history(id_of(&answers[0].user())).await.len(), 1);
}

#[tokio::test]
async fn of_32_changes_under_one_key_all_are_the_same_one() {
    let api = Api::connect();
    let user = api.new_user_with(&json!({"roles": ["old"]})).await;
    let id = id_of(&user);
    let requests = [
        api.update(id, &json!({"displayName": "Ada"})),
        api.set_status(id, "disabled"),
        api.assign_role(id, "new"),
        api.remove_role(id, "old"),
    ];
    for (version, request) in (2..).zip(requests) {
        let request = request.key(&sample::key());
        let answers = join_all((0..32).map(|_| request.send_retrying())).await;
        for answer in &answers {
            assert_eq!(version_of(&answer.user()), version, "{}", answer.describe());
            answer.expect_same_success(&answers[0]);
        }
        assert_eq!(api.history(id).await.len() as u64, version);
    }
}

#[tokio::test]
async fn of_32_patches_of_different_attributes_none_is_lost() {
    let api = Api::connect();
    let user = api.new_user().await;
    let id = id_of(&user);
    let answers = join_all((0..32).map(|index| {
        let patch = json!({"attributes": {format!("k{index}"): index.to_string()}});
        api.update(id, &patch).key(&sample::key()).send_retrying()
    }))
    .await;
    let sent: u32 = answers.iter().map(|answer| answer.sent).sum();
    let versions: BTreeSet<u64> = answers.iter().map(|answer| version_of(&answer.user())).collect();
    assert_eq!(versions, (2..=33).collect(), "after {sent} sendings");
    let now = api.profile(id).send().await.user();
    assert_eq!(version_of(&now), 33);
    for index in 0..32 {
        assert_eq!(now["attributes"][format!("k{index}")], index.to_string());
    }
    assert_eq!(api.history(id).await.len(), 33);
}

#[tokio::test]
async fn of_many_writers_with_one_version_exactly_one_wins() {
    let api = Api::connect();
    let user = api.new_user().await;
    let answers = join_all((0..16).map(|index| {
        let patch = json!({"displayName": format!("writer {index}")});
        api.update(id_of(&user), &patch).if_version(1).key(&sample::key()).send_retrying()
    }))
    .await;
    let winners: Vec<_> = answers.iter().filter(|answer| answer.status() == 200).collect();
    assert_eq!(winners.len(), 1);
    for loser in answers.iter().filter(|answer| answer.status() != 200) {
        assert_eq!(loser.status(), 412, "{}", loser.describe());
    }
    assert_eq!(api.profile(id_of(&user)).send().await.user(), winners[0].user());
}

#[tokio::test]
async fn an_address_that_is_freed_goes_to_exactly_one_of_many() {
    let api = Api::connect();
    let user = api.new_user().await;
    let email = user["email"].clone();
    let candidates = join_all((0..8).map(|_| api.new_user())).await;
    let freed = api.set_status(id_of(&user), "deleted").key(&sample::key());
    let takers = candidates.iter().map(|candidate| {
        let patch = json!({"email": email});
        api.update(id_of(candidate), &patch).key(&sample::key()).send_retrying()
    });
    let (freed, taken) = tokio::join!(freed.send_retrying(), join_all(takers));
    let _ = freed.expect_status(200);
    // All may have come too early; then the address is free, and the next one gets it.
    let winners = taken.iter().filter(|answer| answer.status() == 200).count();
    assert!(winners <= 1, "{winners} users got the address");
    for loser in taken.iter().filter(|answer| answer.status() != 200) {
        assert_eq!(loser.status(), 409, "{}", loser.describe());
    }
    let next = api.register(&json!({"email": email})).send().await;
    assert_eq!(next.status(), if winners == 1 { 409 } else { 201 }, "{}", next.describe());
}

#[tokio::test]
async fn roles_that_come_at_once_do_not_pass_50() {
    let api = Api::connect();
    let roles: Vec<_> = (10..55).map(|index| format!("r{index}")).collect();
    let user = api.new_user_with(&json!({"roles": roles})).await;
    let id = id_of(&user);
    let answers = join_all((0..16).map(|index| {
        api.assign_role(id, &format!("extra{index}")).key(&sample::key()).send_retrying()
    }))
    .await;
    let given = answers.iter().filter(|answer| answer.status() == 200).count();
    assert_eq!(given, 5);
    let now = api.profile(id).send().await.user();
    assert_eq!(now["roles"].as_array().unwrap().len(), 50);
    assert_eq!(version_of(&now), 6);
}
